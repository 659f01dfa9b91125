import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.trino.Session;
import io.trino.plugin.memory.MemoryConnectorFactory;
import io.trino.spi.type.TimeZoneKey;
import io.trino.testing.LocalQueryRunner;
import io.trino.testing.MaterializedResult;
import io.trino.testing.MaterializedRow;
import io.trino.testing.TestingSession;
import java.util.Map;

/**
 * Asks Trino's own engine, within this process.
 *
 * <p>stdin: {"tables": [SQL that creates one], "views": [{"name", "sql"}], "queries": [SQL], "plans": [SQL]}
 *
 * <p>stdout: a line for each query, {"columns": [[name, type]], "rows": [[value]]}; then one for each plan, what EXPLAIN says
 * as a JSON string
 */
class AskTrino {
  private static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] none) throws Exception {
    JsonNode request = JSON.readTree(System.in);
    Session session =
        TestingSession.testSessionBuilder()
            .setCatalog("memory")
            .setSchema("default")
            .setTimeZoneKey(TimeZoneKey.UTC_KEY)
            .build();
    try (LocalQueryRunner trino = LocalQueryRunner.create(session)) {
      trino.createCatalog("memory", new MemoryConnectorFactory(), Map.of());
      for (JsonNode table : request.get("tables")) trino.execute(table.asText());
      // This runner knows no CREATE VIEW; a query's own views are analyzed and planned the same.
      String views = viewsOf(request.get("views"));
      StringBuilder out = new StringBuilder();
      for (JsonNode query : request.get("queries")) {
        out.append(answer(trino, views + query.asText())).append('\n');
      }
      for (JsonNode query : request.get("plans")) {
        Object plan = trino.execute("explain " + views + query.asText()).getOnlyValue();
        out.append(JSON.writeValueAsString(plan)).append('\n');
      }
      System.out.write(out.toString().getBytes("UTF-8"));
      System.out.flush();
    }
  }

  private static String viewsOf(JsonNode views) {
    StringBuilder with = new StringBuilder();
    for (JsonNode view : views) {
      with.append(with.length() == 0 ? "with " : ", ");
      with.append(view.get("name").asText()).append(" as (").append(view.get("sql").asText()).append(")");
    }
    return with + " ";
  }

  private static ObjectNode answer(LocalQueryRunner trino, String sql) {
    MaterializedResult result = trino.execute(sql);
    ObjectNode answer = JSON.createObjectNode();
    ArrayNode columns = answer.putArray("columns");
    for (int at = 0; at < result.getTypes().size(); at += 1) {
      columns.addArray().add(result.getColumnNames().get(at)).add(result.getTypes().get(at).getDisplayName());
    }
    ArrayNode rows = answer.putArray("rows");
    for (MaterializedRow row : result.getMaterializedRows()) {
      ArrayNode values = rows.addArray();
      for (Object value : row.getFields()) values.addPOJO(isPlain(value) ? value : value.toString());
    }
    return answer;
  }

  private static boolean isPlain(Object value) {
    return value == null || value instanceof Number || value instanceof Boolean;
  }
}
