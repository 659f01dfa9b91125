/**
 * A view as Athena keeps its own in Glue: a table of type VIRTUAL_VIEW whose text is a comment with the definition, JSON in
 * base64. AWS does not document the format; it is Trino’s (`ViewReaderUtil` and `ConnectorViewDefinition` of its Hive
 * connector), and what Athena’s CREATE VIEW leaves in a catalog has this form.
 */
import type { TrinoType, View } from '../../transformer/views.ts';

const HIVE_TYPES: Readonly<Record<TrinoType, string>> = {
  bigint: 'bigint',
  integer: 'int',
  double: 'double',
  varchar: 'string',
  boolean: 'boolean',
  'timestamp(3)': 'timestamp',
  'array(array(double))': 'array<array<double>>',
};

/** The properties of its table, beside the name of the database. @param database where names in its SQL are looked up */
export function viewArgs(view: View, database: string) {
  return {
    name: view.name,
    description: view.comment,
    tableType: 'VIRTUAL_VIEW',
    // By these two Athena knows a view from a table.
    parameters: { presto_view: 'true', comment: 'Presto View' },
    viewOriginalText: viewText(view, database),
    viewExpandedText: '/* Presto View */',
    storageDescriptor: {
      // Athena asks for it ("Table storage descriptor is missing SerDe info") and reads nothing in it, and the provider
      // does not send an empty one: https://github.com/hashicorp/terraform-provider-aws/issues/28517
      serDeInfo: { name: '-', serializationLibrary: '-' },
      columns: view.columns.map(({ name, type, comment }) => ({ name, type: HIVE_TYPES[type], comment })),
    },
  };
}

function viewText({ sql, columns }: View, database: string): string {
  const definition = {
    originalSql: sql,
    catalog: 'awsdatacatalog',
    schema: database,
    // Trino calls a view stale where a column of its query cannot be coerced to the type that stands here.
    columns: columns.map(({ name, type }) => ({ name, type })),
  };
  return `/* Presto View: ${Buffer.from(JSON.stringify(definition)).toString('base64')} */`;
}
