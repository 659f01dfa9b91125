/** What a session received and discarded, by symbol: the content of `tally` events and of the summary. */

/** Why a frame gave no row of its own. */
export type DiscardReason =
  | import('./feed/venue.ts').RefusalReason
  | import('./book/levels.ts').UnusableBook
  /** Its id was seen before. */
  | 'repeat'
  /** It came too late to be told from a repeat. */
  | 'stale'
  /** A diff that the seed of its book contains, or that found none. */
  | 'unseeded'
  | 'sampled'
  | 'queue_full';

export interface SymbolCount {
  /** Messages of the stream that rows come from: depth20 frames, or diffs in a book rebuilt from them. */
  frames: number;
  /** Messages of the diff stream. */
  diffs: number;
  snapshots: number;
  /** Of `frames`. */
  discarded: Partial<Record<DiscardReason, number>>;
}

const nothing = (): SymbolCount => ({ frames: 0, diffs: 0, snapshots: 0, discarded: {} });

/** Counts by symbol, from its first mention on; what no symbol can be told for is counted under null. */
export class Counters {
  readonly #counts = new Map<string | null, SymbolCount>([[null, nothing()]]);
  /** Feed events that found even their reserve of the queue full. */
  eventsRefused = 0;
  /** Snapshots that were proved, and those whose proof failed; of the others no proof is possible. */
  verified = 0;
  unverified = 0;
  /** Error messages of the venue. */
  venueErrors = 0;

  of(symbol: string | null): SymbolCount {
    let count = this.#counts.get(symbol);
    if (count === undefined) {
      count = nothing();
      this.#counts.set(symbol, count);
    }
    return count;
  }

  discard(symbol: string | null, reason: DiscardReason, frames = 1): void {
    const { discarded } = this.of(symbol);
    discarded[reason] = (discarded[reason] ?? 0) + frames;
  }

  total(): SymbolCount {
    const sum = nothing();
    for (const count of this.#counts.values()) {
      sum.frames += count.frames;
      sum.diffs += count.diffs;
      sum.snapshots += count.snapshots;
      for (const [reason, n] of Object.entries(count.discarded) as [DiscardReason, number][]) {
        sum.discarded[reason] = (sum.discarded[reason] ?? 0) + n;
      }
    }
    return sum;
  }
}
