/** Where the depth levels end: at S·(10⁴ ∓ k) / (2·10⁴) units, S being best bid + best ask. */
import { DEPTH_LEVELS } from '../record.ts';
import { narrow, type Units } from './decimal.ts';

export interface LevelEnd {
  /** The outermost whole unit inside. */
  readonly bound: Units;
  /** Whether the end is a whole unit itself. */
  readonly exact: boolean;
  /** The end as a double, rounded once. */
  readonly price: number;
}

const SCALE = 10_000;
const DIVISOR = 2 * SCALE;
const UNITS = 1e8;
/** 2^27 + 1: splits a double into halves whose products with numbers of up to 27 bits are exact. */
const SPLITTER = 134_217_729;

export function bidEnds(sum: Units): LevelEnd[] {
  return DEPTH_LEVELS.map((k) => levelEnd(sum, SCALE - k, 1));
}

export function askEnds(sum: Units): LevelEnd[] {
  return DEPTH_LEVELS.map((k) => levelEnd(sum, SCALE + k, 0));
}

/** @param step from the whole unit below an end that is none to the one inside */
function levelEnd(sum: Units, factor: number, step: 0 | 1): LevelEnd {
  if (typeof sum === 'bigint') return largeLevelEnd(sum, factor, step);
  // sum = quotient · DIVISOR + remainder: all products stay below 2^53.
  const remainder = sum % DIVISOR;
  const rest = remainder * factor;
  const part = rest % DIVISOR;
  const whole = ((sum - remainder) / DIVISOR) * factor + (rest - part) / DIVISOR;
  const scaled = sum * factor;
  return {
    bound: part === 0 ? whole : whole + step,
    exact: part === 0,
    price: scaled <= Number.MAX_SAFE_INTEGER ? scaled / (DIVISOR * UNITS) : priceOf(whole, part),
  };
}

/**
 * (whole + part / DIVISOR) / 10⁸ for whole > 4·10¹¹, rounded once: what a first division leaves over is found exactly
 * and added. Before that last rounding the error is below 10⁻¹¹ of the last place, and a quotient by 2¹³·5¹² that is no
 * tie lies farther than 10⁻⁹ of it from one.
 */
function priceOf(whole: number, part: number): number {
  const first = whole / UNITS;
  const split = SPLITTER * first;
  const high = split - (split - first);
  const low = first - high;
  return first + (whole - high * UNITS - low * UNITS + part / DIVISOR) / UNITS;
}

function largeLevelEnd(sum: bigint, factor: number, step: 0 | 1): LevelEnd {
  const scaled = sum * BigInt(factor);
  const exact = scaled % BigInt(DIVISOR) === 0n;
  const whole = scaled / BigInt(DIVISOR);
  // Reading the decimal form rounds once.
  return { bound: narrow(exact ? whole : whole + BigInt(step)), exact, price: Number(`${scaled * 5n}e-13`) };
}
