/** A scheduler whose clock moves only when a test moves it; promises settle between any two of its steps. */
import { VirtualTimeScheduler } from 'rxjs';

export class VirtualClock extends VirtualTimeScheduler {
  constructor(startMs = 0) {
    super();
    this.frame = startMs;
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.frame + ms;
    await settle();
    for (let next = this.#next(untilMs); next !== null; next = this.#next(untilMs)) {
      this.maxFrames = next;
      this.flush();
      await settle();
    }
    this.frame = untilMs;
  }

  #next(untilMs: number): number | null {
    const next = this.actions[0]?.delay;
    return next !== undefined && next <= untilMs ? next : null;
  }
}

/** Lets every promise that can settle do so. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
