/**
 * One side of a book inside the window that a seed vouches for.
 *
 * Levels lie in two parallel arrays, best level last: most changes happen near the best price, so a search that gallops
 * from the end is short and an insertion moves little. Asks are held under negated prices: on both sides a greater key
 * is a better price. Levels beyond the window are not kept.
 */
import { addUnits, type Units } from './decimal.ts';
import type { Level } from './levels.ts';

/** The farthest levels go beyond this, and the window shrinks; a seed has 5,000 at the most. */
const MAX_LEVELS = 10_000;
/** Levels that go at once: dropping them moves the whole side. */
const DROP = 1_000;
/** So many values are moved faster one by one than by `splice`, which makes an array of what it removed. */
const SHORT_MOVE = 64;

/** A price at which two sides differ, and the quantities there. */
export interface LevelDifference {
  readonly price: Units;
  readonly before: Units;
  readonly after: Units;
}

export class BookSide {
  readonly #negated: boolean;
  readonly #keys: Units[] = [];
  readonly #quantities: Units[] = [];
  #end: Units | null = null;

  /** @param limit levels asked for: a side that has fewer is wholly known */
  constructor(side: 'bids' | 'asks', levels: readonly Level[], limit: number) {
    this.#negated = side === 'asks';
    for (let i = levels.length - 1; i >= 0; i -= 1) {
      this.#keys.push(this.#turned(levels[i]![0]));
      this.#quantities.push(levels[i]![1]);
    }
    if (levels.length >= limit) this.#end = this.#keys[0] ?? null;
  }

  get length(): number {
    return this.#keys.length;
  }

  get best(): Units | undefined {
    const key = this.#keys.at(-1);
    return key === undefined ? undefined : this.#turned(key);
  }

  /** The outermost level's price. */
  get last(): Units | undefined {
    const key = this.#keys[0];
    return key === undefined ? undefined : this.#turned(key);
  }

  /** The price up to which, itself included, every level is known; null: the side is wholly known. */
  get end(): Units | null {
    return this.#end === null ? null : this.#turned(this.#end);
  }

  /** Sets one level; quantity 0 deletes it. A level beyond the window is not taken. */
  set(price: Units, quantity: Units): void {
    const key = this.#turned(price);
    if (this.#end !== null && key < this.#end) return;
    const keys = this.#keys;
    const place = this.#placeOf(key);
    const present = place < keys.length && keys[place] === key;
    if (quantity === 0) {
      if (present) this.#remove(place);
    } else if (present) {
      this.#quantities[place] = quantity;
    } else {
      this.#insert(place, key, quantity);
    }
  }

  setAll(levels: readonly Level[]): void {
    for (let i = 0; i < levels.length; i += 1) this.set(levels[i]![0], levels[i]![1]);
  }

  /** The best `count` levels, best first. */
  top(count: number): Level[] {
    const levels: Level[] = [];
    for (let i = this.#keys.length - 1; i >= 0 && levels.length < count; i -= 1) {
      levels.push([this.#turned(this.#keys[i]!), this.#quantities[i]!]);
    }
    return levels;
  }

  /** Sums outwards: each call gives the quantity between the best price and the bound, which must not come nearer again. */
  summing(): (bound: Units) => Units {
    const keys = this.#keys;
    const quantities = this.#quantities;
    let next = keys.length - 1;
    let total: Units = 0;
    return (bound) => {
      const end = this.#turned(bound);
      // In variables of its own: what outlives the call is allocated anew at each assignment.
      let i = next;
      let sum = total;
      for (; i >= 0 && keys[i]! >= end; i -= 1) sum = addUnits(sum, quantities[i]!);
      next = i;
      total = sum;
      return sum;
    };
  }

  /** The best price at which the other side, `after`, differs inside both windows; null where there is none. */
  differenceFrom(after: BookSide): LevelDifference | null {
    const end = nearer(this.#end, after.#end);
    let i = this.#keys.length - 1;
    let j = after.#keys.length - 1;
    for (;;) {
      const mine = keyInside(this.#keys[i], end);
      const other = keyInside(after.#keys[j], end);
      if (mine === undefined && other === undefined) return null;
      const key = mine === undefined || (other !== undefined && other > mine) ? other! : mine;
      const was = mine === key ? this.#quantities[i]! : 0;
      const is = other === key ? after.#quantities[j]! : 0;
      if (was !== is) return { price: this.#turned(key), before: was, after: is };
      i -= 1;
      j -= 1;
    }
  }

  /** Whether levels from the best outwards, at most `limit` of them, are this side's; `unknown` where they pass the window. */
  compareTop(levels: readonly Level[], limit: number): 'equal' | 'different' | 'unknown' {
    let i = this.#keys.length - 1;
    for (const [price, quantity] of levels) {
      const key = this.#turned(price);
      if (i < 0) return keyInside(key, this.#end) === undefined ? 'unknown' : 'different';
      if (this.#keys[i] !== key || this.#quantities[i] !== quantity) return 'different';
      i -= 1;
    }
    if (levels.length >= limit) return 'equal';
    if (i >= 0) return 'different';
    return this.#end === null ? 'equal' : 'unknown';
  }

  /** The first place whose key is not below the key. */
  #placeOf(key: Units): number {
    const keys = this.#keys;
    let high = keys.length;
    let step = 1;
    while (step <= high && keys[high - step]! >= key) {
      high -= step;
      step *= 2;
    }
    let low = Math.max(0, high - step + 1);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #insert(place: number, key: Units, quantity: Units): void {
    insertAt(this.#keys, place, key);
    insertAt(this.#quantities, place, quantity);
    if (this.#keys.length > MAX_LEVELS) this.#dropFarthest();
  }

  #remove(place: number): void {
    removeAt(this.#keys, place);
    removeAt(this.#quantities, place);
  }

  #dropFarthest(): void {
    this.#keys.splice(0, DROP);
    this.#quantities.splice(0, DROP);
    this.#end = this.#keys[0]!;
  }

  /** A price from its key, or a key from its price. */
  #turned(value: Units): Units {
    return this.#negated ? -value : value;
  }
}

function insertAt(values: Units[], place: number, value: Units): void {
  let i = values.length;
  if (i - place > SHORT_MOVE) {
    values.splice(place, 0, value);
    return;
  }
  values.push(value);
  for (; i > place; i -= 1) values[i] = values[i - 1]!;
  values[place] = value;
}

function removeAt(values: Units[], place: number): void {
  if (values.length - place > SHORT_MOVE) {
    values.splice(place, 1);
    return;
  }
  for (let i = place + 1; i < values.length; i += 1) values[i - 1] = values[i]!;
  values.pop();
}

/** The nearer of two ends, as keys; null is no end. */
function nearer(a: Units | null, b: Units | null): Units | null {
  if (a === null || b === null) return a ?? b;
  return a > b ? a : b;
}

function keyInside(key: Units | undefined, end: Units | null): Units | undefined {
  return key === undefined || (end !== null && key < end) ? undefined : key;
}
