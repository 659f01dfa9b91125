/** The codecs of container files: those that fastavro, Avro Java and Trino all read. */
import zlib, { deflateRawSync, inflateRawSync } from 'node:zlib';
import CRC32 from 'crc-32';
import { DepthlakeError } from '../producer/errors.ts';
import { compressSnappy, uncompressSnappy } from './snappy.ts';

export const CODECS = ['deflate', 'snappy', 'null'] as const;
export type Codec = (typeof CODECS)[number];

/** @throws DL_CODEC_UNKNOWN */
export function parseCodec(text: string): Codec {
  if (!isCodec(text)) throw new DepthlakeError('DL_CODEC_UNKNOWN', `"${text}" is no codec of ${CODECS.join(', ')}`);
  return text;
}

export function isCodec(text: string): text is Codec {
  return (CODECS as readonly string[]).includes(text);
}

export function compress(codec: Codec, bytes: Buffer): Buffer {
  switch (codec) {
    case 'deflate':
      return deflateRawSync(bytes);
    case 'snappy':
      return Buffer.concat([compressSnappy(bytes), checksum(bytes)]);
    case 'null':
      return bytes;
  }
}

/** No codec makes a block of `bytes` larger than this: snappy's own bound is the widest (32 + n + n/6, and the CRC). */
export function compressedAtMost(bytes: number): number {
  return bytes === 0 ? 0 : bytes + Math.ceil(bytes / 6) + 64;
}

/** @throws Error with the reason, for damaged bytes and for more than `maxBytes` of them uncompressed */
export function uncompress(codec: Codec, bytes: Buffer, maxBytes: number): Buffer {
  switch (codec) {
    case 'deflate':
      return inflate(bytes, maxBytes);
    case 'snappy': {
      if (bytes.length < 4) throw new Error('it lacks its CRC');
      const plain = uncompressSnappy(bytes.subarray(0, -4), maxBytes);
      if (!checksum(plain).equals(bytes.subarray(-4))) throw new Error('its CRC does not match');
      return plain;
    }
    case 'null':
      if (bytes.length > maxBytes) throw new Error(`it has ${bytes.length} bytes, above ${maxBytes}`);
      return bytes;
  }
}

/** zlib gathers its output in pieces of 16 KiB, and 256 KiB of rows take a fifth less time in one. */
const PIECE_MIN_BYTES = 16 * 1024;
const PIECE_MAX_BYTES = 1024 * 1024;

function inflate(bytes: Buffer, maxBytes: number): Buffer {
  const chunkSize = Math.min(Math.max(4 * bytes.length, PIECE_MIN_BYTES), PIECE_MAX_BYTES);
  // With `info` zlib also tells how much it read; bytes after the end of the stream would go unnoticed otherwise.
  const result = inflateRawSync(bytes, { maxOutputLength: maxBytes, info: true, chunkSize }) as unknown as {
    buffer: Buffer;
    engine: { bytesWritten: number };
  };
  const excess = bytes.subarray(result.engine.bytesWritten);
  if (excess.length > 0 && !isZlibTrailer(excess, result.buffer)) {
    throw new Error(`${excess.length} bytes follow the end of its deflate stream`);
  }
  return result.buffer;
}

/** Python's writers cut zlib's header off its form and leave the trailer, an Adler-32, there in part: three bytes. */
function isZlibTrailer(excess: Buffer, plain: Buffer): boolean {
  return excess.length <= 4 && adler32(plain).subarray(0, excess.length).equals(excess);
}

/** RFC 1950, 4 bytes big-endian. */
function adler32(bytes: Buffer): Buffer {
  let a = 1;
  let b = 0;
  for (const byte of bytes) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  const sum = Buffer.alloc(4);
  sum.writeUInt16BE(b, 0);
  sum.writeUInt16BE(a, 2);
  return sum;
}

/** Node's own takes a quarter of the time; Node 20 has it from 20.15 on. */
const nativeCrc32: typeof zlib.crc32 | undefined = zlib.crc32;

/** CRC-32 (IEEE) as a signed integer. @param before of the bytes in front of these */
export function crc32(bytes: Uint8Array, before = 0): number {
  return nativeCrc32 === undefined ? CRC32.buf(bytes, before) : nativeCrc32(bytes, before >>> 0) | 0;
}

/** 4 bytes big-endian: Avro appends it to each snappy block. */
function checksum(bytes: Buffer): Buffer {
  const crc = Buffer.alloc(4);
  crc.writeInt32BE(crc32(bytes));
  return crc;
}
