/** The partition of an hour in the catalog: registered, where its rows lie, and found by a filter on integers. */
import { GetPartitionCommand, GetPartitionsCommand, type GlueClient, type Partition } from '@aws-sdk/client-glue';
import { TABLES, type TableName } from '../../../producer/record.ts';
import { partitionValues } from '../../../transformer/catalog.ts';
import { partitionOf, partitionPath, type TableHour } from '../../../transformer/partition.ts';
import { isMissing } from '../aws-failure.ts';
import { type Finding, failure, ok } from '../finding.ts';
import { within } from '../within.ts';
import { hourFilter } from './questions.ts';

export interface FoundPartition {
  /** null: the catalog has none with the hour's values. */
  readonly registered: Partition | null;
  /** Whether the catalog finds it by `year = … AND …`, as Athena asks for it. */
  readonly filtered: boolean;
}

/** @param timeoutMs for each call */
export async function findPartition(
  client: GlueClient,
  database: string,
  { table, hourMs }: TableHour,
  timeoutMs: number,
): Promise<FoundPartition> {
  const place = { DatabaseName: database, TableName: table };
  const exact = new GetPartitionCommand({ ...place, PartitionValues: partitionValues(hourMs) });
  const filter = new GetPartitionsCommand({ ...place, Expression: hourFilter(hourMs) });
  const [registered, { Partitions = [] }] = await Promise.all([
    within(timeoutMs, client.send(exact)).then(
      ({ Partition = null }) => Partition,
      (error) => {
        if (isMissing(error)) return null;
        throw error;
      },
    ),
    within(timeoutMs, client.send(filter)),
  ]);
  const filtered = Partitions.some(({ Values = [] }) => Values.map(Number).join() === partitionValues(hourMs).join());
  return { registered, filtered };
}

/** @param bucket of the lake */
export function judgePartition(hour: TableHour, { registered, filtered }: FoundPartition, bucket: string): Finding {
  const { table, hourMs } = hour;
  const what = `partition of ${table}`;
  const path = partitionPath(table, partitionOf(hourMs));
  if (registered === null && !filtered) {
    return failure(
      what,
      `${path} holds objects and is not registered: Athena does not see them`,
      'The transformer registers an hour with its first file and tries again with each more; its log group names what Glue answered (partitions_not_registered).',
    );
  }
  if (registered === null || !filtered) {
    const [by, not] = registered === null ? ['a filter', 'its values'] : ['its values', 'a filter on integers'];
    return failure(
      what,
      `${path} is found by ${by} and not by ${not} (${hourFilter(hourMs)})`,
      'The catalog keeps the values of integer keys otherwise than expected: report this line.',
    );
  }
  const location = registered.StorageDescriptor?.Location ?? 'no location';
  if (!isPlaceOf(location, table, path, bucket)) {
    const cure = `It has to point to s3://${bucket}/${path} or to the sealed hour: delete the partition, and the transformer registers it again.`;
    return failure(what, `${path} points to ${location}`, cure);
  }
  const form = registered.StorageDescriptor?.SerdeInfo?.SerializationLibrary;
  if (form === undefined) {
    const cure = 'Delete the partition, and the transformer registers it again.';
    return failure(what, `${path} has a location and no serializer: Athena cannot read it`, cure);
  }
  return ok(what, `${path} is registered at ${location}, and a filter on integers finds it`);
}

/** The hour's raw prefix, or any generation of the sealed one. */
function isPlaceOf(location: string, table: TableName, path: string, bucket: string): boolean {
  const slashed = location.endsWith('/') ? location : `${location}/`;
  const sealed = `s3://${bucket}/sealed/${table}/${path.slice(TABLES[table].folder.length + 1)}`;
  return slashed === `s3://${bucket}/${path}` || slashed.startsWith(sealed);
}
