/** Frames, snapshots and rows for tests, as the parts of the producer see them. */
import type { Snapshot } from '../../producer/feed/observation.ts';
import type { OrderBookRow, TableRow } from '../../producer/record.ts';

type Side = readonly (readonly [price: string, quantity: string])[];

/** A depth20 frame as the venue sends it. */
export function frameText(symbol: string, id: number, bids: Side = [['99', '1']], asks: Side = [['101', '2']]): string {
  const data = { lastUpdateId: id, bids, asks };
  return JSON.stringify({ stream: `${symbol.toLowerCase()}@depth20@100ms`, data });
}

const DEPTH = {
  bids: [0.9999, 0.9995, 0.999, 0.995, 0.99].map((factor) => [100 * factor, 1]),
  asks: [1.0001, 1.0005, 1.001, 1.005, 1.01].map((factor) => [100 * factor, 2]),
  spread: 2,
  mid_price: 100,
  imbalance_ratio: -1 / 3,
  bid_levels_covered: 5,
  ask_levels_covered: 5,
  bid_reach: 0.01,
  ask_reach: 0.01,
};

export function snapshot(symbol: string, atMs: number, lastUpdateId = 1): Snapshot {
  const times = { timestampMs: atMs, receivedMs: atMs };
  return { kind: 'snapshot', symbol, ...times, lastUpdateId, verified: null, topBids: null, topAsks: null, ...DEPTH };
}

export function bookRow(symbol: string, seq: number, atMs: number, extra: Partial<OrderBookRow> = {}): TableRow {
  const identity = { venue: 'binance.us', symbol, session_id: 'session-1', seq, last_update_id: seq };
  const times = { timestamp_ms: atMs, received_ms: atMs };
  return {
    table: 'order_book',
    row: { ...times, ...DEPTH, ...identity, verified: null, top_bids: null, top_asks: null, ...extra },
  };
}

export function eventRow(symbol: string | null, seq: number, atMs: number, detail: string | null = null): TableRow {
  const identity = { venue: 'binance.us', symbol, session_id: 'session-1', seq };
  const nothing = { from_ms: null, to_ms: null, missed_updates: null, last_seq: null };
  return { table: 'feed_event', row: { timestamp_ms: atMs, ...identity, kind: 'connected', ...nothing, detail } };
}
