/** A table of the catalog against the data contract: where the two differ, Athena returns garbage without an error. */
import type { Column, Table, TableInput } from '@aws-sdk/client-glue';
import type { TableName } from '../../producer/record.ts';
import { tableInput } from '../../transformer/catalog.ts';
import { type Finding, failure, ok } from './finding.ts';

const CURE = 'Declare the table anew from the data contract of this version: deploy the stack again.';

/** @param bucket of the lake; null: any */
export function judgeTable(table: TableName, found: Table, bucket: string | null): Finding {
  const what = whatOf(table);
  const location = found.StorageDescriptor?.Location ?? 'no location';
  const lakeBucket = bucket ?? /^s3:\/\/([^/]+)/.exec(location)?.[1] ?? '';
  const wanted = tableInput(table, `s3://${lakeBucket}`);
  const faults = [
    ...columnFaults('column', found.StorageDescriptor?.Columns ?? [], wanted.StorageDescriptor?.Columns ?? []),
    ...columnFaults('partition key', found.PartitionKeys ?? [], wanted.PartitionKeys ?? []),
    ...storageFaults(found, wanted),
  ];
  if (faults.length > 0) return failure(what, faults.join('; '), CURE);
  const columns = `${wanted.StorageDescriptor?.Columns?.length} columns and ${wanted.PartitionKeys?.length} partition keys`;
  return ok(what, `${columns} as in the data contract, at ${location}`);
}

export function missingTable(table: TableName): Finding {
  return failure(
    whatOf(table),
    `the database has no table ${table}`,
    'Deploy the stack, or name another with --database.',
  );
}

export function whatOf(table: TableName): string {
  return `table ${table}`;
}

/** What differs in words, the first difference of each kind: one too many shifts all that follow. */
function columnFaults(kind: string, found: readonly Column[], wanted: readonly Column[]): string[] {
  const at = Array.from({ length: Math.max(found.length, wanted.length) }, (_, index) => index).find(
    (index) => shown(found[index]) !== shown(wanted[index]),
  );
  if (at === undefined) return [];
  return [`${kind} ${at + 1} is ${shown(found[at]) ?? 'missing'} instead of ${shown(wanted[at]) ?? 'none'}`];
}

function shown(column: Column | undefined): string | undefined {
  return column === undefined ? undefined : `${column.Name} ${column.Type}`;
}

function storageFaults(found: Table, wanted: TableInput): string[] {
  const [is, should] = [found.StorageDescriptor, wanted.StorageDescriptor];
  const pairs: [string, string | undefined, string | undefined][] = [
    ['location', trimmed(is?.Location), trimmed(should?.Location)],
    ['input format', is?.InputFormat, should?.InputFormat],
    ['serializer', is?.SerdeInfo?.SerializationLibrary, should?.SerdeInfo?.SerializationLibrary],
  ];
  const faults = pairs
    .filter(([, given, expected]) => given !== expected)
    .map(([name, given, expected]) => `${name} is ${given ?? 'missing'} instead of ${expected}`);
  return sameSchema(is?.SerdeInfo?.Parameters, should?.SerdeInfo?.Parameters)
    ? faults
    : [...faults, 'avro.schema.literal is another schema'];
}

/** Athena takes a location with and without its last slash. */
function trimmed(location: string | undefined): string | undefined {
  return location?.replace(/\/+$/, '');
}

type Parameters = Readonly<Record<string, string>> | undefined;

function sameSchema(found: Parameters, wanted: Parameters): boolean {
  return found?.['avro.schema.literal'] === wanted?.['avro.schema.literal'];
}
