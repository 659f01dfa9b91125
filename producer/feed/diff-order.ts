/**
 * Diffs in the order of their ids. While two connections deliver, the new one may be ahead of the old, so a hole in the
 * ids is called one only when the diffs between have not come for a while.
 */
import type { Diff } from './venue.ts';

export interface ReceivedDiff {
  readonly diff: Diff;
  /** UTC epoch ms. */
  readonly atMs: number;
}

/** How long a diff from beyond a hole waits for those before it. */
const WAIT_MS = 2_000;
/** Diffs that wait; beyond it the first is let through. */
const MAX_WAITING = 64;

export class DiffOrder {
  /** By first id, ascending. */
  readonly #waiting: ReceivedDiff[] = [];

  get waiting(): number {
    return this.#waiting.length;
  }

  wait(received: ReceivedDiff): void {
    const { firstId } = received.diff;
    let index = this.#waiting.length;
    while (index > 0 && this.#waiting[index - 1]!.diff.firstId > firstId) index -= 1;
    this.#waiting.splice(index, 0, received);
  }

  /** The next diff that needs nothing after the id. */
  nextAfter(lastId: number): ReceivedDiff | null {
    const next = this.#waiting[0];
    return next !== undefined && next.diff.firstId <= lastId + 1 ? this.#waiting.shift()! : null;
  }

  /** The next diff, if one has waited for too long or too many wait. */
  overdue(nowMs: number): ReceivedDiff | null {
    // A clock that was set back makes none wait until it is that late again.
    const late = this.#waiting.some(({ atMs }) => Math.abs(nowMs - atMs) >= WAIT_MS);
    return late || this.#waiting.length > MAX_WAITING ? this.#waiting.shift()! : null;
  }

  /** The next diff, however long it has waited. */
  next(): ReceivedDiff | null {
    return this.#waiting.shift() ?? null;
  }
}
