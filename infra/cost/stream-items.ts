/** What Kinesis bills for records of given kinds, in either mode. */
import { GB, HOURS_A_MONTH, onDemandBytes, putUnits, SECONDS_A_MONTH } from './billing.ts';
import { type Item, itemOf } from './item.ts';
import type { Flow } from './load.ts';
import { PRICES } from './prices.ts';

const SERVICE = 'Kinesis';
const INCLUDED_HOURS = 24;
const EXTENDED_HOURS = 168;
const KEY_REQUEST_EVERY_SECONDS = 300;

export interface StreamUse {
  readonly records: readonly Flow[];
  readonly retentionHours: number;
  /** Each asks for the stream's key, as Firehose does. */
  readonly producers: number;
}

export function provisionedItems(use: StreamUse, shards: number): Item[] {
  const { records, retentionHours } = use;
  const units = monthly(records, putUnits) / 1e6;
  const hours = shards * HOURS_A_MONTH;
  const extended = itemOf(
    SERVICE,
    'retention up to 7 days',
    PRICES.extendedShardHour,
    hours,
    'beyond 24 hours a surcharge on each shard-hour, the same up to 7 days',
  );
  return [
    itemOf(SERVICE, 'shards', PRICES.shardHour, hours, `${HOURS_A_MONTH} hours a month for each shard`),
    itemOf(SERVICE, 'put units', PRICES.putUnits, units, 'each record counts as one unit per 25 KB begun'),
    ...(retentionHours > INCLUDED_HOURS ? [extended] : []),
    ...longTermItems(use),
    keyItem(use),
  ];
}

export function onDemandItems(use: StreamUse): Item[] {
  const { records, retentionHours } = use;
  const billed = monthly(records, onDemandBytes) / GB;
  const out = monthly(records, (bytes) => bytes) / GB;
  const extendedHours = Math.min(retentionHours, EXTENDED_HOURS) - INCLUDED_HOURS;
  const extended = itemOf(
    SERVICE,
    'retention up to 7 days',
    PRICES.onDemandExtended,
    kept(records, extendedHours),
    'what lies in the stream beyond 24 hours',
  );
  return [
    itemOf(SERVICE, 'stream on demand', PRICES.onDemandHour, HOURS_A_MONTH, `${HOURS_A_MONTH} hours a month`),
    itemOf(SERVICE, 'data in', PRICES.onDemandIn, billed, 'each record is rounded up to 1 KB'),
    itemOf(SERVICE, 'data out', PRICES.onDemandOut, out, 'read once, by Firehose; a replay reads it again'),
    ...(extendedHours > 0 ? [extended] : []),
    ...longTermItems(use),
    keyItem(use),
  ];
}

function longTermItems({ records, retentionHours }: StreamUse): Item[] {
  const hours = retentionHours - EXTENDED_HOURS;
  if (hours <= 0) return [];
  const rule = 'what lies in the stream beyond 7 days';
  return [itemOf(SERVICE, 'retention beyond 7 days', PRICES.longTerm, kept(records, hours), rule)];
}

function keyItem({ producers }: StreamUse): Item {
  const requests = ((producers + 1) * SECONDS_A_MONTH) / KEY_REQUEST_EVERY_SECONDS;
  const rule =
    'the key alias/aws/kinesis is free, its use is not: about a request every 5 minutes for each writer and reader';
  return itemOf(SERVICE, 'encryption', PRICES.streamKeyRequests, requests / 10_000, rule);
}

/** GB that lie in the stream at any time, of so many hours. */
function kept(records: readonly Flow[], hours: number): number {
  return (monthly(records, (bytes) => bytes) / GB) * (hours / HOURS_A_MONTH);
}

/** The sum over a month's records of what each counts. */
export function monthly(records: readonly Flow[], count: (recordBytes: number) => number): number {
  return records.reduce((sum, { perSecond, bytes }) => sum + perSecond * SECONDS_A_MONTH * count(bytes), 0);
}
