/**
 * One symbol's holes: from when to when nothing was heard that should have been.
 *
 * Ids of depth20 frames jump by any amount, so with frames alone a hole is known only where a connection was lost. A
 * diff names the first and the last update that it holds, so with diffs every hole shows, and its size.
 */
import type { Known } from './restarts.ts';

export interface Gap {
  /** Receive times of the last message before and the first after; the end of the session for one still open. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly beforeId: number;
  /** Null: still open. */
  readonly afterId: number | null;
  /** How many updates were missed; null where ids do not tell. */
  readonly missed: number | null;
  /** Whether it began with a connection that was lost, or proved silent. */
  readonly outage: boolean;
}

export class Continuity {
  #lastId: number | null = null;
  /** Until then the book is known: repeats of the last id count. */
  #lastMs = 0;
  #outage = false;

  get lastMs(): number | null {
    return this.#lastId === null ? null : this.#lastMs;
  }

  /** Up to where the feed is known, or told to be missing; null before the first message. */
  get last(): Known | null {
    return this.#lastId === null ? null : { atMs: this.#lastMs, id: this.#lastId };
  }

  get lastId(): number | null {
    return this.#lastId;
  }

  get outage(): boolean {
    return this.#outage;
  }

  /** A connection was lost, or proved silent. @returns whether an outage begins: not before the first message */
  outageBegins(): boolean {
    if (this.#lastId === null || this.#outage) return false;
    this.#outage = true;
    return true;
  }

  /** A message whose id was seen before. After an outage the last id proves that nothing was missed. */
  repeat(id: number, atMs: number): void {
    // An older id, from a connection that lags, says nothing of what came since.
    if (id !== this.#lastId) return;
    this.#outage = false;
    this.#lastMs = Math.max(this.#lastMs, atMs);
  }

  /** A depth20 frame with an id not seen before. */
  frame(id: number, atMs: number): Gap | null {
    if (this.#lastId !== null && id < this.#lastId) {
      this.repeat(id, atMs);
      return null;
    }
    const gap = this.#outage ? this.#gap(atMs, id, null) : null;
    this.#moveTo(id, atMs);
    return gap;
  }

  /** A diff not seen before, with its first and last id. */
  diff(firstId: number, lastId: number, atMs: number): Gap | null {
    if (this.#lastId !== null && lastId <= this.#lastId) {
      this.repeat(lastId, atMs);
      return null;
    }
    const missed = this.#lastId === null ? 0 : firstId - 1 - this.#lastId;
    const gap = missed > 0 ? this.#gap(atMs, lastId, missed) : null;
    this.#moveTo(lastId, atMs);
    return gap;
  }

  /** The venue's ids began anew with this one; what an outage before it hid cannot be counted. */
  restart(id: number, atMs: number): Gap | null {
    const gap = this.#outage ? this.#gap(atMs, id, null) : null;
    this.#moveTo(id, atMs);
    return gap;
  }

  /** What is still missing when the session ends is missing until then at least. */
  end(atMs: number): Gap | null {
    if (!this.#outage) return null;
    const gap = this.#gap(atMs, null, null);
    this.#lastMs = Math.max(this.#lastMs, atMs);
    return gap;
  }

  #moveTo(id: number, atMs: number): void {
    this.#outage = false;
    this.#lastId = id;
    this.#lastMs = Math.max(this.#lastMs, atMs);
  }

  #gap(toMs: number, afterId: number | null, missed: number | null): Gap {
    // A message that waited for those before it may have come sooner than the last of these.
    const fromMs = Math.min(this.#lastMs, toMs);
    return { fromMs, toMs, beforeId: this.#lastId!, afterId, missed, outage: this.#outage };
  }
}
