import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IdOrder } from '../../../producer/feed/id-order.ts';
import { frame, observe, opened } from './observing.ts';

/** Places ids 100 ms apart. */
function placing(ids: readonly number[]) {
  let stale = 0;
  const order = new IdOrder<null>((messages) => {
    stale += messages;
  });
  const places = ids.map((id, i) => order.place(id, i * 100, null).kind);
  return { places, stale: () => stale, order };
}

describe('ids', () => {
  test('each gives one message, whatever two connections bring and in whatever order within the memory', () => {
    const twice = fc.uniqueArray(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 100 });
    const property = fc.property(twice, fc.array(fc.nat(), { maxLength: 50 }), (ids, picks) => {
      const lowestFirst = [0, ...ids, ...picks.map((pick) => ids[pick % ids.length]!)];

      const { places, stale } = placing(lowestFirst);

      const accepted = lowestFirst.filter((_, i) => places[i] === 'new' || places[i] === 'late');
      expect(accepted).toEqual([0, ...ids]);
      expect(places.filter((place) => place === 'repeat')).toHaveLength(picks.length);
      expect(stale()).toBe(0);
    });
    fc.assert(property);
  });

  test('of a message that is too late are held, and stale when the numbering goes on', () => {
    const { places, stale } = placing([100, 50, 51, 101]);

    expect(places).toEqual(['new', 'held', 'held', 'new']);
    expect(stale()).toBe(2);
  });

  test('that come 128 or more ids late are too late, sooner ones are not', () => {
    const ids = Array.from({ length: 130 }, (_, i) => 2 * i);

    expect(placing([...ids, 5, 3]).places.slice(-2)).toEqual(['late', 'held']);
  });

  test('are held 128 at the most, the oldest go first', () => {
    const lower = Array.from({ length: 200 }, (_, i) => i);
    let stale = 0;
    const order = new IdOrder<null>((messages) => {
      stale += messages;
    });
    order.place(1_000, 0, null);
    for (const id of lower) order.place(id, id, null);

    expect(stale).toBe(72);
    expect(order.end(20_000)?.held.map(({ id }) => id)).toEqual(lower.slice(72));
  });
});

describe('ids that stay lower', () => {
  const lower = (fromMs: number, n: number, everyMs: number) =>
    Array.from({ length: n }, (_, i) => frame(fromMs + i * everyMs, 10 + i));

  test('for 10 s are a restart of the venue: one event, and every snapshot with its own time', async () => {
    const { events, snapshots, counters } = await observe([
      opened(0),
      frame(1_000, 500),
      ...lower(2_000, 101, 100),
      frame(12_100, 111),
    ]);

    expect(events.slice(1)).toEqual([
      {
        timestamp_ms: 12_000,
        kind: 'ids_restarted',
        symbol: 'BTCUSDT',
        from_ms: 2_000,
        to_ms: 12_000,
        detail: { last_update_id_before: 500, last_update_id_after: 10, held: 101 },
      },
    ]);
    expect(snapshots.map(({ receivedMs, lastUpdateId }) => [receivedMs, lastUpdateId])).toEqual([
      [1_000, 500],
      ...Array.from({ length: 101 }, (_, i) => [2_000 + 100 * i, 10 + i]),
      [12_100, 111],
    ]);
    expect(counters.of('BTCUSDT').discarded).toEqual({});
  });

  test('for less are stale, and counted', async () => {
    const { events, snapshots, counters } = await observe([
      opened(0),
      frame(1_000, 500),
      ...lower(2_000, 100, 100),
      frame(11_950, 501),
    ]);

    expect(events.map(({ kind }) => kind)).toEqual(['connected']);
    expect(snapshots.map(({ lastUpdateId }) => lastUpdateId)).toEqual([500, 501]);
    expect(counters.of('BTCUSDT').discarded).toEqual({ stale: 100 });
  });

  test('while the old numbering is still heard are no restart, however long', async () => {
    const steps = Array.from({ length: 300 }, (_, i) => frame(1_000 + i * 100, i % 50 === 0 ? 500 : 10 + i));

    const { events, counters } = await observe([opened(0), ...steps], { endMs: 31_000 });

    expect(events.map(({ kind }) => kind)).toEqual(['connected']);
    expect(counters.of('BTCUSDT').discarded).toEqual({ repeat: 5, stale: 294 });
  });

  test('until the session ends are stale before 10 s, and a restart after', async () => {
    const steps = [opened(0), frame(1_000, 500), ...lower(2_000, 3, 100)];

    const before = await observe(steps, { endMs: 11_999 });
    const after = await observe(steps, { endMs: 12_000 });

    expect([before.snapshots.length, before.counters.of('BTCUSDT').discarded]).toEqual([1, { stale: 3 }]);
    expect([after.snapshots.length, after.counters.of('BTCUSDT').discarded]).toEqual([4, {}]);
    expect(after.events.at(-1)).toMatchObject({ kind: 'ids_restarted', from_ms: 2_000, to_ms: 2_200 });
  });
});
