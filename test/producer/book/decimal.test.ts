import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addUnits, halfToDouble, narrow, parseUnits, subtractUnits, toDouble } from '../../../producer/book/decimal.ts';

const whole = fc.integer({ min: 1, max: 20 }).chain((digits) => fc.bigInt({ min: 0n, max: 10n ** BigInt(digits) }));
const places = fc.string({ unit: fc.constantFrom(...'0123456789'), maxLength: 8 });
const decimalText = fc.tuple(whole, places).map(([head, tail]) => (tail === '' ? `${head}` : `${head}.${tail}`));
const unitsText = fc.integer({ min: 1, max: 25 }).chain((digits) => fc.bigInt({ min: 0n, max: 10n ** BigInt(digits) }));

/** The units of a decimal, by text alone. */
function referenceUnits(text: string): bigint {
  const [head = '', tail = ''] = text.split('.');
  return BigInt(head + tail.padEnd(8, '0'));
}

describe('parseUnits', () => {
  test('gives every decimal of up to 8 places exactly', () => {
    fc.assert(
      fc.property(decimalText, (text) => {
        const units = parseUnits(text);

        expect(units).not.toBeNull();
        expect(BigInt(units!)).toBe(referenceUnits(text));
      }),
      { numRuns: 2_000 },
    );
  });

  test('gives a number where that is exact and a bigint beyond', () => {
    expect(parseUnits('58823.1000')).toBe(5_882_310_000_000);
    expect(parseUnits('90071992.54740991')).toBe(Number.MAX_SAFE_INTEGER);
    expect(parseUnits('90071992.54740992')).toBe(2n ** 53n);
    expect(parseUnits('90071992.54740993')).toBe(2n ** 53n + 1n);
    expect(parseUnits('589735030408.12345678')).toBe(58_973_503_040_812_345_678n);
  });

  test('reads leading zeros and trailing zeros as what they are', () => {
    expect(parseUnits('0')).toBe(0);
    expect(parseUnits('0.00000000')).toBe(0);
    expect(parseUnits('0.00000001')).toBe(1);
    expect(parseUnits('007.10')).toBe(710_000_000);
    expect(parseUnits('000000000000000000000000000001')).toBe(100_000_000);
  });

  test.each([
    ['a sign', '-1'],
    ['a plus sign', '+1'],
    ['an exponent', '1e3'],
    ['an exponent of a large number', '99999999999999999e1'],
    ['nine places', '0.000000001'],
    ['nine places, all zero', '1.000000000'],
    ['nine places of a large number', '12345678901234567.123456789'],
    ['no digits', '.'],
    ['nothing', ''],
    ['a space', ' 1'],
    ['a space at the end', '1 '],
    ['a line feed at the end of a large number', '99999999999999999999\n'],
    ['no digits after the point', '1.'],
    ['no digits before the point', '.5'],
    ['two points', '1.2.3'],
    ['two points in a large number', '99999999999999999.2.3'],
    ['a comma', '1,5'],
    ['hexadecimal', '0x10'],
    ['digits of another script', '١٢'],
    ['infinity', 'Infinity'],
    ['more text than any price has', '1'.repeat(41)],
  ])('refuses %s', (_, text) => {
    expect(parseUnits(text)).toBeNull();
  });

  test('refuses whatever is not digits with up to 8 places', () => {
    const text = fc.string({ unit: fc.constantFrom(...'0123456789..-+e '), maxLength: 24 });
    fc.assert(
      fc.property(text, (anything) => {
        expect(parseUnits(anything) !== null).toBe(/^\d+(\.\d{1,8})?$/.test(anything));
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('arithmetic in units', () => {
  test('sums and differences are exact on both sides of 2^53', () => {
    fc.assert(
      fc.property(unitsText, unitsText, (a, b) => {
        const [less, more] = a < b ? [a, b] : [b, a];

        expect(BigInt(addUnits(narrow(a), narrow(b)))).toBe(a + b);
        expect(BigInt(subtractUnits(narrow(more), narrow(less)))).toBe(more - less);
      }),
      { numRuns: 2_000 },
    );
  });

  test('sums stay exact just at 2^53, where doubles begin to skip', () => {
    expect(addUnits(Number.MAX_SAFE_INTEGER, 1)).toBe(2n ** 53n);
    expect(addUnits(Number.MAX_SAFE_INTEGER, 2)).toBe(2n ** 53n + 1n);
    expect(addUnits(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)).toBe(2n ** 54n - 2n);
    expect(subtractUnits(2n ** 53n, 1)).toBe(Number.MAX_SAFE_INTEGER);
  });

  test('numbers and bigints compare exactly with one another', () => {
    fc.assert(
      fc.property(unitsText, unitsText, (a, b) => {
        expect(narrow(a) < narrow(b)).toBe(a < b);
        expect(narrow(a) >= narrow(b)).toBe(a >= b);
      }),
    );
  });
});

describe('toDouble', () => {
  test('rounds once: the same double as the decimal text itself', () => {
    fc.assert(
      fc.property(decimalText, (text) => {
        expect(toDouble(parseUnits(text)!)).toBe(Number(text));
      }),
      { numRuns: 2_000 },
    );
  });

  test('halves round once too', () => {
    fc.assert(
      fc.property(unitsText, (units) => {
        expect(halfToDouble(narrow(units))).toBe(Number(`${units * 5n}e-9`));
      }),
      { numRuns: 2_000 },
    );
  });
});
