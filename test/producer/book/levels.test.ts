import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseUnits } from '../../../producer/book/decimal.ts';
import { type DepthFields, measureDepth } from '../../../producer/book/levels.ts';
import { differences, type ReferenceDepth, referenceDepth, type TextLevel } from './reference.ts';

const BILLIONS = 10n ** 10n * 10n ** 8n;

function text(units: bigint): string {
  const digits = `${units}`.padStart(9, '0');
  return `${digits.slice(0, -8)}.${digits.slice(-8)}`;
}

function measure(
  bids: readonly TextLevel[],
  asks: readonly TextLevel[],
  whole = { bids: bids.length < 20, asks: asks.length < 20 },
) {
  const side = (levels: readonly TextLevel[]) =>
    levels.map(([price, quantity]) => [parseUnits(price)!, parseUnits(quantity)!] as const);
  return measureDepth({ bids: side(bids), asks: side(asks), bidsWhole: whole.bids, asksWhole: whole.asks });
}

function measured(...book: Parameters<typeof measure>): DepthFields {
  const depth = measure(...book);
  if (typeof depth === 'string') throw new Error(`the book is ${depth}`);
  return depth;
}

/** From 1e-8 to 1e9 and 1e10 tokens: every magnitude as likely as any other. */
function magnitude(max: bigint): fc.Arbitrary<bigint> {
  return fc
    .integer({ min: 1, max: `${max}`.length - 1 })
    .chain((digits) => fc.bigInt({ min: 1n, max: 10n ** BigInt(digits) }));
}

const quantity = magnitude(BILLIONS);

/** A side from its best price outwards, `sign` −1 for bids; prices of 0 and below are left out. */
function side(best: bigint, sign: bigint, prices: readonly bigint[], quantities: readonly bigint[]): TextLevel[] {
  const beyond = prices.filter((price) => price > 0n && (price - best) * sign > 0n);
  const sorted = [...new Set(beyond)].sort((a, b) => Number(sign) * (a < b ? -1 : 1));
  return [best, ...sorted].slice(0, 20).map((price, i) => [text(price), text(quantities[i]!)] as const);
}

const whole = fc.record({ bids: fc.boolean(), asks: fc.boolean() });
const sizes = fc.tuple(fc.integer({ min: 0, max: 25 }), fc.integer({ min: 0, max: 25 }));
const quantities = fc.array(quantity, { minLength: 20, maxLength: 20 });

/** Books whose levels lie anywhere up to some 2 % away from the mid. */
const anyBook = fc
  .record({ bid: magnitude(10n ** 17n), sizes })
  .chain(({ bid, sizes }) => {
    const ask = magnitude(bid / 100n + 10n).map((spread) => bid + spread);
    const distance = fc.bigInt({ min: 1n, max: bid / 40n + 30n });
    const distances = (n: number) => fc.array(distance, { minLength: n, maxLength: n });
    return fc.tuple(fc.constant(bid), ask, distances(sizes[0]), distances(sizes[1]), quantities, quantities);
  })
  .map(([bid, ask, below, above, bought, offered]) => ({
    bids: side(
      bid,
      -1n,
      below.map((distance) => bid - distance),
      bought,
    ),
    asks: side(
      ask,
      1n,
      above.map((distance) => ask + distance),
      offered,
    ),
  }));

/** Books with levels on the thresholds and a unit to either side; `odd` 0 makes every threshold a whole unit. */
const bookWithTies = fc
  .record({
    m: magnitude(10n ** 13n),
    half: fc.bigInt({ min: 1n, max: 3n }),
    odd: fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 9_999n })),
    sizes,
  })
  .chain(({ m, half, odd, sizes }) => {
    const mid = 10_000n * m + odd;
    const near = (sign: bigint) =>
      fc
        .tuple(fc.constantFrom(1n, 5n, 10n, 50n, 100n), fc.constantFrom(-1n, 0n, 0n, 1n))
        .map(([k, offset]) => (mid * (10_000n + sign * k)) / 10_000n + offset);
    const prices = (sign: bigint, n: number) => fc.array(near(sign), { minLength: n, maxLength: n });
    return fc.tuple(fc.constant([mid, half]), prices(-1n, sizes[0]), prices(1n, sizes[1]), quantities, quantities);
  })
  .map(([[mid, half], below, above, bought, offered]) => ({
    bids: side(mid! - half!, -1n, below, bought),
    asks: side(mid! + half!, 1n, above, offered),
  }));

describe('depth levels', () => {
  test.each([
    ['any book', anyBook],
    ['books with levels exactly on the thresholds', bookWithTies],
  ])('equal the design’s table for %s', (_, books) => {
    fc.assert(
      fc.property(books, whole, ({ bids, asks }, whole) => {
        const expected = referenceDepth(bids, asks, whole) as ReferenceDepth;

        expect(differences(measured(bids, asks, whole) as ReferenceDepth, expected)).toEqual([]);
      }),
      { numRuns: 3_000 },
    );
  });

  test('a full side of 20 levels is covered only as far as it reaches', () => {
    const bids = Array.from(
      { length: 20 },
      (_, i) => [text(9_999_000n * 10n ** 4n - BigInt(i) * 10n ** 6n), '1'] as const,
    );
    const asks = Array.from(
      { length: 20 },
      (_, i) => [text(10_001_000n * 10n ** 4n + BigInt(i) * 10n ** 6n), '2'] as const,
    );

    const depth = measured(bids, asks);

    expect(depth).toMatchObject({ mid_price: 1000, spread: 0.2, bid_levels_covered: 1, ask_levels_covered: 1 });
    expect(depth.bid_reach).toBeCloseTo(0.00029, 12);
    expect(depth.bids.map(([, bought]) => bought)).toEqual([1, 20, 20, 20, 20]);
    expect(depth.asks.map(([, offered]) => offered)).toEqual([2, 40, 40, 40, 40]);
    expect(depth.imbalance_ratio).toBeCloseTo(-1 / 3, 15);
  });

  test('a side shorter than 20 is wholly visible: all five levels are covered', () => {
    const depth = measured([['99.99', '3']], [['100.01', '5']]);

    expect(depth).toMatchObject({ bid_levels_covered: 5, ask_levels_covered: 5, bid_reach: 0.0001, ask_reach: 0.0001 });
  });

  test('a level exactly on a threshold belongs to it and covers it', () => {
    const far = Array.from({ length: 18 }, (_, i) => [text(99_990_001n * 100n + BigInt(18 - i)), '1'] as const);
    const bids: TextLevel[] = [['99.995', '1'], ...far, ['99.99', '1']];

    const depth = measured(bids, [['100.005', '1']]);

    expect(depth.bids[0]![1]).toBe(20);
    expect(depth.bid_levels_covered).toBe(1);
  });

  test('a level whose distance lies between two units is covered from the next unit beyond', () => {
    // The mid is 100.5 units: a bid at 100 units reaches 0.4975 %, one at 99 units 1.49 %.
    const cut = { bids: false, asks: false };

    expect(measured([['0.000001', '1']], [['0.00000101', '1']], cut)).toMatchObject({
      bid_levels_covered: 3,
      ask_levels_covered: 3,
    });
    expect(
      measured(
        [
          ['0.000001', '1'],
          ['0.00000099', '1'],
        ],
        [['0.00000101', '1']],
        cut,
      ).bid_levels_covered,
    ).toBe(5);
  });

  test('billions of tokens are summed exactly and rounded once', () => {
    const bids: TextLevel[] = [
      ['0.00002', '90071992547.40991001'],
      ['0.00001999', '0.00000001'],
    ];

    const depth = measured(bids, [['0.00002001', '1']]);

    expect(depth.bids.at(-1)![1]).toBe(Number('90071992547.40991002'));
  });

  test('levels with nothing in them hold 0, and an imbalance of nothing is 0', () => {
    const depth = measured([['90', '1']], [['110', '1']]);

    expect(depth.bids.map(([, bought]) => bought)).toEqual([0, 0, 0, 0, 0]);
    expect(depth).toMatchObject({ imbalance_ratio: 0, bid_reach: 0.1, ask_reach: 0.1 });
  });

  test('an empty side has no mid, and so no snapshot', () => {
    expect(measure([], [['1', '1']])).toBe('empty_side');
    expect(measure([['1', '1']], [])).toBe('empty_side');
    expect(measure([], [])).toBe('empty_side');
  });

  test('crossed and locked books yield no snapshot', () => {
    expect(measure([['2', '1']], [['1', '1']])).toBe('crossed');
    expect(measure([['1.00', '1']], [['1', '1']])).toBe('crossed');
    expect(measure([['999999999.00000001', '1']], [['999999999', '1']])).toBe('crossed');
  });
});
