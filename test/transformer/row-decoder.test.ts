/** Our own reader of rows against avsc's, which knows the schemas from the contract. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TableName } from '../../producer/record.ts';
import { Cursor, skipOf } from '../../transformer/avro-cursor.ts';
import { encodeRow } from '../../transformer/container-draft.ts';
import { ROW_READERS, RowBytes } from '../../transformer/row-decoder.ts';
import { ROW_TYPES } from '../../transformer/row-type.ts';
import { orderBookAt, tableRow } from './arbitrary-rows.ts';

/** A row and how many bytes it took, or null where the bytes hold none. */
type Reading = { row: unknown; bytes: number } | null;

function ours(table: TableName, bytes: Buffer): Reading {
  try {
    const place = new RowBytes(bytes);
    return { row: ROW_READERS[table](place), bytes: bytes.length - place.left };
  } catch {
    return null;
  }
}

function theirs(table: TableName, bytes: Buffer): Reading {
  try {
    const cursor = new Cursor(bytes);
    skipOf(ROW_TYPES[table])(cursor);
    return { row: { ...(ROW_TYPES[table].decode(bytes, 0).value as object) }, bytes: cursor.at };
  } catch {
    return null;
  }
}

describe('the reader of our own rows', { timeout: 30_000 }, () => {
  it('reads every row as avsc does, with the fields in the contract’s order', () => {
    fc.assert(
      fc.property(tableRow, ({ table, row }) => {
        const bytes = encodeRow(table, row);
        const read = ours(table, bytes);
        expect(read).toEqual({ row, bytes: bytes.length });
        expect(read).toEqual(theirs(table, bytes));
        expect(Object.keys(read!.row as object)).toEqual(Object.keys(theirs(table, bytes)!.row as object));
      }),
      { numRuns: 300 },
    );
  });

  it('never reads damaged bytes as another row than avsc does, and nothing beyond their end', () => {
    const damages = fc.array(fc.record({ at: fc.nat(), value: fc.integer({ min: 0, max: 255 }) }), { maxLength: 3 });
    let refused = 0;
    let read = 0;
    fc.assert(
      fc.property(tableRow, damages, fc.option(fc.nat()), ({ table, row }, damage, cut) => {
        const whole = Buffer.from(encodeRow(table, row));
        for (const { at, value } of damage) whole[at % whole.length] = value;
        const bytes = cut === null ? whole : whole.subarray(0, cut % (whole.length + 1));
        const reading = ours(table, bytes);
        if (reading === null) {
          refused += 1;
          return;
        }
        read += 1;
        expect(isDeepStrictEqual(reading, theirs(table, bytes))).toBe(true);
      }),
      { numRuns: 2000, endOnFailure: true },
    );
    expect(refused).toBeGreaterThan(200);
    expect(read).toBeGreaterThan(50);
  });

  it('refuses a row at whichever byte it is cut off', () => {
    const bytes = encodeRow('order_book', orderBookAt(1_790_000_000_000, 1, { top_bids: [[1, 2]], verified: true }));
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => ROW_READERS.order_book(new RowBytes(bytes.subarray(0, length))), `${length}`).toThrow(/cut off/);
    }
  });

  it('reads arrays in blocks of any size, with their lengths in bytes before them or not', () => {
    const row = orderBookAt(1, 1, { bids: [[1, 2], [3], [], [4, 5]], asks: [] });
    const double = (value: number) => {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleLE(value);
      return bytes;
    };
    const pair = (a: number, b: number) => Buffer.concat([Buffer.of(4), double(a), double(b), Buffer.of(0)]);
    const split = Buffer.concat([Buffer.of(1, 16), double(3), Buffer.of(0)]);
    const bids = Buffer.concat([
      ...[Buffer.of(2), pair(1, 2)],
      ...[Buffer.of(3, 2 * (split.length + 1)), split, Buffer.of(0)],
      ...[Buffer.of(2, 2), double(4), Buffer.of(2), double(5), Buffer.of(0)],
      Buffer.of(0),
    ]);
    const usual = encodeRow('order_book', row);
    const plain = encodeRow('order_book', { ...row, bids: [] });
    expect(plain[1]).toBe(0);
    const bytes = Buffer.concat([plain.subarray(0, 1), bids, plain.subarray(2)]);
    expect(bytes.equals(usual)).toBe(false);

    expect(ours('order_book', bytes)).toEqual({ row, bytes: bytes.length });
    expect(theirs('order_book', bytes)).toEqual({ row, bytes: bytes.length });
  });

  it('keeps apart short strings of one length, first, middle and last letter', () => {
    const symbols = ['ABCDE', 'AXCDE', 'ABCXE', 'ABCDE', 'AXCDE'];
    const bytes = new RowBytes(
      Buffer.concat(symbols.map((symbol, seq) => encodeRow('order_book', orderBookAt(seq, seq, { symbol })))),
    );
    expect(symbols.map(() => ROW_READERS.order_book(bytes).symbol)).toEqual(symbols);
    expect(bytes.left).toBe(0);
  });

  it.each([
    [
      'a long that a double does not hold',
      Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]),
      '2^53 or more',
    ],
    ['a number without end', Buffer.alloc(11, 0x80), 'more than 10 bytes'],
    [
      'an array of a terabyte',
      Buffer.concat([Buffer.of(0), Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0x40])]),
      'cannot hold',
    ],
  ])('refuses %s', (_, bytes, reason) => {
    expect(() => ROW_READERS.order_book(new RowBytes(bytes))).toThrow(reason);
  });
});
