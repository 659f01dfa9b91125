import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TableName, TableRow } from '../../../producer/record.ts';
import { Books } from '../../../producer/replay/books.ts';
import { Flow } from '../../../producer/replay/flow.ts';
import { SeqRanges } from '../../../producer/replay/seq-ranges.ts';
import type { Selection } from '../../../producer/replay/source.ts';
import { bookRow, eventRow } from '../samples.ts';
import { EVERYTHING } from './parts.ts';

const book = (seq: number, atMs: number, extra = {}) => bookRow('BTCUSDT', seq, atMs, extra);
const seqs = (rows: readonly TableRow[]) => rows.map(({ row }) => row.seq);

interface Given {
  readonly windowMs?: number;
  readonly windowRows?: number;
  readonly keepDuplicates?: boolean;
  readonly oneRowPerBook?: boolean;
  readonly selection?: Partial<Selection>;
}

function flowOf({ selection, ...options }: Given = {}): Flow {
  const given = { windowMs: 30, keepDuplicates: false, oneRowPerBook: false, ...options };
  return new Flow(given, { ...EVERYTHING, ...selection }, null);
}

/** A run is taken, and what may leave then leaves. */
function give(flow: Flow, rows: readonly TableRow[], frontierMs = -Infinity): TableRow[] {
  flow.take({ rows, part: '', position: '', taken: false });
  flow.advance(frontierMs);
  return leaving(flow);
}

function leaving(flow: Flow): TableRow[] {
  const rows: TableRow[] = [];
  for (let row = flow.peek(); row !== null; row = flow.peek()) {
    flow.shift(row);
    rows.push(row);
  }
  return rows;
}

function rest(flow: Flow): TableRow[] {
  flow.finish();
  return leaving(flow);
}

describe('the order', () => {
  test('runs leave as one order, by time, session, seq, table, venue and symbol', () => {
    const expected = [
      book(9, 10, { session_id: 'b' }),
      book(1, 50, { session_id: 'a' }),
      book(2, 50, { session_id: 'a' }),
      eventRow(null, 1, 50),
      eventRow('BTCUSDT', 1, 50),
      book(1, 50, { venue: 'a' }),
      book(1, 50, { venue: 'b' }),
      bookRow('ETHUSDT', 1, 50, { venue: 'b' }),
      book(2, 50),
      book(1, 51),
    ];
    const flow = flowOf();
    give(flow, [expected[9]!, expected[7]!, expected[4]!]);
    give(flow, [expected[8]!, expected[6]!, expected[3]!, expected[1]!]);
    give(flow, [expected[5]!, expected[2]!, expected[0]!]);
    expect(rest(flow)).toEqual(expected);
    expect(flow.counts).toMatchObject({ rows: { order_book: 8, feed_event: 2 }, late: 0, first_ms: 10, last_ms: 51 });
  });

  test('a row leaves once the source is certain of what comes up to a window later, and not a millisecond before', () => {
    const flow = flowOf();
    expect(give(flow, [book(2, 100), book(3, 101)], 130)).toEqual([]);
    expect(seqs(give(flow, [book(1, 99)], 130))).toEqual([1]);
    expect(seqs(give(flow, [], 131))).toEqual([2]);
    expect(seqs(rest(flow))).toEqual([3]);
  });

  test('a source that is less certain than it was takes nothing back', () => {
    const flow = flowOf();
    give(flow, [], 200);
    expect(seqs(give(flow, [book(1, 150)], 100))).toEqual([1]);
  });

  test('a row that comes later than the window allows leaves at once, out of order, and is counted', () => {
    const flow = flowOf();
    expect(seqs(give(flow, [book(1, 10), book(3, 100), book(5, 160)], 140))).toEqual([1, 3]);
    expect(seqs(give(flow, [book(2, 20), book(4, 105)], 140))).toEqual([2, 4]);
    expect(seqs(rest(flow))).toEqual([5]);
    expect(flow.counts).toMatchObject({ late: 1, early: 0, rows: { order_book: 5 } });
  });

  test('at the bound the earliest rows leave before their time, which is counted', () => {
    const flow = flowOf({ windowRows: 3 });
    expect(give(flow, [book(1, 10), book(2, 20), book(3, 30)])).toEqual([]);
    expect(seqs(give(flow, [book(5, 50), book(4, 40)]))).toEqual([1, 2]);
    expect(flow.waiting).toBe(3);
    expect(flow.counts).toMatchObject({ early: 2, late: 0 });
  });

  test('a row with raw levels takes the room of four', () => {
    const flow = flowOf({ windowRows: 8 });
    const top_bids = [[1, 1]];
    expect(give(flow, [book(1, 10, { top_bids }), book(2, 20, { top_bids })])).toEqual([]);
    expect(seqs(give(flow, [book(3, 30)]))).toEqual([1]);
    expect(seqs(give(flow, [book(4, 40), book(5, 50), book(6, 60)]))).toEqual([]);
    expect(seqs(give(flow, [book(7, 70)]))).toEqual([2]);
  });
});

describe('the selection', () => {
  test('each row that is not wanted is counted under one reason', () => {
    const selection = {
      fromMs: 10,
      toMs: 20,
      tables: new Set<TableName>(['order_book']),
      symbol: (symbol: string) => symbol === 'BTCUSDT',
    };
    const flow = flowOf({ selection });
    give(flow, [book(1, 9), book(2, 10), book(3, 19), book(4, 20), bookRow('ETHUSDT', 1, 15), eventRow(null, 1, 15)]);
    expect(seqs(rest(flow))).toEqual([2, 3]);
    expect(flow.counts.skipped).toMatchObject({ out_of_range: 2, other_symbol: 1, other_table: 1 });
  });

  test('a row of a time that no lake has an hour for is outside of any time asked for', () => {
    const flow = flowOf({ selection: { fromMs: -Infinity, toMs: Infinity } });
    const end = Date.UTC(10_000, 0, 1);
    give(flow, [book(1, -1), book(2, 0), book(3, end - 1), book(4, end)]);
    expect(seqs(rest(flow))).toEqual([2, 3]);
    expect(flow.counts.skipped.out_of_range).toBe(2);
  });

  test('feed events of a session and of the symbols asked for are wanted; those of others are no holes', () => {
    const flow = flowOf({ selection: { symbol: (symbol) => symbol === 'BTCUSDT' } });
    give(flow, [eventRow(null, 1, 1), eventRow('ETHUSDT', 2, 2), eventRow('BTCUSDT', 3, 3), eventRow(null, 4, 4)]);
    expect(seqs(rest(flow))).toEqual([1, 3, 4]);
    expect(flow.counts.skipped.other_symbol).toBe(1);
    expect(flow.completeness.holes()).toEqual([]);
  });
});

describe('a row that is delivered twice', () => {
  test('leaves once, wherever the other one lies in the window', () => {
    const flow = flowOf();
    give(flow, [book(1, 10), book(1, 10), book(2, 20)]);
    give(flow, [eventRow(null, 1, 10), book(2, 20), book(1, 10)]);
    expect(rest(flow)).toEqual([eventRow(null, 1, 10), book(1, 10), book(2, 20)]);
    expect(flow.counts.skipped.duplicate).toBe(3);
  });

  test('leaves once, too, when it comes again with the last row that left, or among late rows', () => {
    const flow = flowOf();
    give(flow, [book(1, 10), book(9, 90)], 200);
    expect(give(flow, [book(9, 90)], 200)).toEqual([]);
    expect(seqs(give(flow, [book(5, 50), book(5, 50)], 200))).toEqual([5]);
    expect(give(flow, [book(9, 90)], 200)).toEqual([]);
    expect(flow.counts).toMatchObject({ late: 1, skipped: { duplicate: 3 } });
  });

  test('leaves twice where duplicates are kept', () => {
    const flow = flowOf({ keepDuplicates: true, oneRowPerBook: true });
    give(flow, [book(1, 10), book(1, 10), book(1, 11, { session_id: 'session-2' })]);
    expect(rest(flow)).toHaveLength(3);
    expect(flow.counts.skipped).toMatchObject({ duplicate: 0, other_producer: 0 });
  });
});

describe('one row a book', () => {
  const other = (seq: number, atMs: number, extra = {}) => book(seq, atMs, { session_id: 'session-2', ...extra });
  const leavingOf = (...runs: TableRow[][]) => {
    const flow = flowOf({ oneRowPerBook: true });
    for (const rows of runs) give(flow, rows);
    return { rows: rest(flow), removed: flow.counts.skipped.other_producer };
  };

  test('of two sessions’ rows the proved one stays; without a proof is better than a proof that failed', () => {
    for (const [worse, better] of [
      [null, true],
      [false, null],
      [false, true],
    ] as const) {
      const covered = { bid_levels_covered: 0, ask_levels_covered: 0 };
      const first = book(1, 10, { verified: worse });
      const second = other(1, 12, { verified: better, ...covered });
      expect(leavingOf([first], [second])).toEqual({ rows: [second], removed: 1 });
      expect(leavingOf([second], [first])).toEqual({ rows: [second], removed: 1 });
    }
  });

  test('of two alike in proof the one that covers more levels stays, else the earlier one', () => {
    const less = book(1, 10, { bid_levels_covered: 3 });
    const more = other(1, 12, { bid_levels_covered: 4 });
    expect(leavingOf([less], [more])).toEqual({ rows: [more], removed: 1 });
    expect(leavingOf([other(1, 12)], [book(1, 10)])).toEqual({ rows: [book(1, 10)], removed: 1 });
  });

  test('books of other venues, symbols and ids, and of times further apart than half the window, are others', () => {
    const rows = [
      book(1, 10),
      other(7, 11, { last_update_id: 7 }),
      other(1, 12, { venue: 'local' }),
      bookRow('ETHUSDT', 1, 13, { session_id: 'session-2' }),
      other(8, 26, { last_update_id: 1 }),
    ];
    expect(leavingOf(rows)).toEqual({ rows, removed: 0 });
    expect(leavingOf([book(1, 10), other(8, 25, { last_update_id: 1 })]).removed).toBe(1);
  });

  test('a session tells of a book once: a second row with its id, after the ids began anew, is another book', () => {
    const first = book(1, 10);
    const anew = book(2, 14, { last_update_id: 1 });
    const otherAnew = other(2, 15, { last_update_id: 1 });
    expect(leavingOf([first, anew], [other(1, 11), otherAnew])).toEqual({ rows: [first, anew], removed: 2 });
  });

  test('rows that one session recorded twice and another once leave one row, and each is counted for its own reason', () => {
    const better = other(1, 12, { verified: true });
    const flow = flowOf({ oneRowPerBook: true });
    give(flow, [book(1, 10), better]);
    give(flow, [book(1, 10), better]);
    expect(rest(flow)).toEqual([better]);
    expect(flow.counts.skipped).toMatchObject({ duplicate: 2, other_producer: 1 });
  });

  test('a worse row that was delivered twice is removed, whichever copy is the first to leave', () => {
    const books = new Books(15);
    const [better, worse, copy] = [book(1, 10), other(1, 12), other(1, 12)];
    books.add([better], () => []);
    books.add([worse], () => [better]);
    books.add([copy], () => [better, worse]);
    expect(books.removes(better)).toBe(false);
    expect(books.removes(copy)).toBe(true);
  });

  test('a second session that joins later is compared with what already waits', () => {
    const flow = flowOf({ oneRowPerBook: true });
    expect(seqs(give(flow, [book(1, 10), book(2, 50), book(3, 60)], 41))).toEqual([1]);
    give(flow, [other(2, 55, { verified: true }), other(4, 62)], 41);
    expect(seqs(rest(flow))).toEqual([2, 3, 4]);
    expect(flow.counts.skipped.other_producer).toBe(1);
  });

  test('a book that comes later than the window allows stays: nothing is lost', () => {
    const flow = flowOf({ oneRowPerBook: true });
    give(flow, [book(1, 10), other(9, 20)], 100);
    expect(seqs(give(flow, [other(1, 11)], 100))).toEqual([1]);
  });

  test('feed events all stay', () => {
    const rows = [eventRow('BTCUSDT', 1, 10), eventRow('BTCUSDT', 2, 11)];
    expect(leavingOf(rows)).toEqual({ rows, removed: 0 });
  });
});

describe('completeness', () => {
  test('numbers that are missing between a session’s first and last are a hole of its symbol', () => {
    const flow = flowOf();
    give(flow, [book(5, 1), book(6, 2), book(9, 3), bookRow('ETHUSDT', 2, 4), book(10, 5), book(12, 6)]);
    rest(flow);
    const hole = { table: 'order_book', venue: 'binance.us', session_id: 'session-1', symbol: 'BTCUSDT' };
    expect(flow.completeness.holes()).toEqual([{ ...hole, first_seq: 5, last_seq: 12, missing: 3 }]);
    expect(flow.completeness.sessions).toBe(1);
  });

  test('a late row fills its hole, a row twice fills none', () => {
    const flow = flowOf({ keepDuplicates: true });
    give(flow, [book(1, 1), book(1, 1), book(4, 100), book(2, 50)], 300);
    expect(flow.completeness.holes()).toMatchObject([{ missing: 1 }]);
    give(flow, [book(3, 60)], 300);
    expect(flow.completeness.holes()).toEqual([]);
  });

  test('feed events count within the session; a session at two venues counts twice', () => {
    const flow = flowOf();
    give(flow, [
      eventRow('ETHUSDT', 1, 1),
      eventRow(null, 2, 2),
      eventRow('BTCUSDT', 4, 3),
      book(1, 5, { venue: 'x' }),
    ]);
    rest(flow);
    expect(flow.completeness.holes()).toMatchObject([{ table: 'feed_event', symbol: null, missing: 1, last_seq: 4 }]);
  });

  test('whatever the order of numbers, it is known how many are missing between the first and the last', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 100 }), (seqs) => {
        const ranges = new SeqRanges();
        for (const seq of seqs) ranges.add(seq);
        const [first, last] = [Math.min(...seqs), Math.max(...seqs)];
        expect([ranges.first, ranges.last]).toEqual([first, last]);
        expect(ranges.missing).toBe(last - first + 1 - new Set(seqs).size);
        expect(new SeqRanges(ranges.state).state).toEqual(ranges.state);
      }),
    );
  });

  test('a count full of holes keeps its size: what is missing far back stays missing', () => {
    const ranges = new SeqRanges();
    for (let seq = 1; seq <= 10_001; seq += 2) ranges.add(seq);
    expect(ranges.missing).toBe(5000);
    expect(ranges.state).toHaveLength(2001);
    ranges.add(2);
    expect(ranges.missing).toBe(5000);
    ranges.add(10_000);
    expect(ranges.missing).toBe(4999);
  });
});
