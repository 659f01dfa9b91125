import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Pack } from '../../../producer/stream/packs.ts';
import { encodeEntry, readSpill } from '../../../producer/stream/spill-entry.ts';

const mark = fc.record({
  symbol: fc.string({ minLength: 1, maxLength: 8 }),
  receivedMs: fc.nat(),
  lastUpdateId: fc.maxSafeNat(),
  seq: fc.nat(),
});

const somePack: fc.Arbitrary<Pack> = fc.record({
  lane: fc.nat(7).map((n) => `lane-${n}`),
  table: fc.constantFrom('order_book' as const, 'feed_event' as const),
  rows: fc.integer({ min: 1, max: 1_000 }),
  lineBytes: fc.nat(300 * 1024),
  openedMs: fc.nat(),
  marks: fc.array(mark, { maxLength: 3 }),
  receivedMs: fc.constant([]),
  data: fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});
const packs = fc.array(somePack, { minLength: 1, maxLength: 8 });

const written = (given: readonly Pack[]) => Buffer.concat(given.map(encodeEntry));
const read = (segment: Buffer) => [...readSpill(segment)];
const packsOf = (items: ReturnType<typeof read>) => items.flatMap((item) => (item.kind === 'entry' ? [item.pack] : []));
const damageOf = (items: ReturnType<typeof read>) => items.filter(({ kind }) => kind === 'damage');

/** The entries that hold a byte of the segment. */
function indexAt(given: readonly Pack[], offset: number): number {
  let endAt = 0;
  return given.findIndex((pack) => {
    endAt += encodeEntry(pack).length;
    return offset < endAt;
  });
}

describe('a segment of the spill', () => {
  test('reads as the packs that were written, each where it was written', () => {
    fc.assert(
      fc.property(packs, (given) => {
        const items = read(written(given));

        expect(packsOf(items)).toEqual(given);
        expect(damageOf(items)).toEqual([]);
        let offset = 0;
        for (const [i, item] of items.entries()) {
          expect([item.offset, item.bytes]).toEqual([offset, encodeEntry(given[i]!).length]);
          offset += item.bytes;
        }
      }),
    );
  });

  test('loses to any flipped bits of one byte the entry that has it, and no other', () => {
    fc.assert(
      fc.property(packs, fc.nat(), fc.integer({ min: 1, max: 255 }), (given, at, bits) => {
        const segment = written(given);
        const offset = at % segment.length;
        segment[offset]! ^= bits;

        const items = read(segment);

        const hit = indexAt(given, offset);
        expect(packsOf(items)).toEqual(given.filter((_, i) => i !== hit));
        expect(damageOf(items)).toEqual([
          { kind: 'damage', offset: expect.any(Number), bytes: encodeEntry(given[hit]!).length, entries: 1 },
        ]);
      }),
      { numRuns: 500 },
    );
  });

  test('loses to a cut its torn tail, and says how many bytes that is', () => {
    fc.assert(
      fc.property(packs, fc.nat(), (given, at) => {
        const segment = written(given);
        const length = at % (segment.length + 1);

        const items = read(segment.subarray(0, length));

        const whole = length === segment.length ? given : given.slice(0, indexAt(given, length));
        const tornBytes = length - written(whole).length;
        expect(packsOf(items)).toEqual(whole);
        expect(damageOf(items).map(({ bytes }) => bytes)).toEqual(tornBytes === 0 ? [] : [tornBytes]);
      }),
      { numRuns: 500 },
    );
  });

  test('costs what is between two entries nothing but itself, a marker within it included', () => {
    const pack = (name: string): Pack => ({
      ...{ lane: 'lane-0', table: 'order_book', rows: 1, lineBytes: 1, openedMs: 1, marks: [], receivedMs: [] },
      data: Buffer.from(name),
    });
    const marker = encodeEntry(pack('')).subarray(0, 8);
    // The second pack's own data looks like the beginning of an entry.
    const given = [pack('a'), { ...pack('b'), data: Buffer.concat([marker, Buffer.alloc(40, 255)]) }, pack('c')];
    const [a, b, c] = given.map(encodeEntry);

    const torn = read(Buffer.concat([a!, b!.subarray(0, b!.length - 1), c!]));

    expect(packsOf(torn).map(({ data }) => data.toString())).toEqual(['a', 'c']);
    expect(read(Buffer.concat([a!, b!, c!])).map(({ kind }) => kind)).toEqual(['entry', 'entry', 'entry']);
  });

  test('gives packs that hold no more memory than they have bytes', () => {
    fc.assert(
      fc.property(packs, (given) => {
        for (const { data } of packsOf(read(written(given)))) expect(data.buffer.byteLength).toBe(data.length);
      }),
      { numRuns: 20 },
    );
  });
});
