/** Which sequence numbers of one counter were seen, as runs without a hole. */

/** Sequence numbers, both ends included. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

/** Numbers that are absent, and the time of the row behind them (-Infinity: there is none). */
export interface Hole extends Range {
  readonly nextMs: number;
}

interface Run {
  first: number;
  last: number;
  /** The time of the row `first`, UTC epoch ms. */
  firstMs: number;
}

/** Takes numbers in any order; memory grows with the holes between them. */
export class Ledger {
  /** Ascending, with at least one absent number between neighbours. */
  readonly #runs: Run[] = [];
  /** Rows taken, duplicates among them. */
  rows = 0;
  duplicates = 0;

  get first(): number | null {
    return this.#runs[0]?.first ?? null;
  }

  get last(): number | null {
    return this.#runs.at(-1)?.last ?? null;
  }

  /** @param ms the row's time, UTC epoch ms */
  add(seq: number, ms: number): void {
    this.rows += 1;
    const at = this.#runAtOrBefore(seq);
    const before = this.#runs[at];
    if (before !== undefined && seq <= before.last) {
      this.duplicates += 1;
      return;
    }
    const after = this.#runs[at + 1];
    const joinsBefore = before !== undefined && before.last + 1 === seq;
    const joinsAfter = after !== undefined && after.first - 1 === seq;
    if (joinsBefore && joinsAfter) {
      before.last = after.last;
      this.#runs.splice(at + 1, 1);
    } else if (joinsBefore) before.last = seq;
    else if (joinsAfter) {
      after.first = seq;
      after.firstMs = ms;
    } else this.#runs.splice(at + 1, 0, { first: seq, last: seq, firstMs: ms });
  }

  /** What is absent from 1 up to the last number seen, or up to `due` where that is more. */
  holes(due: number): Hole[] {
    const holes: Hole[] = [];
    let next = 1;
    for (const run of this.#runs) {
      if (run.first > next) holes.push({ first: next, last: run.first - 1, nextMs: run.firstMs });
      next = run.last + 1;
    }
    if (due >= next) holes.push({ first: next, last: due, nextMs: Number.NEGATIVE_INFINITY });
    return holes;
  }

  /** How many of the numbers seen are greater than `seq`. */
  countBeyond(seq: number): number {
    return this.#runs.reduce((sum, run) => sum + Math.max(0, run.last - Math.max(run.first - 1, seq)), 0);
  }

  /** The index of the last run that begins at or before `seq`; -1 where there is none. */
  #runAtOrBefore(seq: number): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#runs[middle]!.first <= seq) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** How many numbers the disjoint ranges hold. */
export function sizeOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

/** The parts of ascending, disjoint holes that none of `ranges` (in any order) covers. */
export function subtract(holes: readonly Hole[], ranges: readonly Range[]): Hole[] {
  const sorted = [...ranges].sort((a, b) => a.first - b.first);
  const left: Hole[] = [];
  let from = 0;
  for (const { first, last, nextMs } of holes) {
    let next = first;
    while (from < sorted.length && sorted[from]!.last < first) from += 1;
    for (let at = from; at < sorted.length && sorted[at]!.first <= last; at += 1) {
      if (sorted[at]!.first > next) left.push({ first: next, last: sorted[at]!.first - 1, nextMs });
      next = Math.max(next, sorted[at]!.last + 1);
    }
    if (next <= last) left.push({ first: next, last, nextMs });
  }
  return left;
}

/** The ranges alone. */
export function toRanges(holes: readonly Hole[]): Range[] {
  return holes.map(({ first, last }) => ({ first, last }));
}
