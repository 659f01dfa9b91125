/** Rows of every shape that the data contract allows. */
import fc from 'fast-check';
import type { FeedEventRow, OrderBookRow, TableRow } from '../../producer/record.ts';

const double = fc.double({ noNaN: true, noDefaultInfinity: true });
const long = fc.oneof(
  fc.maxSafeInteger(),
  fc.constantFrom(0, -1, 2 ** 31, -(2 ** 31) - 1, -(2 ** 52) - 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
);
const text = fc.string({ unit: 'binary' });
const pairs = fc.array(fc.array(double, { maxLength: 3 }), { maxLength: 20 });
const nullable = <V>(value: fc.Arbitrary<V>) => fc.option(value, { nil: null });
const levels = fc.integer({ min: 0, max: 5 });

/** The year 1970 to 9999. */
export const timestamp = fc.integer({ min: 0, max: Date.UTC(10_000, 0, 1) - 1 });

export const orderBookRow: fc.Arbitrary<OrderBookRow> = fc.record({
  timestamp_ms: long,
  bids: pairs,
  asks: pairs,
  spread: double,
  mid_price: double,
  imbalance_ratio: double,
  venue: text,
  symbol: text,
  last_update_id: long,
  received_ms: long,
  session_id: text,
  seq: long,
  bid_levels_covered: levels,
  ask_levels_covered: fc.integer(),
  bid_reach: double,
  ask_reach: double,
  verified: nullable(fc.boolean()),
  top_bids: nullable(pairs),
  top_asks: nullable(pairs),
});

export const feedEventRow: fc.Arbitrary<FeedEventRow> = fc.record({
  timestamp_ms: long,
  venue: text,
  symbol: nullable(text),
  session_id: text,
  seq: long,
  kind: text,
  from_ms: nullable(long),
  to_ms: nullable(long),
  missed_updates: nullable(long),
  last_seq: nullable(long),
  detail: nullable(text),
});

export const tableRow: fc.Arbitrary<TableRow> = fc.oneof(
  orderBookRow.map((row): TableRow => ({ table: 'order_book', row })),
  feedEventRow.map((row): TableRow => ({ table: 'feed_event', row })),
);

/** A small row of a time, with a `seq` to know it by. */
export function orderBookAt(timestampMs: number, seq: number, more: Partial<OrderBookRow> = {}): OrderBookRow {
  return {
    timestamp_ms: timestampMs,
    bids: [[63_000.5, 1.25]],
    asks: [[63_001.5, 0.75]],
    spread: 1,
    mid_price: 63_001,
    imbalance_ratio: 0.25,
    venue: 'local',
    symbol: 'BTCUSDT',
    last_update_id: seq,
    received_ms: timestampMs,
    session_id: 'session',
    seq,
    bid_levels_covered: 5,
    ask_levels_covered: 5,
    bid_reach: 0.01,
    ask_reach: 0.01,
    verified: null,
    top_bids: null,
    top_asks: null,
    ...more,
  };
}

export function feedEventAt(timestampMs: number, seq: number, more: Partial<FeedEventRow> = {}): FeedEventRow {
  return {
    timestamp_ms: timestampMs,
    venue: 'local',
    symbol: null,
    session_id: 'session',
    seq,
    kind: 'tally',
    from_ms: null,
    to_ms: null,
    missed_updates: null,
    last_seq: null,
    detail: null,
    ...more,
  };
}
