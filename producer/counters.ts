/** What a session received and discarded, by symbol: the content of `tally` events and of the summary. */

/** Why a frame gave no row of its own. */
export type DiscardReason =
  | import('./feed/binance.ts').RefusalReason
  | import('./book/levels.ts').UnusableBook
  | 'repeat'
  | 'sampled'
  | 'queue_full';

export interface SymbolCount {
  frames: number;
  snapshots: number;
  discarded: Partial<Record<DiscardReason, number>>;
}

/** Counts by symbol; what no symbol can be told for is counted under null. */
export class Counters {
  readonly #counts = new Map<string | null, SymbolCount>();
  /** Feed events that found even their reserve of the queue full. */
  eventsRefused = 0;
  /** Error messages of the venue. */
  venueErrors = 0;

  constructor(symbols: readonly string[]) {
    for (const symbol of [null, ...symbols]) this.#counts.set(symbol, { frames: 0, snapshots: 0, discarded: {} });
  }

  of(symbol: string | null): SymbolCount {
    const count = this.#counts.get(symbol);
    if (count === undefined) throw new RangeError(`${symbol} is not recorded`);
    return count;
  }

  discard(symbol: string | null, reason: DiscardReason, frames = 1): void {
    const { discarded } = this.of(symbol);
    discarded[reason] = (discarded[reason] ?? 0) + frames;
  }

  total(): SymbolCount {
    const sum: SymbolCount = { frames: 0, snapshots: 0, discarded: {} };
    for (const count of this.#counts.values()) {
      sum.frames += count.frames;
      sum.snapshots += count.snapshots;
      for (const [reason, n] of Object.entries(count.discarded) as [DiscardReason, number][]) {
        sum.discarded[reason] = (sum.discarded[reason] ?? 0) + n;
      }
    }
    return sum;
  }
}
