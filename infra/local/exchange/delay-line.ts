/** Messages that are on their way for a fixed time, in order. */

interface Waiting {
  readonly dueMs: number;
  readonly bytes: Buffer;
}

export class DelayLine {
  readonly #delayMs: number;
  readonly #deliver: (bytes: Buffer) => void;
  #waiting: Waiting[] = [];
  #bytes = 0;

  constructor(delayMs: number, deliver: (bytes: Buffer) => void) {
    this.#delayMs = delayMs;
    this.#deliver = deliver;
  }

  /** What is on its way, in bytes. */
  get size(): number {
    return this.#bytes;
  }

  send(bytes: Buffer, nowMs: number): void {
    if (this.#delayMs === 0) {
      this.#deliver(bytes);
      return;
    }
    this.#waiting.push({ dueMs: nowMs + this.#delayMs, bytes });
    this.#bytes += bytes.length;
  }

  /** Delivers what has been on its way long enough. */
  beat(nowMs: number): void {
    const later = this.#waiting.findIndex(({ dueMs }) => dueMs > nowMs);
    for (const { bytes } of this.#waiting.splice(0, later === -1 ? this.#waiting.length : later)) {
      this.#bytes -= bytes.length;
      this.#deliver(bytes);
    }
  }
}
