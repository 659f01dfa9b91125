import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fullJitter } from '../../../producer/backoff.ts';
import { DepthlakeError } from '../../../producer/errors.ts';
import { FEED_BACKOFF } from '../../../producer/feed/feed.ts';
import { following } from './fake-venue.ts';

const refusal = new DepthlakeError('DL_VENUE_REFUSED', 'host answers HTTP 403');

describe('the feed', () => {
  test('tells of the opening, each message as read, and the end of a connection', async () => {
    const { clock, last, signals } = following();
    await clock.advance(10);
    last().open().frame(7).text('hello');
    await clock.advance(5);

    last().end('code 1006');

    expect(signals).toMatchObject([
      { kind: 'opened', slot: 0, atMs: 10, symbols: ['BTCUSDT'] },
      { kind: 'message', slot: 0, atMs: 10, message: { kind: 'frame', symbol: 'BTCUSDT', lastUpdateId: 7 } },
      { kind: 'message', slot: 0, atMs: 10, message: { kind: 'refused', reason: 'not_json' }, text: 'hello' },
      { kind: 'closed', slot: 0, atMs: 15, reason: 'code 1006', symbols: ['BTCUSDT'] },
    ]);
  });

  test('opens a connection again whenever it ends', async () => {
    const { clock, connections, last, kinds } = following(undefined, { random: () => 0.5 });
    last().open().frame(1).end();

    await clock.advance(250);
    last().open().end();
    await clock.advance(500);
    last().open().frame(2);

    expect(connections.map(({ dialledMs }) => dialledMs)).toEqual([0, 250, 750]);
    expect(kinds()).toEqual(['opened', 'closed', 'opened', 'closed', 'opened']);
  });

  test('fails with the first refusal while it never heard the venue', () => {
    const { last, failure, connections } = following();

    last().fail(refusal);

    expect(failure()).toBe(refusal);
    expect(connections).toHaveLength(1);
  });

  test('fails when three connections of a slot end before the first message', async () => {
    const { clock, connections, last, failure } = following(undefined, { random: () => 0.5 });

    for (let attempt = 1; attempt <= 3; attempt++) {
      expect(failure()).toBeNull();
      last().open().end();
      await clock.advance(2_000);
    }

    expect(failure()).toMatchObject({
      code: 'DL_VENUE_SILENT',
      message: 'the venue closed 3 connections before the first message',
    });
    expect(connections).toHaveLength(3);
  });

  test('once one slot heard the venue, the refusal of another is told and answered by another attempt', async () => {
    const { clock, connections, last, signals, failure } = following([['BTCUSDT'], ['ETHUSDT']], { random: () => 0.5 });
    last().open().frame(1);
    await clock.advance(250);

    last().fail(refusal);
    await clock.advance(500);
    last().open();

    expect(failure()).toBeNull();
    expect(connections.map(({ symbols }) => symbols)).toEqual([['BTCUSDT'], ['ETHUSDT'], ['ETHUSDT']]);
    expect(signals.slice(2)).toEqual([
      { kind: 'failed', slot: 1, atMs: 250, reason: 'host answers HTTP 403' },
      { kind: 'opened', slot: 1, atMs: 750, symbols: ['ETHUSDT'] },
    ]);
  });

  test('opens at most one connection each 250 ms, over all slots', async () => {
    const slots = Array.from({ length: 20 }, (_, i) => [`S${i}USDT`]);
    const { clock, connections } = following(slots);

    await clock.advance(10_000);

    expect(connections.map(({ dialledMs }) => dialledMs)).toEqual(slots.map((_, i) => i * 250));
  });

  test('makes no further attempt and closes its connections once nobody listens', async () => {
    const { clock, connections, subscription } = following([['BTCUSDT'], ['ETHUSDT']]);
    await clock.advance(300);
    connections[0]!.open().frame(1);
    connections[1]!.open().end();

    subscription.unsubscribe();
    await clock.advance(600_000);

    expect(connections).toHaveLength(2);
    expect(connections[0]!.closedMs).toBe(300);
    expect(clock.pending).toBe(0);
  });
});

describe('a change of plan', () => {
  test('opens slots that are new and closes those that are gone, without an outage', async () => {
    const { clock, connections, plans, kinds } = following([['BTCUSDT'], ['ETHUSDT']]);
    await clock.advance(1_000);
    for (const connection of connections) connection.open().frame(1, connection.symbols[0]);

    plans.next([
      { slot: 0, symbols: ['BTCUSDT'] },
      { slot: 2, symbols: ['ADAUSDT'] },
    ]);
    await clock.advance(1_000);

    expect(connections.map(({ symbols, closedMs }) => [symbols[0], closedMs])).toEqual([
      ['BTCUSDT', null],
      ['ETHUSDT', 1_000],
      ['ADAUSDT', null],
    ]);
    expect(kinds()).toEqual(['opened', 'opened']);
  });

  test('hands a slot over to its new symbols; what is dropped is not told of any more', async () => {
    const { clock, connections, plans, heard, ofKind } = following([['BTCUSDT', 'ETHUSDT']]);
    const old = connections[0]!.open().frame(1).frame(1, 'ETHUSDT');

    plans.next([{ slot: 0, symbols: ['BTCUSDT', 'ADAUSDT'] }]);
    await clock.advance(250);
    old.frame(2).frame(2, 'ETHUSDT');
    connections[1]!.open().frame(2).frame(5, 'ADAUSDT');
    await clock.advance(1_000);

    expect(connections[1]!.symbols).toEqual(['BTCUSDT', 'ADAUSDT']);
    expect(heard()).toEqual(['BTCUSDT 1', 'ETHUSDT 1', 'BTCUSDT 2', 'BTCUSDT 2', 'ADAUSDT 5']);
    expect(ofKind('handed_over')).toMatchObject([{ reason: 'symbols', symbols: ['BTCUSDT', 'ADAUSDT'] }]);
    expect(old.closedMs).toBe(1_250);
  });

  test('that comes while a connection is being opened starts that one anew', async () => {
    const { clock, connections, plans, kinds } = following([['BTCUSDT']]);

    plans.next([{ slot: 0, symbols: ['ETHUSDT'] }]);
    await clock.advance(250);
    connections[1]!.open();

    expect(connections.map(({ symbols, closedMs }) => [symbols[0], closedMs])).toEqual([
      ['BTCUSDT', 0],
      ['ETHUSDT', null],
    ]);
    expect(kinds()).toEqual(['opened']);
  });

  test('that comes during a hand-over is followed by another hand-over, so that no symbol loses its connection', async () => {
    const { clock, connections, plans, ofKind } = following([['BTCUSDT']]);
    connections[0]!.open().frame(1);
    plans.next([{ slot: 0, symbols: ['BTCUSDT', 'ETHUSDT'] }]);
    await clock.advance(250);
    connections[1]!.open();

    plans.next([{ slot: 0, symbols: ['BTCUSDT', 'ETHUSDT', 'ADAUSDT'] }]);
    await clock.advance(1_000);
    expect(connections[1]!.closedMs).toBeNull();
    connections[2]!.open();
    await clock.advance(1_000);

    expect(ofKind('handed_over').map(({ symbols }) => symbols)).toEqual([
      ['BTCUSDT', 'ETHUSDT'],
      ['BTCUSDT', 'ETHUSDT', 'ADAUSDT'],
    ]);
    expect(connections.map(({ closedMs }) => closedMs)).toEqual([1_250, 2_250, null]);
  });

  test('to the same symbols in another order changes nothing', async () => {
    const { clock, connections, plans } = following([['BTCUSDT', 'ETHUSDT']]);
    connections[0]!.open();

    plans.next([{ slot: 0, symbols: ['ETHUSDT', 'BTCUSDT'] }]);
    await clock.advance(5_000);

    expect(connections).toHaveLength(1);
  });
});

/** From the end of each connection to the opening of the next, where connections live so long each. */
async function waits(livesMs: readonly number[], random: () => number): Promise<number[]> {
  const { clock, connections, last } = following(undefined, { random });
  const found: number[] = [];
  for (const lifeMs of livesMs) {
    last().open().frame(1);
    await clock.advance(lifeMs);
    last().end();
    const endedMs = clock.now();
    const before = connections.length;
    while (connections.length === before) await clock.advance(50);
    found.push(last().dialledMs - endedMs);
  }
  return found;
}

describe('the back-off', () => {
  test('doubles from half a second to half a minute at the most', async () => {
    expect(await waits(Array(9).fill(1_000), () => 1)).toEqual([
      500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000,
    ]);
  });

  test('starts from its base again after a healthy minute, not before', async () => {
    expect(await waits([1_000, 59_999, 1_000, 60_000, 1_000], () => 1)).toEqual([500, 1_000, 2_000, 500, 1_000]);
  });

  test('jitters over everything from 0 to the bound', () => {
    fc.assert(
      fc.property(fc.nat(5_000), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, random) => {
        const bound = Math.min(30_000, 500 * 2 ** attempt);
        const waitMs = fullJitter(attempt, FEED_BACKOFF, () => random);

        expect(waitMs).toBe(random * bound);
        expect(waitMs).toBeLessThan(30_000);
      }),
    );
    expect(fullJitter(7, FEED_BACKOFF, () => 0)).toBe(0);
  });

  test('goes on for as long as the venue stays away', async () => {
    const { clock, connections, last, ofKind } = following(undefined, { random: () => 1 });
    last().open().frame(1).end();

    for (let minute = 0; minute < 120; minute++) {
      await clock.advance(30_000);
      last().fail(refusal);
    }

    expect(connections.length).toBeGreaterThan(100);
    expect(ofKind('failed')).toHaveLength(connections.length - 1);
  });
});
