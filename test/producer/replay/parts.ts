/** Sources, sinks, stores and clocks for tests of a replay. */
import { setImmediate } from 'node:timers/promises';
import { TABLE_NAMES, type TableRow } from '../../../producer/record.ts';
import type { CheckpointStore } from '../../../producer/replay/checkpoint.ts';
import type { ReplayClock } from '../../../producer/replay/options.ts';
import type { Json, Sink } from '../../../producer/replay/sink.ts';
import type { Problem, ResumePoint, Run, Selection, Source, SourceItem } from '../../../producer/replay/source.ts';

export const EVERYTHING: Selection = {
  fromMs: -Infinity,
  toMs: Infinity,
  tables: new Set(TABLE_NAMES),
  symbol: () => true,
};

/** An item as the source would give it when it is read for the first time. */
export interface Item {
  readonly rows?: readonly TableRow[];
  readonly part?: string;
  readonly problem?: Problem;
  readonly frontierMs?: number;
}

export interface FakeSource extends Source {
  /** What each reading was asked to go on from. */
  readonly resumes: (ResumePoint | null)[];
  /** Readings that were not let go of. */
  open: number;
}

/**
 * Gives the items one after another, as a device would: never at once. Resumed, it leaves out a run where it was taken
 * and nothing of it is wanted again.
 */
export function sourceOf(
  items: readonly Item[],
  failure: Error | null = null,
  onItem: (at: number) => void = () => {},
): FakeSource {
  const source: FakeSource = {
    resumes: [],
    open: 0,
    async *read(_selection, resume, signal) {
      source.resumes.push(resume);
      source.open += 1;
      try {
        for (const [at, item] of items.entries()) {
          await setImmediate();
          await setImmediate();
          onItem(at);
          if (signal.aborted) return;
          const given = itemOf(item, at, resume);
          if (given !== null) yield given;
        }
        await setImmediate();
        await setImmediate();
        if (failure !== null) throw failure;
      } finally {
        source.open -= 1;
      }
    },
  };
  return source;
}

function itemOf({ rows, part = '', problem, frontierMs }: Item, at: number, resume: ResumePoint | null) {
  const position = String(at).padStart(6, '0');
  const taken = resume !== null && position <= (resume.taken[part] ?? '');
  const wanted = !taken || (rows ?? []).some(({ row }) => row.timestamp_ms >= resume.fromMs);
  const run: Run | null = rows === undefined || !wanted ? null : { rows, part, position, taken };
  const item: SourceItem = { run, problem: problem ?? null, frontierMs: frontierMs ?? -Infinity };
  return item.run === null && item.problem === null && frontierMs === undefined ? null : item;
}

/** A file: what is in it stays when the process ends; a new sink cuts it to what the last one had accepted. */
export class File {
  rows: TableRow[] = [];
  writes: number[] = [];
}

export interface FileSinkOptions {
  /** The process ends, so to speak, in the middle of this write, counted from 1. */
  readonly dieAt?: number;
  /** What is written becomes part of the file with each such write only; so many writes are one, as it were. */
  readonly writesPerCut?: number;
  readonly clock?: WriteClock;
  readonly beforeWrite?: (rows: readonly TableRow[]) => void | Promise<void>;
}

export function fileSink(file: File, state: Json, options: FileSinkOptions = {}) {
  const { dieAt = Infinity, writesPerCut = 1, clock, beforeWrite } = options;
  let writes = 0;
  let cut = { writes: 0, state: typeof state === 'number' ? state : 0 };
  file.rows.length = cut.state;
  const accepted = async () => cut;
  const sink = {
    closed: 0,
    ended: 0,
    write: async (rows: readonly TableRow[]) => {
      await beforeWrite?.(rows);
      clock?.wrote();
      writes += 1;
      file.writes.push(rows.length);
      if (writes === dieAt) {
        file.rows.push(...rows.slice(0, rows.length / 2));
        throw new Error('the process was killed');
      }
      file.rows.push(...rows);
      if (writes % writesPerCut === 0) cut = { writes, state: file.rows.length };
    },
    accepted,
    end: async () => {
      sink.ended += 1;
      cut = { writes, state: file.rows.length };
      return accepted();
    },
    close: async () => {
      sink.closed += 1;
    },
  } satisfies Sink & { closed: number; ended: number };
  return sink;
}

export class Store implements CheckpointStore {
  text: string | null = null;
  writes = 0;

  async read(): Promise<string | null> {
    return this.text;
  }

  async write(text: string): Promise<void> {
    this.text = text;
    this.writes += 1;
  }
}

/** Each write takes `writeMs`; who sleeps is woken in the next turn of the event loop, `sleepMs` later. */
export class WriteClock implements ReplayClock {
  readonly #writeMs: number;
  readonly #sleepMs: number;
  #nowMs = 0;

  constructor(writeMs = 0, sleepMs = 0) {
    this.#writeMs = writeMs;
    this.#sleepMs = sleepMs;
  }

  now(): number {
    return this.#nowMs;
  }

  wrote(): void {
    this.#nowMs += this.#writeMs;
  }

  async sleep(): Promise<void> {
    await setImmediate();
    this.#nowMs += this.#sleepMs;
  }
}

/** Time passes when nothing else is to be done, to the next moment that somebody sleeps until, and a little further. */
export class SleepyClock implements ReplayClock {
  #nowMs = 0;
  #sleepers: { readonly untilMs: number; readonly wake: () => void }[] = [];
  #running = false;
  readonly #oversleepMs: () => number;
  sleeps = 0;

  constructor(oversleepMs: () => number) {
    this.#oversleepMs = oversleepMs;
  }

  now(): number {
    return this.#nowMs;
  }

  /** Something took so long. */
  pass(ms: number): void {
    this.#nowMs += ms;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    this.sleeps += 1;
    return new Promise((resolve, reject) => {
      const abort = () => reject(signal.reason);
      const wake = () => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#sleepers.push({ untilMs: this.#nowMs + ms + this.#oversleepMs(), wake });
      if (!this.#running) void this.#run(signal);
    });
  }

  async #run(signal: AbortSignal): Promise<void> {
    this.#running = true;
    while (this.#sleepers.length > 0 && !signal.aborted) {
      for (let turn = 0; turn < 4; turn++) await setImmediate();
      this.#sleepers.sort((a, b) => a.untilMs - b.untilMs);
      const first = this.#sleepers.shift()!;
      this.#nowMs = Math.max(this.#nowMs, first.untilMs);
      first.wake();
    }
    this.#running = false;
  }
}
