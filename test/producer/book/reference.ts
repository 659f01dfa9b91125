/**
 * The depth levels of a book, straight from the design's table in rational arithmetic of bigints: slow, and independent
 * of the producer. Prices and quantities are texts as the exchange sends them.
 */
export type TextLevel = readonly [price: string, quantity: string];

export interface ReferenceDepth {
  bids: [price: number, quantity: number][];
  asks: [price: number, quantity: number][];
  spread: number;
  mid_price: number;
  imbalance_ratio: number;
  bid_levels_covered: number;
  ask_levels_covered: number;
  bid_reach: number;
  ask_reach: number;
}

/** The distances 0.01 %, 0.05 %, 0.1 %, 0.5 %, 1 %, in units of 1e-4. */
const DISTANCES = [1n, 5n, 10n, 50n, 100n];

/**
 * @param whole whether a side is wholly visible: of a depth20 frame, one of fewer than 20 levels
 * @param ends the prices up to which all levels are known: of a frame, those of the last levels
 */
export function referenceDepth(
  bids: readonly TextLevel[],
  asks: readonly TextLevel[],
  whole = { bids: bids.length < 20, asks: asks.length < 20 },
  ends = { bids: bids.at(-1)?.[0], asks: asks.at(-1)?.[0] },
): ReferenceDepth | 'empty_side' | 'crossed' {
  if (bids.length === 0 || asks.length === 0) return 'empty_side';
  const bidLevels = bids.map(([price, quantity]) => [units(price), units(quantity)] as const);
  const askLevels = asks.map(([price, quantity]) => [units(price), units(quantity)] as const);
  const bestBid = bidLevels[0]![0];
  const bestAsk = askLevels[0]![0];
  if (bestBid >= bestAsk) return 'crossed';

  const sum = bestBid + bestAsk;
  const bidQuantity = (k: bigint) => total(bidLevels.filter(([price]) => 2n * price * 10_000n >= sum * (10_000n - k)));
  const askQuantity = (k: bigint) => total(askLevels.filter(([price]) => 2n * price * 10_000n <= sum * (10_000n + k)));
  const lastBid = units(ends.bids!);
  const lastAsk = units(ends.asks!);
  const outerBid = bidQuantity(100n);
  const outerAsk = askQuantity(100n);
  return {
    bids: DISTANCES.map((k) => [
      ratio(sum * (10_000n - k), 2n * 10_000n * 10n ** 8n),
      ratio(bidQuantity(k), 10n ** 8n),
    ]),
    asks: DISTANCES.map((k) => [
      ratio(sum * (10_000n + k), 2n * 10_000n * 10n ** 8n),
      ratio(askQuantity(k), 10n ** 8n),
    ]),
    spread: ratio(bestAsk - bestBid, 10n ** 8n),
    mid_price: ratio(sum, 2n * 10n ** 8n),
    imbalance_ratio: outerBid + outerAsk === 0n ? 0 : ratio(outerBid - outerAsk, outerBid + outerAsk),
    // A level lies within the reach when k / 10⁴ ≤ |mid − last| / mid.
    bid_levels_covered: DISTANCES.filter((k) => whole.bids || k * sum <= 10_000n * (sum - 2n * lastBid)).length,
    ask_levels_covered: DISTANCES.filter((k) => whole.asks || k * sum <= 10_000n * (2n * lastAsk - sum)).length,
    bid_reach: ratio(sum - 2n * lastBid, sum),
    ask_reach: ratio(2n * lastAsk - sum, sum),
  };
}

function units(text: string): bigint {
  const [head = '', tail = ''] = text.split('.');
  return BigInt(head + tail.padEnd(8, '0'));
}

function total(levels: readonly (readonly [bigint, bigint])[]): bigint {
  return levels.reduce((sum, [, quantity]) => sum + quantity, 0n);
}

const FORTY_PLACES = 10n ** 40n;

/** The double nearest to a / b, by way of its first 40 decimal places. */
function ratio(a: bigint, b: bigint): number {
  return Number(`${(a * FORTY_PLACES) / b}e-40`);
}

/** The depth fields of a snapshot. Fractions (imbalance, reach) of numbers beyond 2^53 are exact to two units in the last place. */
export function differences(actual: ReferenceDepth, expected: ReferenceDepth): string[] {
  const found: string[] = [];
  const check = (what: string, a: number, b: number, ulps: number) => {
    if (!(Math.abs(a - b) <= ulps * Number.EPSILON * Math.abs(b))) found.push(`${what}: ${a}, expected ${b}`);
  };
  for (const side of ['bids', 'asks'] as const) {
    if (actual[side].length !== 5) found.push(`${side}: ${actual[side].length} levels`);
    for (const [i, [price, quantity]] of expected[side].entries()) {
      check(`${side}[${i}] price`, actual[side][i]![0], price, 0);
      check(`${side}[${i}] quantity`, actual[side][i]![1], quantity, 0);
    }
  }
  for (const field of ['spread', 'mid_price', 'bid_levels_covered', 'ask_levels_covered'] as const) {
    check(field, actual[field], expected[field], 0);
  }
  for (const field of ['imbalance_ratio', 'bid_reach', 'ask_reach'] as const) {
    check(field, actual[field], expected[field], 2);
  }
  return found;
}
