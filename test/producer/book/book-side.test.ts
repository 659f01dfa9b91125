import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BookSide } from '../../../producer/book/book-side.ts';
import { addUnits, narrow, type Units } from '../../../producer/book/decimal.ts';
import type { Level } from '../../../producer/book/levels.ts';

const LEVELS = 3_000;

/** Diffs of up to 1,500 levels: deletes of absent levels, restated ones and new ones, near the best price or anywhere. */
const diffs = fc.array(
  fc.oneof(
    fc.array(fc.tuple(fc.integer({ min: 1, max: 2 * LEVELS }), fc.integer({ min: 0, max: 3 })), {
      minLength: 1_000,
      maxLength: 1_500,
    }),
    fc.array(fc.tuple(fc.integer({ min: LEVELS - 40, max: LEVELS + 40 }), fc.integer({ min: 0, max: 3 })), {
      maxLength: 20,
    }),
  ),
  { maxLength: 8 },
);
/** The last takes prices and quantities past 2^53, some of them or all. */
const unit = fc.constantFrom(1n, 1_000n, 2n ** 53n / 3_000n, 2n ** 53n);

describe('a long side', () => {
  test.each(['bids', 'asks'] as const)('of %s holds after any diffs what a map holds', (name) => {
    fc.assert(
      fc.property(diffs, unit, (diffs, unit) => {
        const sign = name === 'bids' ? -1 : 1;
        const level = ([tick, quantity]: readonly [number, number]): Level => [
          narrow(BigInt(tick) * unit),
          narrow(BigInt(quantity) * unit),
        ];
        const best = LEVELS;
        const seed = Array.from({ length: LEVELS }, (_, i) => level([best + sign * i, 2])).filter(
          ([price]) => price > 0,
        );
        const side = new BookSide(name, seed, 5_000);
        const map = new Map<Units, Units>(seed);

        for (const diff of diffs.map((levels) => levels.map(level))) {
          side.setAll(diff);
          for (const [price, quantity] of diff) {
            if (quantity === 0) map.delete(price);
            else map.set(price, quantity);
          }
        }

        const expected = [...map].sort(([a], [b]) => (a < b ? -sign : sign));
        expect(JSON.stringify(side.top(20_000), texts)).toBe(JSON.stringify(expected, texts));
        expect([side.best, side.last, side.length]).toEqual([expected[0]?.[0], expected.at(-1)?.[0], expected.length]);
        const middle = expected[expected.length >> 1]?.[0];
        if (middle === undefined) return;
        const inside = expected.slice(0, (expected.length >> 1) + 1).map(([, quantity]) => quantity);
        expect(side.summing()(middle)).toBe(inside.reduce(addUnits, 0));
      }),
      { numRuns: 40 },
    );
  });
});

function texts(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}` : value;
}
