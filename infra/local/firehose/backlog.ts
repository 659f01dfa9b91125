/** The bytes that a delivery stream holds, and the bound at which it stops taking more. */
import type { DeliveryStats } from './record.ts';

export class Backlog {
  readonly #maxBytes: number;
  readonly #stats: DeliveryStats;
  #waiting: (() => void)[] = [];

  constructor(maxBytes: number, stats: DeliveryStats) {
    this.#maxBytes = maxBytes;
    this.#stats = stats;
  }

  get full(): boolean {
    return this.#stats.bufferedBytes >= this.#maxBytes;
  }

  take(bytes: number): void {
    this.#stats.bufferedBytes += bytes;
  }

  release(bytes: number): void {
    this.#stats.bufferedBytes -= bytes;
    if (!this.full) this.wake();
  }

  /** Settles once there is room, or when everybody is woken. */
  async room(): Promise<void> {
    if (this.full) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
