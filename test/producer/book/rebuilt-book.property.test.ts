import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RebuiltBook, type Seeded } from '../../../producer/book/rebuilt-book.ts';
import type { RestBook } from '../../../producer/feed/venue.ts';
import { type Change, ExchangeBook, inUnits } from './exchange-book.ts';
import { differences, type ReferenceDepth, referenceDepth, type TextLevel } from './reference.ts';

/** Prices of a thousand ticks, so that a tick is 0.1 %; the last two scales take prices and quantities past 2^53. */
const scale = fc.constantFrom(1n, 1_000_007n, 2n ** 53n / 990n, 10n ** 15n + 1n);

const change = (tick: bigint): fc.Arbitrary<Change> =>
  fc.record({
    side: fc.constantFrom('bids' as const, 'asks' as const),
    price: fc.bigInt({ min: 985n, max: 1015n }).map((ticks) => ticks * tick),
    quantity: fc.oneof(
      { weight: 2, arbitrary: fc.constant(0n) },
      fc.bigInt({ min: 1n, max: 5n }).map((n) => n * tick),
    ),
  });

/** Bids stay below 1000 ticks and asks above in most updates; the others cross. */
const sane = ({ side, price, quantity }: Change, tick: bigint): Change => ({
  side,
  quantity,
  price: (side === 'bids') === price < 1000n * tick ? price : 2000n * tick - price,
});

const exchange = scale.chain((tick) =>
  fc
    .array(fc.array(fc.tuple(change(tick), fc.integer({ min: 0, max: 30 })), { minLength: 1, maxLength: 6 }), {
      minLength: 60,
      maxLength: 60,
    })
    .map(
      (updates) =>
        new ExchangeBook(updates.map((changes) => changes.map(([one, odd]) => (odd === 0 ? one : sane(one, tick))))),
    ),
);

type Step =
  /** The next diff, of so many updates. */
  | { readonly kind: 'next'; readonly updates: number }
  /** A diff that begins so many updates before the next. */
  | { readonly kind: 'overlap'; readonly back: number; readonly updates: number }
  | { readonly kind: 'skip'; readonly updates: number }
  /** A seed taken so many updates before or after where the stream is. */
  | { readonly kind: 'seed'; readonly distance: number; readonly limit: number }
  | { readonly kind: 'lose' };

const few = fc.integer({ min: 1, max: 4 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('next' as const), updates: few }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('overlap' as const), back: few, updates: few }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('skip' as const), updates: few }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('seed' as const),
      distance: fc.integer({ min: -6, max: 4 }),
      limit: fc.constantFrom(2, 4, 8, 5000),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'lose' as const }) },
);

/** A book that is fed, and what a reader of the documentation expects of it. */
class Trial {
  readonly #exchange: ExchangeBook;
  readonly #book = new RebuiltBook();
  /** The last id that the stream has brought. */
  #position = 0;
  #seen: number | null = null;
  #waiting: RestBook | null = null;
  /** The seed in use. */
  #seed: RestBook | null = null;
  /** Last ids of the diffs since the stream was last whole, while unseeded. */
  #buffered: number[] = [];
  wholeSteps = 0;

  constructor(exchange: ExchangeBook) {
    this.#exchange = exchange;
  }

  run(step: Step): void {
    if (step.kind === 'next') this.#deliver(this.#position + 1, this.#position + step.updates);
    if (step.kind === 'overlap')
      this.#deliver(this.#position + 1 - step.back, this.#position - step.back + step.updates);
    if (step.kind === 'skip') this.#position = Math.min(this.#position + step.updates, this.#exchange.lastId);
    if (step.kind === 'seed') this.#offer(step.distance, step.limit);
    if (step.kind === 'lose') this.#lose();
    this.#assess();
  }

  #deliver(first: number, last: number): void {
    const firstId = Math.max(1, first);
    const lastId = Math.min(last, this.#exchange.lastId);
    if (lastId < firstId) return;
    const unseeded = this.#book.state === 'unseeded';
    const wasWhole = this.#book.state === 'whole';

    const outcome = this.#book.take(this.#exchange.diff(firstId, lastId));

    const seen = this.#seen;
    if (seen !== null && lastId <= seen) {
      expect(outcome).toEqual({ kind: 'contained' });
      return;
    }
    const hole = seen !== null && firstId > seen + 1;
    if (hole) {
      expect(outcome).toMatchObject({ kind: 'hole', missed: firstId - seen - 1, beforeId: seen, afterId: firstId });
      this.#buffered = [];
    } else {
      expect(outcome.kind).toBe(unseeded ? 'buffered' : 'applied');
    }
    if (unseeded) this.#buffered.push(lastId);
    else expect(this.#book.lastUpdateId).toBe(lastId);
    if ('seeded' in outcome && outcome.seeded !== null) this.#took(this.#waiting!, outcome.seeded, wasWhole && !hole);
    else if (hole) expect(this.#book.state).toBe(unseeded ? 'unseeded' : 'broken');
    this.#seen = lastId;
    this.#position = Math.max(this.#position, lastId);
  }

  #offer(distance: number, limit: number): void {
    const id = Math.min(Math.max(0, this.#position + distance), this.#exchange.lastId);
    const seed = this.#exchange.seed(id, limit);
    const state = this.#book.state;
    const applied: number[] = [];

    const outcome = this.#book.seed(seed, ({ lastId }) => {
      applied.push(lastId);
      this.#seed = seed;
      expect(this.#book.lastUpdateId).toBe(lastId);
      this.#assess();
    });

    if (outcome.kind === 'too_old') {
      expect(this.#seen).toBeGreaterThan(id);
      expect(this.#book.state).toBe(state);
    } else if (outcome.kind === 'ahead') {
      expect(id).toBeGreaterThan(this.#seen!);
      expect(state).not.toBe('unseeded');
      this.#keepNewest(seed);
    } else {
      const expected = state === 'unseeded' ? this.#buffered.filter((lastId) => lastId > id) : [];
      expect(applied).toEqual(expected);
      this.#took(seed, outcome, state === 'whole');
      if (state === 'unseeded') this.#seen = Math.max(id, this.#seen ?? 0);
      this.#position = Math.max(this.#position, this.#seen ?? 0);
    }
  }

  #keepNewest(seed: RestBook): void {
    if (this.#waiting === null || this.#waiting.lastUpdateId < seed.lastUpdateId) this.#waiting = seed;
  }

  #lose(): void {
    this.#book.lose('outage');
    this.#waiting = null;
    this.#buffered = [];
    expect(this.#book.state).toBe(this.#book.lastUpdateId === null ? 'unseeded' : 'broken');
  }

  #took(seed: RestBook, outcome: Seeded, wasWhole: boolean): void {
    this.#waiting = null;
    this.#seed = seed;
    expect(outcome).toEqual({ kind: 'whole', newlySeeded: !wasWhole });
  }

  /** Whatever is vouched for equals the exchange's book at that id. */
  #assess(): void {
    if (this.#book.wantsSeed) this.#waiting = null;
    const depth = this.#book.depth();
    if (this.#book.state !== 'whole') {
      if (typeof depth === 'object') expect([depth.bid_levels_covered, depth.ask_levels_covered]).toEqual([0, 0]);
      return;
    }
    this.wholeSteps += 1;
    const id = this.#book.lastUpdateId!;
    const bids = this.#inside(id, 'bids');
    const asks = this.#inside(id, 'asks');
    expect(this.#book.top(100)).toEqual({ bids: bids.levels.map(inUnits), asks: asks.levels.map(inUnits) });
    const expected = referenceDepth(
      bids.levels.map(inText),
      asks.levels.map(inText),
      { bids: bids.end === null, asks: asks.end === null },
      { bids: text(bids.end ?? bids.levels.at(-1)?.[0] ?? 0n), asks: text(asks.end ?? asks.levels.at(-1)?.[0] ?? 0n) },
    );
    if (typeof expected === 'string' || typeof depth === 'string') expect(depth).toBe(expected);
    else expect(differences(depth as unknown as ReferenceDepth, expected)).toEqual([]);
    this.#assessFrame(id, 3);
  }

  /** The exchange's levels within the seed's window. */
  #inside(id: number, side: 'bids' | 'asks') {
    const seed = this.#seed!;
    const end = seed[side].length < seed.limit ? null : BigInt(seed[side].at(-1)![0]);
    const levels = this.#exchange
      .levels(id, side)
      .filter(([price]) => end === null || (side === 'bids' ? price >= end : price <= end));
    return { end, levels };
  }

  #assessFrame(id: number, limit: number): void {
    const top = (side: 'bids' | 'asks') => this.#exchange.levels(id, side).slice(0, limit).map(inUnits);
    const provable = (['bids', 'asks'] as const).every((side) => {
      const { end, levels } = this.#inside(id, side);
      return end === null || levels.length >= limit;
    });
    expect(this.#book.vouchesFor(top('bids'), top('asks'), limit)).toBe(provable ? 'equal' : 'unknown');
    const [best, ...others] = top('bids');
    if (best === undefined) return;
    const wrong = [[best[0], 7], ...others] as const;
    expect(this.#book.vouchesFor(wrong, top('asks'), limit)).toBe('different');
  }
}

function text(units: bigint): string {
  const digits = `${units}`.padStart(9, '0');
  return `${digits.slice(0, -8)}.${digits.slice(-8)}`;
}

function inText([price, quantity]: readonly [bigint, bigint]): TextLevel {
  return [text(price), text(quantity)];
}

describe('a rebuilt book', () => {
  test('vouches for nothing but the exchange’s own levels, whatever is skipped, repeated, lost or seeded, and whenever', () => {
    let wholeSteps = 0;
    fc.assert(
      fc.property(exchange, fc.array(step, { minLength: 20, maxLength: 60 }), (truth, steps) => {
        const trial = new Trial(truth);
        for (const step of steps) trial.run(step);
        wholeSteps += trial.wholeSteps;
      }),
      { numRuns: 200 },
    );
    expect(wholeSteps).toBeGreaterThan(1_000);
  });
});
