/** The plain book to compare with: an array of objects a side, best level first, found by binary search, changed by splice. */
export interface PricedAmount {
  readonly price: number;
  readonly amount: number;
}

export interface BookChange {
  readonly bids: readonly PricedAmount[];
  readonly asks: readonly PricedAmount[];
}

export class SortedArrayBook {
  readonly bids: { price: number; amount: number }[];
  readonly asks: { price: number; amount: number }[];

  constructor({ bids, asks }: BookChange) {
    this.bids = bids.map((level) => ({ ...level }));
    this.asks = asks.map((level) => ({ ...level }));
  }

  update({ bids, asks }: BookChange): void {
    for (const level of bids) change(this.bids, level, -1);
    for (const level of asks) change(this.asks, level, 1);
  }
}

function change(side: { price: number; amount: number }[], { price, amount }: PricedAmount, sign: 1 | -1): void {
  let low = 0;
  let high = side.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((side[middle]!.price - price) * sign < 0) low = middle + 1;
    else high = middle;
  }
  const present = low < side.length && side[low]!.price === price;
  if (amount === 0) {
    if (present) side.splice(low, 1);
  } else if (present) {
    side[low]!.amount = amount;
  } else {
    side.splice(low, 0, { price, amount });
  }
}
