/** What a replay writes to, as it is handed in. */
import type { TableRow } from '../record.ts';

/** What JSON can say: a sink's memory in a checkpoint. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface Accepted {
  /** So many calls of `write`, counted from the first one of this process, are accepted for good. */
  readonly writes: number;
  /** What the sink has to know to go on behind them; null where that is nothing. */
  readonly state: Json;
}

/**
 * Takes rows in order. Errors of any call end the replay; what is accepted by then stays accepted.
 * A sink is opened with the state that its `accepted` gave last, or null.
 */
export interface Sink {
  /** Resolves when it can take more (back-pressure): at most a stated number of rows waits in it. */
  write(rows: readonly TableRow[]): Promise<void>;
  /** Asked about once a second: makes what is written lasting where that is cheap, and says up to where it is. */
  accepted(): Promise<Accepted>;
  /** Brings everything written to its place. */
  end(): Promise<Accepted>;
  /** Lets go of what the sink holds, also after a failure; after `end` nothing is left to do. */
  close(): Promise<void>;
}
