/** What a session takes over from earlier ones before it begins. */
import { asyncScheduler } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { RestClient } from '../../producer/feed/rest.ts';
import { venueOf } from '../../producer/feed/venues.ts';
import { prepare } from '../../producer/preparation.ts';
import type { SymbolState } from '../../producer/state/store.ts';
import { openSpill } from '../../producer/stream/open-spill.ts';
import { PackBuilder } from '../../producer/stream/packs.ts';
import { snapshot } from '../cli/rows.ts';
import { spillFolder } from './stream/spilling.ts';

const SAVED: SymbolState = {
  symbol: 'BTCUSDT',
  receivedMs: 1_000,
  lastUpdateId: 10,
  sessionId: 'first',
  clean: true,
};

/** What the session `next` knows, when `session` left rows of BTCUSDT in the spill. */
async function previousAfter(session: string, ...rows: { received_ms: number; last_update_id: number }[]) {
  const folder = spillFolder();
  const open = (sessionId: string) =>
    openSpill({ folder, sessionId, boundBytes: 1024 ** 2, scheduler: asyncScheduler, log: () => {} });
  const { spill } = await open(session);
  const builder = new PackBuilder(1);
  rows.forEach((row, i) => {
    builder.add({ table: 'order_book', row: snapshot({ symbol: 'BTCUSDT', seq: i + 1, ...row }) }, 0);
  });
  await spill.append(builder.closeOpenedBy(0), () => false);
  await spill.close();
  await spill.release();
  const rest = new RestClient({
    restUrl: 'http://127.0.0.1',
    venue: venueOf('local'),
    fetcher: async () => Response.json({ rateLimits: [], symbols: [{ symbol: 'BTCUSDT', status: 'TRADING' }] }),
    scheduler: asyncScheduler,
    random: () => 0.5,
    log: () => {},
  });
  const { previous, spill: opened } = await prepare({
    patterns: ['BTCUSDT'],
    shard: { index: 1, count: 1 },
    venue: 'local',
    rest,
    checkStream: async () => {},
    store: { load: async () => new Map([['BTCUSDT', SAVED]]), save: async () => {} },
    openSpill: () => open('next'),
    log: () => {},
  });
  rest.close();
  await opened!.spill.release();
  return previous!.get('BTCUSDT');
}

describe('the last recorded state of a symbol', () => {
  test('is the newest row on disk, where the session of the saved state left it: no gap in order', async () => {
    const left = [
      { received_ms: 2_000, last_update_id: 20 },
      { received_ms: 3_000, last_update_id: 30 },
    ];
    expect(await previousAfter('first', ...left)).toEqual({
      ...SAVED,
      receivedMs: 3_000,
      lastUpdateId: 30,
      clean: false,
    });
  });

  test('stays the saved one, where a later session left rows: it may not have told the gap before them', async () => {
    expect(await previousAfter('second', { received_ms: 9_000, last_update_id: 90 })).toEqual(SAVED);
  });

  test('stays the saved one, where the rows on disk are older', async () => {
    expect(await previousAfter('first', { received_ms: 500, last_update_id: 5 })).toEqual(SAVED);
  });
});
