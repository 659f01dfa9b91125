/**
 * Depth levels: what is known of a book within 0.01 %, 0.05 %, 0.1 %, 0.5 % and 1 % of the mid price.
 *
 * With S = best bid + best ask (twice the mid), a bid p lies in level k (in units of 1e-4) when 2·p·10⁴ ≥ S·(10⁴ − k),
 * an ask when 2·p·10⁴ ≤ S·(10⁴ + k). Everything that decides is exact; quantities are rounded to a double once.
 */
import type { OrderBookRow } from '../record.ts';
import { addUnits, halfToDouble, subtractUnits, toDouble, type Units } from './decimal.ts';
import { askEnds, bidEnds, type LevelEnd } from './level-ends.ts';

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

/** What is known of one side. */
interface KnownSide {
  readonly best: Units | undefined;
  /** The outermost level's price. */
  readonly last: Units | undefined;
  /** The price up to which, itself included, every level is known; null: the whole side is known. */
  readonly end: Units | null;
  /** @returns the quantity between the best price and each bound, for bounds from the nearest outwards */
  summing(): (bound: Units) => Units;
}

/** The depth levels of a visible book, or why it has none. */
export function measureDepth(book: VisibleBook): DepthFields | UnusableBook {
  return measureSides(visibleSide(book.bids, book.bidsWhole, atLeast), visibleSide(book.asks, book.asksWhole, atMost));
}

/** The depth levels of what is known of two sides, or why there are none. */
export function measureSides(bidSide: KnownSide, askSide: KnownSide): DepthFields | UnusableBook {
  const bestBid = bidSide.best;
  const bestAsk = askSide.best;
  if (bestBid === undefined || bestAsk === undefined) return 'empty_side';
  if (bestBid >= bestAsk) return 'crossed';

  const sum = addUnits(bestBid, bestAsk);
  const bids = measureSide(bidSide, bidEnds(sum), atLeast);
  const asks = measureSide(askSide, askEnds(sum), atMost);
  return {
    bids: bids.pairs,
    asks: asks.pairs,
    spread: toDouble(subtractUnits(bestAsk, bestBid)),
    mid_price: halfToDouble(sum),
    imbalance_ratio: imbalance(bids.outermost, asks.outermost),
    bid_levels_covered: bids.covered,
    ask_levels_covered: asks.covered,
    bid_reach: reach(sum, bidSide.end ?? bidSide.last!),
    ask_reach: reach(sum, askSide.end ?? askSide.last!),
  };
}

/** A side of a frame: what is known of it ends with its last level, unless it is whole. */
function visibleSide(levels: readonly Level[], whole: boolean, within: Within): KnownSide {
  const last = levels.at(-1)?.[0];
  return { best: levels[0]?.[0], last, end: whole ? null : last!, summing: () => summing(levels, within) };
}

function summing(levels: readonly Level[], within: Within): (bound: Units) => Units {
  let total: Units = 0;
  let next = 0;
  return (bound) => {
    for (; next < levels.length && within(levels[next]![0], bound); next += 1)
      total = addUnits(total, levels[next]![1]);
    return total;
  };
}

type Within = (price: Units, bound: Units) => boolean;
const atLeast: Within = (price, bound) => price >= bound;
const atMost: Within = (price, bound) => price <= bound;

/** The [price, quantity] of each level, nearest first, and how many levels are covered. */
function measureSide(side: KnownSide, ends: readonly LevelEnd[], within: Within) {
  const { end } = side;
  const pairs: number[][] = [];
  const quantityTo = side.summing();
  let outermost: Units = 0;
  let covered = 0;
  for (const { bound, exact, price } of ends) {
    outermost = quantityTo(bound);
    pairs.push([price, toDouble(outermost)]);
    // Covered: what is known ends at the level's end or beyond it.
    if (end === null || !within(end, bound) || (exact && end === bound)) covered += 1;
  }
  return { pairs, outermost, covered };
}

function imbalance(bid: Units, ask: Units): number {
  const total = addUnits(bid, ask);
  if (total === 0) return 0;
  const difference = bid >= ask ? subtractUnits(bid, ask) : subtractUnits(ask, bid);
  const ratio = Number(difference) / Number(total);
  return bid >= ask ? ratio : -ratio;
}

/** |S − 2·end| / S: how far the end of what is known lies from the mid, as a fraction of it. */
function reach(sum: Units, end: Units): number {
  const twice = addUnits(end, end);
  const distance = sum >= twice ? subtractUnits(sum, twice) : subtractUnits(twice, sum);
  return Number(distance) / Number(sum);
}
