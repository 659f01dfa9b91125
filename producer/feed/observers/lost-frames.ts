/**
 * Depth20 frames that the exchange did not deliver: where a diff changed the best 20 levels, a frame with its last id is
 * due. It counts as lost when a frame with a higher id has come, and 2 s later it still has not.
 */
import type { Gap } from '../continuity.ts';

const WAIT_MS = 2_000;
/** Frames remembered, and frames that are due; beyond them the oldest are forgotten: at ten a second after 12.8 s. */
const REMEMBERED = 128;

interface Came {
  readonly id: number;
  readonly atMs: number;
}

export class LostFrames {
  /** By id, ascending. */
  #came: Came[] = [];
  /** Ids of frames that have not come, ascending. */
  #due: number[] = [];

  /** A diff changed the best 20 levels. */
  changed(id: number): void {
    const first = this.#came[0];
    if (first === undefined || id < first.id || this.#came.some((came) => came.id === id)) return;
    this.#due.push(id);
    if (this.#due.length > REMEMBERED) this.#due.shift();
  }

  came(id: number, atMs: number): void {
    this.#due = this.#due.filter((due) => due !== id);
    let index = this.#came.length;
    while (index > 0 && this.#came[index - 1]!.id > id) index -= 1;
    this.#came.splice(index, 0, { id, atMs });
    if (this.#came.length > REMEMBERED) this.#came.shift();
  }

  /** The holes that are certain now. @param nowMs infinite: those that would be in time */
  lost(nowMs: number): Gap[] {
    const gaps = new Map<number, Gap>();
    this.#due = this.#due.filter((id) => {
      const index = this.#came.findIndex((came) => came.id > id);
      if (index === -1) return true;
      const after = this.#came[index]!;
      if (Math.abs(nowMs - after.atMs) < WAIT_MS) return true;
      const before = this.#came[index - 1];
      if (before === undefined) return false;
      const missed = (gaps.get(after.id)?.missed ?? 0) + 1;
      const times = { fromMs: Math.min(before.atMs, after.atMs), toMs: after.atMs };
      gaps.set(after.id, { ...times, beforeId: before.id, afterId: after.id, missed, outage: false });
      return false;
    });
    return [...gaps.values()];
  }

  /** After an outage, or under new ids, nothing is due that was before. */
  clear(): void {
    this.#came = [];
    this.#due = [];
  }
}
