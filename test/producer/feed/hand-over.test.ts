import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DepthlakeError } from '../../../producer/errors.ts';
import { type FakeConnection, following } from './fake-venue.ts';

const HOUR_MS = 3_600_000;
const outage = new DepthlakeError('DL_VENUE_UNREACHABLE', 'host: ECONNREFUSED');

/** A slot whose venue announces its end; the new connection is dialled, not open yet. */
async function announced(symbols: readonly string[] = ['BTCUSDT', 'ETHUSDT']) {
  const followed = following([symbols]);
  const old = followed.last().open().frame(10).frame(10, 'ETHUSDT');
  await followed.clock.advance(1_000);
  old.notice();
  return { ...followed, old, next: followed.last() };
}

describe('a hand-over', () => {
  test('opens a new connection beside the old one, and closes the old one after a second of overlap', async () => {
    const { clock, old, next, signals, heard } = await announced();
    next.open();
    old.frame(11);
    next.frame(11);

    await clock.advance(999);
    expect(old.closedMs).toBeNull();
    await clock.advance(1);

    expect(old.closedMs).toBe(2_000);
    expect(next.closedMs).toBeNull();
    expect(heard()).toEqual(['BTCUSDT 10', 'ETHUSDT 10', 'BTCUSDT 11', 'BTCUSDT 11']);
    expect(signals.at(-1)).toEqual({
      kind: 'handed_over',
      slot: 0,
      atMs: 2_000,
      reason: 'shutdown_notice',
      overlapMs: 1_000,
      symbols: ['BTCUSDT', 'ETHUSDT'],
    });
  });

  test('waits until the new connection delivered each symbol that moved on the old one', async () => {
    const { clock, old, next } = await announced();
    next.open();
    old.frame(11).frame(11, 'ETHUSDT');
    next.frame(11);

    await clock.advance(5_000);
    expect(old.closedMs).toBeNull();
    next.frame(12, 'ETHUSDT');
    old.frame(12, 'ETHUSDT');
    await clock.advance(250);

    expect(old.closedMs).toBe(6_250);
  });

  test('waits for the old connection where the new one is ahead of it', async () => {
    const { clock, old, next, heard } = await announced();
    next.open().frame(15);

    await clock.advance(5_000);
    old.frame(14);
    await clock.advance(250);
    expect(old.closedMs).toBeNull();
    old.frame(15);
    await clock.advance(250);

    expect(old.closedMs).toBe(6_500);
    expect(heard()).toContain('BTCUSDT 14');
  });

  test('does not wait where the new connection begins behind the old one: the rest is on its way', async () => {
    const { clock, old, next } = await announced();
    old.frame(15);
    next.open().frame(13);

    await clock.advance(1_000);

    expect(old.closedMs).toBe(2_000);
  });

  test('knows by the ids of diffs that nothing lies between the two connections', async () => {
    const { clock, old, next } = await announced();
    old.diff(20, 24);
    next.open().diff(26, 27);

    await clock.advance(2_000);
    expect(old.closedMs).toBeNull();
    old.diff(25);
    await clock.advance(250);

    expect(old.closedMs).toBe(3_250);
  });

  test('asks of each stream of a symbol by itself', async () => {
    const { clock, old, next } = await announced();
    next.open();
    old.frame(11).diff(11);
    next.frame(11);

    await clock.advance(2_000);
    expect(old.closedMs).toBeNull();
    next.diff(11);
    await clock.advance(250);

    expect(old.closedMs).not.toBeNull();
  });

  test('that stays incomplete ends after 60 s, and names the symbols in the log', async () => {
    const { clock, old, next, logged } = await announced();
    next.open();

    for (let second = 1; second <= 59; second++) {
      old.frame(10 + second);
      await clock.advance(1_000);
    }
    expect(old.closedMs).toBeNull();
    await clock.advance(1_000);

    expect(old.closedMs).toBe(61_000);
    expect(logged.at(-1)).toEqual({ event: 'hand_over_incomplete', fields: { connection: 0, symbols: ['BTCUSDT'] } });
  });

  test('that stays incomplete ends after 30 s where the old connection brings nothing', async () => {
    const { clock, old, next, ofKind } = await announced();
    next.open().frame(11);

    await clock.advance(29_999);
    expect(old.closedMs).toBeNull();
    await clock.advance(1);

    expect(old.closedMs).toBe(31_000);
    expect(ofKind('handed_over')).toMatchObject([{ overlapMs: 30_000 }]);
  });

  test('from a connection that stalled tells which frames neither of the two brought', async () => {
    const { clock, next, signals } = await announced();
    await clock.advance(5_000);
    next.open().frame(15).frame(16);

    await clock.advance(30_000);

    expect(signals.filter(({ kind }) => kind !== 'message').slice(1)).toMatchObject([
      { kind: 'missed', frames: [{ symbol: 'BTCUSDT', beforeId: 10, afterId: 15, fromMs: 0, toMs: 6_000 }] },
      { kind: 'handed_over' },
    ]);
  });

  test('whose old connection ends behind the first frames of the new one tells what lies between, and no outage', async () => {
    const { clock, old, next, kinds, ofKind } = await announced();
    next.open().frame(13).frame(13, 'ETHUSDT');
    await clock.advance(500);
    old.frame(13, 'ETHUSDT').end();

    expect(kinds()).toEqual(['opened', 'missed', 'handed_over']);
    expect(ofKind('missed')[0]!.frames).toEqual([
      { symbol: 'BTCUSDT', beforeId: 10, afterId: 13, fromMs: 0, toMs: 1_000 },
    ]);
  });

  test('leaves it to the ids of diffs to tell what was missed', async () => {
    const { clock, old, next, kinds } = await announced(['BTCUSDT']);
    old.frame(20).diff(20);
    next.open().frame(20).diff(25);
    await clock.advance(500);
    old.end();

    expect(kinds()).toEqual(['opened', 'handed_over']);
  });

  test('whose new connection cannot be opened tries again with back-off, while the old one delivers', async () => {
    const followed = following([['BTCUSDT']], { random: () => 0.5 });
    const { clock, connections, last, kinds, heard } = followed;
    const old = last().open().frame(1);
    await clock.advance(250);
    old.notice();

    last().fail(outage);
    await clock.advance(250);
    last().fail(outage);
    await clock.advance(500);
    old.frame(2);
    last().open().frame(2);
    await clock.advance(1_000);

    expect(connections.map(({ dialledMs }) => dialledMs)).toEqual([0, 250, 500, 1_000]);
    expect(kinds()).toEqual(['opened', 'failed', 'failed', 'handed_over']);
    expect(heard()).toEqual(['BTCUSDT 1', 'BTCUSDT 2', 'BTCUSDT 2']);
  });

  test('whose new connection ends during the overlap begins its overlap anew with another', async () => {
    const { clock, connections, old, next, kinds } = await announced();
    next.open();
    await clock.advance(900);
    next.end();
    await clock.advance(250);

    connections[2]!.open();
    await clock.advance(900);
    expect(old.closedMs).toBeNull();
    await clock.advance(100);

    expect(kinds()).toEqual(['opened', 'failed', 'handed_over']);
  });

  test('is done at once when the old connection ends and the new one has delivered each symbol', async () => {
    const { clock, old, next, signals } = await announced();
    next.open();
    old.frame(11).frame(11, 'ETHUSDT');
    next.frame(11).frame(11, 'ETHUSDT');
    await clock.advance(500);

    old.end();

    expect(signals.at(-1)).toMatchObject({ kind: 'handed_over', overlapMs: 500 });
  });

  test('that the old connection cuts short is an outage of the symbols whose next frame may have been lost', async () => {
    const { clock, old, next, kinds, ofKind, heard } = await announced();
    next.open();
    old.frame(11).frame(11, 'ETHUSDT');
    next.frame(11);
    await clock.advance(500);

    old.end('code 1006');
    next.frame(12, 'ETHUSDT');

    expect(kinds()).toEqual(['opened', 'closed', 'opened']);
    expect(ofKind('closed')).toMatchObject([{ atMs: 1_500, reason: 'code 1006', symbols: ['ETHUSDT'] }]);
    expect(ofKind('opened')[1]).toMatchObject({ atMs: 1_500, symbols: ['BTCUSDT', 'ETHUSDT'] });
    expect(heard().at(-1)).toBe('ETHUSDT 12');
  });

  test('becomes an outage when the old connection ends before the new one is open', async () => {
    const { clock, connections, old, next, kinds, ofKind } = await announced();
    old.end('code 1001: bye');
    await clock.advance(700);

    next.open().frame(20);
    await clock.advance(5_000);

    expect(kinds()).toEqual(['opened', 'closed', 'opened']);
    expect(ofKind('closed')).toMatchObject([{ atMs: 1_000, reason: 'code 1001: bye' }]);
    expect(ofKind('opened')[1]).toMatchObject({ atMs: 1_700 });
    expect(connections).toHaveLength(2);
  });
});

describe('a notice of the venue’s end', () => {
  test('hands over every slot that got it at once, not one after the other', async () => {
    const { clock, connections, ofKind } = following([['BTCUSDT'], ['ETHUSDT'], ['ADAUSDT']]);
    await clock.advance(1_000);
    for (const connection of connections) connection.open();

    for (const connection of connections.slice(0, 3)) connection.notice();
    await clock.advance(500);
    for (const connection of connections.slice(3)) connection.open();
    await clock.advance(1_000);

    expect(connections.map(({ dialledMs }) => dialledMs)).toEqual([0, 250, 500, 1_000, 1_250, 1_500]);
    expect(ofKind('handed_over').map(({ slot }) => slot)).toEqual([0, 1, 2]);
  });

  test('on the new connection is answered by another hand-over', async () => {
    const { clock, connections, next, ofKind } = await announced();
    next.open().notice();

    await clock.advance(1_000);
    await clock.advance(1_000);
    connections[2]!.open();
    await clock.advance(1_000);

    expect(ofKind('handed_over')).toHaveLength(2);
    expect(next.closedMs).not.toBeNull();
    expect(connections[2]!.closedMs).toBeNull();
  });

  test('on every connection does not make the feed spin: hand-overs back off to half a minute', async () => {
    const { clock, connections } = following(undefined, { random: () => 1 });
    connections[0]!.open().notice();

    for (let second = 0; second < 600; second++) {
      await clock.advance(1_000);
      for (const connection of connections.filter(({ closedMs }) => closedMs === null)) {
        if (opened.has(connection)) continue;
        opened.add(connection);
        connection.open().notice();
      }
    }

    expect(connections.length).toBeLessThan(40);
    expect(connections.length).toBeGreaterThan(15);
  });
});

const opened = new WeakSet<FakeConnection>();

describe('a connection’s age', () => {
  test('hands it over up to a tenth before the age that is set', async () => {
    for (const [random, dialMs] of [
      [0, 10 * HOUR_MS],
      [0.5, 9.5 * HOUR_MS],
      [1, 9 * HOUR_MS],
    ] as const) {
      const { clock, connections, last } = following(undefined, { handOverMs: 10 * HOUR_MS, random: () => random });
      keepAlive(last().open(), clock);

      await clock.advance(11 * HOUR_MS);

      expect(connections[1]!.dialledMs).toBe(dialMs);
    }
  });

  test('hands over one slot at a time', async () => {
    const { clock, connections, ofKind } = following([['BTCUSDT'], ['ETHUSDT']], { handOverMs: 60_000 });
    await clock.advance(250);
    for (const connection of connections) keepAlive(connection.open(), clock);

    await clock.advance(70_000);
    expect(connections).toHaveLength(3);
    connections[2]!.open().frame(1, connections[2]!.symbols[0]);
    await clock.advance(1_000);

    expect(ofKind('handed_over')).toMatchObject([{ slot: 0, reason: 'life' }]);
    expect(connections).toHaveLength(4);
    expect(connections[3]!.symbols).toEqual(['ETHUSDT']);
  });

  test('does not hold up the others while its new connection cannot be opened', async () => {
    const { clock, connections } = following([['BTCUSDT'], ['ETHUSDT']], { handOverMs: 30_000, random: () => 0.9 });
    await clock.advance(250);
    for (const connection of connections) connection.open().frame(1, connection.symbols[0]);

    await clock.advance(30_000);
    expect(connections[2]!.symbols).toEqual(['BTCUSDT']);
    connections[2]!.fail(outage);
    await clock.advance(250);

    expect(connections[3]!.symbols).toEqual(['ETHUSDT']);
  });

  test('does not make a slot wait that was told of the venue’s end', async () => {
    const { clock, connections } = following([['BTCUSDT'], ['ETHUSDT']], { handOverMs: 30_000 });
    await clock.advance(250);
    for (const connection of connections) connection.open().frame(1, connection.symbols[0]);
    await clock.advance(31_000);
    expect(connections).toHaveLength(3);

    connections[1]!.notice();

    expect(connections[3]!.symbols).toEqual(['ETHUSDT']);
  });
});

/** A message every half minute, for as long as the connection is open. */
function keepAlive(connection: FakeConnection, clock: ReturnType<typeof following>['clock']): void {
  let id = 1;
  clock.schedule(function () {
    if (connection.closedMs !== null) return;
    connection.frame(id++, connection.symbols[0]);
    this.schedule(undefined, 30_000);
  });
}

describe('whatever the two connections lag', () => {
  test('every frame that the old one would have brought comes from one of them', async () => {
    // What is on its way can be known of only where something moves within the second of overlap.
    const seldom = fc.record({ a: fc.nat(900), b: fc.nat(900), everyMs: fc.integer({ min: 50, max: 3_000 }) });
    const often = fc.record({ a: fc.nat(8_000), b: fc.nat(8_000), everyMs: fc.integer({ min: 50, max: 900 }) });
    await fc.assert(
      fc.asyncProperty(fc.oneof(seldom, often), fc.boolean(), async ({ a, b, everyMs }, diffs) => {
        const { clock, connections, heard, ofKind } = following();
        const old = connections[0]!.open();
        const delays = new Map([[old, a]]);
        let id = 0;
        clock.schedule(function () {
          id += 1;
          const sent = id;
          for (const [connection, delayMs] of delays) {
            clock.schedule(() => {
              if (connection.closedMs !== null) return;
              if (diffs) connection.diff(sent);
              else connection.frame(sent);
            }, delayMs);
          }
          this.schedule(undefined, everyMs);
        });
        await clock.advance(10_000);
        old.notice();
        const next = connections[1]!.open();
        delays.set(next, b);
        await clock.advance(40_000);

        const came = new Set(heard());
        const due = Math.floor((clock.now() - b) / everyMs);
        expect(ofKind('handed_over')).toHaveLength(1);
        expect(Array.from({ length: due }, (_, i) => `BTCUSDT ${i + 1}`).filter((name) => !came.has(name))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});
