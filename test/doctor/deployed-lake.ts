/** A deployed lake in whatever stands in S3's and Glue's place: the transformer's files where Firehose would put them. */
import { PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { DeployedScope } from '../../infra/doctor/deployed/scope.ts';
import { evaluatePrefix, objectName, parsePrefix } from '../../infra/local/firehose/prefix.ts';
import { encodeLine, encodePack, type TableRow } from '../../producer/record.ts';
import { transform } from '../../transformer/batch.ts';
import { HOUR_MS, hourStart, PREFIX_EXPRESSION, type TableHour } from '../../transformer/partition.ts';
import { PartitionRegistrar } from '../../transformer/partition-registrar.ts';
import { feedEventAt, orderBookAt } from '../transformer/arbitrary-rows.ts';

/** Rows of one symbol in the closed hour, ten seconds apart. */
export const ROWS = 300;
const ROW_MS = 10_000;
/** A tally says how many rows there are, every ten minutes. */
const TALLY_ROWS = 60;
/** Rows that a pack holds. */
const PACK_ROWS = 25;

/** A session that recorded BTCUSDT in the newest closed hour and seconds ago. @param nowMs UTC epoch ms */
export function recording(nowMs: number) {
  const closedMs = hourStart(nowMs) - 2 * HOUR_MS;
  const closed: TableRow[] = [];
  for (let seq = 1; seq <= ROWS; seq += 1) {
    const ms = closedMs + seq * ROW_MS;
    closed.push({ table: 'order_book', row: orderBookAt(ms, seq, { session_id: 's1' }) });
    if (seq % TALLY_ROWS === 0) {
      const row = feedEventAt(ms, seq, { session_id: 's1', kind: 'tally', symbol: 'BTCUSDT', last_seq: seq });
      closed.push({ table: 'feed_event', row });
    }
  }
  const recent: TableRow[] = [
    { table: 'order_book', row: orderBookAt(nowMs - 5000, ROWS + 1, { session_id: 's1' }) },
    { table: 'feed_event', row: feedEventAt(nowMs - 5000, ROWS + 1, { session_id: 's1', kind: 'tally' }) },
  ];
  return { closedMs, closed, recent };
}

export interface Delivered {
  readonly key: string;
  readonly body: Buffer;
}

/** The objects that a delivery stream makes of rows of one call, and the hours to register. */
export function delivered(rows: readonly TableRow[], nowMs: number) {
  const packs = new Map<string, TableRow[]>();
  for (const each of rows) {
    const hour = `${each.table} ${hourStart(each.row.timestamp_ms)}`;
    packs.set(hour, [...(packs.get(hour) ?? []), each]);
  }
  const records = [...packs.values()]
    .flatMap((group) => inParts(group, PACK_ROWS))
    .map((pack, at) => ({ recordId: `r${at}`, data: encodePack(pack.map(encodeLine)).toString('base64') }));
  const { response, partitions } = transform({ invocationId: crypto.randomUUID(), records }, { codec: 'deflate' });
  const prefix = parsePrefix(PREFIX_EXPRESSION);
  const objects = response.records
    .filter(({ result }) => result === 'Ok')
    .map(({ data, metadata }): Delivered => {
      const partitionKeys = metadata!.partitionKeys;
      const key = `${evaluatePrefix(prefix, { oldestMs: nowMs, partitionKeys })}${objectName('depthlake', 1, nowMs)}.avro`;
      return { key, body: Buffer.from(data!, 'base64') };
    });
  return { objects, partitions, records: records.length };
}

function inParts<V>(values: readonly V[], size: number): V[][] {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, at) => values.slice(at * size, (at + 1) * size));
}

export async function createBucket({ clients, bucket }: DeployedScope): Promise<void> {
  await clients.s3.send(new CreateBucketCommand({ Bucket: bucket }));
}

export async function putObjects({ clients, bucket }: DeployedScope, objects: readonly Delivered[]): Promise<void> {
  for (const { key, body } of objects) {
    await clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
  }
}

export async function register(
  { clients, bucket, database }: DeployedScope,
  hours: readonly TableHour[],
): Promise<void> {
  const log = (line: string) => {
    throw new Error(line);
  };
  await new PartitionRegistrar({ client: clients.glue, database, lakeUrl: `s3://${bucket}`, log }).register(hours);
}

/** The figures that the transformer and Firehose leave of so many packs and files. */
export async function putFigures(scope: DeployedScope, packs: number, files: number): Promise<void> {
  const Timestamp = new Date(scope.nowMs - 60_000);
  const ours = [
    { Name: 'stack', Value: scope.stack },
    { Name: 'function', Value: 'transformer' },
  ];
  const theirs = [{ Name: 'DeliveryStreamName', Value: scope.deliveryStream }];
  const metric = (MetricName: string, Value: number, Dimensions: typeof ours) => ({
    MetricName,
    Value,
    Dimensions,
    Timestamp,
  });
  await scope.clients.cloudwatch.send(
    new PutMetricDataCommand({
      Namespace: 'Depthlake',
      MetricData: [metric('TransformedRecords', packs, ours), metric('TransformedFiles', files, ours)],
    }),
  );
  await scope.clients.cloudwatch.send(
    new PutMetricDataCommand({
      Namespace: 'AWS/Firehose',
      MetricData: [metric('SucceedProcessing.Records', files, theirs), metric('PartitionCount', files, theirs)],
    }),
  );
}
