/**
 * The lines of an open pack as bytes, joined by line feeds. They live outside the heap: as strings they would be garbage
 * only after the linger, when the collector has long moved them among what lives for ever. For the same reason a buffer
 * serves one pack after the other.
 */

/** A few lines; doubled when they are full. */
const FIRST_BYTES = 8 * 1024;
const LINE_FEED = 0x0a;

export class LineBytes {
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;

  /** The bytes so far; valid until the next change. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** @param bytes what the line takes in UTF-8 */
  add(line: string, bytes: number): void {
    this.#makeRoom(this.#length + 1 + bytes);
    if (this.#length > 0) this.#length = this.#buffer.writeUInt8(LINE_FEED, this.#length);
    this.#length += this.#buffer.write(line, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  #makeRoom(bytes: number): void {
    // Never filled to its end: so nobody takes `bytes` for a buffer that is all its own.
    if (bytes < this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(bytes + 1, 2 * this.#buffer.length));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
