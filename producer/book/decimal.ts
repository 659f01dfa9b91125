/**
 * Prices and quantities: decimals of at most 8 places, exact, in units of 1e-8.
 *
 * A value is a number while it is below 2^53 and a bigint beyond (some tokens trade in billions). JavaScript compares
 * the two kinds exactly with `<` and `>`.
 */
export type Units = number | bigint;

const PLACES = 8;
const ZERO = 48;
const POINT = 46;
/** Below this, one more digit keeps a number exact. */
const ROOM_FOR_A_DIGIT = 9e14;
const MAX_LENGTH = 40;

/** The units of a decimal like `58823.1000`; null for a sign, an exponent, no digits or more than 8 places. */
export function parseUnits(text: string): Units | null {
  const length = text.length;
  if (length === 0 || length > MAX_LENGTH) return null;
  let value = 0;
  let point = -1;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code === POINT) {
      if (point !== -1 || i === 0 || i === length - 1) return null;
      point = i;
      continue;
    }
    const digit = code - ZERO;
    if (digit < 0 || digit > 9) return null;
    if (value >= ROOM_FOR_A_DIGIT) return parseLargeUnits(text);
    value = value * 10 + digit;
  }
  const places = point === -1 ? 0 : length - 1 - point;
  if (places > PLACES) return null;
  for (let place = places; place < PLACES; place++) {
    if (value >= ROOM_FOR_A_DIGIT) return parseLargeUnits(text);
    value *= 10;
  }
  return value;
}

function parseLargeUnits(text: string): Units | null {
  const match = /^(\d+)(?:\.(\d{1,8}))?$/.exec(text);
  if (match === null) return null;
  return narrow(BigInt(match[1] + (match[2] ?? '').padEnd(PLACES, '0')));
}

/** A bigint as a number where that is exact. */
export function narrow(value: bigint): Units {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

export function addUnits(a: Units, b: Units): Units {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (sum <= Number.MAX_SAFE_INTEGER) return sum;
  }
  return BigInt(a) + BigInt(b);
}

/** a − b, for a ≥ b. */
export function subtractUnits(a: Units, b: Units): Units {
  return typeof a === 'number' && typeof b === 'number' ? a - b : narrow(BigInt(a) - BigInt(b));
}

/** The value as a double, rounded once. */
export function toDouble(units: Units): number {
  // Both operands are exact doubles, so the division rounds once; a bigint is rounded once by reading its decimal form.
  return typeof units === 'number' ? units / 1e8 : Number(`${units}e-${PLACES}`);
}

/** Half the value as a double, rounded once. */
export function halfToDouble(units: Units): number {
  return typeof units === 'number' ? units / 2e8 : Number(`${units * 5n}e-${PLACES + 1}`);
}
