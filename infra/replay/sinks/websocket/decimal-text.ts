/** Prices and quantities of rows as the venue writes them: decimals with 8 places. */

/**
 * Below 2^26 two doubles lie at most 2^-27 < 1e-8 apart, so a double made of a decimal with 8 places is nearer to that
 * one than to any other.
 */
const EVERY_PLACE_BELOW = 2 ** 26;
const PLACES = 8;

/**
 * Below 67,108,864 the decimal of 8 places that the double was made of. From there on the shortest decimal that reads
 * as the same double: that which it was made of, as long as that has at most 15 significant digits.
 * @param value not negative
 */
export function decimalText(value: number): string {
  if (value < EVERY_PLACE_BELOW) return value.toFixed(PLACES);
  const [digits, exponent] = String(value).split('e+') as [string, string | undefined];
  const [whole, fraction = ''] = digits.split('.') as [string, string | undefined];
  if (exponent === undefined) return `${whole}.${fraction.padEnd(PLACES, '0')}`;
  // From 1e21 on a double is a whole number, of which String shows at most 17 digits.
  return `${(whole + fraction).padEnd(Number(exponent) + 1, '0')}.${'0'.repeat(PLACES)}`;
}
