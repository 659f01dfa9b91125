/**
 * Depth levels: what the visible book holds within 0.01 %, 0.05 %, 0.1 %, 0.5 % and 1 % of the mid price.
 *
 * With S = best bid + best ask (twice the mid), a bid p lies in level k (in units of 1e-4) when 2·p·10⁴ ≥ S·(10⁴ − k),
 * an ask when 2·p·10⁴ ≤ S·(10⁴ + k). Everything that decides is exact; quantities are rounded to a double once.
 */
import { DEPTH_LEVELS, type OrderBookRow } from '../record.ts';
import { addUnits, halfToDouble, narrow, subtractUnits, toDouble, type Units } from './decimal.ts';

/** [price, quantity], exact. */
export type Level = readonly [price: Units, quantity: Units];

/** The visible part of one symbol's book, best level first on each side. */
export interface VisibleBook {
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
  /** Whether nothing lies beyond the last bid, the last ask. */
  readonly bidsWhole: boolean;
  readonly asksWhole: boolean;
}

/** The fields of a snapshot that follow from the visible book. */
export type DepthFields = Pick<
  OrderBookRow,
  | 'bids'
  | 'asks'
  | 'spread'
  | 'mid_price'
  | 'imbalance_ratio'
  | 'bid_levels_covered'
  | 'ask_levels_covered'
  | 'bid_reach'
  | 'ask_reach'
>;

/** Why a book has no mid price, and so yields no snapshot. A locked book (bid = ask) counts as crossed. */
export type UnusableBook = 'empty_side' | 'crossed';

const SCALE = 10_000n;
const DIVISOR = 2n * SCALE;

/** The depth levels of a book, or why it has none. */
export function measureDepth(book: VisibleBook): DepthFields | UnusableBook {
  const bestBid = book.bids[0]?.[0];
  const bestAsk = book.asks[0]?.[0];
  if (bestBid === undefined || bestAsk === undefined) return 'empty_side';
  if (bestBid >= bestAsk) return 'crossed';

  const sum = addUnits(bestBid, bestAsk);
  const mid = halfToDouble(sum);
  const bids = measureSide(book.bids, book.bidsWhole, bidThresholds(sum), atLeast);
  const asks = measureSide(book.asks, book.asksWhole, askThresholds(sum), atMost);
  return {
    bids: bids.quantities.map((quantity, i) => [mid * (1 - DEPTH_LEVELS[i]! / 1e4), toDouble(quantity)]),
    asks: asks.quantities.map((quantity, i) => [mid * (1 + DEPTH_LEVELS[i]! / 1e4), toDouble(quantity)]),
    spread: toDouble(subtractUnits(bestAsk, bestBid)),
    mid_price: mid,
    imbalance_ratio: imbalance(bids.quantities.at(-1)!, asks.quantities.at(-1)!),
    bid_levels_covered: bids.covered,
    ask_levels_covered: asks.covered,
    bid_reach: reach(sum, book.bids.at(-1)![0]),
    ask_reach: reach(sum, book.asks.at(-1)![0]),
  };
}

type Within = (price: Units, threshold: Units) => boolean;
const atLeast: Within = (price, threshold) => price >= threshold;
const atMost: Within = (price, threshold) => price <= threshold;

/** Where a level ends: its outermost price in whole units, and whether that is the level's own distance, unrounded. */
interface Threshold {
  readonly price: Units;
  readonly exact: boolean;
}

/** The lowest price of each level: S·(10⁴ − k) / (2·10⁴), rounded up to a unit. */
function bidThresholds(sum: Units): Threshold[] {
  return DEPTH_LEVELS.map((k) => {
    const scaled = BigInt(sum) * (SCALE - BigInt(k));
    const exact = scaled % DIVISOR === 0n;
    return { price: narrow(scaled / DIVISOR + (exact ? 0n : 1n)), exact };
  });
}

/** The highest price of each level: S·(10⁴ + k) / (2·10⁴), rounded down to a unit. */
function askThresholds(sum: Units): Threshold[] {
  return DEPTH_LEVELS.map((k) => {
    const scaled = BigInt(sum) * (SCALE + BigInt(k));
    return { price: narrow(scaled / DIVISOR), exact: scaled % DIVISOR === 0n };
  });
}

/** Quantity within each threshold, nearest first, and how many thresholds the visible side covers. */
function measureSide(side: readonly Level[], whole: boolean, thresholds: readonly Threshold[], within: Within) {
  const quantities: Units[] = [];
  let total: Units = 0;
  let next = 0;
  let covered = 0;
  const last = side.at(-1)![0];
  for (const { price, exact } of thresholds) {
    while (next < side.length && within(side[next]![0], price)) {
      total = addUnits(total, side[next]![1]);
      next += 1;
    }
    quantities.push(total);
    // Covered: the last visible price lies at the level's own distance or beyond it.
    if (whole || !within(last, price) || (exact && last === price)) covered += 1;
  }
  return { quantities, covered };
}

function imbalance(bid: Units, ask: Units): number {
  const total = addUnits(bid, ask);
  if (total === 0) return 0;
  const difference = bid >= ask ? subtractUnits(bid, ask) : subtractUnits(ask, bid);
  const ratio = Number(difference) / Number(total);
  return bid >= ask ? ratio : -ratio;
}

/** |S − 2·last| / S: how far the last level lies from the mid, as a fraction of it. */
function reach(sum: Units, last: Units): number {
  const twice = addUnits(last, last);
  const distance = sum >= twice ? subtractUnits(sum, twice) : subtractUnits(twice, sum);
  return Number(distance) / Number(sum);
}
