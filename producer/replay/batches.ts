/** A replay as batches of rows, read on demand. */
import { setImmediate } from 'node:timers/promises';
import { DepthlakeError } from '../errors.ts';
import type { TableRow } from '../record.ts';
import { type Checkpoint, resumePointOf, selectionOf } from './checkpoint.ts';
import type { CompletenessState } from './completeness.ts';
import { countProblem, type ReplaySummary, summaryOf } from './counts.ts';
import { Flow, type FlowState, type SeenThen } from './flow.ts';
import type { ReplayOptions, ReplayProgress } from './options.ts';
import { Pace } from './pacing.ts';
import type { Problem, Selection, SourceItem } from './source.ts';

const BATCH_ROWS = 1000;

/** So many full batches go out between two turns of the event loop, at most: signals and timers wait for some 10 ms. */
const BATCHES_PER_TURN = 8;

/** A wait for a row that is due later is looked at again so often: timers do not go beyond 24.8 days. */
const LONGEST_SLEEP_MS = 60_000;

export class ReplayBatches {
  readonly selection: Selection;
  readonly #options: ReplayOptions;
  readonly #resumed: boolean;
  /** null: before any row has left there is nothing to go on behind. */
  readonly #checkpoint: Checkpoint | null;
  readonly #flow: Flow;
  readonly #pace: Pace | null;
  readonly #beganMs: number;
  #batch: TableRow[] = [];
  #batches = 0;
  #atMs: number | null = null;
  #done = false;

  /** @param checkpoint what to go on from; null: from the selection's beginning */
  constructor(options: ReplayOptions, checkpoint: Checkpoint | null) {
    this.#options = options;
    this.#resumed = checkpoint !== null;
    this.#checkpoint = checkpoint?.frontier || checkpoint?.done ? checkpoint : null;
    this.selection = checkpoint === null ? options.selection : selectionOf(options.selection, checkpoint);
    this.#flow = new Flow(options, this.selection, this.#checkpoint);
    this.#pace = options.speed === 'max' ? null : new Pace(options.speed);
    this.#beganMs = options.clock.now();
  }

  /** How many batches were given out. */
  get batches(): number {
    return this.#batches;
  }

  /** Whether the selection's end was reached. */
  get done(): boolean {
    return this.#done;
  }

  /** The sequence numbers seen by now. */
  get seen(): CompletenessState {
    return this.#flow.completeness.state;
  }

  /** Beside `state`. */
  get seenThen(): SeenThen {
    return this.#flow.seenThen;
  }

  /** What a checkpoint says of the rows; null while rows are on their way that it cannot tell of. */
  get state(): FlowState | null {
    return this.#batch.length === 0 ? this.#flow.state : null;
  }

  get progress(): ReplayProgress {
    const { order_book, feed_event } = this.#flow.counts.rows;
    return {
      rows: order_book + feed_event,
      waiting: this.#flow.waiting,
      atMs: this.#atMs,
      lagMs: this.#lagMs(),
      seconds: this.#seconds,
    };
  }

  get summary(): ReplaySummary {
    const { counts, completeness } = this.#flow;
    return summaryOf(counts, completeness, { seconds: this.#seconds, resumed: this.#resumed, done: this.#done });
  }

  /**
   * Batches of at most 1,000 rows, in order; what is there goes out before the source is waited for. Once only.
   * Nothing where the checkpoint says that the selection's end was reached; where the end is open, what came since.
   * What the source throws, or a problem where `strict` holds, is thrown after the rows that were ready. Ends early, and
   * without an error, once the signal is aborted.
   */
  async *read(): AsyncGenerator<readonly TableRow[], void, undefined> {
    const { source, signal } = this.#options;
    if (this.#checkpoint?.done && Number.isFinite(this.selection.toMs)) {
      this.#done = true;
      return;
    }
    const resume = this.#checkpoint === null ? null : resumePointOf(this.#checkpoint);
    const items = source.read(this.selection, resume, signal)[Symbol.asyncIterator]();
    let failure: { readonly error: unknown } | null = null;
    try {
      while (!signal.aborted) {
        const next = items.next();
        if (this.#batch.length > 0 && !(await settlesNow(next))) yield this.#cut();
        const { done, value } = await next;
        if (done || signal.aborted) break;
        this.#take(value);
        yield* this.#ready();
      }
    } catch (error) {
      if (!signal.aborted) failure = { error };
    } finally {
      await items.return?.();
    }
    if (failure === null && !signal.aborted) {
      this.#flow.finish();
      yield* this.#ready();
    }
    yield* this.#rest(failure === null);
    if (failure !== null) throw failure.error;
  }

  #take({ run, problem, frontierMs }: SourceItem): void {
    if (problem !== null) this.#report(problem);
    if (run !== null) this.#flow.take(run);
    this.#flow.advance(frontierMs);
  }

  #report(problem: Problem): void {
    const { strict, onProblem } = this.#options;
    // Read again after a checkpoint, it was counted before.
    const { list } = this.#checkpoint?.counts.problems ?? { list: [] };
    if (!list.some(({ code, where }) => code === problem.code && where === problem.where)) {
      countProblem(this.#flow.counts, problem);
      onProblem?.(problem);
    }
    if (strict) throw new DepthlakeError(problem.code, `${problem.where}: ${problem.message}`);
  }

  /** The rows that may leave by now, each when it is due. */
  async *#ready(): AsyncGenerator<readonly TableRow[]> {
    const { signal } = this.#options;
    for (let row = this.#flow.peek(); row !== null; row = this.#flow.peek()) {
      const waitMs = this.#waitMs(row);
      if (waitMs <= 0) {
        this.#shift(row);
        if (this.#batch.length < BATCH_ROWS) continue;
      }
      if (this.#batch.length > 0) yield this.#cut();
      else await this.#sleep(waitMs);
      if (this.#batches % BATCHES_PER_TURN === 0) await setImmediate();
      if (signal.aborted) return;
    }
  }

  /** What has to leave before the replay ends: without pauses, and where it is cut short nothing that could stay. */
  async *#rest(completed: boolean): AsyncGenerator<readonly TableRow[]> {
    const { signal } = this.#options;
    if (completed && !signal.aborted) this.#done = true;
    else this.#flow.settle();
    for (let row = this.#flow.peek(); row !== null; row = this.#flow.peek()) {
      this.#shift(row);
      if (this.#batch.length === BATCH_ROWS) yield this.#cut();
    }
    if (this.#batch.length > 0) yield this.#cut();
  }

  #shift(row: TableRow): void {
    this.#flow.shift(row);
    this.#batch.push(row);
    this.#atMs = row.row.timestamp_ms;
  }

  #cut(): readonly TableRow[] {
    const batch = this.#batch;
    this.#batch = [];
    this.#batches += 1;
    return batch;
  }

  #waitMs(row: TableRow): number {
    return this.#pace === null ? 0 : this.#pace.waitMs(row.row.timestamp_ms, this.#options.clock.now());
  }

  #lagMs(): number {
    const row = this.#pace === null ? null : this.#flow.peek();
    return row === null ? 0 : Math.max(0, -this.#waitMs(row));
  }

  async #sleep(waitMs: number): Promise<void> {
    const { clock, signal } = this.#options;
    try {
      await clock.sleep(Math.min(Math.ceil(waitMs), LONGEST_SLEEP_MS), signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  get #seconds(): number {
    return (this.#options.clock.now() - this.#beganMs) / 1000;
  }
}

/** Whether a promise is settled before the event loop turns. */
async function settlesNow(promise: Promise<unknown>): Promise<boolean> {
  const settled = promise.then(
    () => true,
    () => true,
  );
  return Promise.race([settled, setImmediate(false)]);
}
