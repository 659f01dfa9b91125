import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { DepthlakeError } from '../../../producer/errors.ts';
import type { TableRow } from '../../../producer/record.ts';
import { ReplayBatches } from '../../../producer/replay/batches.ts';
import { type Checkpoint, readCheckpoint } from '../../../producer/replay/checkpoint.ts';
import type { ReplayOptions, ReplayProgress } from '../../../producer/replay/options.ts';
import { runReplay } from '../../../producer/replay/replay.ts';
import type { Sink } from '../../../producer/replay/sink.ts';
import type { Problem, Source } from '../../../producer/replay/source.ts';
import { bookRow } from '../samples.ts';
import { EVERYTHING, File, type FileSinkOptions, fileSink, SleepyClock, Store, sourceOf, WriteClock } from './parts.ts';

const WINDOW_MS = 30;

type Given = Partial<ReplayOptions> & { readonly onProgress?: (progress: ReplayProgress) => void };

function optionsOf(source: Source, given: Given = {}): ReplayOptions {
  return {
    source,
    selection: EVERYTHING,
    windowMs: WINDOW_MS,
    keepDuplicates: false,
    oneRowPerBook: false,
    speed: 'max',
    strict: false,
    clock: new WriteClock(),
    signal: new AbortController().signal,
    ...given,
  };
}

/** One run of the program: goes on from the store's checkpoint, into the file. */
async function run(source: Source, file: File, store: Store, given: Given = {}, sinkOptions: FileSinkOptions = {}) {
  const replay = { from: 'test' };
  const last = await readCheckpoint(store, replay);
  const clock = new WriteClock(1000);
  const sink = fileSink(file, last?.sink ?? null, { clock, ...sinkOptions });
  return runReplay({ ...optionsOf(source, { clock, ...given }), sink, checkpoint: { store, replay, last } });
}

const book = (seq: number, atMs: number, extra = {}) => bookRow('BTCUSDT', seq, atMs, extra);
const seqs = (rows: readonly TableRow[]) => rows.map(({ row }) => row.seq);
const checkpointIn = ({ text }: Store): Checkpoint => JSON.parse(text!);
/** Rows `first` to `last`, one every 10 ms. */
const books = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, at) => book(first + at, (first + at) * 10));
const numbers = (first: number, last: number) => seqs(books(first, last));
const torn: Problem = { code: 'DL_CONTAINER_INVALID', where: 'orderbook/x.avro', message: 'the end is missing' };

describe('a replay', () => {
  test('hands the sink everything in batches of at most 1,000 rows, ends it, closes it and sums up', async () => {
    const file = new File();
    const sink = fileSink(file, null);
    const source = sourceOf([{ rows: books(1, 2500) }]);
    const summary = await runReplay({ ...optionsOf(source), sink, checkpoint: null });
    expect(seqs(file.rows)).toEqual(numbers(1, 2500));
    expect(file.writes).toEqual([1000, 1000, 500]);
    expect([sink.ended, sink.closed, source.open]).toEqual([1, 1, 0]);
    expect(summary).toMatchObject({ rows: { order_book: 2500, feed_event: 0 }, first_ms: 10, last_ms: 25_000 });
    expect(summary).toMatchObject({ sessions: 1, missing: 0, holes: [], resumed: false, done: true });
  });

  test('gives out what is ready before it waits for the source', async () => {
    const source = sourceOf([{ rows: books(1, 10), frontierMs: 1000 }, { rows: books(11, 20) }]);
    const batches: number[][] = [];
    for await (const rows of new ReplayBatches(optionsOf(source), null).read()) batches.push(seqs(rows));
    expect(batches).toEqual([numbers(1, 10), numbers(11, 20)]);
  });

  test('reads no further than its reader: the next item is asked for when the rows before it are taken', async () => {
    let given = 0;
    const source: Source = {
      async *read() {
        for (let at = 0; at < 10; at++) {
          given += 1;
          const rows = books(at * 1000 + 1, at * 1000 + 1000);
          yield {
            run: { rows, part: '', position: '', taken: false },
            problem: null,
            frontierMs: at * 10_000 + 10_100,
          };
        }
      },
    };
    const reading = new ReplayBatches(optionsOf(source), null).read();
    await reading.next();
    await reading.next();
    expect(given).toBe(2);
    await reading.return();
  });

  test('a reader that stops lets go of the source', async () => {
    const source = sourceOf([{ rows: books(1, 10), frontierMs: 1000 }, { rows: books(11, 20) }]);
    for await (const _ of new ReplayBatches(optionsOf(source), null).read()) break;
    expect(source.open).toBe(0);
  });

  test('signals and timers come through while rows pour', async () => {
    const stop = new AbortController();
    const source: Source = {
      async *read() {
        for (let at = 0; ; at++) {
          const rows = books(at * 100 + 1, at * 100 + 100);
          yield { run: { rows, part: '', position: '', taken: false }, problem: null, frontierMs: at * 1000 };
        }
      },
    };
    setTimeout(() => stop.abort(), 5);
    const sink = { write: async () => {}, accepted, end: accepted, close: async () => {} };
    const summary = await runReplay({ ...optionsOf(source, { signal: stop.signal }), sink, checkpoint: null });
    expect(summary.done).toBe(false);
  });

  test('tells its progress while rows come and while none do', async () => {
    const told: ReplayProgress[] = [];
    const clock = new SleepyClock(() => 0);
    const source: Source = {
      async *read(_selection, _resume, signal) {
        yield { run: { rows: books(1, 10), part: '', position: '', taken: false }, problem: null, frontierMs: 80 };
        await clock.sleep(1000, signal);
      },
    };
    const onProgress = (progress: ReplayProgress) => told.push(progress);
    await runReplay({
      ...optionsOf(source, { clock }),
      onProgress,
      sink: fileSink(new File(), null),
      checkpoint: null,
    });
    expect(told.slice(0, 3).map(({ rows, waiting, atMs, seconds }) => [rows, waiting, atMs, seconds])).toEqual([
      [4, 6, 40, 0.25],
      [4, 6, 40, 0.5],
      [4, 6, 40, 0.75],
    ]);
    expect(told.at(-1)).toMatchObject({ rows: 10, waiting: 0, atMs: 100 });
  });
});

const accepted = async () => ({ writes: 0, state: null });

describe('what goes wrong', () => {
  test('a problem is told, counted and listed, and the rest is replayed', async () => {
    const told: Problem[] = [];
    const many = Array.from({ length: 120 }, (_, at) => ({ problem: { ...torn, where: `file ${at}` } }));
    const items = [{ rows: books(1, 3), frontierMs: 1000 }, ...many, { rows: books(4, 5) }];
    const file = new File();
    const options = optionsOf(sourceOf(items), { onProblem: (problem) => told.push(problem) });
    const { problems } = await runReplay({ ...options, sink: fileSink(file, null), checkpoint: null });
    expect(seqs(file.rows)).toEqual(numbers(1, 5));
    expect(told).toHaveLength(120);
    expect(problems).toMatchObject({ count: 120, codes: { DL_CONTAINER_INVALID: 120 } });
    expect(problems.list).toHaveLength(100);
  });

  test('where strict, the first problem ends it with its code; what went out before is accepted and in the checkpoint', async () => {
    const items = [{ rows: books(1, 9), frontierMs: 80 }, { problem: torn }, { rows: books(10, 12) }];
    const [file, store] = [new File(), new Store()];
    const source = sourceOf(items);
    const failed = await run(source, file, store, { strict: true }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(DepthlakeError);
    expect(failed).toMatchObject({ code: torn.code, message: 'orderbook/x.avro: the end is missing' });
    expect(seqs(file.rows)).toEqual([1, 2, 3, 4]);
    expect(source.open).toBe(0);
    expect(checkpointIn(store)).toMatchObject({ done: false, sink: 4, frontier: { row: { seq: 4 } } });

    const summary = await run(sourceOf(items), file, store);
    expect(seqs(file.rows)).toEqual(numbers(1, 12));
    // Counted once, though it was met twice.
    expect(summary).toMatchObject({ resumed: true, done: true, problems: { count: 1 }, rows: { order_book: 12 } });
  });

  test('what the source throws ends it in the same way', async () => {
    const failure = new DepthlakeError('DL_STREAM_MISSING', 'there is no stream x');
    const [file, store] = [new File(), new Store()];
    const source = sourceOf([{ rows: books(1, 9), frontierMs: 80 }], failure);
    await expect(run(source, file, store)).rejects.toBe(failure);
    expect(seqs(file.rows)).toEqual([1, 2, 3, 4]);
    expect(checkpointIn(store)).toMatchObject({ done: false, frontier: { row: { seq: 4 } } });
  });

  test('a sink that fails is closed, the source let go of, and the last checkpoint stays', async () => {
    for (const [failing, rows] of [
      ['write', 2],
      ['accepted', 0],
      ['end', 12],
    ] as const) {
      const source = sourceOf([{ rows: books(1, 9), frontierMs: 60 }, { frontierMs: 80 }, { rows: books(10, 12) }]);
      const store = new Store();
      const clock = new WriteClock(1000);
      const sink: Sink & { closed: number } = fileSink(new File(), null, { clock });
      let calls = 0;
      const works = sink[failing] as (...given: unknown[]) => Promise<never>;
      sink[failing] = async (...given: unknown[]) => {
        calls += 1;
        if (calls === (failing === 'end' ? 1 : 2)) throw new DepthlakeError('DL_SINK_FAILED', failing);
        return works(...given);
      };
      const checkpoint = { store, replay: {}, last: null };
      const ending = runReplay({ ...optionsOf(source, { clock }), sink, checkpoint });
      await expect(ending).rejects.toMatchObject({ code: 'DL_SINK_FAILED', message: failing });
      expect([sink.closed, source.open]).toEqual([1, 0]);
      const { done, frontier, counts, sink: state } = checkpointIn(store);
      expect([done, frontier?.row.seq ?? 0, counts.rows.order_book, state]).toEqual([false, rows, rows, rows]);
    }
  });
});

describe('ending early', () => {
  test('an aborted replay ends once the sink accepted what it was given; the same command goes on behind it', async () => {
    const items = [{ rows: books(1, 9), frontierMs: 80 }, { frontierMs: 90 }, { rows: books(10, 12) }];
    const [file, store, stop] = [new File(), new Store(), new AbortController()];
    const given = { signal: stop.signal };
    const summary = await run(sourceOf(items), file, store, given, { beforeWrite: () => stop.abort() });
    expect(seqs(file.rows)).toEqual([1, 2, 3, 4]);
    expect(summary).toMatchObject({ done: false, rows: { order_book: 4 } });
    expect(checkpointIn(store)).toMatchObject({ done: false, sink: 4 });
    expect(await run(sourceOf(items), file, store)).toMatchObject({ done: true, resumed: true });
    expect(seqs(file.rows)).toEqual(numbers(1, 12));
  });

  test('aborted between late rows it gives out all of them: a checkpoint could not tell which have left', async () => {
    const late = books(1, 2500);
    const items = [
      { rows: books(2501, 2600), frontierMs: 100_000 },
      { rows: late, frontierMs: 100_000 },
    ];
    const [file, store, stop] = [new File(), new Store(), new AbortController()];
    const beforeWrite = () => (file.writes.length === 1 ? stop.abort() : undefined);
    await run(sourceOf(items), file, store, { signal: stop.signal }, { beforeWrite });
    expect(file.writes).toEqual([100, 1000, 1000, 500]);
    expect(await run(sourceOf(items), file, store)).toMatchObject({ late: 2500, rows: { order_book: 2600 } });
    expect(seqs(file.rows)).toEqual([...numbers(2501, 2600), ...numbers(1, 2500)]);
  });

  test('killed in its first write, before the next checkpoint is due, it goes on from the beginning', async () => {
    const items = [{ rows: books(1, 9), frontierMs: 80 }, { rows: books(10, 12) }];
    const [file, store] = [new File(), new Store()];
    await expect(run(sourceOf(items), file, store, {}, { dieAt: 1 })).rejects.toThrow('killed');
    expect(file.rows).not.toEqual([]);
    expect(checkpointIn(store)).toMatchObject({ done: false, frontier: null, sink: 0 });
    const source = sourceOf(items);
    await run(source, file, store);
    expect(source.resumes).toEqual([null]);
    expect(seqs(file.rows)).toEqual(numbers(1, 12));
  });

  test('rows that come again after the checkpoint are left out, in whatever order the source gives the runs', async () => {
    const first = { rows: books(1, 9), part: 'a', frontierMs: 80 };
    const again = { rows: books(3, 4), part: 'b', frontierMs: 60 };
    const [file, store, stop] = [new File(), new Store(), new AbortController()];
    await run(
      sourceOf([first, { frontierMs: 80 }]),
      file,
      store,
      { signal: stop.signal },
      { beforeWrite: () => stop.abort() },
    );
    expect(seqs(file.rows)).toEqual([1, 2, 3, 4]);
    // The fake source's positions are the places of its items.
    store.text = store.text!.replace('"a":"000000"', '"a":"000001"');
    expect(await run(sourceOf([again, first]), file, store)).toMatchObject({
      skipped: { duplicate: 2 },
    });
    expect(seqs(file.rows)).toEqual(numbers(1, 9));
  });

  test('killed between late rows it gives out each of them once', async () => {
    const items = [
      { rows: books(2501, 2600), frontierMs: 100_000 },
      { rows: books(1, 2500), frontierMs: 100_000 },
    ];
    for (const dieAt of [2, 3, 4]) {
      const [file, store] = [new File(), new Store()];
      await expect(run(sourceOf(items), file, store, {}, { dieAt })).rejects.toThrow('killed');
      await run(sourceOf(items), file, store);
      expect(seqs(file.rows).toSorted((a, b) => a - b)).toEqual(numbers(1, 2600));
    }
  });
});

describe('a source that has grown among what was taken of it', () => {
  /** As files of a lake, of which a new one may lie between others: all up to the last row are taken. Rows leave at once. */
  const grown = (runs: readonly (readonly TableRow[])[], isAgain: boolean): Source => ({
    async *read() {
      for (const [at, rows] of runs.entries()) {
        const run = { rows, part: '', position: `${at}`, taken: isAgain };
        await setImmediate();
        await setImmediate();
        yield { run, problem: null, frontierMs: rows.at(-1)!.row.timestamp_ms + WINDOW_MS + 1 };
      }
    },
  });

  test('gives what it had not when the replay stopped, late and once', async () => {
    const [file, store] = [new File(), new Store()];
    const before = await run(grown([books(1, 9), books(20, 29)], false), file, store);
    expect(before).toMatchObject({ missing: 10, rows: { order_book: 19 } });
    const runs = [books(1, 9), books(10, 19), books(20, 29), books(30, 35)];
    for (let again = 0; again < 2; again += 1) {
      const summary = await run(grown(runs, true), file, store);
      expect(seqs(file.rows)).toEqual([...numbers(1, 9), ...numbers(20, 29), ...numbers(10, 19), ...numbers(30, 35)]);
      expect(summary).toMatchObject({ missing: 0, late: 10, rows: { order_book: 35 } });
    }
  });

  test('gives it once, wherever the replay is killed on its way there', async () => {
    const runs = Array.from({ length: 8 }, (_, at) => books(10 * at + 1, 10 * at + 10));
    for (const writesPerCut of [1, 2, 3]) {
      for (let dieAt = 1; dieAt <= 6; dieAt += 1) {
        const [file, store] = [new File(), new Store()];
        await run(grown([runs[0]!, runs[7]!], false), file, store);
        const killed = run(grown(runs, true), file, store, {}, { dieAt, writesPerCut });
        await expect(killed).rejects.toThrow('the process was killed');
        expect(await run(grown(runs, true), file, store)).toMatchObject({ missing: 0, rows: { order_book: 80 } });
        expect(seqs(file.rows).toSorted((a, b) => a - b)).toEqual(numbers(1, 80));
      }
    }
  });
});

describe('a checkpoint', () => {
  const items = [
    { rows: books(1, 9), frontierMs: 60 },
    { rows: books(10, 20), frontierMs: 100 },
  ];

  test('asks the source for two windows behind the last row, and for what comes behind the runs taken', async () => {
    const [file, store, stop] = [new File(), new Store(), new AbortController()];
    const beforeWrite = () => (file.writes.length === 1 ? stop.abort() : undefined);
    await run(sourceOf(items), file, store, { signal: stop.signal }, { beforeWrite });
    const source = sourceOf(items);
    await run(source, file, store);
    expect(source.resumes).toEqual([{ fromMs: 60 - 2 * 30, taken: { '': '000001' } }]);
  });

  test('where rows left before their time, asks for all that the source was not certain of', async () => {
    const [file, store, stop] = [new File(), new Store(), new AbortController()];
    const full = { windowRows: 5, signal: stop.signal };
    const first = [
      { rows: books(50, 60), frontierMs: 60 },
      { rows: books(6, 9), frontierMs: 60 },
    ];
    await run(sourceOf(first), file, store, full, { beforeWrite: () => stop.abort() });
    expect(seqs(file.rows)).toEqual(numbers(50, 55));
    const source = sourceOf(first);
    expect(await run(source, file, store)).toMatchObject({ early: 6, late: 4, rows: { order_book: 15 } });
    expect(source.resumes).toEqual([{ fromMs: 60, taken: { '': '000000' } }]);
    expect(seqs(file.rows)).toEqual([...numbers(50, 55), ...numbers(6, 9), ...numbers(56, 60)]);
  });

  test('is written about once a second, and only after the sink accepted', async () => {
    const many = Array.from({ length: 40 }, (_, at) => ({ rows: [book(at + 1, at)], frontierMs: at + 30 }));
    const store = new Store();
    const clock = new WriteClock(100);
    const asked: number[] = [];
    const sink = fileSink(new File(), null, { clock });
    const acceptedOf = sink.accepted;
    sink.accepted = async () => {
      asked.push(clock.now());
      return acceptedOf();
    };
    const options = optionsOf(sourceOf(many), { clock });
    await runReplay({ ...options, sink, checkpoint: { store, replay: {}, last: null } });
    // The progress is told every 300 ms here, as a batch takes 100.
    expect(asked).toEqual([0, 1200, 2400, 3600]);
    expect(store.writes).toBe(5);
  });

  test('of a sink that accepts late holds no more than it accepted', async () => {
    const many = Array.from({ length: 40 }, (_, at) => ({ rows: [book(at + 1, at)], frontierMs: at + 30 }));
    const texts: string[] = [];
    const store = { read: async () => null, write: async (text: string) => void texts.push(text) };
    const clock = new WriteClock(1000);
    const sink: Sink = fileSink(new File(), null, { clock });
    const acceptedOf = sink.accepted;
    sink.accepted = async () => ({ writes: Math.max(0, (await acceptedOf()).writes - 5), state: null });
    await runReplay({
      ...optionsOf(sourceOf(many), { clock }),
      sink,
      checkpoint: { store, replay: {}, last: null },
    });
    const checkpoints = texts.map((text): Checkpoint => JSON.parse(text));
    expect(checkpoints.length).toBeGreaterThan(3);
    expect(checkpoints.at(-1)).toMatchObject({ done: true, frontier: { row: { seq: 40 } } });
    // Batches hold one row each; the sink was behind by five when a state was noted.
    for (const { counts, frontier } of checkpoints) expect(frontier?.row.seq ?? 0).toBe(counts.rows.order_book);
    const behind = checkpoints.slice(0, -1).map(({ counts }) => counts.rows.order_book);
    expect(Math.max(...behind)).toBeLessThanOrEqual(35);
  });

  test('asks the sink even where none is kept: what waits in it leaves', async () => {
    let asked = 0;
    const clock = new SleepyClock(() => 0);
    const source: Source = {
      async *read(_selection, _resume, signal) {
        yield { run: { rows: books(1, 10), part: '', position: '', taken: false }, problem: null, frontierMs: 1000 };
        await clock.sleep(5000, signal);
      },
    };
    const sink = fileSink(new File(), null);
    const acceptedOf = sink.accepted;
    sink.accepted = async () => {
      asked += 1;
      return acceptedOf();
    };
    await runReplay({ ...optionsOf(source, { clock }), sink, checkpoint: null });
    expect(asked).toBeGreaterThanOrEqual(4);
  });

  test('run again after its end a replay adds nothing, and what came meanwhile where the end is open', async () => {
    const [file, store] = [new File(), new Store()];
    const selection = { ...EVERYTHING, toMs: 1000 };
    await run(sourceOf(items), file, store, { selection });
    const source = sourceOf(items);
    expect(await run(source, file, store, { selection })).toMatchObject({ done: true, rows: { order_book: 20 } });
    expect(source.resumes).toEqual([]);

    const [open, openStore] = [new File(), new Store()];
    await run(sourceOf(items), open, openStore);
    await run(sourceOf([...items, { rows: books(21, 25) }]), open, openStore);
    expect(seqs(open.rows)).toEqual(numbers(1, 25));
  });

  test('keeps the time asked for at first: a relative one means the same when the replay goes on', async () => {
    const [file, store, stop] = [new File(), new Store(), new AbortController()];
    const from = (fromMs: number, toMs: number) => ({ selection: { ...EVERYTHING, fromMs, toMs } });
    const given = { ...from(20, 150), signal: stop.signal };
    await run(sourceOf(items), file, store, given, { beforeWrite: () => stop.abort() });
    await run(sourceOf(items), file, store, from(120, 500));
    expect(seqs(file.rows)).toEqual(numbers(2, 14));
  });

  test('that is damaged, of another version or of another replay is refused, and says why', async () => {
    const store = new Store();
    await run(sourceOf(items), new File(), store);
    const good = store.text!;
    const refusal = (text: string, replay = { from: 'test' }) => {
      store.text = text;
      return readCheckpoint(store, replay).catch((error: unknown) => error);
    };
    const invalid = (message: string) => ({ code: 'DL_CHECKPOINT_INVALID', message: expect.stringContaining(message) });
    expect(await refusal(good.slice(0, -10))).toMatchObject(invalid('is no JSON'));
    expect(await refusal('[]')).toMatchObject(invalid('is no JSON object'));
    expect(await refusal('{"version":2}')).toMatchObject(invalid('has the version 2, not 1'));
    expect(await refusal(good, { from: 'lake' })).toMatchObject(
      invalid('is of another replay: from "test", not "lake"'),
    );
    for (const name of Object.keys(checkpointIn(store))) {
      const { [name]: _, ...rest } = checkpointIn({ text: good } as Store) as unknown as Record<string, unknown>;
      expect(await refusal(JSON.stringify(rest))).toMatchObject(invalid(name));
    }
    const seen = [['order_book', 'v', 's', 'x', ['1']]];
    expect(await refusal(JSON.stringify({ ...JSON.parse(good), seen }))).toMatchObject(invalid('seen is'));
    expect(await refusal(good)).toEqual(JSON.parse(good));
    store.text = null;
    expect(await readCheckpoint(store, {})).toBeNull();
  });
});

describe('the speed', () => {
  /** When each row of the source is written, at a speed, by a clock whose sleeps take a few milliseconds too long. */
  async function paced(rows: readonly TableRow[], speed: number, slow = (_seq: number): number => 0) {
    let late = 0;
    const clock = new SleepyClock(() => (late++ % 3) * 2 + 1);
    const written: { readonly seq: number; readonly atMs: number }[] = [];
    const progress: ReplayProgress[] = [];
    const sink = fileSink(new File(), null, {
      beforeWrite: (given) => {
        for (const { row } of given) written.push({ seq: row.seq, atMs: clock.now() });
        clock.pass(slow(given.at(-1)!.row.seq));
      },
    });
    const onProgress = (one: ReplayProgress) => progress.push(one);
    await runReplay({ ...optionsOf(sourceOf([{ rows }]), { clock, speed }), onProgress, sink, checkpoint: null });
    return { written, progress };
  }

  test('each row leaves when it is due, however late timers are: nothing adds up over minutes', async () => {
    // Three minutes of event time at ten times the speed, a row every 70 ms.
    const rows = Array.from({ length: 2572 }, (_, at) => book(at + 1, 1_000_000 + at * 70));
    const { written } = await paced(rows, 10);
    const first = written[0]!.atMs;
    const lateness = written.map(({ atMs }, at) => atMs - first - (at * 70) / 10);
    expect(Math.min(...lateness)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...lateness)).toBeLessThanOrEqual(7);
    expect(lateness).toHaveLength(2572);
  });

  test('a stretch without rows passes in event time, too', async () => {
    const { written } = await paced([book(1, 0), book(2, 3_600_000)], 10);
    expect(written[1]!.atMs - written[0]!.atMs).toBeGreaterThanOrEqual(360_000);
    expect(written[1]!.atMs - written[0]!.atMs).toBeLessThanOrEqual(360_010);
  });

  test('a sink that falls behind is caught up, with every row; how far it is behind is told', async () => {
    const rows = Array.from({ length: 100 }, (_, at) => book(at + 1, at * 100));
    const { written, progress } = await paced(rows, 1, (seq) => (seq === 20 ? 3000 : 0));
    expect(written.map(({ seq }) => seq)).toEqual(numbers(1, 100));
    const first = written[0]!.atMs;
    const lateness = written.map(({ atMs }, at) => atMs - first - at * 100);
    expect(lateness[20]).toBeGreaterThan(2800);
    expect(lateness.at(-1)).toBeLessThanOrEqual(7);
    expect(Math.max(...progress.map(({ lagMs }) => lagMs))).toBeGreaterThan(2000);
    expect(progress.at(-1)!.lagMs).toBeLessThanOrEqual(7);
  });

  test('rows of one moment go as one batch', async () => {
    const rows = [0, 0, 0, 50, 50, 90].map((atMs, at) => book(at + 1, atMs));
    const file = new File();
    const clock = new SleepyClock(() => 0);
    const options = optionsOf(sourceOf([{ rows }]), { clock, speed: 1 });
    await runReplay({ ...options, sink: fileSink(file, null), checkpoint: null });
    expect(file.writes).toEqual([3, 2, 1]);
  });

  test('an aborted replay wakes up', async () => {
    const stop = new AbortController();
    const clock = new SleepyClock(() => 0);
    const rows = [book(1, 0), book(2, 1e12)];
    const options = optionsOf(sourceOf([{ rows }]), { clock, speed: 1, signal: stop.signal });
    const file = new File();
    const sink = fileSink(file, null, { beforeWrite: () => void setImmediate().then(() => stop.abort()) });
    expect(await runReplay({ ...options, sink, checkpoint: null })).toMatchObject({ done: false });
    expect(seqs(file.rows)).toEqual([1]);
  });
});
