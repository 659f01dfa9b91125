import { describe, expect, test } from 'vitest';
import type { FeedEvent } from '../../../producer/feed/observation.ts';
import { closed, END_MS, frame, observe, opened } from './observing.ts';

describe('gaps', () => {
  const gapsOf = (events: FeedEvent[]) => events.filter(({ kind }) => kind === 'gap');

  test('what a symbol misses when the session ends is a gap until then, and says that it is open', async () => {
    const { events } = await observe([
      opened(0),
      frame(1_000, 7),
      frame(1_200, 5, 'ETHUSDT'),
      closed(2_000),
      opened(3_000),
      frame(3_900, 6, 'ETHUSDT'),
    ]);

    expect(gapsOf(events).at(-1)).toEqual({
      timestamp_ms: END_MS,
      kind: 'gap',
      symbol: 'BTCUSDT',
      from_ms: 1_000,
      to_ms: END_MS,
      detail: { last_update_id_before: 7, open: true, bounds: 'exact' },
    });
    expect(gapsOf(events)).toHaveLength(2);
  });

  test('the first frame after an outage tells from when to when each symbol was not seen', async () => {
    const { events, observations } = await observe([
      opened(0),
      frame(1_000, 7),
      frame(1_200, 5, 'ETHUSDT'),
      closed(2_000),
      opened(3_000),
      frame(3_100, 9),
      frame(3_900, 6, 'ETHUSDT'),
      frame(4_000, 10),
    ]);

    expect(gapsOf(events)).toEqual([
      {
        timestamp_ms: 3_100,
        kind: 'gap',
        symbol: 'BTCUSDT',
        from_ms: 1_000,
        to_ms: 3_100,
        detail: { last_update_id_before: 7, last_update_id_after: 9, bounds: 'exact' },
      },
      {
        timestamp_ms: 3_900,
        kind: 'gap',
        symbol: 'ETHUSDT',
        from_ms: 1_200,
        to_ms: 3_900,
        detail: { last_update_id_before: 5, last_update_id_after: 6, bounds: 'exact' },
      },
    ]);
    const kinds = observations.map((observation) =>
      observation.kind === 'event' ? observation.event.kind : 'snapshot',
    );
    expect(kinds.slice(4, 7)).toEqual(['connected', 'gap', 'snapshot']);
  });

  test('the same id as before the outage means that nothing was missed', async () => {
    const { events, snapshots } = await observe([
      opened(0),
      frame(1, 7),
      closed(2),
      opened(3),
      frame(4, 7),
      frame(5, 8),
    ]);

    expect(gapsOf(events)).toEqual([]);
    expect(snapshots.map(({ lastUpdateId }) => lastUpdateId)).toEqual([7, 8]);
  });

  test('a repeat before the outage proves the book until then', async () => {
    const { events } = await observe([opened(0), frame(1, 7), frame(50, 7), closed(60), opened(70), frame(80, 8)]);

    expect(gapsOf(events)).toMatchObject([{ from_ms: 50, to_ms: 80 }]);
  });

  test('a repeat of an older frame, from a connection that lags, proves nothing of what came since', async () => {
    const { events } = await observe([
      opened(0),
      frame(1, 7),
      frame(10, 8),
      frame(50, 7),
      closed(60),
      opened(70),
      frame(80, 9),
    ]);

    expect(gapsOf(events)).toMatchObject([{ from_ms: 10, to_ms: 80 }]);
  });

  test('a symbol that was not heard before the outage has no gap: nothing is known to have been before', async () => {
    const { events } = await observe([opened(0), closed(2), opened(3), frame(4, 7)]);

    expect(gapsOf(events)).toEqual([]);
  });

  test('several outages without a frame between them are one gap', async () => {
    const { events } = await observe([
      opened(0),
      frame(1, 7),
      closed(2),
      opened(3),
      closed(4),
      opened(5),
      frame(6, 9),
      frame(7, 10),
    ]);

    expect(gapsOf(events)).toMatchObject([{ from_ms: 1, to_ms: 6 }]);
  });

  test('a quiet symbol, however long, gives no event', async () => {
    const { events } = await observe([opened(0), frame(1, 7), frame(3_600_000, 8), frame(3_600_001, 1, 'ETHUSDT')]);

    expect(events.map(({ kind }) => kind)).toEqual(['connected']);
  });

  test('an outage of one connection is none of another’s symbols', async () => {
    const { events } = await observe([
      opened(0, 0, ['BTCUSDT']),
      opened(0, 1, ['ETHUSDT']),
      frame(1, 1),
      frame(1, 1, 'ETHUSDT'),
      closed(3, 1, ['ETHUSDT']),
      frame(4, 2),
      opened(4, 1, ['ETHUSDT']),
      frame(5, 2, 'ETHUSDT'),
    ]);

    expect(gapsOf(events)).toMatchObject([{ symbol: 'ETHUSDT', from_ms: 1, to_ms: 5 }]);
  });

  test.each(['depth20', 'witness'] as const)(
    'what neither connection of a hand-over brought is a gap between their frames, in book mode %s',
    async (book) => {
      const frames = [{ symbol: 'BTCUSDT', beforeId: 7, afterId: 12, fromMs: 1_000, toMs: 5_000 }];
      const { events } = await observe(
        [
          opened(0),
          frame(1_000, 7),
          frame(5_000, 12),
          { kind: 'missed', slot: 0, atMs: 6_000, frames },
          frame(7_000, 13),
        ],
        { book },
      );

      expect(gapsOf(events)).toMatchObject([
        {
          timestamp_ms: 5_000,
          from_ms: 1_000,
          to_ms: 5_000,
          detail: { last_update_id_before: 7, last_update_id_after: 12, bounds: 'exact' },
        },
      ]);
    },
  );

  test('a frame of a server that lags behind does not end an outage', async () => {
    const { events } = await observe([
      opened(0),
      frame(1, 6),
      frame(2, 7),
      closed(3),
      opened(4),
      frame(5, 6),
      frame(6, 7),
      frame(7, 8),
    ]);

    expect(gapsOf(events)).toEqual([]);
  });
});
