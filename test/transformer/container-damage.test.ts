import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CODECS, type Codec, readContainerFile, writeContainerFile } from '../../transformer/container-file.ts';
import { feedEventAt, feedEventRow, orderBookAt, orderBookRow } from './arbitrary-rows.ts';

const SYNC = Buffer.from('0123456789abcdef');
const HOUR = Date.UTC(2024, 1, 29, 23);
const someRows = (count: number) =>
  Array.from({ length: count }, (_, index) => feedEventAt(HOUR + index, index + 1, { detail: `{"n":${index}}` }));
const written = (codec: Codec, count = 3) => writeContainerFile('feed_event', someRows(count), codec, SYNC);

/** Whether a reader is told of the damage: an error of ours, or the very same rows. */
function isTold(damaged: Buffer, rows: readonly unknown[]): boolean {
  try {
    return isDeepStrictEqual(readContainerFile(damaged).rows, rows);
  } catch (error) {
    return (error as { code?: unknown }).code === 'DL_CONTAINER_INVALID';
  }
}

function flipped(bytes: Buffer, bit: number): Buffer {
  const damaged = Buffer.from(bytes);
  damaged[bit >> 3]! ^= 1 << (bit & 7);
  return damaged;
}

/** The bits whose flip passes for other rows. */
function unseen(bytes: Buffer, fromByte: number, toByte: number): number[] {
  const { rows } = readContainerFile(bytes);
  const bits = Array.from({ length: (toByte - fromByte) * 8 }, (_, index) => fromByte * 8 + index);
  return bits.filter((bit) => !isTold(flipped(bytes, bit), rows));
}

describe.each(CODECS)('a container file in codec %s', { timeout: 60_000 }, (codec) => {
  it('is found out wherever it is cut', () => {
    const bytes = written(codec);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => readContainerFile(bytes.subarray(0, length)), `cut to ${length}`).toThrow(
        expect.objectContaining({ code: 'DL_CONTAINER_INVALID' }),
      );
    }
  });

  it('is found out when it is cut between two blocks', () => {
    const bytes = writeContainerFile(
      'order_book',
      Array.from({ length: 2500 }, (_, index) => orderBookAt(HOUR + index, index + 1)),
      codec,
      SYNC,
    );
    const end = bytes.indexOf(SYNC, bytes.indexOf(SYNC) + 16) + 16;
    expect(end).toBeLessThan(bytes.length);
    expect(() => readContainerFile(bytes.subarray(0, end))).toThrow(
      /the file holds \d+ rows, and its header says 2500/,
    );
  });

  it('is found out when another one follows it', () => {
    expect(() => readContainerFile(Buffer.concat([written(codec), written(codec)]))).toThrow(
      'two container files in one object',
    );
  });

  it('is found out when anything else follows it', () => {
    expect(() => readContainerFile(Buffer.concat([written(codec), Buffer.from('\n')]))).toThrow(
      '1 bytes follow the last row',
    );
  });

  it('answers any damage with rows or with its own error, never with another failure', () => {
    const bytes = written(codec, 20);
    fc.assert(
      fc.property(
        fc.array(fc.record({ at: fc.nat(bytes.length - 1), value: fc.integer({ min: 0, max: 255 }) }), {
          minLength: 1,
          maxLength: 4,
        }),
        (damage) => {
          const damaged = Buffer.from(bytes);
          for (const { at, value } of damage) damaged[at] = value;
          try {
            readContainerFile(damaged);
          } catch (error) {
            expect(error).toMatchObject({ code: 'DL_CONTAINER_INVALID' });
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('never passes for other rows when any one bit of its blocks is flipped', () => {
    const events = written(codec, 20);
    expect(unseen(events, events.indexOf(SYNC), events.length)).toEqual([]);
    const books = writeContainerFile('order_book', [orderBookAt(HOUR, 1), orderBookAt(HOUR + 1, 2)], codec, SYNC);
    expect(unseen(books, books.indexOf(SYNC), books.length)).toEqual([]);
  });

  it('never passes for other rows when any one bit of its header is flipped', () => {
    const events = written(codec, 2);
    expect(unseen(events, 0, events.indexOf(SYNC))).toEqual([]);
  });

  it('never passes for other rows after one flipped bit, whatever the rows', () => {
    const files = fc.oneof(
      fc
        .array(orderBookRow, { minLength: 1, maxLength: 4 })
        .map((rows) => writeContainerFile('order_book', rows, codec)),
      fc
        .array(feedEventRow, { minLength: 1, maxLength: 4 })
        .map((rows) => writeContainerFile('feed_event', rows, codec)),
    );
    fc.assert(
      fc.property(files, fc.nat(), (bytes, bit) => {
        const { rows } = readContainerFile(bytes);
        expect(isTold(flipped(bytes, bit % (bytes.length * 8)), rows)).toBe(true);
      }),
      // Shrinking a file takes minutes and tells nothing more.
      { numRuns: 500, endOnFailure: true },
    );
  });
});

describe('a snappy block', () => {
  it('is refused when its CRC is another', () => {
    const damaged = written('snappy');
    damaged[damaged.length - 17]! ^= 1;
    expect(() => readContainerFile(damaged)).toThrow('block 1: its CRC does not match');
  });
});

describe('a damaged row', () => {
  it('that still decodes is told by the CRC-32 of the file', () => {
    const damaged = written('null');
    damaged[damaged.indexOf('{"n":1}') + 5]! ^= 1;
    expect(() => readContainerFile(damaged)).toThrow(
      /^the CRC-32 of its schema and rows is [0-9a-f]{8}, and its header says [0-9a-f]{8}$/,
    );
  });

  it('is not told in a file whose writer noted no CRC-32', () => {
    const bytes = Buffer.from(
      written('null').toString('latin1').replace('depthlake.crc32', 'foreign...crc32'),
      'latin1',
    );
    bytes[bytes.indexOf('{"n":1}') + 5]! ^= 1;
    expect(readContainerFile(bytes).rows[1]).toMatchObject({ detail: '{"n":0}' });
  });
});
