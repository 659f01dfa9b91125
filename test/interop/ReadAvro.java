import java.io.File;
import org.apache.avro.file.DataFileReader;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;

/** Reads container files with Avro Java: for each file a line with its codec and count, then a line of JSON for each row. */
class ReadAvro {
  public static void main(String[] paths) throws Exception {
    StringBuilder out = new StringBuilder();
    for (String path : paths) {
      StringBuilder rows = new StringBuilder();
      long count = 0;
      try (DataFileReader<GenericRecord> reader =
          new DataFileReader<>(new File(path), new GenericDatumReader<GenericRecord>())) {
        for (GenericRecord row : reader) {
          rows.append(row).append('\n');
          count += 1;
        }
        out.append("{\"codec\":\"" + reader.getMetaString("avro.codec") + "\",\"count\":" + count + "}\n");
      }
      out.append(rows);
    }
    System.out.write(out.toString().getBytes("UTF-8"));
    System.out.flush();
  }
}
