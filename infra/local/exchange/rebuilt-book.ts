/**
 * The book of one recorded symbol, rebuilt from a REST book and the diffs that follow it: a recording without partial
 * books still has them, one for each diff once the book is seeded, price and quantity strings verbatim.
 */
import { parseUnits } from '../../../producer/book/decimal.ts';
import { Ladder } from './ladder.ts';
import type { RecordedBook, RecordedDiff } from './recording.ts';

/** Diffs kept until the first REST book comes; with more than these the oldest cannot matter any more. */
const MAX_WAITING = 1_000;

export class RebuiltBook {
  readonly #bids = new Ladder();
  readonly #asks = new Ladder();
  #waiting: RecordedDiff[] = [];
  #lastId: number | null = null;

  /** Takes a REST book, unless the book is already further than that. */
  seed(book: RecordedBook): void {
    if (this.#lastId !== null && book.lastUpdateId <= this.#lastId) return;
    this.#bids.clear();
    this.#asks.clear();
    this.#lastId = book.lastUpdateId;
    this.#change(book.bids, book.asks);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const diff of waiting) this.apply(diff);
  }

  /** True where the book is seeded and the diff continues it; after a gap the book waits for the next REST book. */
  apply(diff: RecordedDiff): boolean {
    if (this.#lastId === null) {
      this.#waiting.push(diff);
      if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
      return false;
    }
    if (diff.lastId <= this.#lastId) return false;
    if (diff.firstId > this.#lastId + 1) {
      this.#lastId = null;
      return this.apply(diff);
    }
    this.#lastId = diff.lastId;
    this.#change(diff.bids, diff.asks);
    return true;
  }

  /** The best `levels` a side, as a partial book of the exchange. */
  partial(levels: number): string {
    return `{"lastUpdateId":${this.#lastId},"bids":${this.#bids.top(levels)},"asks":${this.#asks.top(levels)}}`;
  }

  #change(bids: RecordedDiff['bids'], asks: RecordedDiff['asks']): void {
    for (const level of bids) change(this.#bids, level, -1);
    for (const level of asks) change(this.#asks, level, 1);
  }
}

function change(side: Ladder, [price, quantity]: readonly [string, string], sign: 1 | -1): void {
  const units = parseUnits(price);
  if (units === null) return;
  const key = sign === 1 ? units : -units;
  if (parseUnits(quantity) === 0) side.delete(key);
  else side.set(key, JSON.stringify([price, quantity]));
}
