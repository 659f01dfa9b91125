/** One symbol of the simulated market: its order flow, and what its streams have not been told yet. */
import type { Listing } from './listing.ts';
import { type MarketShape, OrderFlow, type Recorder } from './order-flow.ts';
import { PastBooks } from './past-books.ts';

/** Ten seconds at ten steps a second: some 5 ms of work a symbol, so that 256 at once hold nobody up. */
const MAX_CATCH_UP_STEPS = 100;

/** The changes since the last diff of a cadence: the latest text of each level. */
export class Changes {
  readonly bids = new Map<number, string>();
  readonly asks = new Map<number, string>();
  /** The last update id before them. */
  afterId: number;

  constructor(afterId: number) {
    this.afterId = afterId;
  }

  restart(afterId: number): void {
    this.bids.clear();
    this.asks.clear();
    this.afterId = afterId;
  }
}

export class Market {
  readonly fast: Changes;
  readonly slow: Changes;
  readonly #flow: OrderFlow;
  readonly #past = new PastBooks();
  readonly #record: Recorder;
  #step = 0;
  #best = '';

  constructor(listing: Listing, shape: MarketShape, seed: number, firstId: number) {
    this.#flow = new OrderFlow(listing, shape, seed, firstId);
    this.fast = new Changes(firstId);
    this.slow = new Changes(firstId);
    this.#record = (side, key, text) => {
      this.fast[side].set(key, text);
      this.slow[side].set(key, text);
    };
  }

  get lastUpdateId(): number {
    return this.#flow.lastUpdateId;
  }

  advance(step: number): void {
    this.#step = Math.max(this.#step, step - MAX_CATCH_UP_STEPS);
    for (; this.#step < step; this.#step++) this.#flow.step(this.#record);
  }

  /** Forgets what nobody was there to be told. */
  restart(): void {
    this.fast.restart(this.lastUpdateId);
    this.slow.restart(this.lastUpdateId);
    this.#best = this.#currentBest();
  }

  /** Ids begin again after this one; the book, and what its streams have not been told yet, go on. */
  restartIds(lastUpdateId: number): void {
    this.#flow.restartIds(lastUpdateId);
    this.fast.afterId = lastUpdateId;
    this.slow.afterId = lastUpdateId;
    this.#past.forget();
  }

  partial(levels: number): string {
    const { bids, asks, lastUpdateId } = this.#flow;
    return `{"lastUpdateId":${lastUpdateId},"bids":${bids.top(levels)},"asks":${asks.top(levels)}}`;
  }

  /** Keeps the book as it is now for `past`. */
  remember(nowMs: number): void {
    const { bids, asks, lastUpdateId } = this.#flow;
    this.#past.add(nowMs, () => ({ lastUpdateId, bids: bids.texts(), asks: asks.texts() }));
  }

  /** The book as it was at `ms` or, as far as that is remembered, soon before; null where nothing is. */
  past(levels: number, ms: number): string | null {
    return this.#past.at(ms, levels);
  }

  /** The best bid and ask as `bookTicker` has them, or null where they are as they were. */
  changedBest(symbol: string): string | null {
    const best = this.#currentBest();
    if (best === this.#best) return null;
    this.#best = best;
    const [[b, B], [a, A]] = JSON.parse(best) as [[string, string], [string, string]];
    return JSON.stringify({ u: this.lastUpdateId, s: symbol, b, B, a, A });
  }

  #currentBest(): string {
    return `[${this.#flow.bids.best()},${this.#flow.asks.best()}]`;
  }
}
