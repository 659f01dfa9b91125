/** Where the exchange's messages and books come from: the simulated market, or a recording. */

/** A symbol as `exchangeInfo` lists it. */
export interface ListedSymbol {
  readonly symbol: string;
  readonly baseAsset: string;
  readonly quoteAsset: string;
  /** Units of 1e-8. */
  readonly tick: number;
}

export interface Source {
  /** Status TRADING. */
  readonly listings: readonly ListedSymbol[];
  /** Status BREAK: they have no book any more. */
  readonly retired: readonly ListedSymbol[];
  /** The set of followed streams changed. */
  follow(streams: readonly string[], nowMs: number): void;
  /** One frame interval passed: publishes what is due. */
  beat(nowMs: number): void;
  /**
   * The body of `/api/v3/depth`; null where the symbol has no book (yet).
   * @param agoMs the book as it was so long ago, as far as that is remembered
   */
  depth(symbol: string, limit: number, nowMs: number, agoMs: number): string | null;
}
