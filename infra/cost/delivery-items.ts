/** What Firehose and the transformer bill. */
import { firehoseBytes, GB, SECONDS_A_MONTH } from './billing.ts';
import { type Item, itemOf } from './item.ts';
import type { Flow, Load } from './load.ts';
import { MEASURED } from './measured.ts';
import { PRICES } from './prices.ts';
import { monthly } from './stream-items.ts';

/**
 * Lambda gives one core at 1,769 MB and shares of it in proportion below
 * (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html), so what a second of one core costs does not
 * depend on the memory.
 */
const GB_SECONDS_A_CORE_SECOND = 1769 / 1024;
/** Beside its rows, 10 ms of one core a call for the event, the answer and the log: allowed for, not measured. */
const CORE_SECONDS_A_CALL = 0.01;
/** X-Ray samples the first trace of each second and 5 % of the others. */
const TRACED_SHARE = 0.05;

export function ingestionItem(records: readonly Flow[]): Item {
  const rule = 'each record is rounded up to 5 KB; the delivery stream for direct puts costs nothing while idle';
  return itemOf('Firehose', 'data in', PRICES.firehoseIn, monthly(records, firehoseBytes) / GB, rule);
}

export function deliveryItems({ packs, files }: Load): Item[] {
  const objects = [files.orderBook, files.feedEvent];
  return [
    ingestionItem([packs.orderBook, packs.feedEvent]),
    itemOf(
      'Firehose',
      'dynamic partitioning',
      PRICES.partitionedOut,
      monthly(objects, (bytes) => bytes) / GB,
      'the bytes of the container files',
    ),
    itemOf(
      'Firehose',
      'partitioned objects',
      PRICES.partitionedObjects,
      monthly(objects, () => 1) / 1000,
      'each container file has a key, and so an object, of its own: one a call of the transformer, table and MB',
    ),
  ];
}

export function transformerItems({ callsPerSecond, packs }: Load, tracing: boolean): Item[] {
  const calls = callsPerSecond * SECONDS_A_MONTH;
  const rows =
    monthly([packs.orderBook], () => packs.orderBook.rows) + monthly([packs.feedEvent], () => packs.feedEvent.rows);
  const seconds = rows * MEASURED.transformSecondsPerRow + calls * CORE_SECONDS_A_CALL;
  const traces = Math.min(calls, SECONDS_A_MONTH + TRACED_SHARE * calls);
  return [
    itemOf('Lambda', 'calls', PRICES.lambdaRequests, calls / 1e6, 'a call per shard and buffer of Firehose'),
    itemOf(
      'Lambda',
      'duration',
      PRICES.lambdaArmSeconds,
      seconds * GB_SECONDS_A_CORE_SECOND,
      `${MEASURED.transformSecondsPerRow * 1e6} µs of one core a row (measured) and 10 ms a call, at 1,769 MB a core; cold starts are left out`,
    ),
    ...(tracing
      ? [itemOf('X-Ray', 'traces', PRICES.traces, traces / 1e6, 'one a second and 5 % of the others are sampled')]
      : []),
  ];
}
