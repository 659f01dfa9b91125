/**
 * Lines to a file descriptor, written before the call returns, so that the last words of a process are not lost. A
 * reader that is gone (EPIPE) or slow (EAGAIN) never throws into, and never stops, what the lines are about: lines wait
 * in bounded memory, and beyond it the newest are dropped and counted.
 */
import { writeSync } from 'node:fs';

/** Bytes that wait for a reader that does not read. */
const MAX_WAITING_BYTES = 1024 * 1024;
const TRY_AGAIN_MS = 50;
const CLOSE_ATTEMPTS = 20;

/** Writes as much as the descriptor takes now and says how many bytes that was; throws like `fs.writeSync`. */
export type WriteBytes = (bytes: Buffer) => number;

export class LineWriter {
  readonly #writeBytes: WriteBytes;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #retry: NodeJS.Timeout | null = null;
  #dropped = 0;

  constructor(writeBytes: WriteBytes = (bytes) => writeSync(2, bytes)) {
    this.#writeBytes = writeBytes;
  }

  /** Lines that no reader took. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes one line with its line feed; never throws. */
  readonly write = (line: string): void => {
    const bytes = Buffer.from(line);
    if (this.#waitingBytes + bytes.length > MAX_WAITING_BYTES) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    // While lines wait, the timer writes: the descriptor is full.
    if (this.#retry === null) this.#drain();
  };

  /** Gives a slow reader a second to take what waits. Blocks; for the end of a process. */
  close(): void {
    for (let attempt = 0; attempt < CLOSE_ATTEMPTS && this.#waiting.length > 0; attempt += 1) {
      if (attempt > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TRY_AGAIN_MS);
      this.#drain();
    }
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    this.#dropWaiting();
  }

  #drain(): void {
    try {
      while (this.#waiting.length > 0) this.#written(this.#writeBytes(this.#waiting[0]!));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') this.#drainLater();
      else this.#dropWaiting();
    }
  }

  #written(bytes: number): void {
    const first = this.#waiting[0]!;
    this.#waitingBytes -= bytes;
    if (bytes < first.length) this.#waiting[0] = first.subarray(bytes);
    else this.#waiting.shift();
  }

  #drainLater(): void {
    if (this.#retry !== null) return;
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#drain();
    }, TRY_AGAIN_MS).unref();
  }

  #dropWaiting(): void {
    this.#dropped += this.#waiting.length;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}
