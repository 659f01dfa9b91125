/** Whatever the order of arrival, and wherever a replay is cut: one order, every row, none twice. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TableRow } from '../../../producer/record.ts';
import { type Checkpoint, readCheckpoint } from '../../../producer/replay/checkpoint.ts';
import type { ReplaySummary } from '../../../producer/replay/counts.ts';
import { compareKeys } from '../../../producer/replay/key.ts';
import { runReplay } from '../../../producer/replay/replay.ts';
import type { Selection } from '../../../producer/replay/source.ts';
import { bookRow, eventRow } from '../samples.ts';
import { EVERYTHING, File, fileSink, type Item, Store, sourceOf, WriteClock } from './parts.ts';

const WINDOW_MS = 50;
interface Delivery {
  readonly items: Item[];
  readonly rows: TableRow[];
}

interface Options {
  readonly windowRows?: number;
  readonly keepDuplicates?: boolean;
  readonly oneRowPerBook?: boolean;
  readonly writesPerCut?: number;
  readonly selection?: Selection;
}

/**
 * Rows of two sessions and two symbols, and their feed events, over some windows of time; of each book the sessions have
 * a row each, at times a little apart.
 */
const rowsOfSessions = fc
  .array(
    fc.record({ gapMs: fc.integer({ min: 0, max: 25 }), apartMs: fc.integer({ min: 0, max: 60 }), kind: fc.nat(7) }),
    {
      minLength: 5,
      maxLength: 60,
    },
  )
  .map((steps) => {
    const seqs = new Map<string, number>();
    const next = (count: string) => {
      const seq = (seqs.get(count) ?? 0) + 1;
      seqs.set(count, seq);
      return seq;
    };
    let atMs = 0;
    return steps.flatMap(({ gapMs, apartMs, kind }, id): TableRow[] => {
      atMs += gapMs;
      if (kind === 0) return [eventRow(null, next('events'), atMs)];
      const symbol = kind % 2 === 0 ? 'BTCUSDT' : 'ETHUSDT';
      const row = (session_id: string, timeMs: number, verified: boolean | null) =>
        bookRow(symbol, next(session_id + symbol), timeMs, { session_id, last_update_id: id, verified });
      const first = row('session-1', atMs, kind > 4 ? true : null);
      return kind > 3 ? [first] : [first, row('session-2', atMs + apartMs, kind > 2 ? true : null)];
    });
  });

/**
 * @param delayMs by how much a row comes later than its time, at most
 * @param frontierMs by how much the source is more certain than it may be; up to the window this does no harm
 */
const delivery = (delayMs: number, frontierMs: number, duplicates: boolean): fc.Arbitrary<Delivery> =>
  rowsOfSessions.chain((rows) =>
    fc
      .record({
        placed: fc.array(fc.record({ delayMs: fc.nat(delayMs), part: fc.nat(2), twice: fc.nat(5) }), {
          minLength: rows.length,
          maxLength: rows.length,
        }),
        againMs: fc.nat(delayMs),
        perRun: fc.integer({ min: 1, max: 6 }),
      })
      .map(({ placed, againMs, perRun }) => {
        const arrivals = rows.flatMap((row, at): Arrival[] => {
          const { delayMs, part, twice } = placed[at]!;
          const atMs = row.row.timestamp_ms + delayMs;
          const once = { row, part, atMs };
          return duplicates && twice === 0
            ? [once, { row: structuredClone(row), part: (part + 1) % 3, atMs: atMs + againMs }]
            : [once];
        });
        return { items: itemsOf(arrivals, perRun, frontierMs), rows: arrivals.map(({ row }) => row) };
      }),
  );

interface Arrival {
  readonly row: TableRow;
  readonly part: number;
  readonly atMs: number;
}

/** Runs of rows that arrived one after another in the same part. */
function itemsOf(arrivals: readonly Arrival[], perRun: number, aheadMs: number): Item[] {
  const runs: { readonly part: number; readonly rows: TableRow[] }[] = [];
  const open = new Map<number, TableRow[]>();
  for (const { row, part } of arrivals.toSorted((a, b) => a.atMs - b.atMs)) {
    let rows = open.get(part);
    if (rows === undefined || rows.length === perRun) {
      rows = [];
      open.set(part, rows);
      runs.push({ part, rows });
    }
    rows.push(row);
  }
  return runs.map(({ part, rows }, at) => {
    const later = runs.slice(at + 1).flatMap((one) => one.rows.map(({ row }) => row.timestamp_ms));
    return { rows, part: `part ${part}`, frontierMs: Math.min(...later, 1e9) + aheadMs };
  });
}

/** How a run of the program ends early. */
interface Cut {
  /** kill: in the middle of this write; abort: in good order, at this item of the source. */
  readonly how: 'kill' | 'abort';
  readonly at: number;
}

interface Program {
  readonly file: File;
  readonly store: Store;
  readonly clock: WriteClock;
}

async function run(items: readonly Item[], options: Options, { file, store, clock }: Program, cut: Cut | null) {
  const replay = { from: 'test' };
  const last = await readCheckpoint(store, replay);
  const stop = new AbortController();
  const { writesPerCut = 1, ...asked } = options;
  const abortAt = cut?.how === 'abort' ? cut.at : Infinity;
  const dieAt = cut?.how === 'kill' ? cut.at : Infinity;
  return runReplay({
    source: sourceOf(items, null, (at) => (at === abortAt ? stop.abort() : undefined)),
    selection: EVERYTHING,
    windowMs: WINDOW_MS,
    keepDuplicates: false,
    oneRowPerBook: false,
    speed: 'max',
    strict: false,
    clock,
    signal: stop.signal,
    ...asked,
    sink: fileSink(file, last?.sink ?? null, { dieAt, writesPerCut, clock }),
    checkpoint: { store, replay, last },
  });
}

async function uninterrupted(items: readonly Item[], options: Options) {
  const file = new File();
  const summary = await run(items, options, { file, store: new Store(), clock: new WriteClock() }, null);
  return { rows: file.rows, summary };
}

/** Cut short again and again, and begun again behind the last checkpoint. */
async function interrupted(items: readonly Item[], options: Options, { cuts, writeMs, sleepMs }: Interruptions) {
  const program: Program = { file: new File(), store: new Store(), clock: new WriteClock(writeMs, sleepMs) };
  for (const cut of cuts) {
    const summary = await run(items, options, program, cut).catch((error: Error) => {
      if (error.message !== 'the process was killed') throw error;
      return null;
    });
    if (summary?.done) break;
  }
  const summary = await run(items, options, program, null);
  return { rows: program.file.rows, summary, checkpoint: JSON.parse(program.store.text!) as Checkpoint };
}

const identity = ({ table, row }: TableRow) => `${table} ${row.venue} ${row.session_id} ${row.symbol} ${row.seq}`;
const total = (counts: object) => Object.values(counts).reduce((sum, count) => sum + count, 0);
const withoutRepeats = (rows: readonly TableRow[]) =>
  rows.toSorted(compareKeys).filter((row, at, all) => at === 0 || compareKeys(all[at - 1]!, row) !== 0);
const counted = ({ rows, skipped, late, first_ms, last_ms, missing, sessions }: ReplaySummary) => {
  const { resumed: _, ...reasons } = skipped;
  return { rows, reasons, late, first_ms, last_ms, missing, sessions };
};
interface Interruptions {
  readonly cuts: readonly Cut[];
  readonly writeMs: number;
  readonly sleepMs: number;
}

const interruptions: fc.Arbitrary<Interruptions> = fc.record({
  cuts: fc.array(
    fc.record({ how: fc.constantFrom('kill' as const, 'abort' as const), at: fc.integer({ min: 1, max: 12 }) }),
    {
      maxLength: 5,
    },
  ),
  writeMs: fc.integer({ min: 200, max: 1500 }),
  sleepMs: fc.constantFrom(0, 1000),
});

const selection: fc.Arbitrary<Selection> = fc.constantFrom(EVERYTHING, {
  fromMs: 40,
  toMs: 400,
  tables: EVERYTHING.tables,
  symbol: (symbol: string) => symbol === 'BTCUSDT',
});

/** The rule told again, over all rows at once: rows of a book are two at most here, one of each session. */
function bestOfEachBook(rows: readonly TableRow[]): TableRow[] {
  return rows.filter((one) => {
    if (one.table === 'feed_event') return true;
    const other = rows.find(
      ({ table, row }) =>
        table === 'order_book' &&
        row.symbol === one.row.symbol &&
        row.last_update_id === one.row.last_update_id &&
        row.session_id !== one.row.session_id &&
        Math.abs(row.timestamp_ms - one.row.timestamp_ms) <= WINDOW_MS / 2,
    );
    if (other === undefined || other.table === 'feed_event') return true;
    const [mine, others] = [one.row.verified ? 1 : 0, other.row.verified ? 1 : 0];
    return mine === others ? compareKeys(one, other) < 0 : mine > others;
  });
}

function timesOf(names: readonly string[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const name of names) times.set(name, (times.get(name) ?? 0) + 1);
  return times;
}

/** @param numRuns how many deliveries each of the first two tests replays; the others replay two and three times as many */
export function testResuming(numRuns: number): void {
  test('runs of any parts that arrive within the window leave as one order, every row once, and the counts add up', async () => {
    await fc.assert(
      fc.asyncProperty(delivery(2 * WINDOW_MS, WINDOW_MS, true), async ({ items, rows }) => {
        const replayed = await uninterrupted(items, {});
        expect(replayed.rows).toEqual(withoutRepeats(rows));
        expect(replayed.summary).toMatchObject({ late: 0, early: 0, missing: 0, done: true });
        expect(total(replayed.summary.rows) + total(replayed.summary.skipped)).toBe(rows.length);
      }),
      { numRuns },
    );
  });

  test('of each book one row leaves, the best of those within half a window', async () => {
    await fc.assert(
      fc.asyncProperty(delivery(WINDOW_MS, WINDOW_MS / 2, true), async ({ items, rows }) => {
        const replayed = await uninterrupted(items, { oneRowPerBook: true });
        expect(replayed.rows).toEqual(bestOfEachBook(withoutRepeats(rows)));
        expect(total(replayed.summary.rows) + total(replayed.summary.skipped)).toBe(rows.length);
      }),
      { numRuns },
    );
  });

  test('killed or stopped anywhere, any number of times, and begun again it writes what it would have written at once', async () => {
    await fc.assert(
      fc.asyncProperty(
        delivery(2 * WINDOW_MS, WINDOW_MS / 2, true),
        interruptions,
        fc.record({
          selection,
          oneRowPerBook: fc.boolean(),
          keepDuplicates: fc.boolean(),
          writesPerCut: fc.integer({ min: 1, max: 4 }),
        }),
        async ({ items }, cuts, options) => {
          const whole = await uninterrupted(items, options);
          const pieces = await interrupted(items, options, cuts);
          expect(pieces.rows).toEqual(whole.rows);
          expect(counted(pieces.summary)).toEqual(counted(whole.summary));
          expect(pieces.checkpoint).toMatchObject({ done: true, sink: whole.rows.length });
        },
      ),
      { numRuns: 3 * numRuns },
    );
  });

  test('where rows come later than the window allows, or the window is too small for them, none is lost, none doubled', async () => {
    await fc.assert(
      fc.asyncProperty(
        delivery(300, 250, false),
        interruptions,
        fc.record({ windowRows: fc.integer({ min: 1, max: 20 }), writesPerCut: fc.integer({ min: 1, max: 4 }) }),
        async ({ items, rows }, cuts, options) => {
          const pieces = await interrupted(items, options, cuts);
          expect(pieces.rows.map(identity).toSorted()).toEqual(rows.map(identity).toSorted());
          expect(total(pieces.summary.rows)).toBe(rows.length);
          expect(pieces.summary.missing).toBe(0);
        },
      ),
      { numRuns: 3 * numRuns },
    );
  });

  test('rows delivered twice beyond the window leave at least once and at most as often as they came; each book is there', async () => {
    await fc.assert(
      fc.asyncProperty(
        delivery(300, 250, true),
        interruptions,
        fc.integer({ min: 1, max: 20 }),
        fc.boolean(),
        async ({ items, rows }, cuts, windowRows, oneRowPerBook) => {
          const pieces = await interrupted(items, { windowRows, oneRowPerBook }, cuts);
          const name = (row: TableRow) =>
            oneRowPerBook && row.table === 'order_book' ? `${row.row.symbol} ${row.row.last_update_id}` : identity(row);
          const delivered = timesOf(rows.map(name));
          const left = timesOf(pieces.rows.map(name));
          expect([...left.keys()].toSorted()).toEqual([...delivered.keys()].toSorted());
          for (const [key, times] of left) expect(times).toBeLessThanOrEqual(delivered.get(key)!);
        },
      ),
      { numRuns: 2 * numRuns },
    );
  });
}
