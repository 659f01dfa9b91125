/** A producer's figures for tests: its readings can be changed, its feed is told by hand. */
import { Figures } from '../../../producer/monitor/figures.ts';
import type { Readings } from '../../../producer/monitor/readings.ts';

export const INFO = {
  version: '1.2.3',
  session_id: 'session-1',
  venue: 'binance.us',
  book: 'full',
  stack: 'test',
  producer: 'producer-1',
};

const NOTHING: Readings = {
  frames: 0,
  diffs: 0,
  snapshots: 0,
  verified: 0,
  unverified: 0,
  discarded: {},
  eventsRefused: 0,
  symbols: 0,
  packs: 0,
  rows: 0,
  bytes: 0,
  lineBytes: 0,
  retries: 0,
  throttles: 0,
  queuedRows: 0,
  queuedBytes: 0,
  spillRows: 0,
  spillBytes: 0,
  spilledPacks: 0,
  drainedPacks: 0,
  damagedEntries: 0,
  refusingSinceMs: null,
  logLinesDropped: 0,
};

export function producing() {
  let readings = NOTHING;
  const figures = new Figures(() => readings, INFO);
  return {
    figures,
    reads(changed: Partial<Readings>) {
      readings = { ...readings, ...changed };
    },
    /** A pack of snapshots received at these times. */
    accepts(receivedMs: readonly number[], nowMs: number, table: 'order_book' | 'feed_event' = 'order_book') {
      figures.accepted({ table, rows: receivedMs.length, openedMs: receivedMs[0] ?? nowMs, receivedMs }, nowMs);
    },
  };
}
