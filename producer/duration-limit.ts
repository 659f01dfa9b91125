/** Ends a run after its `--duration`, which counts from the first frame. */

/** A duration begins after this at the latest: a venue that is silent does not make it endless. */
const FIRST_FRAME_WITHIN_MS = 30_000;
/** A timer of Node ends at once beyond it. */
const LONGEST_TIMER_MS = 0x7fffffff;

export class DurationLimit {
  readonly #durationMs: number | undefined;
  readonly #passed: (reason: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #begun = false;

  /** @param durationMs undefined: no limit */
  constructor(durationMs: number | undefined, passed: (reason: string) => void) {
    this.#durationMs = durationMs;
    this.#passed = passed;
    this.#start(FIRST_FRAME_WITHIN_MS);
  }

  /** @param frames how many have come so far */
  report(frames: number): void {
    if (this.#begun || frames === 0) return;
    this.#begun = true;
    this.#start(0);
  }

  close(): void {
    this.#begun = true;
    clearTimeout(this.#timer);
  }

  #start(graceMs: number): void {
    if (this.#durationMs === undefined) return;
    clearTimeout(this.#timer);
    const ms = Math.min(this.#durationMs + graceMs, LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => this.#passed('the duration has passed'), ms);
  }
}
