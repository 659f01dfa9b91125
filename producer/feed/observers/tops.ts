/** The best 20 levels of a rebuilt book after each of its last diffs: what depth20 frames are proved by. */
import type { Level } from '../../book/levels.ts';
import type { RebuiltBook } from '../../book/rebuilt-book.ts';
import { DEPTH20_LEVELS, type Depth20Frame } from '../venue.ts';

export interface Top {
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
  /** Whether the book was whole, and knew that these are all of the best 20. */
  readonly vouched: boolean;
}

/** At ten diffs a second the last 3.2 s. */
const REMEMBERED = 32;

export class Tops {
  /** By update id, oldest first. */
  readonly #tops = new Map<number, Top>();

  remember(id: number, top: Top): void {
    this.#tops.set(id, top);
    if (this.#tops.size > REMEMBERED) this.#tops.delete(this.#tops.keys().next().value!);
  }

  at(id: number): Top | undefined {
    return this.#tops.get(id);
  }

  clear(): void {
    this.#tops.clear();
  }
}

export function topOf(book: RebuiltBook): Top {
  const { bids, asks } = book.top(DEPTH20_LEVELS);
  return { bids, asks, vouched: book.vouchesFor(bids, asks, DEPTH20_LEVELS) === 'equal' };
}

/** A locked book (bid = ask) counts as crossed. */
export function isCrossed({ bids, asks }: Top): boolean {
  return bids.length > 0 && asks.length > 0 && bids[0]![0] >= asks[0]![0];
}

export function sameLevels(a: Top | Depth20Frame, b: Top | Depth20Frame): boolean {
  return sameSide(a.bids, b.bids) && sameSide(a.asks, b.asks);
}

function sameSide(a: readonly Level[], b: readonly Level[]): boolean {
  return a.length === b.length && a.every(([price, quantity], i) => price === b[i]![0] && quantity === b[i]![1]);
}
