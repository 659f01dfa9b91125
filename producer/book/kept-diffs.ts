/** Diffs kept until a seed comes, without holes between them; beyond a bound the oldest go, and the seed must be newer. */
import type { Diff } from '../feed/venue.ts';

/**
 * Half a minute of them, twice as long as a request for a seed may take: a seed is no older than its request. Symbols
 * that wait their turn for it, 13 min where a venue has 256, must not keep more: 2,000 diffs each would be 500 MB.
 */
export const MAX_KEPT_DIFFS = 300;
/** Some diffs carry over 1,000 levels. */
const MAX_LEVELS = 30_000;

export class KeptDiffs {
  #diffs: Diff[] = [];
  #levels = 0;

  push(diff: Diff): void {
    this.#diffs.push(diff);
    this.#levels += levelsOf(diff);
    while (this.#diffs.length > MAX_KEPT_DIFFS || (this.#levels > MAX_LEVELS && this.#diffs.length > 1)) {
      this.#levels -= levelsOf(this.#diffs.shift()!);
    }
  }

  /** Whether a book at the id can be brought forward by these diffs. */
  bridges(id: number): boolean {
    const oldest = this.#diffs[0];
    return oldest !== undefined && oldest.firstId <= id + 1;
  }

  /** The diffs that change a book at the id, oldest first. */
  after(id: number): Diff[] {
    return this.#diffs.filter(({ lastId }) => lastId > id);
  }

  clear(): void {
    this.#diffs = [];
    this.#levels = 0;
  }
}

function levelsOf({ bids, asks }: Diff): number {
  return bids.length + asks.length;
}
