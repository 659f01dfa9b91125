/**
 * The data contract: what a row is, once, for everybody.
 *
 * The Avro schemas below are the single source: TypeScript types, the line codec, Glue columns, DDL and the README's
 * field tables derive from them. Evolution is additive: the first six fields of `order_book` are fixed, every further
 * field has a default, so that old files read under the newest schema.
 *
 * On the stream a Kinesis record is one pack: UTF-8 lines of JSON, each one row with its table as `type`, gzip when
 * that pays.
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import { DepthlakeError, reasonOf } from './errors.ts';

/** Ids and times must stay exact in a double: |n| < 2^53. */
const SAFE = Number.MAX_SAFE_INTEGER;

/** The distances from the mid price that a snapshot measures, in units of 1e-4, nearest first. */
export const DEPTH_LEVELS = [1, 5, 10, 50, 100] as const;

const PAIRS = {
  type: 'array',
  items: { type: 'array', items: 'double' },
} as const;

export const ORDER_BOOK_SCHEMA = {
  type: 'record',
  name: 'OrderBook',
  doc: 'One normalized state of one symbol’s book at one moment.',
  fields: [
    {
      name: 'timestamp_ms',
      type: 'long',
      doc: 'Exchange event time where the source gives one (diffs), else the receive time (depth20); UTC epoch ms',
    },
    {
      name: 'bids',
      type: PAIRS,
      doc: 'Five [price, quantity] pairs, one per depth level d (0.01 %, 0.05 %, 0.1 %, 0.5 %, 1 %), nearest first: price = mid × (1 − d), quantity = all base quantity between the best bid and that price, inclusive',
    },
    { name: 'asks', type: PAIRS, doc: 'As bids, with price = mid × (1 + d)' },
    {
      name: 'spread',
      type: 'double',
      doc: 'Best ask − best bid, quote currency',
    },
    { name: 'mid_price', type: 'double', doc: '(best bid + best ask) / 2' },
    {
      name: 'imbalance_ratio',
      type: 'double',
      doc: '(B − A) / (B + A), B and A the bid and ask quantity of the outermost depth level; −1 to 1; 0 where both are 0',
    },
    {
      name: 'venue',
      type: 'string',
      default: '',
      doc: 'binance.us, binance.com, local',
    },
    {
      name: 'symbol',
      type: 'string',
      default: '',
      doc: 'As the venue spells it, upper case: BTCUSDT',
    },
    {
      name: 'last_update_id',
      type: 'long',
      default: 0,
      doc: 'The venue’s book id',
    },
    {
      name: 'received_ms',
      type: 'long',
      default: 0,
      doc: 'Receive time on the producer, UTC epoch ms',
    },
    {
      name: 'session_id',
      type: 'string',
      default: '',
      doc: 'One run of one producer process',
    },
    {
      name: 'seq',
      type: 'long',
      default: 0,
      doc: 'Counts 1, 2, 3, … within (session, venue, symbol): identity, and the proof of completeness',
    },
    {
      name: 'bid_levels_covered',
      type: 'int',
      default: 0,
      doc: 'How many of the five bid depth levels are the whole truth, from the nearest; the others are lower bounds',
    },
    {
      name: 'ask_levels_covered',
      type: 'int',
      default: 0,
      doc: 'As bid_levels_covered',
    },
    {
      name: 'bid_reach',
      type: 'double',
      default: 0,
      doc: 'How far below the mid the visible bids extend, as a fraction of the mid',
    },
    {
      name: 'ask_reach',
      type: 'double',
      default: 0,
      doc: 'As bid_reach, above the mid',
    },
    {
      name: 'verified',
      type: ['null', 'boolean'],
      default: null,
      doc: 'true: every covered level is proved equal to the exchange’s book at last_update_id; false: the proof failed, the covered counts are 0; null: no proof is possible (depth20 alone)',
    },
    {
      name: 'top_bids',
      type: ['null', PAIRS],
      default: null,
      doc: 'The best 20 raw [price, quantity] levels, when asked for',
    },
    {
      name: 'top_asks',
      type: ['null', PAIRS],
      default: null,
      doc: 'As top_bids',
    },
  ],
} as const;

export const FEED_EVENT_SCHEMA = {
  type: 'record',
  name: 'FeedEvent',
  doc: 'Something that befell the feed.',
  fields: [
    {
      name: 'timestamp_ms',
      type: 'long',
      doc: 'When it was noticed, UTC epoch ms',
    },
    { name: 'venue', type: 'string', doc: 'As in order_book' },
    {
      name: 'symbol',
      type: ['null', 'string'],
      default: null,
      doc: 'null: the whole session',
    },
    { name: 'session_id', type: 'string', doc: 'As in order_book' },
    {
      name: 'seq',
      type: 'long',
      doc: 'Counts 1, 2, 3, … within the session: identity and proof',
    },
    {
      name: 'kind',
      type: 'string',
      doc: 'started, connected, disconnected, handed_over, gap, silent, ids_restarted, book_seeded, book_lost, book_unusable, book_usable, listed, delisted, clock_jumped, spill_began, spill_ended, spill_full, spill_damaged, refused, tally, stopped',
    },
    {
      name: 'from_ms',
      type: ['null', 'long'],
      default: null,
      doc: 'Where the event has a duration: its begin',
    },
    {
      name: 'to_ms',
      type: ['null', 'long'],
      default: null,
      doc: 'Where the event has a duration: its end',
    },
    {
      name: 'missed_updates',
      type: ['null', 'long'],
      default: null,
      doc: 'gap: how many book updates were missed, where ids tell; refused: how many rows',
    },
    {
      name: 'last_seq',
      type: ['null', 'long'],
      default: null,
      doc: 'The symbol’s last seq when the event happened; refused: the last seq refused',
    },
    {
      name: 'detail',
      type: ['null', 'string'],
      default: null,
      doc: 'What else is known, as JSON',
    },
  ],
} as const;

/** The tables of a lake: their row schema, and the folder below the lake's root that holds them. */
export const TABLES = {
  order_book: { schema: ORDER_BOOK_SCHEMA, folder: 'orderbook' },
  feed_event: { schema: FEED_EVENT_SCHEMA, folder: 'feed_event' },
} as const;

export type TableName = keyof typeof TABLES;
export const TABLE_NAMES = Object.keys(TABLES) as TableName[];

type ValueOf<T> = T extends 'long' | 'int' | 'double'
  ? number
  : T extends 'string'
    ? string
    : T extends 'boolean'
      ? boolean
      : T extends 'null'
        ? null
        : T extends readonly (infer Branch)[]
          ? ValueOf<Branch>
          : T extends { type: 'array'; items: infer Items }
            ? ValueOf<Items>[]
            : never;

type RowOf<S extends { fields: readonly { name: string; type: unknown }[] }> = {
  [F in S['fields'][number] as F['name']]: ValueOf<F['type']>;
};

/** A row of `order_book`. */
export type OrderBookRow = RowOf<typeof ORDER_BOOK_SCHEMA>;
/** A row of `feed_event`. */
export type FeedEventRow = RowOf<typeof FEED_EVENT_SCHEMA>;

export interface RowTypes {
  order_book: OrderBookRow;
  feed_event: FeedEventRow;
}

/** A row with the table it belongs to. */
export type TableRow = {
  [T in TableName]: { table: T; row: RowTypes[T] };
}[TableName];

/**
 * Firehose turns one input record into one output, so the rows of a pack must fit one container file below 1,000 KiB
 * in any codec: lines of [price, quantity] pairs grow by less than a factor of 3.3 in uncompressed Avro (shown by a property
 * test).
 */
export const PACK_MAX_LINE_BYTES = 300 * 1024;

/** One row as one line of a pack, without the line feed. */
export function encodeLine({ table, row }: TableRow): string {
  return JSON.stringify({ type: table, ...row });
}

/**
 * The row of one line. A missing field that may be null is null. The other defaults in the schemas are for readers of
 * old files: a row without its session or its symbol is no row.
 * @throws DL_ROW_INVALID for anything the schema does not say: a wrong type, an unknown field (a newer producer's: it
 * would be lost in silence), a number outside ±2^53 where an integer is due, a missing field that may not be null.
 */
export function decodeLine(line: string): TableRow {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new DepthlakeError('DL_ROW_INVALID', 'a line is not JSON', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new DepthlakeError('DL_ROW_INVALID', 'a line is not a JSON object');
  }
  const members = value as Record<string, unknown>;
  const { type } = members;
  if (typeof type !== 'string' || !Object.hasOwn(TABLES, type)) {
    throw new DepthlakeError('DL_ROW_INVALID', `a row's type is ${JSON.stringify(type)}, not one of ${TABLE_NAMES}`);
  }
  const table = type as TableName;
  return { table, row: READERS[table](members) } as TableRow;
}

/** A pack from a foreign producer may be larger than ours; beyond this it is refused before it fills the memory. */
const PACK_MAX_INFLATED_BYTES = 16 * 1024 * 1024;

/**
 * The bytes of one Kinesis record: lines joined by line feeds, gzip when that is smaller.
 * @param lines or their UTF-8 bytes, joined already
 */
export function encodePack(lines: readonly string[] | Buffer): Buffer {
  const plain = Buffer.isBuffer(lines) ? lines : Buffer.from(lines.join('\n'), 'utf8');
  const packed = gzipSync(plain);
  // zlib's result is a slice of a larger buffer, all of which a queued pack would hold.
  return packed.length < plain.length ? ownBytes(packed) : ownBytes(plain);
}

function ownBytes(slice: Buffer): Buffer {
  if (slice.length === slice.buffer.byteLength) return slice;
  const own = Buffer.allocUnsafeSlow(slice.length);
  slice.copy(own);
  return own;
}

/**
 * The rows of one Kinesis record.
 * @throws DL_PACK_INVALID where the bytes are no pack, DL_ROW_INVALID where a line is no row
 */
export function decodePack(bytes: Uint8Array): TableRow[] {
  const text = textOf(bytes);
  if (text.trim() === '') throw new DepthlakeError('DL_PACK_INVALID', 'a pack holds no rows');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(decodeLine);
}

function textOf(bytes: Uint8Array): string {
  const gzipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
  try {
    const plain = gzipped ? gunzipSync(bytes, { maxOutputLength: PACK_MAX_INFLATED_BYTES }) : bytes;
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(plain);
  } catch (cause) {
    throw new DepthlakeError('DL_PACK_INVALID', `a pack does not decode: ${reasonOf(cause)}`, { cause });
  }
}

type Check = (value: unknown) => boolean;

interface Field {
  readonly name: string;
  readonly type: unknown;
  readonly default?: unknown;
}

/** Makes a row of a line's members, `type` among them. */
type RowReader = (members: Readonly<Record<string, unknown>>) => object;

const READERS = Object.fromEntries(
  TABLE_NAMES.map((table) => [table, rowReader(table, TABLES[table].schema.fields)]),
) as Record<TableName, RowReader>;

function rowReader(table: TableName, fields: readonly Field[]): RowReader {
  const checks = fields.map((field) => ({
    ...field,
    optional: field.default === null,
    check: checkOf(field.type),
  }));
  const known = new Set(['type', ...fields.map((field) => field.name)]);
  // Filling a copy of a whole row is cheaper than growing one field by field.
  const blank: Readonly<Record<string, unknown>> = Object.fromEntries(fields.map(({ name }) => [name, null]));

  return (members) => {
    const row = { ...blank };
    let found = 1;
    for (const { name, check, optional } of checks) {
      const value = members[name];
      if (value === undefined) {
        if (!optional) throw new DepthlakeError('DL_ROW_INVALID', `a row of ${table} lacks ${name}`);
        continue;
      }
      if (!check(value)) {
        throw new DepthlakeError('DL_ROW_INVALID', `${table}.${name} is ${JSON.stringify(value)?.slice(0, 80)}`);
      }
      row[name] = value;
      found += 1;
    }
    if (Object.keys(members).length !== found) {
      const unknown = Object.keys(members).find((name) => !known.has(name));
      throw new DepthlakeError('DL_ROW_INVALID', `${table} has no field ${unknown}`);
    }
    return row;
  };
}

function checkOf(type: unknown): Check {
  if (Array.isArray(type)) {
    const branches = type.map(checkOf);
    return (value) => branches.some((branch) => branch(value));
  }
  if (typeof type === 'object' && type !== null && 'items' in type) {
    const item = checkOf(type.items);
    return (value) => Array.isArray(value) && value.every(item);
  }
  switch (type) {
    case 'long':
      return (value) => Number.isInteger(value) && Math.abs(value as number) <= SAFE;
    case 'int':
      return (value) => Number.isInteger(value) && (value as number) === ((value as number) | 0);
    case 'double':
      return (value) => typeof value === 'number' && Number.isFinite(value);
    case 'string':
      return (value) => typeof value === 'string';
    case 'boolean':
      return (value) => typeof value === 'boolean';
    case 'null':
      return (value) => value === null;
    default:
      throw new TypeError(`the data contract uses a type the line codec does not know: ${JSON.stringify(type)}`);
  }
}
