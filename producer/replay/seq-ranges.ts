/** Which sequence numbers were seen, as ranges: one while nothing is missing. */

/** Ranges held of one count, at most: beyond it the earliest two are joined, and what is missing between them stays missing. */
const RANGES_MAX = 1000;

/** What is missing between joined ranges, then from and to of each range, ascending: as a checkpoint holds it. */
export type SeqRangesState = readonly number[];

export class SeqRanges {
  /** from, to, from, to, …, ascending, with at least one number missing between any two. */
  readonly #bounds: number[];
  /** Missing for good, between ranges that were joined. */
  #missing: number;

  constructor([missing = 0, ...bounds]: SeqRangesState = []) {
    this.#missing = missing;
    this.#bounds = bounds;
  }

  get first(): number {
    return this.#bounds[0]!;
  }

  get last(): number {
    return this.#bounds.at(-1)!;
  }

  /** How many numbers between the first and the last were never seen. */
  get missing(): number {
    const bounds = this.#bounds;
    let missing = this.#missing;
    for (let at = 2; at < bounds.length; at += 2) missing += bounds[at]! - bounds[at - 1]! - 1;
    return missing;
  }

  get state(): SeqRangesState {
    return [this.#missing, ...this.#bounds];
  }

  /** Whether the number was seen, or lies between ranges that were joined. */
  has(seq: number): boolean {
    const bounds = this.#bounds;
    let at = bounds.length - 2;
    while (at >= 0 && bounds[at]! > seq) at -= 2;
    return at >= 0 && seq <= bounds[at + 1]!;
  }

  add(seq: number): void {
    const bounds = this.#bounds;
    const last = bounds.length - 1;
    if (last > 0 && seq === bounds[last]! + 1) bounds[last] = seq;
    else this.#insert(seq);
  }

  #insert(seq: number): void {
    const bounds = this.#bounds;
    // The range to the right of the number, or the one that holds it; mostly the numbers come in order.
    let at = bounds.length;
    while (at > 0 && bounds[at - 1]! >= seq) at -= 2;
    if (at < bounds.length && bounds[at]! <= seq) return;
    const joinsLeft = at > 0 && bounds[at - 1]! === seq - 1;
    const joinsRight = at < bounds.length && bounds[at]! === seq + 1;
    if (joinsLeft && joinsRight) bounds.splice(at - 1, 2);
    else if (joinsLeft) bounds[at - 1] = seq;
    else if (joinsRight) bounds[at] = seq;
    else bounds.splice(at, 0, seq, seq);
    if (bounds.length > 2 * RANGES_MAX) this.#join();
  }

  #join(): void {
    const [, to, from] = this.#bounds;
    this.#missing += from! - to! - 1;
    this.#bounds.splice(1, 2);
  }
}
