/**
 * An exchange's whole book through a series of updates, kept as naively as can be: a map a side, copied at every update.
 * It gives the diffs and seeds that such an exchange sends, and the truth to compare with.
 */
import { narrow } from '../../../producer/book/decimal.ts';
import type { Level } from '../../../producer/book/levels.ts';
import type { Diff, RestBook } from '../../../producer/feed/venue.ts';

export interface Change {
  readonly side: 'bids' | 'asks';
  readonly price: bigint;
  readonly quantity: bigint;
}

type Side = ReadonlyMap<bigint, bigint>;
type Levels = [price: bigint, quantity: bigint][];

export class ExchangeBook {
  readonly #states: Record<'bids' | 'asks', Side>[] = [{ bids: new Map(), asks: new Map() }];
  readonly #changes: readonly (readonly Change[])[];

  /** @param updates what each update changes; the first has id 1 */
  constructor(updates: readonly (readonly Change[])[]) {
    this.#changes = updates;
    for (const changes of updates) {
      const last = this.#states.at(-1)!;
      const next = { bids: new Map(last.bids), asks: new Map(last.asks) };
      for (const { side, price, quantity } of changes) {
        if (quantity === 0n) next[side].delete(price);
        else next[side].set(price, quantity);
      }
      this.#states.push(next);
    }
  }

  get lastId(): number {
    return this.#changes.length;
  }

  /** All levels after an update, best first. */
  levels(id: number, side: 'bids' | 'asks'): Levels {
    const sign = side === 'bids' ? -1n : 1n;
    return [...this.#states[id]![side]].sort(([a], [b]) => Number(sign * (a - b)));
  }

  diff(firstId: number, lastId: number): Diff {
    const changes = this.#changes.slice(firstId - 1, lastId).flat();
    const side = (name: 'bids' | 'asks') => [
      ...new Map(
        changes.filter(({ side }) => side === name).map(({ price, quantity }) => [price, [price, quantity] as const]),
      ).values(),
    ];
    return {
      kind: 'diff',
      symbol: 'BTCUSDT',
      eventMs: lastId,
      firstId,
      lastId,
      bids: side('bids').map(inUnits),
      asks: side('asks').map(inUnits),
    };
  }

  seed(id: number, limit: number): RestBook {
    const side = (name: 'bids' | 'asks') => this.levels(id, name).slice(0, limit).map(inUnits);
    return { lastUpdateId: id, bids: side('bids'), asks: side('asks'), limit };
  }
}

export function inUnits([price, quantity]: readonly [bigint, bigint]): Level {
  return [narrow(price), narrow(quantity)];
}
