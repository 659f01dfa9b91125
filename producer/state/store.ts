/**
 * The last recorded state of each symbol, kept beyond the session that recorded it: what a later session measures a
 * gap from. A state moves forward by `receivedMs` and never back, whichever producer saves it.
 */

/** The newest snapshot of one symbol that Kinesis accepted. */
export interface SymbolState {
  readonly symbol: string;
  /** UTC epoch ms. */
  readonly receivedMs: number;
  readonly lastUpdateId: number;
  readonly sessionId: string;
  /** The session stopped in order: it recorded nothing after this snapshot. False: what it held in memory may be lost. */
  readonly clean: boolean;
}

export interface StateStore {
  /**
   * The states of those symbols that have one.
   * @throws DL_STATE_UNAVAILABLE where the store cannot be read
   */
  load(venue: string, symbols: readonly string[]): Promise<Map<string, SymbolState>>;
  /**
   * Saves those that are newer than what the store holds (see `isNewer`); the others are left out, which is no error.
   * @throws DL_STATE_UNAVAILABLE where some may not have been saved
   */
  save(venue: string, states: readonly SymbolState[]): Promise<void>;
}

/** Whether a state takes the place of another: a later one does, and one of the same moment in order to say `clean`. */
export function isNewer(state: SymbolState, held: SymbolState | undefined): boolean {
  if (held === undefined || state.receivedMs > held.receivedMs) return true;
  return state.receivedMs === held.receivedMs && state.sessionId === held.sessionId && state.clean && !held.clean;
}
