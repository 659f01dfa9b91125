import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Admission } from '../../producer/admission.ts';
import { Counters } from '../../producer/counters.ts';
import type { Observation } from '../../producer/feed/observation.ts';
import { decodeLine, encodeLine, type FeedEventRow, type OrderBookRow, type TableRow } from '../../producer/record.ts';
import { Session } from '../../producer/session.ts';
import { snapshot } from './samples.ts';

const SYMBOLS = ['BTCUSDT', 'ETHUSDT'];
const EVERYTHING: Admission = { snapshot: () => true, event: () => true };

function newSession(admission: Admission = EVERYTHING) {
  const counters = new Counters();
  return { counters, session: new Session('session-1', 'binance.us', SYMBOLS, counters, admission) };
}

const gap: Observation = {
  kind: 'event',
  event: {
    timestamp_ms: 5,
    kind: 'gap',
    symbol: 'BTCUSDT',
    from_ms: 1,
    to_ms: 5,
    detail: { last_update_id_before: 7 },
  },
};

function events(rows: readonly TableRow[]): FeedEventRow[] {
  return rows.flatMap((row) => (row.table === 'feed_event' ? [row.row] : []));
}

function snapshots(rows: readonly TableRow[]): OrderBookRow[] {
  return rows.flatMap((row) => (row.table === 'order_book' ? [row.row] : []));
}

const detailOf = (event: FeedEventRow) => JSON.parse(event.detail ?? 'null');

describe('a session', () => {
  test('numbers each symbol’s snapshots from 1, and its events by themselves', () => {
    const { session } = newSession();

    const rows = [
      session.started(0, { every_ms: 0 }),
      ...['BTCUSDT', 'ETHUSDT', 'BTCUSDT'].flatMap((symbol, i) => session.rows(snapshot(symbol, i))),
      ...session.rows(gap),
    ];

    expect(snapshots(rows).map(({ symbol, seq }) => [symbol, seq])).toEqual([
      ['BTCUSDT', 1],
      ['ETHUSDT', 1],
      ['BTCUSDT', 2],
    ]);
    expect(events(rows).map(({ kind, seq }) => [kind, seq])).toEqual([
      ['started', 1],
      ['gap', 2],
    ]);
  });

  test('gives a snapshot its identity and leaves its measures as they are', () => {
    const { session } = newSession();
    const { kind, topBids, topAsks, timestampMs, receivedMs, lastUpdateId, ...measures } = snapshot('BTCUSDT', 17, 99);

    const [row] = session.rows({ ...snapshot('BTCUSDT', 17, 99), topBids: [[1, 2]] });

    expect(row).toEqual({
      table: 'order_book',
      row: {
        ...measures,
        timestamp_ms: 17,
        received_ms: 17,
        last_update_id: 99,
        venue: 'binance.us',
        session_id: 'session-1',
        seq: 1,
        verified: null,
        top_bids: [[1, 2]],
        top_asks: null,
      },
    });
    expect(decodeLine(encodeLine(row!))).toEqual(row);
  });

  test('writes an event with what it says, and null for what it does not', () => {
    const { session } = newSession();

    expect(events(session.rows(gap))).toEqual([
      {
        timestamp_ms: 5,
        venue: 'binance.us',
        symbol: 'BTCUSDT',
        session_id: 'session-1',
        seq: 1,
        kind: 'gap',
        from_ms: 1,
        to_ms: 5,
        missed_updates: null,
        last_seq: 0,
        detail: '{"last_update_id_before":7}',
      },
    ]);
  });

  test('tallies each symbol, and what no symbol can be told for', () => {
    const { session, counters } = newSession();
    counters.of('BTCUSDT').frames = 3;
    counters.discard('BTCUSDT', 'repeat', 2);
    counters.of(null).frames = 1;
    counters.discard(null, 'not_json');
    counters.venueErrors = 4;
    session.rows(snapshot('BTCUSDT', 1));

    const tallies = events(session.tallies(60_000));

    expect(tallies.map(({ kind, symbol, last_seq }) => [kind, symbol, last_seq])).toEqual([
      ['tally', 'BTCUSDT', 1],
      ['tally', 'ETHUSDT', 0],
      ['tally', null, null],
    ]);
    expect(tallies.map(detailOf)).toEqual([
      { frames: 3, diffs: 0, snapshots: 1, discarded: { repeat: 2 } },
      { frames: 0, diffs: 0, snapshots: 0, discarded: {} },
      { frames: 1, diffs: 0, snapshots: 0, discarded: { not_json: 1 }, events_refused: 0, venue_errors: 4 },
    ]);
  });

  test('ends with its last tallies and, last of all, stopped', () => {
    const { session } = newSession();

    const rows = events(session.stopped(9, 'SIGTERM'));

    expect(rows.map(({ kind }) => kind)).toEqual(['tally', 'tally', 'tally', 'stopped']);
    expect(detailOf(rows.at(-1)!)).toEqual({ reason: 'SIGTERM' });
  });
});

test('a session counts the snapshots that were proved, and those whose proof failed', () => {
  const { session, counters } = newSession();
  const proved = snapshot('BTCUSDT', 1);

  for (const verified of [true, true, false, null]) session.rows({ ...proved, verified });

  expect([counters.verified, counters.unverified, counters.of('BTCUSDT').snapshots]).toEqual([2, 1, 4]);
});

describe('a session whose symbols change', () => {
  const listing = (kind: 'listed' | 'delisted', symbol: string): Observation => ({
    kind: 'event',
    event: { timestamp_ms: 5, kind, symbol },
  });

  test('tallies a listed symbol from then on, and a delisted one until the end', () => {
    const { session } = newSession();

    session.rows(listing('listed', 'SOLUSDT'));
    session.rows(listing('delisted', 'ETHUSDT'));
    const tallies = events(session.tallies(60_000));

    expect(tallies.map(({ symbol }) => symbol)).toEqual(['BTCUSDT', 'ETHUSDT', 'SOLUSDT', null]);
    expect(session.symbols).toBe(2);
    expect(session.eventCounts).toEqual({ listed: 1, delisted: 1, tally: 4 });
  });
});

describe('the bound of the queue', () => {
  test('refuses the newest snapshots; one event names their numbers once a row passes again', () => {
    let open = true;
    const { session, counters } = newSession({ snapshot: () => open, event: () => true });
    const send = (atMs: number) => session.rows(snapshot('BTCUSDT', atMs));

    send(1);
    open = false;
    expect([...send(2), ...send(3), ...send(4)]).toEqual([]);
    open = true;
    const rows = send(5);

    expect(events(rows)).toMatchObject([
      { kind: 'refused', symbol: 'BTCUSDT', from_ms: 2, to_ms: 4, timestamp_ms: 5, missed_updates: 3, last_seq: 4 },
    ]);
    expect(detailOf(events(rows)[0]!)).toEqual({ first_seq: 2, last_seq: 4 });
    expect(rows.at(-1)).toMatchObject({ table: 'order_book', row: { seq: 5 } });
    expect(counters.of('BTCUSDT')).toMatchObject({ snapshots: 2, discarded: { queue_full: 3 } });
  });

  test('refusals that never ended are named before the last tallies', () => {
    const { session } = newSession({ snapshot: () => false, event: () => false });
    session.rows(snapshot('ETHUSDT', 1));

    const rows = events(session.stopped(2, 'SIGINT'));

    expect(rows.map(({ kind }) => kind)).toEqual(['refused', 'tally', 'tally', 'tally', 'stopped']);
    expect(rows[0]).toMatchObject({ symbol: 'ETHUSDT', missed_updates: 1, last_seq: 1 });
  });

  test('a symbol that falls silent after a refusal has its numbers named with the next tally', () => {
    let room = false;
    const { session } = newSession({ snapshot: () => room, event: () => true });
    session.rows(snapshot('ETHUSDT', 1));

    expect(events(session.tallies(60)).map(({ kind }) => kind)).toEqual(['tally', 'tally', 'tally']);
    room = true;

    const [named] = events(session.tallies(120));
    expect(named).toMatchObject({ kind: 'refused', symbol: 'ETHUSDT', detail: '{"first_seq":1,"last_seq":1}' });
    expect(events(session.tallies(180)).map(({ kind }) => kind)).toEqual(['tally', 'tally', 'tally']);
  });

  test('an event beyond even its reserve takes no number, is counted, and one event stands for all of them', () => {
    let open = false;
    const { session } = newSession({ snapshot: () => true, event: () => open });

    expect(session.rows(gap)).toEqual([]);
    expect(session.tallies(7)).toEqual([]);
    open = true;

    expect(events(session.rows(gap))).toMatchObject([
      {
        seq: 1,
        kind: 'refused',
        symbol: null,
        from_ms: 5,
        to_ms: 7,
        missed_updates: 4,
        detail: '{"events":{"gap":1,"tally":3}}',
      },
      { seq: 2, kind: 'gap' },
    ]);
    expect(detailOf(events(session.tallies(2)).at(-1)!)).toMatchObject({ events_refused: 4 });
  });

  test('whatever is admitted, each number is in a row or named by one refused event, and events have no hole', () => {
    const step = fc.record({
      what: fc.constantFrom('BTCUSDT', 'BTCUSDT', 'ETHUSDT', 'event', 'tally'),
      snapshotFits: fc.boolean(),
      eventFits: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let fits = { snapshot: true, event: true };
        const { session, counters } = newSession({ snapshot: () => fits.snapshot, event: () => fits.event });
        const rows = [session.started(0, {})];
        const sent = new Map(SYMBOLS.map((symbol) => [symbol, 0]));
        for (const [atMs, { what, snapshotFits, eventFits }] of steps.entries()) {
          fits = { snapshot: snapshotFits, event: eventFits };
          if (what === 'event') rows.push(...session.rows(gap));
          else if (what === 'tally') rows.push(...session.tallies(atMs));
          else {
            rows.push(...session.rows(snapshot(what, atMs)));
            sent.set(what, sent.get(what)! + 1);
          }
        }
        rows.push(...session.stopped(100, 'end'));

        expect(events(rows).map(({ seq }) => seq)).toEqual(events(rows).map((_, i) => i + 1));
        for (const symbol of SYMBOLS) {
          const numbers = rows.flatMap((row) => {
            if (row.row.symbol !== symbol) return [];
            if (row.table === 'order_book') return [row.row.seq];
            if (row.row.kind !== 'refused') return [];
            const { first_seq, last_seq } = detailOf(row.row);
            expect(row.row.missed_updates).toBe(last_seq - first_seq + 1);
            return Array.from({ length: last_seq - first_seq + 1 }, (_, i) => first_seq + i);
          });
          expect(numbers).toEqual(Array.from({ length: sent.get(symbol)! }, (_, i) => i + 1));
          const { snapshots, discarded } = counters.of(symbol);
          expect(snapshots + (discarded.queue_full ?? 0)).toBe(sent.get(symbol));
        }
      }),
      { numRuns: 500 },
    );
  });
});
