/**
 * Snappy, raw format (github.com/google/snappy, format_description.txt), in JavaScript: the Lambda bundle is one .mjs
 * for arm64, and a native addon cannot ride in it.
 *
 * Writing is snappyjs's. Reading is strict and ours: snappyjs's reader never ends on some damaged bytes (a literal of
 * 2 GiB or more) and does not check that it filled what it allocated.
 */
import snappy from 'snappyjs';

export function compressSnappy(bytes: Buffer): Buffer {
  return Buffer.from(snappy.compress(bytes));
}

/** @throws Error with the reason, for anything but one whole snappy stream of at most `maxBytes` uncompressed bytes */
export function uncompressSnappy(bytes: Uint8Array, maxBytes: number): Buffer {
  const { length, next } = preamble(bytes);
  if (length > maxBytes) throw new Error(`it would be ${length} bytes uncompressed, above ${maxBytes}`);
  // One element of three bytes yields 64 at most, so a small input cannot ask for much memory.
  if (length > bytes.length * 64) throw new Error(`${bytes.length} snappy bytes cannot hold ${length}`);
  const out = Buffer.allocUnsafe(length);
  const written = expand(bytes, next, out);
  if (written !== length) throw new Error(`it holds ${written} bytes instead of ${length}`);
  return out;
}

function preamble(bytes: Uint8Array): { length: number; next: number } {
  let length = 0;
  for (let at = 0; at < 5 && at < bytes.length; at += 1) {
    length += (bytes[at]! & 0x7f) * 2 ** (7 * at);
    if (bytes[at]! < 0x80) return { length, next: at + 1 };
  }
  throw new Error('it does not begin as a snappy stream');
}

function expand(bytes: Uint8Array, start: number, out: Buffer): number {
  let at = start;
  let written = 0;
  while (at < bytes.length) {
    const tag = bytes[at]!;
    at += 1;
    const kind = tag & 3;
    const wide = kind === 0 ? Math.max(0, (tag >>> 2) - 59) : kind === 3 ? 4 : kind;
    if (at + wide > bytes.length) throw new Error('it is cut off');
    const number = littleEndian(bytes, at, wide);
    at += wide;
    if (kind === 0) {
      const length = (wide === 0 ? tag >>> 2 : number) + 1;
      if (at + length > bytes.length) throw new Error('it is cut off');
      if (written + length > out.length) throw new Error(`it holds more than ${out.length} bytes`);
      out.set(bytes.subarray(at, at + length), written);
      at += length;
      written += length;
    } else {
      const length = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
      const offset = kind === 1 ? number + (tag >>> 5) * 256 : number;
      if (offset === 0 || offset > written) throw new Error('it refers to bytes before its begin');
      if (written + length > out.length) throw new Error(`it holds more than ${out.length} bytes`);
      // Byte by byte: source and target overlap where a run repeats itself.
      for (let end = written + length; written < end; written += 1) out[written] = out[written - offset]!;
    }
  }
  return written;
}

function littleEndian(bytes: Uint8Array, at: number, wide: number): number {
  let value = 0;
  for (let i = wide - 1; i >= 0; i -= 1) value = value * 256 + bytes[at + i]!;
  return value;
}
