/**
 * A scheduler whose clock moves only when a test moves it, by milliseconds or weeks. The virtual one of rxjs keeps every
 * action of an interval as a child of the one before, so its memory and the depth of an unsubscription grow with time.
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

export class VirtualClock implements SchedulerLike {
  /** What was passed; timers count by it. */
  #elapsedMs = 0;
  #offsetMs: number;
  #scheduled = 0;
  /** A binary heap, the earliest first. */
  readonly #heap: Entry[] = [];

  constructor(startMs = 0) {
    this.#offsetMs = startMs;
  }

  now(): number {
    return this.#elapsedMs + this.#offsetMs;
  }

  /** Timers that run. */
  get pending(): number {
    return this.#heap.filter(({ dropped }) => !dropped).length;
  }

  /** Somebody sets the clock; timers run on. */
  set(nowMs: number): void {
    this.#offsetMs = nowMs - this.#elapsedMs;
  }

  schedule<T>(work: Work<T>, delayMs = 0, state?: T): Subscription {
    const action = new Action<T>((waitMs, next) => this.#enter(waitMs, () => work.call(action, next)));
    return action.schedule(state, delayMs);
  }

  /** Runs everything that falls into the next `ms`, without a pause for promises. */
  pass(ms: number): void {
    const untilMs = this.#elapsedMs + ms;
    while (this.#step(untilMs));
    this.#elapsedMs = untilMs;
  }

  /** Runs everything that falls into the next `ms`; promises settle between any two of its moments. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#elapsedMs + ms;
    await settle();
    while (this.#step(untilMs)) {
      const atMs = this.#elapsedMs;
      while (this.#step(atMs));
      await settle();
    }
    this.#elapsedMs = untilMs;
  }

  /** Runs the next entry that is due by then. */
  #step(untilMs: number): boolean {
    for (;;) {
      if (this.#heap.length === 0 || this.#heap[0]!.atMs > untilMs) return false;
      const entry = this.#take();
      if (entry.dropped) continue;
      this.#elapsedMs = Math.max(this.#elapsedMs, entry.atMs);
      entry.run();
      return true;
    }
  }

  #enter(delayMs: number, run: () => void): Entry {
    const entry = { atMs: this.#elapsedMs + delayMs, order: this.#scheduled++, run, dropped: false };
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

/** Lets every promise that can settle do so. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
