import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Bucket, quantileOf } from '../../../producer/monitor/quantile.ts';

const BOUNDS = [0.01, 0.1, 0.5, 1, 5, Number.POSITIVE_INFINITY];

function bucketsOf(values: readonly number[]): Bucket[] {
  return BOUNDS.map((le) => ({ le, count: values.filter((value) => value <= le).length }));
}

test('a quantile lies where its rank falls within the bucket', () => {
  const buckets = [
    { le: 1, count: 10 },
    { le: 2, count: 30 },
    { le: Number.POSITIVE_INFINITY, count: 40 },
  ];

  expect(quantileOf(buckets, 0.25, 9)).toBe(1);
  expect(quantileOf(buckets, 0.5, 9)).toBe(1.5);
  expect(quantileOf(buckets, 0.75, 9)).toBe(2);
  expect(quantileOf(buckets, 1, 9)).toBe(9);
});

test('a quantile is never off by more than its bucket, nor beyond the greatest observation', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 50, noNaN: true }), { minLength: 1, maxLength: 200 }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      (values, q) => {
        const sorted = values.toSorted((a, b) => a - b);
        const exact = sorted[Math.ceil(q * sorted.length) - 1]!;
        const upper = BOUNDS.find((bound) => exact <= bound)!;
        const lower = BOUNDS[BOUNDS.indexOf(upper) - 1] ?? 0;
        const greatest = sorted.at(-1)!;

        const estimate = quantileOf(bucketsOf(values), q, greatest);

        expect(estimate).toBeGreaterThanOrEqual(Math.min(lower, greatest));
        expect(estimate).toBeLessThanOrEqual(Math.min(upper, greatest));
      },
    ),
  );
});
