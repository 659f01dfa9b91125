/**
 * What the Glue catalog is told about a table. Columns derive from the Avro schema: where the two differ, Athena
 * returns garbage without an error.
 */
import type { Column, PartitionInput, StorageDescriptor, TableInput } from '@aws-sdk/client-glue';
import { TABLES, type TableName } from '../producer/record.ts';
import { partitionOf, partitionPath, type TableHour } from './partition.ts';
import { SCHEMA_TEXTS } from './row-type.ts';

const HIVE_TYPES: Readonly<Record<string, string>> = {
  long: 'bigint',
  int: 'int',
  double: 'double',
  string: 'string',
  boolean: 'boolean',
};

/** Glue's limit of a column's comment. */
const COMMENT_MAX_BYTES = 255;

const PARTITION_KEYS: Column[] = [
  { Name: 'year', Type: 'int', Comment: 'Of timestamp_ms, UTC' },
  { Name: 'month', Type: 'int', Comment: 'Of timestamp_ms, UTC: 1 to 12' },
  { Name: 'day', Type: 'int', Comment: 'Of timestamp_ms, UTC: 1 to 31' },
  { Name: 'hour', Type: 'int', Comment: 'Of timestamp_ms, UTC: 0 to 23' },
];

interface Field {
  readonly name: string;
  readonly type: unknown;
  readonly doc?: string;
}

/** The Glue columns of a record's fields, in their order. */
export function columnsOf(schema: { readonly fields: readonly Field[] }): Column[] {
  return schema.fields.map(({ name, type, doc }) => ({
    Name: name,
    Type: hiveType(type),
    ...(doc === undefined ? {} : { Comment: shorten(doc) }),
  }));
}

/** The input of CreateTable. @param lakeUrl where the lake's root is: `s3://bucket` */
export function tableInput(table: TableName, lakeUrl: string): TableInput {
  const { schema, folder } = TABLES[table];
  return {
    Name: table,
    Description: schema.doc,
    TableType: 'EXTERNAL_TABLE',
    Parameters: { EXTERNAL: 'TRUE', classification: 'avro' },
    PartitionKeys: PARTITION_KEYS,
    StorageDescriptor: storageDescriptor(table, `${lakeUrl}/${folder}/`),
  };
}

/** An hour of a table at its raw prefix. */
export function partitionInput({ table, hourMs }: TableHour, lakeUrl: string): PartitionInput {
  return {
    Values: partitionValues(hourMs),
    StorageDescriptor: storageDescriptor(table, `${lakeUrl}/${partitionPath(table, partitionOf(hourMs))}`),
  };
}

/**
 * The values of an hour's partition in the catalog, without leading zeros: the keys are integers, and engines that
 * push a filter down to the catalog as text look for `9`, not `09`.
 */
export function partitionValues(hourMs: number): string[] {
  const { year, month, day, hour } = partitionOf(hourMs);
  return [year, month, day, hour].map((text) => String(Number(text)));
}

/** Partitions carry it as well as the table: Athena does not read one that has a location alone. */
function storageDescriptor(table: TableName, location: string): StorageDescriptor {
  return {
    Location: location,
    Columns: columnsOf(TABLES[table].schema),
    InputFormat: 'org.apache.hadoop.hive.ql.io.avro.AvroContainerInputFormat',
    OutputFormat: 'org.apache.hadoop.hive.ql.io.avro.AvroContainerOutputFormat',
    SerdeInfo: {
      SerializationLibrary: 'org.apache.hadoop.hive.serde2.avro.AvroSerDe',
      Parameters: { 'avro.schema.literal': SCHEMA_TEXTS[table] },
    },
  };
}

function hiveType(type: unknown): string {
  if (Array.isArray(type)) {
    const branches = type.filter((branch) => branch !== 'null');
    if (branches.length === 1) return hiveType(branches[0]);
  } else if (typeof type === 'object' && type !== null && 'items' in type) {
    return `array<${hiveType(type.items)}>`;
  } else if (typeof type === 'string' && Object.hasOwn(HIVE_TYPES, type)) {
    return HIVE_TYPES[type]!;
  }
  throw new TypeError(`the data contract uses a type the catalog does not know: ${JSON.stringify(type)}`);
}

function shorten(text: string): string {
  const characters = [...text];
  if (Buffer.byteLength(text) <= COMMENT_MAX_BYTES) return text;
  while (Buffer.byteLength(`${characters.join('')}…`) > COMMENT_MAX_BYTES) characters.pop();
  return `${characters.join('')}…`;
}
