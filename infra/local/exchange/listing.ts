/** What the simulated exchange trades: assets, price and tick of a symbol, derived from its name. */
import { hash } from './random.ts';

/** Prices and quantities are whole numbers in units of 1e-8. */
export const ONE = 100_000_000;

const QUOTES = ['USDT', 'USDC', 'BUSD', 'USD', 'EUR', 'BTC', 'ETH', 'BNB'];
const DOLLARS = new Set(['USDT', 'USDC', 'BUSD', 'USD']);

/** Rough dollar prices, so that the best known books look familiar. */
const KNOWN_PRICES: Readonly<Record<string, number>> = {
  BTC: 60_000 * ONE,
  ETH: 3_000 * ONE,
  BNB: 550 * ONE,
  SOL: 150 * ONE,
  LTC: 80 * ONE,
  XRP: 55_000_000,
  ADA: 40_000_000,
  DOGE: 12_000_000,
};

/** The coarsest tick: 0.01. */
const MAX_TICK = 1_000_000;
/** A price has at least so many ticks, so that the nearest depth level (0.01 %) can hold more than one level. */
const MIN_TICKS = 20_000;
/** Ticks of the price for each level that a side holds at least: a deep book needs a fine tick to have room. */
const TICKS_A_LEVEL = 100;

export interface Listing {
  readonly symbol: string;
  readonly baseAsset: string;
  readonly quoteAsset: string;
  /** Units of 1e-8. */
  readonly tick: number;
  /** Around which the simulated price walks; units of 1e-8. */
  readonly price: number;
}

/** @param levels that a side of its book holds at least */
export function listingOf(symbol: string, levels: number): Listing {
  const quoteAsset = QUOTES.find((quote) => symbol.endsWith(quote) && symbol.length > quote.length) ?? '';
  const baseAsset = symbol.slice(0, symbol.length - quoteAsset.length);
  const known = DOLLARS.has(quoteAsset) ? KNOWN_PRICES[baseAsset] : undefined;
  const price = known ?? inventedPrice(symbol);
  return { symbol, baseAsset, quoteAsset, price, tick: tickOf(price, Math.max(MIN_TICKS, levels * TICKS_A_LEVEL)) };
}

/** From 0.01 to 1,000. */
function inventedPrice(symbol: string): number {
  const seed = hash(symbol);
  return (100 + (seed % 900)) * 10 ** (4 + (seed % 5));
}

function tickOf(price: number, minTicks: number): number {
  let tick = MAX_TICK;
  while (tick > 1 && tick * minTicks > price) tick /= 10;
  return tick;
}

/** A whole number of units as a decimal with 8 places. */
export function decimal(units: number): string {
  const fraction = units % ONE;
  return `${(units - fraction) / ONE}.${String(fraction).padStart(8, '0')}`;
}
