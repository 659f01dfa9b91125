/** A lake of two days, small enough to know by heart: its rows, and what the seed queries answer over them. */
import type { FeedEventRow, OrderBookRow, TableRow } from '../../producer/record.ts';
import { feedEventAt, orderBookAt } from '../transformer/arbitrary-rows.ts';

/** What `current_date` is for the queries. */
export const TODAY = '2026-09-02';

const at = (text: string) => Date.parse(`${text}Z`);
const side = (quantities: readonly number[]) => quantities.map((quantity, index) => [100 + index, quantity]);

function snapshot(session: string, seq: number, time: string, given: Partial<OrderBookRow>): TableRow {
  const row = {
    session_id: session,
    bids: side([1, 2, 3, 4, 5]),
    asks: side([1.5, 2.5, 3.5, 4.5, 5.5]),
    ...given,
  };
  return {
    table: 'order_book',
    row: orderBookAt(at(time), seq, { ...row, received_ms: at(time) + (given.received_ms ?? 0) }),
  };
}

function happening(seq: number, time: string, kind: string, given: Partial<FeedEventRow> = {}): TableRow {
  return { table: 'feed_event', row: feedEventAt(at(time), seq, { session_id: 'a', kind, ...given }) };
}

const covered = (bid: number, ask: number) => ({ bid_levels_covered: bid, ask_levels_covered: ask });

const NARROW = { last_update_id: 100, mid_price: 50_000.005, spread: 0.01 };
const OTHER = { symbol: 'ETHUSDT', last_update_id: 7, mid_price: 2000, spread: 1, imbalance_ratio: 0 };
const NOON = snapshot('y', 4, '2026-09-01T12:00:00.000', { last_update_id: 93 });
const GAP = happening(2, '2026-09-02T10:00:04.500', 'gap', {
  symbol: 'BTCUSDT',
  from_ms: at('2026-09-02T10:00:01.000'),
  to_ms: at('2026-09-02T10:00:04.500'),
  missed_updates: 12,
  detail: '{"last_update_id_before":100,"bounds":"exact"}',
});

/** What the transformer is given, invocation by invocation: the second repeats what the first delivered. */
export const INVOCATIONS: readonly (readonly TableRow[])[] = [
  [
    snapshot('y', 1, '2026-09-01T11:00:00.000', { last_update_id: 90 }),
    snapshot('y', 2, '2026-09-01T11:59:59.900', { last_update_id: 91, mid_price: 49_000, spread: 2 }),
    NOON,
    snapshot('a', 1, '2026-09-02T10:00:00.250', {
      ...NARROW,
      ...covered(3, 2),
      bid_reach: 0.002,
      ask_reach: 0.0007,
      received_ms: 40,
    }),
    // What a redundant producer recorded of the same book, with less known.
    snapshot('b', 1, '2026-09-02T10:00:00.251', { ...NARROW, ...covered(1, 1), received_ms: 5 }),
    snapshot('a', 2, '2026-09-02T10:00:30.000', {
      last_update_id: 101,
      mid_price: 50_010,
      spread: 2,
      imbalance_ratio: -0.5,
      verified: true,
      received_ms: 40,
    }),
    snapshot('a', 3, '2026-09-02T11:00:00.000', {
      last_update_id: 102,
      mid_price: 50_020,
      spread: 4,
      verified: false,
      ...covered(0, 0),
      received_ms: 100,
    }),
    snapshot('a', 1, '2026-09-02T10:00:10.000', OTHER),
    happening(9, '2026-09-01T23:59:59.999', 'gap', { symbol: 'BTCUSDT' }),
    happening(1, '2026-09-02T09:59:59.000', 'started', { detail: '{"venue":"local"}' }),
    GAP,
    happening(3, '2026-09-02T10:01:00.000', 'tally', { symbol: 'BTCUSDT', last_seq: 2 }),
    happening(4, '2026-09-02T10:02:00.000', 'disconnected', { detail: '{"connection":0,"reason":"closed 1006"}' }),
  ],
  [NOON, GAP],
];

const BTC = { venue: 'local', symbol: 'BTCUSDT' };
const ETH = { venue: 'local', symbol: 'ETHUSDT' };

/** By the name of the query. Times as SQL prints them. */
export const ANSWERS: Readonly<Record<string, readonly object[]>> = {
  'recorded-today': [
    { ...BTC, snapshots: 3, first_at: '2026-09-02 10:00:00.250', last_at: '2026-09-02 11:00:00.000' },
    { ...ETH, snapshots: 1, first_at: '2026-09-02 10:00:10.000', last_at: '2026-09-02 10:00:10.000' },
  ],
  'gaps-of-today': [
    {
      ...BTC,
      began_at: '2026-09-02 10:00:01.000',
      ended_at: '2026-09-02 10:00:04.500',
      seconds: 3.5,
      missed_updates: 12,
      bounds: 'exact',
      session_id: 'a',
    },
  ],
  'feed-of-today': [
    event('2026-09-02 09:59:59.000', null, 'started', null, null, '{"venue":"local"}'),
    event('2026-09-02 10:00:04.500', 'BTCUSDT', 'gap', 3.5, null, '{"last_update_id_before":100,"bounds":"exact"}'),
    event(
      '2026-09-02 10:02:00.000',
      null,
      'disconnected',
      null,
      'closed 1006',
      '{"connection":0,"reason":"closed 1006"}',
    ),
  ],
  'spread-by-minute': [
    {
      ...BTC,
      minute: '2026-09-02 10:00:00.000',
      ...mids(50_000.005, 50_000.005, 50_010, 50_010),
      spread_bp: ((0.01 / 50_000.005 + 2 / 50_010) * 1e4) / 2,
    },
    {
      ...BTC,
      minute: '2026-09-02 11:00:00.000',
      ...mids(50_020, 50_020, 50_020, 50_020),
      spread_bp: (4 / 50_020) * 1e4,
    },
    { ...ETH, minute: '2026-09-02 10:00:00.000', ...mids(2000, 2000, 2000, 2000), spread_bp: 5 },
  ],
  'imbalance-by-hour': [
    { ...BTC, hour: 10, snapshots: 1, imbalance: -0.5, lowest: -0.5, highest: -0.5 },
    { ...ETH, hour: 10, snapshots: 1, imbalance: 0, lowest: 0, highest: 0 },
  ],
  'depth-by-hour': [
    { ...BTC, hour: 10, snapshots: 2, ...bids(2, 3 * 50_005.0025, 3 * 50_000.005), ...asks(1, 175_035, 175_035) },
    { ...BTC, hour: 11, snapshots: 1, ...bids(0, null, null), ...asks(0, null, null) },
    { ...ETH, hour: 10, snapshots: 1, ...bids(1, 6000, 6000), ...asks(1, 7000, 7000) },
  ],
  'coverage-by-symbol': [
    {
      ...BTC,
      snapshots: 3,
      verified: 1,
      disproved: 1,
      bid_levels: 8 / 3,
      ask_levels: 7 / 3,
      least_bid_reach: 0.002,
      least_ask_reach: 0.0007,
    },
    {
      ...ETH,
      snapshots: 1,
      verified: 0,
      disproved: 0,
      bid_levels: 5,
      ask_levels: 5,
      least_bid_reach: 0.01,
      least_ask_reach: 0.01,
    },
  ],
  'delay-by-hour': [
    { ...BTC, hour: 10, snapshots: 2, median_ms: 40, p99_ms: 40, longest_ms: 40 },
    { ...BTC, hour: 11, snapshots: 1, median_ms: 100, p99_ms: 100, longest_ms: 100 },
    { ...ETH, hour: 10, snapshots: 1, median_ms: 0, p99_ms: 0, longest_ms: 0 },
  ],
  'best-quotes-at-noon': [{ ...BTC, best_bid: 48_999, best_ask: 49_001, snapshot_at: '2026-09-01 11:59:59.900' }],
  'numbers-missing-yesterday': [
    { ...BTC, session_id: 'y', first_seq: 1, last_seq: 4, rows_stored: 4, duplicates: 1, missing: 1 },
  ],
  'rows-by-hour': [
    { hour: 11, rows_stored: 2, container_files: 1, symbols: 1, sessions: 1 },
    { hour: 12, rows_stored: 2, container_files: 2, symbols: 1, sessions: 1 },
  ],
};

function mids(first_mid: number, lowest_mid: number, highest_mid: number, last_mid: number) {
  return { first_mid, lowest_mid, highest_mid, last_mid };
}

function bids(bid_covered: number, bid_value: number | null, least_bid_value: number | null) {
  return { bid_covered, bid_value, least_bid_value };
}

function asks(ask_covered: number, ask_value: number | null, least_ask_value: number | null) {
  return { ask_covered, ask_value, least_ask_value };
}

function event(
  noticed_at: string,
  symbol: string | null,
  kind: string,
  seconds: number | null,
  reason: string | null,
  detail: string,
) {
  return { noticed_at, venue: 'local', symbol, kind, seconds, reason, detail };
}

/** The query as it would be asked on TODAY. */
export function askedToday(sql: string): string {
  return sql.replaceAll('current_date', `date '${TODAY}'`);
}

/** Numbers to 12 digits: engines add doubles in an order of their own. */
export function comparable(rows: readonly object[]): unknown {
  return JSON.parse(JSON.stringify(rows), (_key, value) =>
    typeof value === 'number' ? Number(value.toPrecision(12)) : value,
  );
}
