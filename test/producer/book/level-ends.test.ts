import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { narrow } from '../../../producer/book/decimal.ts';
import { askEnds, bidEnds } from '../../../producer/book/level-ends.ts';

/** Best bid + best ask, of every magnitude; around 2^53 / 10⁴ and 2^53 the arithmetic changes, multiples of 5^10 make ties. */
const sum = fc.oneof(
  fc.integer({ min: 1, max: 19 }).chain((digits) => fc.bigInt({ min: 1n, max: 10n ** BigInt(digits) })),
  fc.bigInt({ min: 2n ** 53n / 10_100n - 50n, max: 2n ** 53n / 9_900n + 50n }),
  fc.bigInt({ min: 2n ** 53n - 50n, max: 2n ** 53n + 50n }),
  fc.bigInt({ min: 1n, max: 2n ** 53n / 5n ** 10n }).map((times) => times * 5n ** 10n),
);

const FORTY = 10n ** 40n;

describe('the ends of the depth levels', () => {
  test('are exact as units, and rounded once as prices', () => {
    fc.assert(
      fc.property(sum, (units) => {
        const found = { bids: bidEnds(narrow(units)), asks: askEnds(narrow(units)) };

        for (const [i, k] of [1n, 5n, 10n, 50n, 100n].entries()) {
          const below = units * (10_000n - k);
          const above = units * (10_000n + k);
          const price = (scaled: bigint) => Number(`${(scaled * FORTY) / (20_000n * 10n ** 8n)}e-40`);
          expect(found.bids[i]).toEqual({
            bound: narrow((below + 19_999n) / 20_000n),
            exact: below % 20_000n === 0n,
            price: price(below),
          });
          expect(found.asks[i]).toEqual({
            bound: narrow(above / 20_000n),
            exact: above % 20_000n === 0n,
            price: price(above),
          });
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
