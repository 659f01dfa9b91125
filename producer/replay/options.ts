/** What a replay is asked for, and what it is handed. */
import type { Problem, Selection, Source } from './source.ts';

/** How long rows wait for others that belong before them, by event time. */
export const WINDOW_MS = 30_000;

export interface ReplayClock {
  /** Monotonic milliseconds, with fractions. */
  now(): number;
  /** Lets the event loop run, even for 0 ms; resolves or rejects once the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export interface ReplayOptions {
  readonly source: Source;
  readonly selection: Selection;
  /** Default: WINDOW_MS. */
  readonly windowMs?: number;
  /** Rows that wait, at most, a row with raw levels counting as four. Default: WINDOW_ROWS. */
  readonly windowRows?: number;
  /** Off: a row that comes twice goes out once. On: `oneRowPerBook` is without effect, too. */
  readonly keepDuplicates: boolean;
  /**
   * For readers: of what several sessions recorded of one book, at most half a window apart, the best row alone goes out.
   * Off: every session stays whole.
   */
  readonly oneRowPerBook: boolean;
  /** Event time passes so many times as fast as real time, stretches without rows as well; max: back-pressure alone. */
  readonly speed: number | 'max';
  /** The first problem ends the replay, with its own code. */
  readonly strict: boolean;
  readonly clock: ReplayClock;
  /** Ends the replay after what was handed to the sink is accepted. */
  readonly signal: AbortSignal;
  readonly onProblem?: (problem: Problem) => void;
}

export interface ReplayProgress {
  /** Rows that went out, those from before the checkpoint included. */
  readonly rows: number;
  /** Rows that wait in the reorder window. */
  readonly waiting: number;
  /** Event time of the last row that went out, UTC epoch ms; null before the first one. */
  readonly atMs: number | null;
  /** How long the next row has been due; 0 at max. */
  readonly lagMs: number;
  readonly seconds: number;
}
