/** Turns a growing count into a rate for a status line. */
export class Rates {
  #count = 0;
  #atMs: number | null = null;
  #rate = 0;

  /** Increase a second since the last call, rounded; calls less than half a second apart repeat the last rate. */
  perSecond(count: number, nowMs: number): number {
    if (this.#atMs !== null && nowMs - this.#atMs < 500) return this.#rate;
    if (this.#atMs !== null) this.#rate = Math.round(((count - this.#count) * 1000) / (nowMs - this.#atMs));
    this.#count = count;
    this.#atMs = nowMs;
    return this.#rate;
  }
}
