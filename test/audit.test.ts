import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Audit, IN_FLIGHT_MS } from '../infra/audit.ts';
import { Ledger, subtract } from '../infra/ledger.ts';
import type { FeedEventRow } from '../producer/record.ts';
import { feedEvent, snapshot } from './cli/rows.ts';

const T0 = Date.UTC(2026, 8, 1, 12);
const LATER = T0 + 86_400_000;

function snapshots(seqs: readonly number[], symbol = 'BTCUSDT') {
  return seqs.map((seq) => snapshot({ seq, symbol, timestamp_ms: T0 + seq, received_ms: T0 + seq }));
}

/** A finished session: started, a tally for each symbol, stopped. */
function finished(lastSeqs: Record<string, number>) {
  const kinds = [
    { kind: 'started' },
    ...Object.entries(lastSeqs).map(([symbol, last_seq]) => ({ kind: 'tally', symbol, last_seq })),
    { kind: 'stopped' },
  ];
  return kinds.map((event, index) => feedEvent({ ...event, seq: index + 1, timestamp_ms: T0 + index }));
}

describe('a ledger', () => {
  it('knows the first, the last and the holes, in whatever order numbers come', () => {
    const ledger = new Ledger();
    for (const seq of [7, 3, 1, 4, 9]) ledger.add(seq, seq * 10);
    expect(ledger.first).toBe(1);
    expect(ledger.last).toBe(9);
    expect(ledger.holes(0)).toEqual([
      { first: 2, last: 2, nextMs: 30 },
      { first: 5, last: 6, nextMs: 70 },
      { first: 8, last: 8, nextMs: 90 },
    ]);
  });

  it('counts what it has seen before as duplicates', () => {
    const ledger = new Ledger();
    for (const seq of [1, 2, 3, 2, 3, 3]) ledger.add(seq, 0);
    expect([ledger.rows, ledger.duplicates]).toEqual([6, 3]);
  });

  it('agrees with a set of numbers on holes, duplicates and what lies beyond', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 })), fc.nat(70), (seqs, due) => {
        const ledger = new Ledger();
        for (const seq of seqs) ledger.add(seq, 0);
        const seen = new Set(seqs);
        const end = Math.max(due, ...seqs);
        const absent = Array.from({ length: end }, (_, i) => i + 1).filter((seq) => !seen.has(seq));
        const holes = ledger.holes(due).flatMap(({ first, last }) => numbers(first, last));
        expect(holes).toEqual(absent);
        expect(ledger.duplicates).toBe(seqs.length - seen.size);
        expect(ledger.countBeyond(due)).toBe([...seen].filter((seq) => seq > due).length);
      }),
    );
  });

  it('takes excused ranges out of holes, overlapping ones too', () => {
    const range = fc
      .tuple(fc.integer({ min: 1, max: 50 }), fc.nat(10))
      .map(([first, more]) => ({ first, last: first + more }));
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 60 })), fc.array(range), (seqs, excused) => {
        const ledger = new Ledger();
        for (const seq of seqs) ledger.add(seq, 0);
        const left = subtract(ledger.holes(60), excused).flatMap(({ first, last }) => numbers(first, last));
        const due = numbers(1, 60).filter(
          (seq) => !seqs.includes(seq) && !excused.some(({ first, last }) => first <= seq && seq <= last),
        );
        expect(left).toEqual(due);
      }),
    );
  });
});

function numbers(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

describe('the audit of a stopped session', () => {
  it('finds nothing wrong where every announced row is there', () => {
    const audit = new Audit();
    audit.add('order_book', snapshots([2, 3]));
    audit.add('feed_event', finished({ BTCUSDT: 3 }));
    audit.add('order_book', snapshots([1]));
    const { sessions, totals } = audit.result(LATER);
    expect(totals).toEqual({
      sessions: 1,
      open: 0,
      running: 0,
      killed: 0,
      unaccounted: 0,
      rows: 6,
      duplicates: 0,
      lost: 0,
      excused: 0,
      inFlight: 0,
      unannounced: 0,
      unproved: 0,
      caught: 0,
      unnumbered: 0,
    });
    expect(sessions[0]).toMatchObject({ stopped: true, symbols: [{ symbol: 'BTCUSDT', firstSeq: 1, lastSeq: 3 }] });
  });

  it('names the rows missing at the front, in the middle and at the tail', () => {
    const audit = new Audit();
    audit.add('order_book', snapshots([2, 5, 6]));
    audit.add('feed_event', finished({ BTCUSDT: 8 }));
    const [symbol] = audit.result(LATER).sessions[0]!.symbols;
    expect(symbol!.missing).toEqual([
      { first: 1, last: 1 },
      { first: 3, last: 4 },
      { first: 7, last: 8 },
    ]);
    expect(symbol!.lost).toBe(5);
  });

  it('misses a symbol of which no row arrived at all', () => {
    const audit = new Audit();
    audit.add('feed_event', finished({ BTCUSDT: 2 }));
    expect(audit.result(LATER).totals.lost).toBe(2);
  });

  it('lets nothing be in flight, however young', () => {
    const audit = new Audit();
    audit.add('order_book', snapshots([1, 3]));
    audit.add('feed_event', finished({ BTCUSDT: 3 }));
    expect(audit.result(T0).totals).toMatchObject({ lost: 1, inFlight: 0 });
  });

  it('excuses exactly the numbers that a refused event names', () => {
    const audit = new Audit();
    const events = finished({ BTCUSDT: 10 });
    const detail = JSON.stringify({ first_seq: 3, last_seq: 5 });
    const refused = feedEvent({ kind: 'refused', symbol: 'BTCUSDT', seq: 4, last_seq: 5, detail });
    audit.add('feed_event', [
      events[0]!,
      events[1]!,
      { ...events[2]!, seq: 5 },
      { ...refused, seq: 3 },
      { ...refused, seq: 4 },
    ]);
    audit.add('order_book', snapshots([1, 2, 7, 8, 9, 10]));
    const { sessions, totals } = audit.result(LATER);
    expect(totals).toMatchObject({ lost: 1, excused: 3 });
    expect(sessions[0]!.symbols[0]!.missing).toEqual([{ first: 6, last: 6 }]);
  });

  it('does not let one symbol’s refusal excuse another’s hole', () => {
    const audit = new Audit();
    const detail = JSON.stringify({ first_seq: 2, last_seq: 2 });
    audit.add('feed_event', [
      ...finished({ BTCUSDT: 3, ETHUSDT: 3 }).slice(0, 3),
      feedEvent({ kind: 'refused', symbol: 'ETHUSDT', seq: 4, detail }),
      feedEvent({ kind: 'stopped', seq: 5 }),
    ]);
    audit.add('order_book', [...snapshots([1, 3]), ...snapshots([1, 3], 'ETHUSDT')]);
    expect(audit.result(LATER).totals).toMatchObject({ lost: 1, excused: 1 });
  });

  it('lets refused feed events, which had no numbers, excuse nothing', () => {
    const audit = new Audit();
    const [started, tally, stopped] = finished({ BTCUSDT: 3 });
    const detail = JSON.stringify({ events: { disconnected: 2 }, first_seq: 2, last_seq: 4 });
    const refused = feedEvent({ kind: 'refused', seq: 3, missed_updates: 2, detail });
    audit.add('feed_event', [started!, tally!, refused, { ...stopped!, seq: 5 }]);
    audit.add('order_book', snapshots([1, 3]));
    const { sessions, totals } = audit.result(LATER);
    expect(totals).toMatchObject({ lost: 2, excused: 0 });
    expect(sessions[0]!.events.missing).toEqual([{ first: 4, last: 4 }]);
    expect(sessions[0]!.symbols.map(({ symbol }) => symbol)).toEqual(['BTCUSDT']);
  });

  it('names the symbols of `started` that neither a row nor a tally accounts for', () => {
    const audit = new Audit();
    const [started, ...rest] = finished({ BTCUSDT: 2, ETHUSDT: 0 });
    const detail = JSON.stringify({ symbols: ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'] });
    audit.add('feed_event', [{ ...started!, detail }, ...rest]);
    audit.add('order_book', snapshots([1, 2]));
    const { sessions, totals } = audit.result(LATER);
    expect(sessions[0]!.unaccounted).toEqual(['SOLUSDT']);
    expect(totals).toMatchObject({ unaccounted: 1, lost: 0, open: 0 });
  });

  it.each(['null', '[]', '{"symbols":"BTCUSDT"}', '{"symbols":[1]}', '{', null])(
    'takes a detail that names no symbols for one that names none: %s',
    (detail) => {
      const audit = new Audit();
      const [started, stopped] = finished({});
      audit.add('feed_event', [{ ...started!, detail }, stopped!]);
      expect(audit.result(LATER).sessions[0]!.symbols).toEqual([]);
    },
  );

  it('misses a feed event, and then does not trust the last tally to be the last', () => {
    const audit = new Audit();
    const [started, tally, stopped] = finished({ BTCUSDT: 2 });
    audit.add('feed_event', [started!, tally!, { ...stopped!, seq: 4 }]);
    audit.add('order_book', snapshots([1, 2, 3]));
    const { sessions, totals } = audit.result(LATER);
    expect(sessions[0]!.events.missing).toEqual([{ first: 3, last: 3 }]);
    expect(totals).toMatchObject({ lost: 1, unannounced: 0 });
  });

  it('reports rows beyond the last tally, and events behind `stopped`', () => {
    const audit = new Audit();
    audit.add('feed_event', [...finished({ BTCUSDT: 2 }), feedEvent({ kind: 'connected', seq: 4 })]);
    audit.add('order_book', snapshots([1, 2, 3, 4]));
    const { sessions } = audit.result(LATER);
    expect(sessions[0]!.symbols[0]!.unannounced).toBe(2);
    expect(sessions[0]!.events.unannounced).toBe(1);
  });
});

describe('the audit of a session that runs or was killed', () => {
  const cutOff = () => {
    const audit = new Audit();
    audit.add('feed_event', finished({ BTCUSDT: 9 }).slice(0, 2));
    audit.add('order_book', snapshots([1, 2]));
    return audit;
  };

  it('goes only up to what is there, and counts apart what a tally announced beyond it', () => {
    const { sessions, totals } = cutOff().result(LATER);
    expect(sessions[0]).toMatchObject({ stopped: false, running: false });
    expect(totals).toMatchObject({ lost: 0, open: 1, running: 0, unproved: 7, unaccounted: 0 });
  });

  it('takes it for running for two minutes after its newest row, and for open then', () => {
    const newestMs = T0 + 2;
    const running = cutOff().result(newestMs + IN_FLIGHT_MS - 1);
    expect(running.totals).toMatchObject({ open: 0, running: 1, unproved: 0 });
    expect(running.sessions[0]!.running).toBe(true);
    expect(cutOff().result(newestMs + IN_FLIGHT_MS).totals).toMatchObject({ open: 1, running: 0 });
    expect(cutOff().result(Number.POSITIVE_INFINITY).totals).toMatchObject({ open: 1, running: 0 });
  });

  it('takes a hole before a young row for in flight, and for lost two minutes later', () => {
    const audit = new Audit();
    audit.add('order_book', snapshots([1, 2, 5]));
    const rowMs = T0 + 5;
    expect(audit.result(rowMs + IN_FLIGHT_MS - 1).totals).toMatchObject({ lost: 0, inFlight: 2 });
    expect(audit.result(rowMs + IN_FLIGHT_MS).totals).toMatchObject({ lost: 2, inFlight: 0 });
  });
});

describe('the audit of a killed session whose end a later gap names', () => {
  /** Rows 1 and 2 of each symbol, and a tally of BTCUSDT that announced 4. */
  function killed(...gaps: FeedEventRow[]) {
    const audit = new Audit();
    const detail = JSON.stringify({ symbols: ['BTCUSDT', 'ETHUSDT'] });
    const [started, tally] = finished({ BTCUSDT: 4 });
    audit.add('feed_event', [{ ...started!, detail }, tally!]);
    audit.add('order_book', [...snapshots([1, 2]), ...snapshots([1, 2], 'ETHUSDT')]);
    audit.add('feed_event', gaps);
    return audit;
  }

  function gap(symbol: string, given: Partial<FeedEventRow> = {}, before: object = { session_before: 's1' }) {
    const detail = JSON.stringify({ bounds: 'outer', ...before });
    const times = { timestamp_ms: T0 + 5000, from_ms: T0 + 2, to_ms: T0 + 5000 };
    return feedEvent({ session_id: 's2', seq: 1, kind: 'gap', symbol, ...times, detail, ...given });
  }

  const sessionOf = (audit: Audit, nowMs = LATER) =>
    audit.result(nowMs).sessions.find(({ sessionId }) => sessionId === 's1')!;

  it('proves it once each symbol is named, and counts what a tally announced as caught', () => {
    const audit = killed(gap('BTCUSDT'), gap('ETHUSDT', { seq: 2 }));
    expect(sessionOf(audit)).toMatchObject({ killed: true, unnamed: [], stopped: false, running: false });
    expect(audit.result(LATER).totals).toMatchObject({ killed: 1, unproved: 0, caught: 2, lost: 0 });
  });

  const MOMENTS_LATER = T0 + 6000;

  it('says so at once, however young its rows, and does not take it for running', () => {
    const audit = killed(gap('BTCUSDT'), gap('ETHUSDT', { seq: 2 }));
    expect(sessionOf(audit, MOMENTS_LATER)).toMatchObject({ killed: true, running: false, unnamed: [] });
    // The session of the gaps itself is the one that runs.
    const totals = { killed: 1, running: 0, open: 1, caught: 2, lost: 0, inFlight: 0 };
    expect(audit.result(T0 + 200_000).totals).toMatchObject(totals);
    expect(audit.result(MOMENTS_LATER).totals).toMatchObject({ ...totals, running: 1, open: 0 });
  });

  it('takes a hole before a young row of it for in flight: what it spilled may still come', () => {
    const audit = killed(gap('BTCUSDT'), gap('ETHUSDT', { seq: 2 }));
    audit.add('order_book', [snapshot({ seq: 5, symbol: 'ETHUSDT', timestamp_ms: T0 + 2, received_ms: T0 + 2 })]);
    expect(audit.result(MOMENTS_LATER).totals).toMatchObject({ killed: 1, inFlight: 2, lost: 0, caught: 2 });
    expect(audit.result(LATER).totals).toMatchObject({ killed: 1, inFlight: 0, lost: 2, caught: 2 });
  });

  it.each([
    ['one symbol is not named yet', gap('ETHUSDT')],
    ['another session is named, whose gap ends after all that arrived', gap('BTCUSDT', {}, { session_before: 's0' })],
    ['it has rows from after the gap', gap('BTCUSDT', { to_ms: T0 + 1, from_ms: T0 })],
  ])('takes it for running while its rows are young, where %s', (_what, given) => {
    const audit = killed(given, gap('ETHUSDT', { seq: 2 }));
    expect(sessionOf(audit, MOMENTS_LATER)).toMatchObject({ killed: false, running: true, unnamed: [] });
    expect(audit.result(MOMENTS_LATER).totals).toMatchObject({ caught: 0, unproved: 0, lost: 0 });
  });

  it('names the symbols whose end no gap names', () => {
    const audit = killed(gap('ETHUSDT'));
    expect(sessionOf(audit)).toMatchObject({ killed: false, unnamed: ['BTCUSDT'] });
    expect(audit.result(LATER).totals).toMatchObject({ killed: 0, unproved: 2, caught: 0 });
  });

  it('takes a gap over the whole session for one that names it, where its state was never saved', () => {
    const whole = { from_ms: T0 - 9000 };
    const before = { session_before: 's0' };
    const audit = killed(gap('BTCUSDT', whole, before), gap('ETHUSDT', { ...whole, seq: 2 }, before));
    expect(sessionOf(audit)).toMatchObject({ killed: true });
  });

  it.each([
    ['begins after the last row that is there', { from_ms: T0 + 3 }, {}],
    ['has exact bounds', {}, { bounds: 'exact' }],
    ['says nothing of its bounds', {}, { bounds: undefined }],
    ['names another session and ends within this one', { to_ms: T0 + 1, from_ms: T0 }, { session_before: 's0' }],
    ['has no end', { to_ms: null }, {}],
  ] as const)('is not proved by a gap that %s', (_what, given, before) => {
    const audit = killed(gap('ETHUSDT'), gap('BTCUSDT', { seq: 2, ...given }, { session_before: 's1', ...before }));
    expect(sessionOf(audit)).toMatchObject({ killed: false, unnamed: ['BTCUSDT'] });
  });

  it('takes rows that the spill brought later for rows like others', () => {
    const audit = killed(gap('BTCUSDT', { from_ms: T0 + 4 }), gap('ETHUSDT', { seq: 2 }));
    expect(sessionOf(audit)).toMatchObject({ killed: false });
    audit.add('order_book', snapshots([3, 4]));
    expect(sessionOf(audit)).toMatchObject({ killed: true });
    expect(audit.result(LATER).totals).toMatchObject({ caught: 0, lost: 0, duplicates: 0 });
  });

  it('still misses what is absent before the last row', () => {
    const audit = killed(gap('BTCUSDT'), gap('ETHUSDT', { seq: 2 }));
    audit.add('order_book', snapshots([4]));
    expect(audit.result(LATER).totals).toMatchObject({ killed: 1, lost: 1, caught: 0 });
  });
});

describe('the audit of everything', () => {
  it('keeps sessions and symbols apart', () => {
    const audit = new Audit();
    audit.add('order_book', [
      snapshot({ session_id: 'a', seq: 1 }),
      snapshot({ session_id: 'b', seq: 1 }),
      snapshot({ session_id: 'b', seq: 1, symbol: 'ETHUSDT' }),
    ]);
    const { sessions, totals } = audit.result(LATER);
    expect(sessions.map(({ sessionId, symbols }) => [sessionId, symbols.length])).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
    expect(totals).toMatchObject({ sessions: 2, duplicates: 0, lost: 0 });
  });

  it('counts rows that name no session or no seq', () => {
    const audit = new Audit();
    audit.add('order_book', [snapshot({ seq: 0 }), snapshot({ session_id: '' })]);
    expect(audit.result(LATER).totals).toMatchObject({ rows: 2, unnumbered: 2, sessions: 0 });
  });

  it('does not care in which order files come', () => {
    const events = finished({ BTCUSDT: 12 });
    fc.assert(
      fc.property(fc.subarray(numbers(1, 12)), fc.infiniteStream(fc.nat()), (seqs, keys) => {
        const inOrder = new Audit();
        inOrder.add('order_book', snapshots(seqs));
        inOrder.add('feed_event', events);
        const shuffled = new Audit();
        const order = seqs.map((seq) => ({ seq, key: keys.next().value! })).sort((a, b) => a.key - b.key);
        for (const event of events.toReversed()) shuffled.add('feed_event', [event]);
        for (const { seq } of order) shuffled.add('order_book', snapshots([seq]));
        expect(shuffled.result(LATER)).toEqual(inOrder.result(LATER));
      }),
    );
  });
});
