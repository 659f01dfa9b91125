/**
 * One side of a book: levels sorted best first, each kept as the JSON text that goes into messages.
 *
 * A level's key orders it: the price for asks, its negative for bids, in any exact unit. Numbers and bigints may be
 * mixed; JavaScript compares the two exactly.
 */
export class Ladder {
  readonly #keys: (number | bigint)[] = [];
  readonly #texts: string[] = [];

  get length(): number {
    return this.#keys.length;
  }

  keyAt(index: number): number | bigint | undefined {
    return this.#keys.at(index);
  }

  set(key: number | bigint, text: string): void {
    const at = this.#find(key);
    if (this.#keys[at] === key) {
      this.#texts[at] = text;
    } else {
      this.#keys.splice(at, 0, key);
      this.#texts.splice(at, 0, text);
    }
  }

  /** Deleting a level that is not there changes nothing, as on the exchange. */
  delete(key: number | bigint): void {
    const at = this.#find(key);
    if (this.#keys[at] !== key) return;
    this.#keys.splice(at, 1);
    this.#texts.splice(at, 1);
  }

  clear(): void {
    this.#keys.length = 0;
    this.#texts.length = 0;
  }

  /** The text of the best level, or undefined on an empty side. */
  best(): string | undefined {
    return this.#texts[0];
  }

  /** The best `count` levels as a JSON array. */
  top(count: number): string {
    return `[${this.#texts.slice(0, count).join(',')}]`;
  }

  /** The text of every level, best first, as they are now. */
  texts(): readonly string[] {
    return [...this.#texts];
  }

  /** Where the key is, or where it belongs. */
  #find(key: number | bigint): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
