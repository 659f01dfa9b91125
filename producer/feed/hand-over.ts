/** When the old connection of a hand-over may close: nothing of what it would still bring is lacking on the new one. */
import { outstanding } from './deliveries.ts';
import type { Link } from './link.ts';
import type { HandOverReason } from './signal.ts';

/**
 * The overlap of two connections. `leastMs` also bounds how far the old connection may lag while nothing moves: what is
 * on its way then shows in nothing.
 */
const OVERLAP = { leastMs: 1_000, enoughMs: 30_000, mostMs: 60_000 };
/** How often the overlap is looked at. */
export const OVERLAP_TICK_MS = 250;
/** An old connection that brought nothing for so long is not waited for beyond `enoughMs`. */
const LIVELY_S = 10;

export class HandOver {
  readonly reason: HandOverReason;
  /** Counted in ticks of the scheduler. */
  overlapMs = 0;
  /** Symbols that the old connection is known not to deliver: it is not waited for. */
  readonly #silent: ReadonlySet<string>;

  constructor(reason: HandOverReason, silent: readonly string[]) {
    this.reason = reason;
    this.#silent = new Set(silent);
  }

  /** The new connection is open: the overlap begins. */
  begin(old: Link): void {
    this.overlapMs = 0;
    old.deliveries.mark();
  }

  /**
   * `OVERLAP_TICK_MS` have passed.
   * @param followed the slot's symbols
   * @returns null while the old connection must stay; else the symbols of which something could be lost all the same
   */
  tick(old: Link, next: Link, followed: ReadonlySet<string>): { readonly outstanding: readonly string[] } | null {
    this.overlapMs += OVERLAP_TICK_MS;
    if (this.overlapMs < OVERLAP.leastMs) return null;
    const left = outstanding(old.deliveries, next.deliveries, this.waited(old, next, followed));
    const patienceMs = old.quietS < LIVELY_S ? OVERLAP.mostMs : OVERLAP.enoughMs;
    return left.length === 0 || this.overlapMs >= patienceMs ? { outstanding: left } : null;
  }

  /** The symbols that both connections should deliver. */
  waited(old: Link, next: Link, followed: ReadonlySet<string>): string[] {
    const both = new Set(next.symbols);
    return old.symbols.filter((symbol) => both.has(symbol) && followed.has(symbol) && !this.#silent.has(symbol));
  }
}
