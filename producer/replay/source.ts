/** What a replay reads from, as it is handed in: runs of rows, and how far the source is certain to have come. */
import type { ErrorCode } from '../errors.ts';
import type { TableName, TableRow } from '../record.ts';

/** Which rows are wanted. */
export interface Selection {
  /** Event time, UTC epoch ms: from the first, inclusive, to the second, exclusive; -Infinity and Infinity where open. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly tables: ReadonlySet<TableName>;
  /** Whether a symbol is wanted; feed events of a whole session (symbol null) always are. */
  readonly symbol: (symbol: string) => boolean;
}

/** The rows of one pack, or of one container file or a block of it: of one table, in the order in which they lie there. */
export interface Run {
  readonly rows: readonly TableRow[];
  /** Which part of the source it comes from: a shard; '' where there is but one. */
  readonly part: string;
  /** Where in that part, as the source wants to be told when the replay goes on; the runs of a part come in its order. */
  readonly position: string;
  /** Whether it had been taken already when the checkpoint was written that the source resumes from. */
  readonly taken: boolean;
}

/** Something that is left out, and why; with `--strict` it ends the replay. */
export interface Problem {
  readonly code: ErrorCode;
  /** A file's key, a shard and sequence number, an hour. */
  readonly where: string;
  readonly message: string;
}

export interface SourceItem {
  readonly run: Run | null;
  readonly problem: Problem | null;
  /**
   * No later run holds a row from before this time, as far as the source can know; UTC epoch ms, -Infinity at first.
   * It never falls. What comes later all the same is out of order by more than the reorder window allows.
   */
  readonly frontierMs: number;
}

/** What a source needs to go on where a checkpoint was written. */
export interface ResumePoint {
  /** Rows from this event time on are wanted again: what came before them was accepted. */
  readonly fromMs: number;
  /** The position of the last run taken, by part. */
  readonly taken: Readonly<Record<string, string>>;
}

/**
 * Reads on demand: nothing beyond a stated read-ahead is fetched before the next item is asked for (back-pressure).
 * Ends by itself at the end of the selection or at the tip, unless it follows. Returning from the iteration lets go of
 * everything it holds.
 */
export interface Source {
  /** @param resume null: from the selection's beginning */
  read(selection: Selection, resume: ResumePoint | null, signal: AbortSignal): AsyncIterable<SourceItem>;
}
