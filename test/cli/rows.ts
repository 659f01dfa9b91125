/** Rows for tests, of which only the fields that matter are given. */
import type { FeedEventRow, OrderBookRow } from '../../producer/record.ts';

const MS = Date.UTC(2026, 8, 1, 12);

export function snapshot(given: Partial<OrderBookRow> = {}): OrderBookRow {
  return {
    timestamp_ms: MS,
    bids: [1, 2, 3, 4, 5].map((n) => [100 - n, n]),
    asks: [1, 2, 3, 4, 5].map((n) => [100 + n, n]),
    spread: 0.5,
    mid_price: 100,
    imbalance_ratio: 0,
    venue: 'local',
    symbol: 'BTCUSDT',
    last_update_id: 1,
    received_ms: MS,
    session_id: 's1',
    seq: 1,
    bid_levels_covered: 5,
    ask_levels_covered: 5,
    bid_reach: 0.05,
    ask_reach: 0.05,
    verified: null,
    top_bids: null,
    top_asks: null,
    ...given,
  };
}

export function feedEvent(given: Partial<FeedEventRow> = {}): FeedEventRow {
  return {
    timestamp_ms: MS,
    venue: 'local',
    symbol: null,
    session_id: 's1',
    seq: 1,
    kind: 'started',
    from_ms: null,
    to_ms: null,
    missed_updates: null,
    last_seq: null,
    detail: null,
    ...given,
  };
}
