/**
 * Views over the tables of a lake, in the SQL of Trino, which Athena speaks. The columns of a view stand here once, with
 * their types: the catalog is told them, and Athena refuses a view whose query gives others.
 */
import type { Column } from '@aws-sdk/client-glue';
import { DEPTH_LEVELS, ORDER_BOOK_SCHEMA, type TableName } from '../producer/record.ts';
import { tableInput } from './catalog.ts';

/** The types that a view’s columns have in Trino. */
export type TrinoType =
  | 'bigint'
  | 'integer'
  | 'double'
  | 'varchar'
  | 'boolean'
  | 'timestamp(3)'
  | 'array(array(double))';

export interface ViewColumn {
  readonly name: string;
  readonly type: TrinoType;
  readonly comment: string;
}

export interface View {
  readonly name: string;
  readonly comment: string;
  readonly columns: readonly ViewColumn[];
  /** The view’s query, over tables and views of its own database. */
  readonly sql: string;
}

/** A column with what it is computed from. */
interface Computed extends ViewColumn {
  readonly from: string;
}

const TRINO_TYPES: Readonly<Record<string, TrinoType>> = {
  bigint: 'bigint',
  int: 'integer',
  double: 'double',
  string: 'varchar',
  boolean: 'boolean',
  'array<array<double>>': 'array(array(double))',
};

const PARTITION_COLUMNS = ['year', 'month', 'day', 'hour'];
/** Of an hour; engines push a filter below a window where it names columns that all windows are partitioned by. */
const SAME_BOOK = [...PARTITION_COLUMNS, 'venue', 'symbol', 'last_update_id'];
const SAME_EVENT = [...PARTITION_COLUMNS, 'session_id', 'seq'];
/** From the best row: proved, then the most known, then the earliest; the rest makes the choice the same each time. */
const BEST_FIRST = [
  'case when verified then 0 else 1 end',
  'bid_levels_covered + ask_levels_covered desc',
  'received_ms',
  'session_id',
  'seq',
];

/**
 * The query of the view `order_book_best`: of the rows that redundant producers (or a repeated delivery) left of one
 * book, one for each `(venue, symbol, last_update_id)`. Books are compared within an hour, so that a query of some hours
 * reads those alone: where two producers received a frame on either side of a full hour, both rows stay.
 * @param table what to read: `order_book`, or anything else that may follow `from` and has its columns
 */
export function orderBookBest(table: string): string {
  const columns = [...ORDER_BOOK_SCHEMA.fields.map(({ name }) => name), ...PARTITION_COLUMNS];
  return firstOfEach(columns, table, SAME_BOOK, BEST_FIRST);
}

const BOOK = columnsIn('order_book');
const EVENT = columnsIn('feed_event');
const PARTITION = PARTITION_COLUMNS.map((name) => named(BOOK, name));

const BEST: View = {
  name: 'order_book_best',
  comment:
    'One snapshot for each book, where redundant producers recorded several: the verified, then the most covered',
  columns: BOOK,
  sql: orderBookBest('order_book'),
};

const DECODED_BOOK = view(
  'order_book_decoded',
  'Snapshots for people: times, best prices, depth levels as columns',
  BEST.name,
  [
    named(BOOK, 'venue'),
    named(BOOK, 'symbol'),
    time('snapshot_at', 'timestamp_ms', 'Exchange event time where the source gives one, else the receive time; UTC'),
    time('received_at', 'received_ms', 'Receive time on the producer, UTC'),
    // Prices have at most 8 places: rounding takes away what the halves of doubles add.
    double('best_bid', 'round(mid_price - spread / 2, 8)', 'Highest bid'),
    double('best_ask', 'round(mid_price + spread / 2, 8)', 'Lowest ask'),
    named(BOOK, 'mid_price'),
    named(BOOK, 'spread'),
    double('spread_bp', 'spread / mid_price * 1e4', 'Spread in basis points (0.01 %) of the mid price'),
    named(BOOK, 'imbalance_ratio'),
    ...depthLevels('bid', 'down to', 'below'),
    ...depthLevels('ask', 'up to', 'above'),
    ...['bid_levels_covered', 'ask_levels_covered', 'bid_reach', 'ask_reach', 'verified'].map((name) =>
      named(BOOK, name),
    ),
    ...['last_update_id', 'session_id', 'seq', 'timestamp_ms', 'received_ms'].map((name) => named(BOOK, name)),
    ...PARTITION,
  ],
);

const DECODED_EVENT = view(
  'feed_event_decoded',
  'Feed events for people, each once: times, duration, and what the detail says most often',
  `(
  ${firstOfEach(
    EVENT.map(({ name }) => name),
    'feed_event',
    SAME_EVENT,
    ['timestamp_ms'],
  ).replaceAll('\n', '\n  ')}
) as once`,
  [
    time('noticed_at', 'timestamp_ms', 'When it was noticed, UTC'),
    named(EVENT, 'venue'),
    named(EVENT, 'symbol'),
    named(EVENT, 'kind'),
    time('began_at', 'from_ms', 'Where the event has a duration: its begin, UTC'),
    time('ended_at', 'to_ms', 'Where the event has a duration: its end, UTC'),
    double('seconds', '(to_ms - from_ms) / 1e3', 'How long it lasted'),
    named(EVENT, 'missed_updates'),
    named(EVENT, 'last_seq'),
    ofDetail('reason', 'Why, where the detail says so'),
    ofDetail('bounds', 'Of a gap: exact, outer or unknown'),
    ofDetail('session_before', 'Of a gap across a restart: the session before it'),
    ...['detail', 'session_id', 'seq', 'timestamp_ms', 'from_ms', 'to_ms'].map((name) => named(EVENT, name)),
    ...PARTITION,
  ],
);

/** In an order in which each reads only what stands before it. */
export const VIEWS: readonly View[] = [BEST, DECODED_BOOK, DECODED_EVENT];

function view(name: string, comment: string, source: string, columns: readonly Computed[]): View {
  const select = columns.map((column) =>
    column.from === column.name ? column.name : `${column.from} as ${column.name}`,
  );
  return { name, comment, columns, sql: `select\n  ${select.join(',\n  ')}\nfrom ${source}` };
}

/** Of the rows that are the same by some columns, the first. */
function firstOfEach(
  columns: readonly string[],
  table: string,
  same: readonly string[],
  order: readonly string[],
): string {
  return `select ${columns.join(', ')}
from (
  select *, row_number() over (
    partition by ${same.join(', ')}
    order by ${order.join(', ')}
  ) as place
  from ${table}
) as ranked
where place = 1`;
}

/** The columns of a table as the catalog has them, the partition keys last. */
function columnsIn(table: TableName): readonly Computed[] {
  const { StorageDescriptor, PartitionKeys } = tableInput(table, '');
  return [...StorageDescriptor!.Columns!, ...PartitionKeys!].map(({ Name, Type, Comment }: Column) => ({
    name: Name!,
    type: TRINO_TYPES[Type!]!,
    comment: Comment!,
    from: Name!,
  }));
}

function named(columns: readonly Computed[], name: string): Computed {
  return columns.find((column) => column.name === name)!;
}

/**
 * The zone is named: that of the session would not be UTC everywhere. Not `date_add`, which takes no more than 2^31 ms.
 * @param from a column in UTC epoch ms
 */
function time(name: string, from: string, comment: string): Computed {
  return { name, type: 'timestamp(3)', comment, from: `cast(from_unixtime(${from} / 1e3, 'UTC') as timestamp(3))` };
}

function double(name: string, from: string, comment: string): Computed {
  return { name, type: 'double', comment, from };
}

function ofDetail(name: string, comment: string): Computed {
  return { name, type: 'varchar', comment, from: `json_extract_scalar(detail, '$.${name}')` };
}

/** `bid_1bp` to `bid_100bp`: a quantity that is a lower bound only is no answer, so it is null. */
function depthLevels(side: 'bid' | 'ask', to: string, beyond: string): readonly Computed[] {
  return DEPTH_LEVELS.map((level, index) =>
    double(
      `${side}_${level}bp`,
      `case when ${side}_levels_covered > ${index} then ${side}s[${index + 1}][2] end`,
      `Base quantity from the best ${side} ${to} ${level / 100} % ${beyond} the mid price; null where it is not covered`,
    ),
  );
}
