/**
 * One symbol's book, rebuilt from a seed and the diffs that follow it, and the price range that it can vouch for.
 *
 * Source of the algorithm: Binance, "How to manage a local order book correctly". A seed at id S is continued by the first
 * diff with firstId ≤ S + 1 ≤ lastId, and each diff by the one whose firstId is its lastId + 1. A seed vouches for prices
 * from its lowest bid to its highest ask; a side of which it has fewer levels than asked for is wholly known.
 */
import type { Diff, RestBook } from '../feed/venue.ts';
import { BookSide, type LevelDifference } from './book-side.ts';
import { KeptDiffs } from './kept-diffs.ts';
import { type DepthFields, type Level, measureSides, type UnusableBook } from './levels.ts';
import { reachOf, wantedReach } from './window.ts';

export type BookState =
  /** No book yet: diffs are kept until a seed comes. */
  | 'unseeded'
  /** Equal to the exchange's book at `lastUpdateId`, inside its window. */
  | 'whole'
  /** Known to lack something: diffs are still applied, but nothing is vouched for until a seed comes. */
  | 'broken';

export type DiffOutcome =
  /** The book is at the diff's `lastId` now. `seeded`: a seed that was ahead took over with this diff. */
  | { readonly kind: 'applied'; readonly seeded: Seeded | null }
  /** Nothing new: the book, or what is kept for it, is at or beyond its `lastId`. */
  | { readonly kind: 'contained' }
  /** There is no book yet; the diff is kept for the seed. */
  | { readonly kind: 'buffered' }
  /**
   * Updates `beforeId` + 1 to `afterId` − 1 are missing. The diff is applied all the same, or kept where there is no book
   * yet. The book is broken, unless a seed that was ahead took over with this diff.
   */
  | {
      readonly kind: 'hole';
      readonly missed: number;
      readonly beforeId: number;
      readonly afterId: number;
      readonly seeded: Seeded | null;
    };

/** A seed took over. */
export type Seeded =
  /** `newlySeeded`: the book was unseeded or broken. */
  | { readonly kind: 'whole'; readonly newlySeeded: boolean }
  /** The book was held to be whole and differed from the seed at the same id inside both windows. The seed counts. */
  | ({ readonly kind: 'disagrees'; readonly side: 'bids' | 'asks' } & LevelDifference);

export type SeedOutcome =
  | Seeded
  /** The seed ends before the first diff kept: fetch another. */
  | { readonly kind: 'too_old' }
  /** The diffs have not come as far as the seed: it waits, and `take` tells when it took over. No diff goes without its outcome. */
  | { readonly kind: 'ahead' };

const CONTAINED = { kind: 'contained' } as const;
const BUFFERED = { kind: 'buffered' } as const;
const APPLIED = { kind: 'applied', seeded: null } as const;
const TOO_OLD = { kind: 'too_old' } as const;
const AHEAD = { kind: 'ahead' } as const;

interface Sides {
  readonly bids: BookSide;
  readonly asks: BookSide;
}

export class RebuiltBook {
  #sides: Sides = { bids: new BookSide('bids', [], 0), asks: new BookSide('asks', [], 0) };
  #state: BookState = 'unseeded';
  #lostBecause: string | null = null;
  #lastUpdateId: number | null = null;
  /** Where the book is unseeded: how far the diffs have come. */
  #bufferedTo: number | null = null;
  #drifting = false;
  /** A window nearer than this on its side wants a new seed. */
  #wantedReach = { bids: 0, asks: 0 };
  readonly #kept = new KeptDiffs();
  /** A seed that the diffs have not reached. */
  #ahead: RestBook | null = null;

  get state(): BookState {
    return this.#state;
  }

  /** Why the book is broken: `hole`, `drifted` (the best price left the window), or what `lose` was told; else null. */
  get lostBecause(): string | null {
    return this.#lostBecause;
  }

  /** The exchange's id of this book; null while unseeded. */
  get lastUpdateId(): number | null {
    return this.#lastUpdateId;
  }

  /** Unseeded, broken, or drifting towards the end of its window; false while a seed that is ahead waits. */
  get wantsSeed(): boolean {
    return this.#ahead === null && (this.#state !== 'whole' || this.#drifting);
  }

  /** Takes one diff, in the order of the stream. Afterwards `state` and `wantsSeed` may have changed, also by `applied`. */
  take(diff: Diff): DiffOutcome {
    if (this.#lastUpdateId === null) return this.#buffer(diff);
    const beforeId = this.#lastUpdateId;
    if (diff.lastId <= beforeId) return CONTAINED;
    const hole = diff.firstId > beforeId + 1;
    if (hole) this.#break('hole');

    apply(this.#sides, diff);
    this.#lastUpdateId = diff.lastId;
    const seeded = this.#ahead === null ? null : this.#takeOver(this.#ahead, diff);
    this.#watchWindow();
    if (this.wantsSeed) this.#kept.push(diff);
    if (hole) return { ...holeBetween(beforeId, diff), seeded };
    return seeded === null ? APPLIED : { kind: 'applied', seeded };
  }

  /** Declares the book wrong, or what was missed unknown (an outage). Only a newer seed makes it whole again. */
  lose(reason: string): void {
    this.#ahead = null;
    this.#break(reason);
  }

  /**
   * Takes a book of the REST side.
   * @param onApplied called at the first seed after each diff that was buffered and is applied now: the book is then at
   * that diff's `lastId`. Diffs that `take` has applied already do not come again.
   */
  seed(book: RestBook, onApplied: (diff: Diff) => void): SeedOutcome {
    if (this.#lastUpdateId === null) return this.#firstSeed(book, onApplied);
    if (book.lastUpdateId > this.#lastUpdateId) {
      if (this.#ahead === null || this.#ahead.lastUpdateId < book.lastUpdateId) this.#ahead = book;
      this.#kept.clear();
      return AHEAD;
    }
    const current = book.lastUpdateId === this.#lastUpdateId;
    if (!current && !this.#kept.bridges(book.lastUpdateId)) return TOO_OLD;
    const outcome = this.#adopt(book, current ? [] : this.#kept.after(book.lastUpdateId));
    this.#watchWindow();
    return outcome;
  }

  /** The depth levels inside the window; of a broken book none is covered. */
  depth(): DepthFields | UnusableBook {
    const depth = measureSides(this.#sides.bids, this.#sides.asks);
    if (this.#state === 'whole' || typeof depth === 'string') return depth;
    return { ...depth, bid_levels_covered: 0, ask_levels_covered: 0 };
  }

  /** The best `count` levels a side, best first, inside the window. */
  top(count: number): { bids: Level[]; asks: Level[] } {
    return { bids: this.#sides.bids.top(count), asks: this.#sides.asks.top(count) };
  }

  /**
   * Whether a frame of the best `limit` levels a side, at this book's id, equals this book. `unknown`: the book is not
   * whole, or the frame shows more than the window.
   */
  vouchesFor(bids: readonly Level[], asks: readonly Level[], limit: number): 'equal' | 'different' | 'unknown' {
    if (this.#state !== 'whole') return 'unknown';
    const sides = [this.#sides.bids.compareTop(bids, limit), this.#sides.asks.compareTop(asks, limit)];
    if (sides.includes('different')) return 'different';
    return sides.includes('unknown') ? 'unknown' : 'equal';
  }

  #buffer(diff: Diff): DiffOutcome {
    const beforeId = this.#bufferedTo;
    if (beforeId !== null && diff.lastId <= beforeId) return CONTAINED;
    const hole = beforeId !== null && diff.firstId > beforeId + 1;
    if (hole) this.#kept.clear();
    this.#kept.push(diff);
    this.#bufferedTo = diff.lastId;
    return hole ? { ...holeBetween(beforeId, diff), seeded: null } : BUFFERED;
  }

  #firstSeed(book: RestBook, onApplied: (diff: Diff) => void): SeedOutcome {
    const passed = this.#bufferedTo !== null && this.#bufferedTo > book.lastUpdateId;
    if (passed && !this.#kept.bridges(book.lastUpdateId)) return TOO_OLD;
    const diffs = this.#kept.after(book.lastUpdateId);
    this.#lastUpdateId = book.lastUpdateId;
    const outcome = this.#adopt(book, []);
    for (const diff of diffs) {
      apply(this.#sides, diff);
      this.#lastUpdateId = diff.lastId;
      this.#watchWindow();
      onApplied(diff);
      if (this.wantsSeed) this.#kept.push(diff);
    }
    return outcome;
  }

  /** Puts a waiting seed in the book's place once the diffs have reached it, or drops it where they have left it behind. */
  #takeOver(book: RestBook, diff: Diff): Seeded | null {
    if (diff.firstId > book.lastUpdateId + 1) {
      this.#ahead = null;
      return null;
    }
    if (diff.lastId < book.lastUpdateId) return null;
    return this.#adopt(book, diff.lastId > book.lastUpdateId ? [diff] : []);
  }

  /** @param diffs those that bring the seed to this book's id */
  #adopt(book: RestBook, diffs: readonly Diff[]): Seeded {
    const before = this.#sides;
    const sides = sidesOf(book);
    const wanted = { bids: wantedReach(sides.bids, sides.asks), asks: wantedReach(sides.asks, sides.bids) };
    for (const diff of diffs) apply(sides, diff);

    const wasWhole = this.#state === 'whole';
    this.#sides = sides;
    this.#wantedReach = wanted;
    this.#state = 'whole';
    this.#lostBecause = null;
    this.#drifting = false;
    this.#ahead = null;
    this.#kept.clear();
    const difference = wasWhole ? differenceOf(before, sides) : null;
    return difference === null ? { kind: 'whole', newlySeeded: !wasWhole } : { kind: 'disagrees', ...difference };
  }

  #watchWindow(): void {
    if (this.#state !== 'whole') return;
    const { bids, asks } = this.#sides;
    if (isLost(bids) || isLost(asks)) {
      this.#break('drifted');
      return;
    }
    if (this.#drifting) return;
    const wanted = this.#wantedReach;
    this.#drifting = reachOf(bids, asks) < wanted.bids || reachOf(asks, bids) < wanted.asks;
  }

  #break(reason: string): void {
    this.#kept.clear();
    if (this.#state !== 'whole') return;
    this.#state = 'broken';
    this.#lostBecause = reason;
  }
}

function sidesOf({ bids, asks, limit }: RestBook): Sides {
  return { bids: new BookSide('bids', bids, limit), asks: new BookSide('asks', asks, limit) };
}

function apply({ bids, asks }: Sides, diff: Diff): void {
  bids.setAll(diff.bids);
  asks.setAll(diff.asks);
}

/** Its best price has left the window. */
function isLost(side: BookSide): boolean {
  return side.length === 0 && side.end !== null;
}

function holeBetween(beforeId: number, { firstId }: Diff) {
  return { kind: 'hole', missed: firstId - beforeId - 1, beforeId, afterId: firstId } as const;
}

function differenceOf(before: Sides, after: Sides) {
  for (const side of ['bids', 'asks'] as const) {
    const difference = before[side].differenceFrom(after[side]);
    if (difference !== null) return { side, ...difference };
  }
  return null;
}
