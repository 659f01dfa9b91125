/** What the lake bills: S3, the catalog, and the queries. */
import { ACCESS_LOG_DAYS, NONCURRENT_DAYS, SEALED_RAW_DAYS } from '../aws/retention.ts';
import type { Deployment } from '../aws/settings.ts';
import { ARCHIVED_AT_LEAST, GB, HOURS_A_DAY, HOURS_A_MONTH, SECONDS_A_MONTH, TB } from './billing.ts';
import { type Item, itemOf } from './item.ts';
import type { Flow, Load } from './load.ts';
import { MEASURED } from './measured.ts';
import { ARCHIVE_PRICES, PRICES } from './prices.ts';

/** How the lake is kept and read. */
export interface LakeUse extends Pick<Deployment, 'archiveAfterDays' | 'archiveClass' | 'accessLogs'> {
  readonly daysKept: number;
  readonly scanGb: number;
  readonly sealed: boolean;
}

const SECONDS_A_DAY = HOURS_A_DAY * 3600;
/** Raw files of a sealed hour expire and stay as noncurrent versions for a while. */
const RAW_DAYS = SEALED_RAW_DAYS + NONCURRENT_DAYS;
/** Tables that the transformer registers hours of: order_book and feed_event. */
const TABLES = 2;

/** S3 writes a log for nothing and bills what it holds; allowed for, not measured: the bytes of a request in it. */
const ACCESS_LOG_BYTES = 700;

/** One kind of objects that the bucket holds. */
interface Holding {
  readonly gb: number;
  readonly objects: number;
}

/** What the bucket holds at the end of the month that is estimated. */
interface Holdings {
  readonly standard: readonly Holding[];
  /** Of these, what queries see. */
  readonly readable: readonly Holding[];
  readonly archived: readonly Holding[];
  /** Of the bytes that queries read. */
  readonly archivedShare: number;
  /** Objects that move to the archive class in a month. */
  readonly transitions: number;
}

export function writeItem({ files }: Load): Item {
  const objects = (files.orderBook.perSecond + files.feedEvent.perSecond) * SECONDS_A_MONTH;
  return itemOf('S3', 'puts', PRICES.put, objects / 1000, 'one request a container file');
}

/** EventBridge hears of every object, that the failure queue hears of some. */
export function objectEventItem({ files }: Load): Item {
  const objects = (files.orderBook.perSecond + files.feedEvent.perSecond) * SECONDS_A_MONTH;
  return itemOf(
    'EventBridge',
    'objects',
    PRICES.objectEvents,
    objects / 1e6,
    'an event for each new object of the lake',
  );
}

export function storageItems(load: Load, use: LakeUse): Item[] {
  const { standard, archived, transitions } = holdingsOf(load, use);
  const prices = ARCHIVE_PRICES[use.archiveClass];
  const rule = use.sealed
    ? `hours of less than ${use.archiveAfterDays} days, hours too small to archive, and the raw files of the last ${RAW_DAYS} days, ${NONCURRENT_DAYS} of them as noncurrent versions`
    : 'files as delivered: they are not archived and never expire';
  const kept = itemOf('S3', 'storage, Standard', PRICES.standard, gbOf(standard), rule);
  if (archived.length === 0) return [kept];
  const held = `sealed hours from ${use.archiveAfterDays} days on; objects below 128 KB are left in Standard. One that a newer generation replaces within 90 days (30 in the _IA classes) is paid for that long; that is left out`;
  return [
    kept,
    itemOf('S3', `storage, ${use.archiveClass}`, prices.kept, gbOf(archived), held),
    itemOf('S3', 'transitions', prices.transitions, transitions / 1000, 'one a sealed hour'),
  ];
}

export function queryItems(load: Load, use: LakeUse): Item[] {
  const { readable, archived, archivedShare } = holdingsOf(load, use);
  const prices = ARCHIVE_PRICES[use.archiveClass];
  const cold = use.scanGb * archivedShare;
  const requests = (gb: number, holdings: readonly Holding[]) => (gb === 0 ? 0 : gb / meanGb(holdings) / 1000);
  const athena = itemOf(
    'Athena',
    'queries',
    PRICES.athena,
    (use.scanGb * GB) / TB,
    'the compressed bytes that queries read; each query counts as at least 10 MB',
  );
  const warm = itemOf(
    'S3',
    'gets',
    PRICES.get,
    requests(use.scanGb - cold, readable),
    'a request a file that queries read',
  );
  if (cold === 0) return [athena, warm];
  return [
    athena,
    warm,
    itemOf('S3', 'archive gets', prices.get, requests(cold, archived), 'a request an archived file that queries read'),
    itemOf('S3', 'archive retrieval', prices.retrieved, cold, 'queries read evenly over the days kept'),
  ];
}

/** @param requests a month */
export function accessLogItems(requests: number, { accessLogs, daysKept }: LakeUse): Item[] {
  if (!accessLogs) return [];
  const days = Math.min(ACCESS_LOG_DAYS, daysKept);
  const gb = (requests * ACCESS_LOG_BYTES * days * HOURS_A_DAY) / HOURS_A_MONTH / GB;
  const rule = `about ${ACCESS_LOG_BYTES} bytes for each put and get, kept for ${ACCESS_LOG_DAYS} days`;
  return [itemOf('S3', 'access logs', PRICES.standard, gb, rule)];
}

export function catalogItems({ busyShards }: Load, { daysKept }: LakeUse): Item[] {
  const requests = TABLES * HOURS_A_MONTH * busyShards;
  const partitions = TABLES * HOURS_A_DAY * daysKept;
  return [
    itemOf(
      'Glue',
      'catalog requests',
      PRICES.catalogRequests,
      requests / 1e6,
      'each hour of each table, once a warm Lambda',
    ),
    itemOf('Glue', 'catalog objects', PRICES.catalogObjects, partitions / 100_000, 'a partition an hour and table'),
  ];
}

function holdingsOf(load: Load, use: LakeUse): Holdings {
  const files = [load.files.orderBook, load.files.feedEvent];
  const { daysKept, sealed, archiveAfterDays: after } = use;
  if (!sealed) {
    const standard = files.map((file) => holding(file, daysKept));
    return { standard, readable: standard, archived: [], archivedShare: 0, transitions: 0 };
  }
  const hours = sealedHours(load);
  const raw = files.map((file) => holding(file, Math.min(daysKept, RAW_DAYS)));
  const warmDays = after === 0 ? daysKept : Math.min(daysKept, after);
  const moves = (hour: Flow) => hour.bytes >= ARCHIVED_AT_LEAST && daysKept > warmDays;
  const archived = hours.filter(moves).map((hour) => holding(hour, daysKept - warmDays));
  const stays = hours.map((hour) => holding(hour, moves(hour) ? warmDays : daysKept));
  return {
    standard: [...raw, ...stays],
    readable: stays,
    archived,
    archivedShare: archived.length === 0 ? 0 : (daysKept - warmDays) / daysKept,
    transitions: hours.filter(moves).length * HOURS_A_MONTH,
  };
}

/** One file an hour and table. */
function sealedHours({ packs, sealedBytesPerRow }: Load): Flow[] {
  const hourOf = ({ perSecond, rows }: Flow, headerBytes: number, bytesPerRow: number): Flow => {
    const hourly = perSecond * rows * 3600;
    return { perSecond: 1 / 3600, bytes: headerBytes + hourly * bytesPerRow, rows: hourly };
  };
  return [
    hourOf(packs.orderBook, MEASURED.rows.plain.fileHeaderBytes, sealedBytesPerRow.orderBook),
    hourOf(packs.feedEvent, MEASURED.events.fileHeaderBytes, sealedBytesPerRow.feedEvent),
  ];
}

function holding({ perSecond, bytes }: Flow, days: number): Holding {
  const objects = perSecond * SECONDS_A_DAY * days;
  return { gb: (objects * bytes) / GB, objects };
}

function gbOf(holdings: readonly Holding[]): number {
  return holdings.reduce((sum, { gb }) => sum + gb, 0);
}

function meanGb(holdings: readonly Holding[]): number {
  return gbOf(holdings) / holdings.reduce((sum, { objects }) => sum + objects, 0);
}
