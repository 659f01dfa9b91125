/** What Firehose would put into S3 of rows that the transformer is given, and the hours that it would register. */
import { encodeLine, encodePack, type TableRow } from '../../producer/record.ts';
import { transform } from '../../transformer/batch.ts';
import { PREFIX_EXPRESSION, type TableHour } from '../../transformer/partition.ts';

export interface DeliveredFile {
  readonly key: string;
  readonly bytes: Buffer;
}

/** @param invocations the rows of each, a pack for each row */
export function deliver(invocations: readonly (readonly TableRow[])[]): {
  readonly files: readonly DeliveredFile[];
  readonly hours: readonly TableHour[];
} {
  const transformations = invocations.map((rows, at) =>
    transform(eventOf(rows, `invocation-${at}`), { codec: 'deflate' }),
  );
  const answers = transformations.flatMap(({ response }) => response.records);
  const files = answers
    .filter(({ result }) => result === 'Ok')
    .map(({ data, metadata }) => ({ key: keyOf(metadata!.partitionKeys), bytes: Buffer.from(data!, 'base64') }));
  return { files, hours: transformations.flatMap(({ partitions }) => partitions) };
}

function eventOf(rows: readonly TableRow[], invocationId: string) {
  const records = rows.map((row, index) => ({
    recordId: String(index),
    data: encodePack([encodeLine(row)]).toString('base64'),
  }));
  return { invocationId, records };
}

function keyOf(partitionKeys: Readonly<Record<string, string>>): string {
  return `${PREFIX_EXPRESSION.replace(/!\{partitionKeyFromLambda:(\w+)\}/g, (_all, name: string) => partitionKeys[name]!)}.avro`;
}
