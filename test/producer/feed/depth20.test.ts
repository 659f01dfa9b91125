import { describe, expect, test } from 'vitest';
import type { FeedSignal } from '../../../producer/feed/signal.ts';
import { frameText } from '../samples.ts';
import { closed, frame, handedOver, message, observe, opened, silent } from './observing.ts';

describe('snapshots', () => {
  test('each frame gives one, with the time it was received and the venue’s id', async () => {
    const { snapshots, counters } = await observe([frame(1_000, 7), frame(1_100, 9), frame(1_100, 3, 'ETHUSDT')]);

    expect(snapshots.map((s) => [s.symbol, s.timestampMs, s.receivedMs, s.lastUpdateId])).toEqual([
      ['BTCUSDT', 1_000, 1_000, 7],
      ['BTCUSDT', 1_100, 1_100, 9],
      ['ETHUSDT', 1_100, 1_100, 3],
    ]);
    expect(counters.of('BTCUSDT')).toMatchObject({ frames: 2, discarded: {} });
    expect(counters.of('ETHUSDT')).toMatchObject({ frames: 1, discarded: {} });
  });

  test('a frame of 20 levels on one side and fewer on the other is whole on the shorter side alone', async () => {
    const bids = Array.from({ length: 20 }, (_, i) => [`${100 - i / 1000}`, '1'] as const);
    const asks = Array.from({ length: 19 }, (_, i) => [`${100.001 + i / 1000}`.slice(0, 7), '1'] as const);

    const { snapshots } = await observe([message(1, frameText('BTCUSDT', 1, bids, asks))]);

    expect(snapshots[0]).toMatchObject({ bid_levels_covered: 1, ask_levels_covered: 5, verified: null });
  });

  test('of a symbol whose reach leaves levels uncovered are warned of once, and the cure is named', async () => {
    const bids = Array.from({ length: 20 }, (_, i) => [`${100 - i / 1000}`, '1'] as const);
    const short = (atMs: number, symbol: string) => message(atMs, frameText(symbol, atMs, bids));

    const { log } = await observe([frame(1, 1), short(2, 'BTCUSDT'), short(3, 'BTCUSDT'), short(4, 'ETHUSDT')]);

    expect(log.filter(({ event }) => event === 'levels_uncovered').map(({ fields }) => fields)).toEqual(
      ['BTCUSDT', 'ETHUSDT'].map((symbol) => ({
        symbol,
        bid_levels_covered: 4,
        ask_levels_covered: 5,
        cure: '--book full',
      })),
    );
  });

  test('a repeat of the same id is dropped and counted', async () => {
    const { snapshots, counters } = await observe([frame(1, 7), frame(2, 7), frame(3, 7), frame(4, 8)]);

    expect(snapshots.map(({ lastUpdateId }) => lastUpdateId)).toEqual([7, 8]);
    expect(counters.of('BTCUSDT')).toMatchObject({ frames: 4, discarded: { repeat: 2 } });
  });

  test('a repeat is one after later frames, too', async () => {
    const { snapshots, counters } = await observe([5, 6, 5, 7, 6].map((id, i) => frame(i, id)));

    expect(snapshots.map(({ lastUpdateId }) => lastUpdateId)).toEqual([5, 6, 7]);
    expect(counters.of('BTCUSDT')).toMatchObject({ frames: 5, discarded: { repeat: 2 } });
  });

  test('the same id on two symbols is no repeat', async () => {
    const { snapshots } = await observe([frame(1, 7), frame(2, 7, 'ETHUSDT')]);

    expect(snapshots).toHaveLength(2);
  });

  test('raw levels ride along when asked for, and are null else', async () => {
    const text = frameText('BTCUSDT', 1, [['99.5', '1.25']], [['101', '589735030408.12345678']]);

    const asked = await observe([message(1, text)], { rawLevels: true });
    const unasked = await observe([message(1, text)]);

    expect(asked.snapshots[0]).toMatchObject({
      topBids: [[99.5, 1.25]],
      topAsks: [[101, Number('589735030408.12345678')]],
    });
    expect(unasked.snapshots[0]).toMatchObject({ topBids: null, topAsks: null });
  });
});

describe('what gives no snapshot is counted by its reason', () => {
  test('and the log shows one example of each reason', async () => {
    const { logged } = await observe([
      message(1, 'nonsense'),
      message(2, 'more'),
      message(3, '{"stream":"x","data":1}'),
    ]);

    expect(logged).toEqual(['frame_refused', 'frame_refused']);
  });

  test('under its symbol where that is known, else under none', async () => {
    const { counters, snapshots, events } = await observe([
      message(1, 'nonsense'),
      message(2, '{"stream":"dogeusdt@depth20@100ms","data":{}}'),
      message(3, frameText('BTCUSDT', 1, [['-1', '1']])),
      message(
        4,
        frameText('BTCUSDT', 1, [
          ['1', '1'],
          ['2', '1'],
        ]),
      ),
      message(5, '{"result":null,"id":1}'),
    ]);

    expect([snapshots, events]).toEqual([[], []]);
    expect(counters.of(null)).toMatchObject({ frames: 2, discarded: { not_json: 1, other_stream: 1 } });
    expect(counters.of('BTCUSDT')).toMatchObject({ frames: 2, discarded: { bad_number: 1, unsorted: 1 } });
    expect(counters.total().frames).toBe(4);
  });

  test('errors of the venue are counted and logged, its notice of a shutdown logged', async () => {
    const { counters, logged } = await observe([
      message(1, '{"code":3,"msg":"Invalid JSON"}'),
      message(2, '{"error":{"code":2,"msg":"Invalid request"},"id":20}'),
      message(3, '{"e":"serverShutdown","E":1}'),
    ]);

    expect(counters.venueErrors).toBe(2);
    expect(logged).toEqual(['venue_error', 'venue_error', 'venue_shutdown_notice']);
  });
});

describe('connections', () => {
  test('their opening and their end are events of the whole session', async () => {
    const { events } = await observe([opened(1, 0, ['BTCUSDT']), closed(2, 0, ['BTCUSDT']), opened(3, 1, ['ETHUSDT'])]);

    expect(events).toEqual([
      { timestamp_ms: 1, kind: 'connected', detail: { connection: 0, symbols: 1 } },
      { timestamp_ms: 2, kind: 'disconnected', detail: { connection: 0, reason: 'code 1006' } },
      { timestamp_ms: 3, kind: 'connected', detail: { connection: 1, symbols: 1 } },
    ]);
  });

  test('an attempt that failed is logged, and no event: the outage is one already', async () => {
    const failed: FeedSignal = { kind: 'failed', atMs: 3, reason: 'ECONNREFUSED', slot: 0 };

    const { events, logged } = await observe([opened(1), closed(2), failed, failed]);

    expect(events.map(({ kind }) => kind)).toEqual(['connected', 'disconnected']);
    expect(logged).toEqual(['connected', 'disconnected', 'connect_failed', 'connect_failed']);
  });
});

describe('hand-overs and silence', () => {
  test('a hand-over is an event of the session and no outage', async () => {
    const { events, snapshots } = await observe([opened(0), frame(1, 7), frame(2, 7), handedOver(3), frame(4, 9)]);

    expect(events.slice(1)).toEqual([
      {
        timestamp_ms: 3,
        kind: 'handed_over',
        detail: { connection: 0, reason: 'life', overlap_ms: 1_000, symbols: 2 },
      },
    ]);
    expect(snapshots.map(({ lastUpdateId }) => lastUpdateId)).toEqual([7, 9]);
  });

  test('frames that both connections bring, in whatever order, give each one snapshot', async () => {
    const ids = [10, 11, 12, 11, 13, 12, 14, 13, 9, 14, 15, 16, 18, 17, 18];

    const { snapshots, counters } = await observe([opened(0), ...ids.map((id, i) => frame(i + 1, id))]);

    expect(snapshots.map(({ lastUpdateId }) => lastUpdateId)).toEqual([10, 11, 12, 13, 14, 15, 16, 18, 17]);
    expect(counters.of('BTCUSDT').discarded).toEqual({ repeat: 5, stale: 1 });
  });

  test('a silent symbol is one event a silence, and a gap until it is heard again', async () => {
    const { events } = await observe([
      opened(0),
      frame(1_000, 7),
      frame(1_000, 3, 'ETHUSDT'),
      silent(70_000, ['BTCUSDT']),
      silent(80_000, ['BTCUSDT']),
      frame(90_000, 9),
    ]);

    expect(events.slice(1)).toMatchObject([
      { kind: 'silent', symbol: 'BTCUSDT', timestamp_ms: 70_000, from_ms: 1_000, detail: { connection: 0 } },
      { kind: 'gap', symbol: 'BTCUSDT', from_ms: 1_000, to_ms: 90_000 },
    ]);
    expect(events).toHaveLength(3);
  });

  test('a symbol that was never heard is said to be silent once', async () => {
    const { events } = await observe([opened(0), silent(70_000, ['ETHUSDT']), silent(80_000, ['ETHUSDT'])]);

    expect(events.slice(1)).toEqual([
      { timestamp_ms: 70_000, kind: 'silent', symbol: 'ETHUSDT', detail: { connection: 0 } },
    ]);
  });

  test('a symbol that a slot follows no longer is forgotten: its return is a beginning', async () => {
    const { events, snapshots } = await observe([
      opened(0),
      frame(1, 7),
      handedOver(2, ['ETHUSDT']),
      handedOver(3),
      frame(4, 7),
    ]);

    expect(events.map(({ kind }) => kind)).toEqual(['connected', 'handed_over', 'handed_over']);
    expect(snapshots.map(({ receivedMs, lastUpdateId }) => [receivedMs, lastUpdateId])).toEqual([
      [1, 7],
      [4, 7],
    ]);
  });
});

describe('unusable books', () => {
  const empty = (atMs: number, id: number) => message(atMs, frameText('BTCUSDT', id, []));
  const crossed = (atMs: number, id: number) => message(atMs, frameText('BTCUSDT', id, [['102', '1']]));

  test('give one event when they begin and one when they end, and count every frame', async () => {
    const { events, snapshots, counters } = await observe([
      frame(1, 1),
      empty(2, 2),
      empty(3, 3),
      empty(4, 4),
      frame(5, 5),
    ]);

    expect(events).toEqual([
      { timestamp_ms: 2, kind: 'book_unusable', symbol: 'BTCUSDT', from_ms: 2, detail: { reason: 'empty_side' } },
      { timestamp_ms: 5, kind: 'book_usable', symbol: 'BTCUSDT', from_ms: 2, to_ms: 5, detail: { was: 'empty_side' } },
    ]);
    expect(snapshots.map(({ lastUpdateId }) => lastUpdateId)).toEqual([1, 5]);
    expect(counters.of('BTCUSDT').discarded).toEqual({ empty_side: 3 });
  });

  test('a locked book is a crossed one', async () => {
    const locked = message(1, frameText('BTCUSDT', 1, [['101', '1']]));

    const { counters, events } = await observe([locked]);

    expect(counters.of('BTCUSDT').discarded).toEqual({ crossed: 1 });
    expect(events).toMatchObject([{ kind: 'book_unusable', detail: { reason: 'crossed' } }]);
  });

  test('a book that turns from empty to crossed says so, and is usable again only once', async () => {
    const { events, counters } = await observe([empty(1, 1), crossed(2, 2), crossed(3, 3), frame(4, 4)]);

    expect(events).toMatchObject([
      { kind: 'book_unusable', timestamp_ms: 1, detail: { reason: 'empty_side' } },
      { kind: 'book_unusable', timestamp_ms: 2, from_ms: 1, detail: { reason: 'crossed' } },
      { kind: 'book_usable', timestamp_ms: 4, from_ms: 1, to_ms: 4, detail: { was: 'crossed' } },
    ]);
    expect(counters.of('BTCUSDT').discarded).toEqual({ empty_side: 1, crossed: 2 });
  });
});
