/** Sessions that follow each other, and what changes under a running one: state, listings, clocks. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { Log } from '../../producer/log.ts';
import type { ProducerEdge } from '../../producer/main.ts';
import { isNewer, type StateStore, type SymbolState } from '../../producer/state/store.ts';
import { openSpill } from '../../producer/stream/open-spill.ts';
import { restSide, running, START_MS } from './running.ts';
import { frameText } from './samples.ts';
import { settle } from './virtual-clock.ts';

/** The contract of a store, in memory. */
function memoryStore(states: readonly SymbolState[] = []): StateStore & { readonly held: Map<string, SymbolState> } {
  const held = new Map(states.map((state) => [state.symbol, state]));
  return {
    held,
    load: async (_, symbols) =>
      new Map(symbols.flatMap((symbol) => (held.has(symbol) ? [[symbol, held.get(symbol)!]] : []))),
    save: async (_, given) => {
      for (const state of given) if (isNewer(state, held.get(state.symbol))) held.set(state.symbol, state);
    },
  };
}

const before: SymbolState = {
  symbol: 'BTCUSDT',
  receivedMs: START_MS - 300_000,
  lastUpdateId: 40,
  sessionId: 'session-0',
  clean: true,
};

describe('a session after another', () => {
  test('names the gap between the last recorded frame and its own first', async () => {
    const { clock, stop, receive, events, summary } = running({}, { store: memoryStore([before]) });
    await clock.advance(1_000);
    receive(frameText('BTCUSDT', 50));
    await clock.advance(1_000);
    stop.next('end');
    await summary;

    const gap = events().find(({ kind }) => kind === 'gap');
    expect(gap).toMatchObject({ symbol: 'BTCUSDT', from_ms: before.receivedMs, to_ms: START_MS + 1_000 });
    expect(JSON.parse(gap!.detail!)).toEqual({
      last_update_id_before: 40,
      last_update_id_after: 50,
      session_before: 'session-0',
      bounds: 'exact',
    });
  });

  test('claims no gap that another producer has covered meanwhile', async () => {
    const store = memoryStore([{ ...before, receivedMs: START_MS - 5_000, clean: false }]);
    const { clock, stop, receive, events, summary } = running({}, { store });
    await clock.advance(1_000);
    receive(frameText('BTCUSDT', 50));
    await store.save('binance.us', [{ ...before, sessionId: 'other', receivedMs: START_MS + 9_000, lastUpdateId: 60 }]);
    await clock.advance(20_000);
    stop.next('end');
    await summary;

    expect(events().map(({ kind }) => kind)).not.toContain('gap');
  });

  test('leaves its own state: of the last accepted frame, clean once it ended in order', async () => {
    const store = memoryStore();
    const { clock, stop, receive, summary } = running({}, { store });
    await settle();
    receive(frameText('BTCUSDT', 1));
    await clock.advance(5_000);
    receive(frameText('BTCUSDT', 2));
    await clock.advance(8_000);
    expect(store.held.get('BTCUSDT')).toMatchObject({ lastUpdateId: 2, receivedMs: START_MS + 5_000, clean: false });

    stop.next('end');
    await summary;

    expect(store.held.get('BTCUSDT')).toMatchObject({ sessionId: 'session-1', lastUpdateId: 2, clean: true });
  });

  test('leaves no state beyond a gap that is not in the stream yet: a kill would hide it', async () => {
    const store = memoryStore();
    let refusing = false;
    const put: ProducerEdge['put'] = async (packs) =>
      packs.map(({ table }) => (refusing && table === 'feed_event' ? 'InternalFailure' : null));
    const { clock, stop, receive, cut, summary } = running({ lanes: 64 }, { store, put });
    await settle();
    receive(frameText('BTCUSDT', 1));
    await clock.advance(5_000);
    refusing = true;
    cut();
    await clock.advance(2_000);
    receive(frameText('BTCUSDT', 9));
    await clock.advance(14_000);
    expect(store.held.get('BTCUSDT')).toMatchObject({ lastUpdateId: 1 });

    refusing = false;
    await clock.advance(20_000);
    expect(store.held.get('BTCUSDT')).toMatchObject({ lastUpdateId: 9, clean: false });
    stop.next('end');
    await summary;
  });

  test('ends in time where the store hangs: what is spilled does not wait for it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'depthlake-'));
    const store = { ...memoryStore(), save: () => new Promise<void>(() => {}) };
    const leftMs: number[] = [];
    const session: ReturnType<typeof running> = running(
      {},
      {
        store,
        openSpill: () =>
          openSpill({ folder, sessionId: 'session-1', boundBytes: 1e6, scheduler: session.clock, log: () => {} }),
        leaveSpill: async () => void leftMs.push(session.clock.now()),
      },
    );
    const { clock, stop, receive, socket, summary } = session;
    await vi.waitFor(() => expect(socket()).not.toBeNull());
    receive(frameText('BTCUSDT', 1));
    await clock.advance(5_000);
    stop.next('end');
    await clock.advance(6_000);
    await summary;

    expect(leftMs).toEqual([START_MS + 5_000]);
    rmSync(folder, { recursive: true });
  });

  test('that cannot read the store says of every symbol that what lies before is unknown', async () => {
    const store = { ...memoryStore(), load: () => Promise.reject(new Error('throttled')) };
    const { clock, stop, events, summary } = running({}, { store });
    await clock.advance(1_000);
    stop.next('end');
    await summary;

    const gaps = events().filter(({ kind }) => kind === 'gap');
    expect(gaps.map(({ symbol, from_ms }) => [symbol, from_ms])).toEqual([
      ['BTCUSDT', null],
      ['ETHUSDT', null],
    ]);
    expect(JSON.parse(gaps[0]!.detail!)).toMatchObject({ bounds: 'unknown' });
  });
});

describe('a session under which the world changes', () => {
  test('follows a symbol that is listed and lets go of one that is delisted, without an outage', async () => {
    let listed = ['BTCUSDT', 'ETHUSDT'];
    const fetcher: typeof fetch = (...request) => restSide(listed)(...request);
    const { clock, stop, urls, receive, events, summary } = running({ symbols: ['*'] }, { fetcher, random: () => 0.5 });
    await settle();
    receive(frameText('BTCUSDT', 1));
    listed = ['BTCUSDT', 'SOLUSDT'];

    await clock.advance(3_600_000 + 1_000);
    receive(frameText('BTCUSDT', 2));
    receive(frameText('SOLUSDT', 1));
    await clock.advance(60_000);
    stop.next('end');
    const result = await summary;

    expect(urls.at(-1)).toContain('btcusdt@depth20@100ms/solusdt@depth20@100ms');
    const kinds = events().map(({ kind, symbol }) => `${kind} ${symbol}`);
    expect(kinds.filter((kind) => kind.includes('listed'))).toEqual(['listed SOLUSDT', 'delisted ETHUSDT']);
    expect(kinds.filter((kind) => kind.startsWith('gap') || kind.startsWith('disconnected'))).toEqual([]);
    expect(result.symbols).toBe(2);
  });

  /** A session of BTCUSDT in which SOLUSDT is listed after an hour, and whatever the venue lists later. */
  async function listing(store: StateStore) {
    let listed = ['BTCUSDT'];
    const fetcher: typeof fetch = (...request) => restSide(listed)(...request);
    const session = running({ symbols: ['*'] }, { fetcher, store, random: () => 0.5 });
    const { clock, receive, stop, summary } = session;
    await settle();
    receive(frameText('BTCUSDT', 1));
    return {
      ...session,
      async anHourLater(...symbols: string[]) {
        listed = symbols;
        await clock.advance(3_600_000 + 12_000);
      },
      async hear(id: number): Promise<number> {
        receive(frameText('SOLUSDT', id));
        const atMs = clock.now();
        await clock.advance(20_000);
        return atMs;
      },
      async gaps() {
        stop.next('end');
        await summary;
        const gaps = session.events().filter(({ kind }) => kind === 'gap');
        return gaps.map(({ symbol, from_ms, to_ms, detail }) => ({ symbol, from_ms, to_ms, ...JSON.parse(detail!) }));
      },
    };
  }

  test('names the gap of a listed symbol since an earlier session recorded it', async () => {
    const { anHourLater, hear, gaps } = await listing(memoryStore([{ ...before, symbol: 'SOLUSDT' }]));
    await anHourLater('BTCUSDT', 'SOLUSDT');
    const toMs = await hear(50);
    await hear(51);

    expect(await gaps()).toEqual([
      {
        symbol: 'SOLUSDT',
        from_ms: before.receivedMs,
        to_ms: toMs,
        last_update_id_before: 40,
        last_update_id_after: 50,
        session_before: 'session-0',
        bounds: 'exact',
      },
    ]);
  });

  test('begins without a symbol that does not trade, warns, and follows it with its gap once it trades', async () => {
    let status = 'BREAK';
    const trading = [{ symbol: 'BTCUSDT', status: 'TRADING' }];
    const fetcher = async () => Response.json({ symbols: [...trading, { symbol: 'SOLUSDT', status }] });
    const logged: unknown[] = [];
    const log: Log = (level, event, fields) => void logged.push([level, event, fields]);
    const symbols = ['BTCUSDT', 'SOLUSDT'];
    const store = memoryStore([{ ...before, symbol: 'SOLUSDT' }]);
    const session = running({ symbols }, { fetcher, store, log, random: () => 0.5 });
    await settle();
    session.receive(frameText('BTCUSDT', 1));
    expect(logged).toContainEqual(['warn', 'symbol_not_trading', { symbol: 'SOLUSDT', status: 'BREAK' }]);
    expect(session.urls).toHaveLength(1);
    expect(session.urls[0]).not.toContain('solusdt');

    status = 'TRADING';
    await session.clock.advance(3_600_000 + 12_000);
    session.receive(frameText('SOLUSDT', 50));
    await session.clock.advance(20_000);
    session.stop.next('end');
    await session.summary;

    const events = session.events().filter(({ symbol, kind }) => symbol === 'SOLUSDT' && kind !== 'tally');
    expect(events.map(({ kind, from_ms }) => [kind, from_ms])).toEqual([
      ['listed', null],
      ['gap', before.receivedMs],
    ]);
    expect(session.books().map(({ symbol }) => symbol)).toEqual(['BTCUSDT', 'SOLUSDT']);
  });

  test('claims no gap of a listed symbol that another producer records already', async () => {
    const other = { ...before, symbol: 'SOLUSDT', sessionId: 'other', clean: false };
    const store = memoryStore([{ ...other, receivedMs: START_MS + 3_595_000 }]);
    const { anHourLater, hear, gaps } = await listing(store);
    await anHourLater('BTCUSDT', 'SOLUSDT');
    await store.save('binance.us', [{ ...other, receivedMs: START_MS + 3_640_000, lastUpdateId: 60 }]);
    await hear(50);

    expect(await gaps()).toEqual([]);
  });

  test('names the gap of a symbol that was delisted and is listed again', async () => {
    const { anHourLater, hear, gaps } = await listing(memoryStore());
    await anHourLater('BTCUSDT', 'SOLUSDT');
    const fromMs = await hear(7);
    await anHourLater('BTCUSDT');
    await anHourLater('BTCUSDT', 'SOLUSDT');
    const toMs = await hear(9);

    expect(await gaps()).toEqual([
      {
        symbol: 'SOLUSDT',
        from_ms: fromMs,
        to_ms: toMs,
        last_update_id_before: 7,
        last_update_id_after: 9,
        bounds: 'exact',
      },
    ]);
  });

  test.each([
    ['fails', () => Promise.reject(new Error('throttled'))],
    ['hangs', () => new Promise<never>(() => {})],
  ])('follows a listed symbol where the store %s, and says that what lies before is unknown', async (_, load) => {
    const store = memoryStore();
    const { anHourLater, hear, gaps, books } = await listing({
      ...store,
      load: (venue, symbols) => (symbols.includes('SOLUSDT') ? load() : store.load(venue, symbols)),
    });
    await anHourLater('BTCUSDT', 'SOLUSDT');
    await hear(50);
    await hear(51);

    expect(await gaps()).toMatchObject([{ symbol: 'SOLUSDT', from_ms: null, bounds: 'unknown' }]);
    expect(books().map(({ symbol }) => symbol)).toContain('SOLUSDT');
  });

  test('tells when the clock was set', async () => {
    let setBackMs = 0;
    const session = running({}, { monotonicNow: () => session.clock.now() + setBackMs });
    await session.clock.advance(5_000);
    setBackMs = 7_000;
    await session.clock.advance(2_000);
    session.stop.next('end');
    await session.summary;

    const jumps = session.events().filter(({ kind }) => kind === 'clock_jumped');
    expect(jumps).toHaveLength(1);
    expect(JSON.parse(jumps[0]!.detail!)).toEqual({ ms: -7_000 });
  });
});
