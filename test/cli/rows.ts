/** Rows for tests, of which only the fields that matter are given. */
import type { FeedEventRow, OrderBookRow } from '../../producer/record.ts';
import { feedEventAt, orderBookAt } from '../transformer/arbitrary-rows.ts';

const MS = Date.UTC(2026, 8, 1, 12);

export function snapshot(given: Partial<OrderBookRow> = {}): OrderBookRow {
  return orderBookAt(MS, 1, { session_id: 's1', ...given });
}

export function feedEvent(given: Partial<FeedEventRow> = {}): FeedEventRow {
  return feedEventAt(MS, 1, { session_id: 's1', kind: 'started', ...given });
}
