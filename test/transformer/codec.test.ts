import { deflateRawSync, deflateSync } from 'node:zlib';
import CRC32 from 'crc-32';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32, uncompress } from '../../transformer/codec.ts';

const PLAIN = Buffer.from('depth '.repeat(2000));
const bytes = fc.uint8Array({ maxLength: 10_000 }).map((array) => Buffer.from(array));

describe('a deflate block', () => {
  it('may end in a beginning of zlib’s checksum, as Python’s writers leave it', () => {
    fc.assert(
      fc.property(bytes, fc.integer({ min: 0, max: 4 }), (plain, kept) => {
        const zlib = deflateSync(plain);
        expect(uncompress('deflate', zlib.subarray(2, zlib.length - 4 + kept), 1 << 20)).toEqual(plain);
      }),
    );
  });

  it.each([
    ['another checksum', deflateSync(Buffer.from('others')).subarray(-4, -1)],
    ['a byte more than the checksum', Buffer.concat([deflateSync(PLAIN).subarray(-4), Buffer.of(0)])],
    ['zeros', Buffer.alloc(3)],
  ])('may not end in %s', (_, tail) => {
    const damaged = Buffer.concat([deflateRawSync(PLAIN), tail]);
    expect(() => uncompress('deflate', damaged, 1 << 20)).toThrow(
      `${tail.length} bytes follow the end of its deflate stream`,
    );
  });
});

describe('the CRC-32', () => {
  it('is one number whichever library reckons it, in one go or in parts', () => {
    fc.assert(
      fc.property(bytes, bytes, (first, second) => {
        expect(crc32(second, crc32(first))).toBe(CRC32.buf(second, CRC32.buf(first)));
        expect(crc32(second, crc32(first))).toBe(crc32(Buffer.concat([first, second])));
      }),
    );
  });
});
