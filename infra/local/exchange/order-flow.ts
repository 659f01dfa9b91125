/**
 * The simulated order flow of one symbol: a price that walks at random, and orders that come and go around it.
 *
 * Every change of a level takes the next update id, as on the exchange. Levels are whole ticks, so nothing is rounded.
 */
import { Ladder } from './ladder.ts';
import { decimal, type Listing, ONE } from './listing.ts';
import { Random } from './random.ts';

/** A side holds at most so many times its fewest levels. */
const MOST_LEVELS = 7 / 3;
/** An active step makes at least so many changes, so that ids between two frames stay free for injected ones. */
const FEWEST_CHANGES = 3;
const MORE_CHANGES = 8;
/** How far from the mid price orders are placed, as a fraction of it; beyond `FAR` they are withdrawn. */
const NEAR = 0.025;
const FAR = 0.035;
/** Where the trade is, as a fraction of the price. */
const TOUCH = 0.001;
/** The price is kept in thousandths of a tick: a quiet market moves by less than a tick a step. */
const MILLI = 1000;
/** Widest move of a step, as a fraction of the price. */
const VOLATILITY = 0.000_02;
/** The pull back to the listed price in a step, as a fraction of the distance: a walk never leaves its region. */
const PULL = 0.000_01;
/** Largest size of a level in quote currency. */
const LARGEST = 20_000;
/** A travelling price turns round with this chance a step, and in any case so far from the listed price. */
const TURN = 0.01;
const REGION = 0.2;

export type SideName = 'bids' | 'asks';
/** Takes each changed level: its key in the ladder and its text, quantity 0 for a deleted one. */
export type Recorder = (side: SideName, key: number, text: string) => void;

/** What a market is like. */
export interface MarketShape {
  /** Levels that a side holds at least; at most 7/3 of it. */
  readonly levels: number;
  /** How far the price travels in a step, as a fraction of it, one way for many steps; 0: it only walks at random. */
  readonly wanderlust: number;
}

export const USUAL_MARKET: MarketShape = { levels: 150, wanderlust: 0 };

export class OrderFlow {
  readonly bids = new Ladder();
  readonly asks = new Ladder();
  readonly #listing: Listing;
  readonly #random: Random;
  /** The chance that nothing happens in a step; some symbols are quieter than others. */
  readonly #quiet: number;
  readonly #fewestLevels: number;
  readonly #mostLevels: number;
  readonly #wanderlust: number;
  #heading = 1;
  #price: number;
  #lastUpdateId: number;
  #record: Recorder = () => {};

  /** @param firstId the update id of the book as it begins */
  constructor(listing: Listing, { levels, wanderlust }: MarketShape, seed: number, firstId: number) {
    this.#listing = listing;
    this.#fewestLevels = levels;
    this.#mostLevels = Math.floor(levels * MOST_LEVELS);
    this.#wanderlust = wanderlust;
    this.#random = new Random(`${seed}:${listing.symbol}`);
    this.#quiet = 0.02 + 0.1 * this.#random.next();
    this.#price = Math.round(listing.price / listing.tick) * MILLI;
    this.#lastUpdateId = firstId;
    for (const side of ['bids', 'asks'] as const) this.#refill(side, (this.#fewestLevels + this.#mostLevels) / 2);
    this.#lastUpdateId = firstId;
  }

  get lastUpdateId(): number {
    return this.#lastUpdateId;
  }

  /** One interval: moves the price, then trades, places, resizes and withdraws a few orders. */
  step(record: Recorder): void {
    if (this.#random.chance(this.#quiet)) return;
    this.#record = record;
    this.#move();
    const changes = FEWEST_CHANGES + this.#random.below(MORE_CHANGES);
    for (let i = 0; i < changes; i++) this.#change(this.#random.chance(0.5) ? 'bids' : 'asks');
    this.#refill('bids', this.#fewestLevels);
    this.#refill('asks', this.#fewestLevels);
  }

  /** The next change takes the id after this one; the book goes on. */
  restartIds(lastUpdateId: number): void {
    this.#lastUpdateId = lastUpdateId;
  }

  #move(): void {
    const noise = this.#random.next() + this.#random.next() + this.#random.next() - 1.5;
    const home = (this.#listing.price / this.#listing.tick) * MILLI;
    const way = this.#travel(home);
    this.#price += Math.round(this.#price * VOLATILITY * noise + (home - this.#price) * PULL + way);
    for (const side of ['bids', 'asks'] as const) {
      while (this[side].length > 0 && this.#distance(side, 0) < 0) this.#withdraw(side, 0);
      while (this[side].length > 0 && this.#distance(side, -1) > this.#ticks(FAR)) this.#withdraw(side, -1);
    }
  }

  #travel(home: number): number {
    if (this.#wanderlust === 0) return 0;
    if (this.#random.chance(TURN)) this.#heading = -this.#heading;
    if (this.#price > home * (1 + REGION)) this.#heading = -1;
    if (this.#price < home * (1 - REGION)) this.#heading = 1;
    return this.#price * this.#wanderlust * this.#heading;
  }

  #change(side: SideName): void {
    const what = this.#random.next();
    const { length } = this[side];
    if (what < 0.4) this.#place(side, this.#keyAt(side, this.#pick(length)));
    else if (what < 0.65 || length >= this.#mostLevels) this.#withdraw(side, this.#pick(length));
    else this.#place(side, this.#touch(side) + this.#offset());
  }

  #refill(side: SideName, levels: number): void {
    while (this[side].length < levels) this.#place(side, this.#touch(side) + this.#offset());
  }

  /** An index that prefers the best levels: there most of the trade is. */
  #pick(length: number): number {
    return Math.floor(this.#random.next() * this.#random.next() * this.#random.next() * length);
  }

  /** Ticks from the touch: every other order joins the trade near it, the rest waits anywhere. */
  #offset(): number {
    const u = this.#random.next();
    return Math.floor(this.#ticks(this.#random.chance(0.5) ? TOUCH * u : NEAR * u));
  }

  #place(side: SideName, key: number): void {
    const price = Math.abs(key) * this.#listing.tick;
    const share = this.#random.next() * this.#random.next();
    const quantity = 1 + Math.floor((share * LARGEST * ONE) / (price / ONE));
    const text = `["${decimal(price)}","${decimal(quantity)}"]`;
    this[side].set(key, text);
    this.#changed(side, key, text);
  }

  #withdraw(side: SideName, index: number): void {
    const key = this.#keyAt(side, index);
    this[side].delete(key);
    this.#changed(side, key, `["${decimal(Math.abs(key) * this.#listing.tick)}","0.00000000"]`);
  }

  #changed(side: SideName, key: number, text: string): void {
    this.#lastUpdateId += 1;
    this.#record(side, key, text);
  }

  #keyAt(side: SideName, index: number): number {
    return Number(this[side].keyAt(index));
  }

  /** The best key that a side may hold: bids at or below the price, asks above it, so the book never crosses. */
  #touch(side: SideName): number {
    const below = Math.floor(this.#price / MILLI);
    return side === 'bids' ? -below : below + 1;
  }

  /** Ticks from the touch; negative where the price has passed the level. */
  #distance(side: SideName, index: number): number {
    return this.#keyAt(side, index) - this.#touch(side);
  }

  #ticks(fraction: number): number {
    return Math.floor((this.#price / MILLI) * fraction);
  }
}
