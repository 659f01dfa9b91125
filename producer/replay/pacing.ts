/** When a row is due: event time at the speed asked for. */

/**
 * The schedule is absolute, from the first row on, so no lateness of a timer adds up. What falls behind is caught up
 * without leaving anything out.
 */
export class Pace {
  readonly #speed: number;
  #beganMs = 0;
  #firstMs: number | null = null;

  /** @param speed how many times as fast as real time */
  constructor(speed: number) {
    this.#speed = speed;
  }

  /** Milliseconds of real time until a row of that event time is due; below 0: since. The first row is due at once. */
  waitMs(timestampMs: number, nowMs: number): number {
    if (this.#firstMs === null) {
      this.#firstMs = timestampMs;
      this.#beganMs = nowMs;
    }
    return this.#beganMs + (timestampMs - this.#firstMs) / this.#speed - nowMs;
  }
}
