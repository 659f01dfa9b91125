/** Who may act when, over all slots. Waiting callers leave the queue, or give back their turn, by unsubscribing. */
import { type SchedulerLike, Subscription } from 'rxjs';

/** One holder at a time, first come, first served. */
export class Turn {
  readonly #waiting: { act: () => void; readonly holding: Subscription }[] = [];
  #holder: Subscription | null = null;

  /** @returns to be unsubscribed from when done */
  take(act: () => void): Subscription {
    const holding = new Subscription(() => this.#leave(holding));
    this.#waiting.push({ act, holding });
    this.#next();
    return holding;
  }

  #leave(holding: Subscription): void {
    if (this.#holder === holding) {
      this.#holder = null;
      this.#next();
      return;
    }
    const index = this.#waiting.findIndex((waiting) => waiting.holding === holding);
    if (index >= 0) this.#waiting.splice(index, 1);
  }

  #next(): void {
    if (this.#holder !== null) return;
    const first = this.#waiting.shift();
    if (first === undefined) return;
    this.#holder = first.holding;
    first.act();
  }
}

/** Lets callers through one by one, at least `gapMs` apart. */
export class Pace {
  readonly #gapMs: number;
  readonly #scheduler: SchedulerLike;
  readonly #waiting: (() => void)[] = [];
  #resting: Subscription | null = null;

  constructor(gapMs: number, scheduler: SchedulerLike) {
    this.#gapMs = gapMs;
    this.#scheduler = scheduler;
  }

  enter(act: () => void): Subscription {
    this.#waiting.push(act);
    if (this.#resting === null) this.#next();
    return new Subscription(() => {
      const index = this.#waiting.indexOf(act);
      if (index >= 0) this.#waiting.splice(index, 1);
    });
  }

  close(): void {
    this.#waiting.length = 0;
    this.#resting?.unsubscribe();
  }

  #next(): void {
    const act = this.#waiting.shift();
    this.#resting = act === undefined ? null : this.#scheduler.schedule(() => this.#next(), this.#gapMs);
    act?.();
  }
}
