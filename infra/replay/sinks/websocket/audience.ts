/** Whether somebody is there to take what a replay sends: when it begins, and when it waits. */
import type { Clock } from '../../../local/clock.ts';

/** A client's other subscriptions come as messages of their own, at most five a second, and on further connections. */
const QUIET_MS = 1_000;
/** A client that never stops subscribing must not keep the replay from beginning. */
const QUIET_WITHIN_MS = 10_000;

export class Audience {
  /** Resolves when clients follow a stream and, for a second, no further one; or when the replay is given up. */
  readonly ready: Promise<void>;
  readonly #clock: Clock;
  #begin: () => void = () => {};
  #wake: () => void = () => {};
  #begun = false;
  #over = false;
  #streams = 0;
  #firstMs = 0;
  #timer: unknown = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.ready = new Promise((resolve) => {
      this.#begin = resolve;
    });
  }

  /** Whether the replay was given up. */
  get isOver(): boolean {
    return this.#over;
  }

  get isPresent(): boolean {
    return this.#begun && this.#streams > 0;
  }

  /** So many streams that the replay can send are followed now. */
  changed(streams: number): void {
    const grew = streams > this.#streams;
    if (this.#streams === 0) this.#firstMs = this.#clock.now();
    this.#streams = streams;
    if (this.#begun) this.#wake();
    else if (streams === 0) this.#stopTimer();
    else if (grew) this.#beginSoon();
  }

  /** Resolves when somebody is there, or the replay is given up. For one waiter at a time. */
  async present(): Promise<void> {
    while (!this.isPresent && !this.#over) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The replay is given up: nobody waits any more. */
  end(): void {
    this.#over = true;
    this.#stopTimer();
    this.#begin();
    this.#wake();
  }

  #beginSoon(): void {
    this.#stopTimer();
    const latestMs = this.#firstMs + QUIET_WITHIN_MS - this.#clock.now();
    const waitMs = Math.max(0, Math.min(QUIET_MS, latestMs));
    this.#timer = this.#clock.setTimeout(() => {
      this.#begun = true;
      this.#begin();
      this.#wake();
    }, waitMs);
  }

  #stopTimer(): void {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
  }
}
