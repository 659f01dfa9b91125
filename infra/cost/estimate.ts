/** Dollars a month of a deployment that is not there yet, and what its alternatives would cost. */
import { shardsNeeded } from './billing.ts';
import { deliveryItems, ingestionItem, transformerItems } from './delivery-items.ts';
import { type Item, totalOf } from './item.ts';
import {
  accessLogItems,
  catalogItems,
  type LakeUse,
  objectEventItem,
  queryItems,
  storageItems,
  writeItem,
} from './lake-items.ts';
import { type Flow, type Load, loadOf } from './load.ts';
import { PRICES } from './prices.ts';
import { producerItems } from './producer-items.ts';
import { type CostSettings, checkSettings } from './settings.ts';
import { onDemandItems, provisionedItems, type StreamUse } from './stream-items.ts';
import { watchingItems } from './watching-items.ts';

/** What else could be done, in dollars a month of what differs. */
export interface Comparison {
  readonly what: string;
  readonly choices: readonly { readonly name: string; readonly usd: number; readonly chosen: boolean }[];
}

export interface Estimate {
  readonly settings: CostSettings;
  readonly load: Load;
  readonly items: readonly Item[];
  /** Dollars a month. */
  readonly total: number;
  readonly comparisons: readonly Comparison[];
  /** What the settings cannot carry. */
  readonly warnings: readonly string[];
}

/** @throws DL_SETTINGS where settings contradict each other, the number of symbols is not known, or a shard of symbols would be empty */
export function estimateOf(settings: CostSettings): Estimate {
  checkSettings(settings);
  const load = loadOf(settings);
  const use = streamUse(settings, load, [load.packs.orderBook, load.packs.feedEvent]);
  const needed = shardsFor(use.records);
  const provisioned = settings.streamMode === 'provisioned';
  const put = writeItem(load);
  const queries = queryItems(load, settings);
  const items = [
    ...(provisioned ? provisionedItems(use, settings.shards) : onDemandItems(use)),
    ...deliveryItems(load),
    ...transformerItems(load, settings.tracing),
    put,
    ...storageItems(load, settings),
    ...accessLogItems(requestsOf([put, ...queries]), settings),
    objectEventItem(load),
    ...catalogItems(load, settings),
    ...queries,
    ...producerItems(settings, load),
    ...watchingItems(settings, load),
  ];
  return {
    settings,
    load,
    items,
    total: totalOf(items),
    comparisons: [modes(settings, use, needed), framings(settings, load, use), keeping(settings, load)],
    warnings: provisioned && needed > settings.shards ? [tooFew(settings.shards, needed)] : [],
  };
}

/** Of S3. */
function requestsOf(items: readonly Item[]): number {
  const thousands = items
    .filter(({ unit }) => unit === PRICES.put.unit)
    .reduce((sum, { quantity }) => sum + quantity, 0);
  return thousands * 1000;
}

function streamUse({ retentionHours }: CostSettings, { producers }: Load, records: readonly Flow[]): StreamUse {
  return { records, retentionHours, producers };
}

function shardsFor(records: readonly Flow[]): number {
  const bytes = records.reduce((sum, each) => sum + each.perSecond * each.bytes, 0);
  return shardsNeeded(
    bytes,
    records.reduce((sum, { perSecond }) => sum + perSecond, 0),
  );
}

function tooFew(shards: number, needed: number): string {
  return `${shards} of ${needed} shards: the stream would throttle this load; give --shards ${needed} or more, or --stream-mode on-demand`;
}

function modes({ streamMode, shards }: CostSettings, use: StreamUse, needed: number): Comparison {
  const enough = streamMode === 'provisioned' ? Math.max(shards, needed) : needed;
  return {
    what: 'Kinesis',
    choices: [
      {
        name: `provisioned, ${enough} shard${enough === 1 ? '' : 's'}`,
        usd: totalOf(provisionedItems(use, enough)),
        chosen: streamMode === 'provisioned',
      },
      { name: 'on demand', usd: totalOf(onDemandItems(use)), chosen: streamMode === 'on-demand' },
    ],
  };
}

/** One record per snapshot, as lines of JSON: each pays Firehose's 5 KB and a put unit of its own. */
function framings(settings: CostSettings, load: Load, use: StreamUse): Comparison {
  const single = { perSecond: load.rowsPerSecond, bytes: load.lineBytes, rows: 1 };
  const singles = streamUse(settings, load, [single, load.packs.feedEvent]);
  const cost = (each: StreamUse) => {
    const stream =
      settings.streamMode === 'on-demand'
        ? onDemandItems(each)
        : provisionedItems(each, Math.max(settings.shards, shardsFor(each.records)));
    return totalOf([...stream, ingestionItem(each.records)]);
  };
  return {
    what: 'Kinesis and Firehose, data in',
    choices: [
      { name: 'packs', usd: cost(use), chosen: true },
      { name: 'one record per snapshot', usd: cost(singles), chosen: false },
    ],
  };
}

function keeping(settings: CostSettings, load: Load): Comparison {
  const cost = (use: LakeUse) => totalOf([...storageItems(load, use), ...queryItems(load, use)]);
  return {
    what: `S3 and Athena, ${settings.daysKept} days kept`,
    choices: [
      { name: 'files as delivered', usd: cost({ ...settings, sealed: false }), chosen: !settings.sealed },
      { name: 'sealed and archived', usd: cost({ ...settings, sealed: true }), chosen: settings.sealed },
    ],
  };
}
