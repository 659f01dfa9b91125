/**
 * A scheduler for weeks of virtual time. The one of rxjs keeps every action of an interval as a child of the one before,
 * so its memory and the depth of an unsubscription grow with the time that passes.
 */
import { type SchedulerAction, type SchedulerLike, Subscription } from 'rxjs';

type Work<T> = (this: SchedulerAction<T>, state?: T) => void;

interface Entry {
  readonly atMs: number;
  /** Of two at the same time, the one that was scheduled first comes first. */
  readonly order: number;
  readonly run: () => void;
  dropped: boolean;
}

export class LongClock implements SchedulerLike {
  #nowMs: number;
  #scheduled = 0;
  /** A binary heap, the earliest first. */
  readonly #heap: Entry[] = [];

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  schedule<T>(work: Work<T>, delayMs = 0, state?: T): Subscription {
    const action = new Action<T>((waitMs, next) => this.#enter(waitMs, () => work.call(action, next)));
    return action.schedule(state, delayMs);
  }

  /** Runs everything that falls into the next `ms`. */
  pass(ms: number): void {
    const untilMs = this.#nowMs + ms;
    while (this.#heap.length > 0 && this.#heap[0]!.atMs <= untilMs) {
      const entry = this.#take();
      if (entry.dropped) continue;
      this.#nowMs = entry.atMs;
      entry.run();
    }
    this.#nowMs = untilMs;
  }

  #enter(delayMs: number, run: () => void): Entry {
    const entry = { atMs: this.#nowMs + delayMs, order: this.#scheduled++, run, dropped: false };
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
    return entry;
  }

  #take(): Entry {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

class Action<T> extends Subscription implements SchedulerAction<T> {
  readonly #enter: (delayMs: number, state?: T) => Entry;
  #entry: Entry | null = null;

  constructor(enter: (delayMs: number, state?: T) => Entry) {
    super(() => {
      if (this.#entry !== null) this.#entry.dropped = true;
    });
    this.#enter = enter;
  }

  schedule(state?: T, delayMs = 0): Subscription {
    if (!this.closed) this.#entry = this.#enter(delayMs, state);
    return this;
  }
}
