import { describe, expect, test } from 'vitest';
import type { FeedEvent } from '../../../producer/feed/observation.ts';
import type { SymbolState } from '../../../producer/state/store.ts';
import { closed, diff, END_MS, frame, handedOver, observe, observing, opened, type Step, seed } from './observing.ts';

const gapsOf = (events: FeedEvent[]) => events.filter(({ kind }) => kind === 'gap');

const state = (extra: Partial<SymbolState> = {}): SymbolState => ({
  symbol: 'BTCUSDT',
  receivedMs: 1_000,
  lastUpdateId: 70,
  sessionId: 'earlier',
  clean: true,
  ...extra,
});

const LATER = 100_000;

describe('across restarts', () => {
  test('what lies between the last state and the first frame is a gap with exact bounds', async () => {
    const { events } = await observe([opened(LATER), frame(LATER + 5, 90), frame(LATER + 6, 91)], {
      previous: [state()],
    });

    expect(gapsOf(events)).toEqual([
      {
        timestamp_ms: LATER + 5,
        kind: 'gap',
        symbol: 'BTCUSDT',
        from_ms: 1_000,
        to_ms: LATER + 5,
        detail: { last_update_id_before: 70, last_update_id_after: 90, session_before: 'earlier', bounds: 'exact' },
      },
    ]);
  });

  test('the bounds are outer ones after a crash, and say so', async () => {
    const { events } = await observe([opened(LATER), frame(LATER + 5, 90)], { previous: [state({ clean: false })] });

    expect(gapsOf(events)).toMatchObject([{ from_ms: 1_000, detail: { bounds: 'outer' } }]);
  });

  test('the same id as before means that nothing was missed', async () => {
    const { events } = await observe([opened(LATER), frame(LATER, 70)], { previous: [state()] });

    expect(gapsOf(events)).toEqual([]);
  });

  test.each([
    ['continues', 71, 73, 0],
    ['overlaps', 68, 71, 0],
    ['repeats', 69, 70, 0],
    ['leaves out one update', 72, 73, 1],
  ])('a first diff that %s', async (_, firstId, lastId, gaps) => {
    const { events } = await observe([opened(LATER), diff(LATER, firstId, lastId), seed(LATER, firstId)], {
      book: 'full',
      previous: [state()],
    });

    expect(gapsOf(events)).toHaveLength(gaps);
  });

  test('a gap reaches to the first diff that is recorded, not to those before the first seed', async () => {
    const { events, snapshots } = await observe(
      [
        opened(LATER),
        diff(LATER, 71, 80),
        diff(LATER + 60_000, 81, 90),
        diff(LATER + 60_100, 91, 92),
        seed(LATER + 61_000, 90),
      ],
      { book: 'full', previous: [state()] },
    );

    expect(snapshots.map(({ lastUpdateId }) => lastUpdateId)).toEqual([92]);
    expect(gapsOf(events)).toMatchObject([
      { from_ms: 1_000, to_ms: LATER + 60_100, detail: { last_update_id_before: 70, last_update_id_after: 92 } },
    ]);
  });

  test('a book that never gets a seed is a gap that is open at the end', async () => {
    const { events } = await observe([opened(LATER), diff(LATER, 71, 72)], { book: 'full', previous: [state()] });

    expect(gapsOf(events)).toMatchObject([{ from_ms: 1_000, to_ms: END_MS, detail: { open: true } }]);
  });

  test('a symbol that does not come at all is a gap that is open at the end', async () => {
    const { events } = await observe([opened(LATER)], { previous: [state()] });

    expect(gapsOf(events)).toMatchObject([
      { from_ms: 1_000, to_ms: END_MS, detail: { last_update_id_before: 70, open: true, session_before: 'earlier' } },
    ]);
  });

  test('a state that another producer recorded after the first frame leaves no gap', async () => {
    const { events } = await observe([opened(LATER), frame(LATER, 90)], {
      previous: [state({ receivedMs: LATER, clean: false })],
    });

    expect(gapsOf(events)).toEqual([]);
  });

  test.each<[string, Step[], object]>([
    ['comes', [frame(LATER, 90)], { last_update_id_after: 90 }],
    ['does not come', [], { open: true }],
  ])(
    'a state from the future proves nothing: what lies before is unknown where the symbol %s',
    async (_, steps, after) => {
      const { events } = await observe([opened(LATER), ...steps], {
        previous: [state({ receivedMs: END_MS + 3_600_000 })],
      });

      const [gap, ...others] = gapsOf(events);
      expect(gap).toMatchObject({
        to_ms: steps.length === 0 ? END_MS : LATER,
        detail: { last_update_id_before: 70, ...after, session_before: 'earlier', bounds: 'unknown' },
      });
      expect([gap!.from_ms, others]).toEqual([undefined, []]);
    },
  );

  test('a state from the future has no gap where the ids go on', async () => {
    const { events } = await observe([opened(LATER), frame(LATER, 70)], {
      previous: [state({ receivedMs: END_MS + 3_600_000 })],
    });

    expect(gapsOf(events)).toEqual([]);
  });

  test('a symbol without a state has no gap', async () => {
    const { events } = await observe([opened(LATER), frame(LATER, 90, 'ETHUSDT'), frame(LATER, 70)], {
      previous: [state()],
    });

    expect(gapsOf(events)).toEqual([]);
  });
});

describe('a symbol that is delisted and trades again', () => {
  async function again(options: Parameters<typeof observing>[0], until: readonly Step[], from: readonly Step[]) {
    const run = observing(options);
    await run.play([opened(LATER), ...until]);
    await run.clock.advance(LATER + 2_000 - run.clock.now());
    run.delist('BTCUSDT');
    await run.play([handedOver(LATER + 70_000), ...from]);
    await run.end();
    return gapsOf(run.events);
  }

  test('has a gap from the last frame to the first', async () => {
    const gaps = await again({}, [frame(LATER, 90)], [frame(LATER + 90_000, 95), frame(LATER + 90_100, 96)]);

    expect(gaps).toEqual([
      {
        timestamp_ms: LATER + 90_000,
        kind: 'gap',
        symbol: 'BTCUSDT',
        from_ms: LATER,
        to_ms: LATER + 90_000,
        detail: { last_update_id_before: 90, last_update_id_after: 95, bounds: 'exact' },
      },
    ]);
  });

  test('whose outage was a gap until it was delisted has the next one from there on', async () => {
    const gaps = await again({}, [frame(LATER, 90), closed(LATER + 10)], [frame(LATER + 90_000, 95)]);

    expect(gaps).toMatchObject([
      { from_ms: LATER, to_ms: LATER + 2_000, detail: { open: true } },
      { from_ms: LATER + 2_000, to_ms: LATER + 90_000, detail: { last_update_id_after: 95 } },
    ]);
  });

  test('and was never heard before has a gap of the earlier session until then, and one of its own', async () => {
    const gaps = await again({ previous: [state()] }, [], [frame(LATER + 90_000, 95)]);

    expect(gaps).toMatchObject([
      { from_ms: 1_000, to_ms: LATER + 2_000, detail: { open: true, session_before: 'earlier' } },
      { from_ms: LATER + 2_000, to_ms: LATER + 90_000, detail: { last_update_id_after: 95 } },
    ]);
  });

  test.each([
    ['continues: nothing was missed', 73, 0],
    ['leaves out an update', 74, 1],
  ])('whose first diff %s', async (_, firstId, count) => {
    const from = [diff(LATER + 90_000, firstId, 75), seed(LATER + 91_000, 74)];
    const gaps = await again({ book: 'full' }, [diff(LATER, 71, 72), seed(LATER + 500, 71)], from);

    expect(gaps).toHaveLength(count);
  });
});

describe('a gap that another producer may have covered', () => {
  const fresh = state({ receivedMs: LATER - 59_000 });
  const first = [opened(LATER), frame(LATER, 90)];

  test.each<[string, SymbolState | null, number]>([
    ['another session recorded the symbol at the first frame’s time', state({ sessionId: 'b', receivedMs: LATER }), 0],
    ['the earlier session goes on', state({ receivedMs: LATER + 9_000 }), 0],
    ['it recorded the first frame a moment sooner', state({ receivedMs: LATER - 3, lastUpdateId: 90 }), 0],
    ['nothing else recorded it', fresh, 1],
    ['only this session recorded it', state({ sessionId: 'this session', receivedMs: LATER + 9_000 }), 1],
    ['the store has forgotten it', null, 1],
  ])('is decided after 12 s by what the store holds then: %s', async (_, now, gaps) => {
    const run = observing({ previous: [fresh], recheck: async () => now });

    await run.play([...first, frame(LATER + 11_999, 91)]);
    expect([gapsOf(run.events).length, run.restarts.undecided('BTCUSDT')]).toEqual([0, true]);
    await run.clock.advance(1);

    expect(run.restarts.undecided('BTCUSDT')).toBe(false);
    expect(gapsOf(run.events)).toMatchObject(
      Array(gaps).fill({ from_ms: fresh.receivedMs, to_ms: LATER, detail: { last_update_id_after: 90 } }),
    );
  });

  test('begins where the other one, as the store knows then, ended', async () => {
    const ended = state({ sessionId: 'b', receivedMs: LATER - 1, lastUpdateId: 88, clean: true });
    const run = observing({ previous: [{ ...fresh, clean: false }], recheck: async () => ended });

    await run.play(first);
    await run.clock.advance(12_000);

    expect(gapsOf(run.events)).toMatchObject([
      {
        from_ms: LATER - 1,
        to_ms: LATER,
        detail: { last_update_id_before: 88, session_before: 'b', bounds: 'exact' },
      },
    ]);
  });

  test('is told when the store cannot be asked', async () => {
    const recheck = () => Promise.reject(new Error('no answer'));

    const { events, logged } = await observe(first, { previous: [fresh], recheck });

    expect(gapsOf(events)).toHaveLength(1);
    expect(logged).toContain('state_recheck_failed');
  });

  test('is told at once when the session ends before', async () => {
    const { events } = await observe(first, { previous: [fresh], recheck: async () => null, endMs: LATER + 5_000 });

    expect(gapsOf(events)).toHaveLength(1);
  });

  test('is not waited for where the session before ended in order, long ago', async () => {
    const run = observing({ previous: [state()], recheck: async () => null });

    await run.play(first);

    expect([gapsOf(run.events).length, run.restarts.undecided('BTCUSDT')]).toEqual([1, false]);
  });
});
