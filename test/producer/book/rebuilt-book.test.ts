import { describe, expect, test } from 'vitest';
import type { Level } from '../../../producer/book/levels.ts';
import { RebuiltBook } from '../../../producer/book/rebuilt-book.ts';
import type { Diff, RestBook } from '../../../producer/feed/venue.ts';

const never = () => expect.unreachable('no diff was buffered');

function diff(firstId: number, lastId: number, bids: readonly Level[] = [], asks: readonly Level[] = []): Diff {
  return { kind: 'diff', symbol: 'BTCUSDT', eventMs: 0, firstId, lastId, bids, asks };
}

/** `levels` levels a side, a tick apart, around a mid of `mid` and a half tick. */
function restBook(lastUpdateId: number, { mid = 10_000, levels = 5000, limit = 5000 } = {}): RestBook {
  const side = (sign: number) => Array.from({ length: levels }, (_, i): Level => [mid + (sign > 0 ? 1 + i : -i), 10]);
  return { lastUpdateId, bids: side(-1), asks: side(1), limit };
}

function seeded(book: RestBook): RebuiltBook {
  const rebuilt = new RebuiltBook();
  rebuilt.seed(book, never);
  return rebuilt;
}

/** Deletes every level of the seed's asks up to the price, and bids there: the mid moves up. */
function rise(id: number, from: number, to: number): Diff {
  const prices = Array.from({ length: to - from }, (_, i) => from + 1 + i);
  return diff(
    id,
    id,
    prices.map((price) => [price, 10]),
    prices.map((price) => [price, 0]),
  );
}

describe('the first seed', () => {
  test('is bridged by the buffered diff that holds its next id; earlier ones are dropped, later ones told one by one', () => {
    const book = new RebuiltBook();
    expect(book.take(diff(5, 8))).toEqual({ kind: 'buffered' });
    book.take(diff(9, 12, [[10_000, 3]]));
    book.take(diff(13, 14, [[10_000, 4]]));
    const told: unknown[] = [];

    const outcome = book.seed(restBook(10), ({ lastId }) => told.push([lastId, book.lastUpdateId, book.top(1).bids]));

    expect(outcome).toEqual({ kind: 'whole', newlySeeded: true });
    expect(told).toEqual([
      [12, 12, [[10_000, 3]]],
      [14, 14, [[10_000, 4]]],
    ]);
    expect(book).toMatchObject({ state: 'whole', lastUpdateId: 14, wantsSeed: false });
  });

  test('may end right before the first buffered diff, but not earlier', () => {
    const book = new RebuiltBook();
    book.take(diff(20, 21));

    expect(book.seed(restBook(18), never)).toEqual({ kind: 'too_old' });
    expect(book).toMatchObject({ state: 'unseeded', lastUpdateId: null, wantsSeed: true });
    expect(book.seed(restBook(19), () => {})).toEqual({ kind: 'whole', newlySeeded: true });
  });

  test('may be newer than all that is buffered; the next diff must hold its next id', () => {
    const book = new RebuiltBook();
    book.take(diff(1, 5));
    book.seed(restBook(9), never);

    expect(book.take(diff(6, 8))).toEqual({ kind: 'contained' });
    expect(book.take(diff(9, 11))).toEqual({ kind: 'applied', seeded: null });
  });

  test('must be newer than the oldest of 300 buffered diffs', () => {
    const book = new RebuiltBook();
    for (let id = 1; id <= 800; id += 1) book.take(diff(id, id));

    expect(book.seed(restBook(499), never).kind).toBe('too_old');
    expect(book.seed(restBook(500), () => {}).kind).toBe('whole');
  });

  test('must be newer than the oldest of 30,000 buffered levels', () => {
    const book = new RebuiltBook();
    const levels = Array.from({ length: 1_500 }, (_, i): Level => [9_000 - i, 1]);
    for (let id = 1; id <= 21; id += 1) book.take(diff(id, id, levels));

    expect(book.seed(restBook(0), never).kind).toBe('too_old');
    expect(book.seed(restBook(1), () => {}).kind).toBe('whole');
  });

  test('must be newer than a hole among the buffered diffs', () => {
    const book = new RebuiltBook();
    book.take(diff(1, 5));

    expect(book.take(diff(8, 9))).toEqual({ kind: 'hole', missed: 2, beforeId: 5, afterId: 8, seeded: null });
    expect(book.seed(restBook(5), never)).toEqual({ kind: 'too_old' });
    expect(book.seed(restBook(7), () => {}).kind).toBe('whole');
  });
});

describe('a hole', () => {
  test('breaks the book, which follows the diffs on but vouches for nothing until it is seeded anew', () => {
    const book = seeded(restBook(10));

    expect(book.take(diff(14, 15, [[10_000, 7]]))).toEqual({
      kind: 'hole',
      missed: 3,
      beforeId: 10,
      afterId: 14,
      seeded: null,
    });
    expect(book).toMatchObject({ state: 'broken', lostBecause: 'hole', wantsSeed: true, lastUpdateId: 15 });
    expect(book.top(1).bids).toEqual([[10_000, 7]]);
    expect(book.depth()).toMatchObject({ bid_levels_covered: 0, ask_levels_covered: 0 });
    expect(book.vouchesFor([[10_000, 7]], [[10_001, 10]], 1)).toBe('unknown');

    book.take(diff(16, 17, [[9_999, 5]]));
    expect(book.seed(restBook(14), never)).toEqual({ kind: 'whole', newlySeeded: true });
    expect(book).toMatchObject({ state: 'whole', lostBecause: null, wantsSeed: false, lastUpdateId: 17 });
    expect(book.top(2).bids).toEqual([
      [10_000, 7],
      [9_999, 5],
    ]);
  });
});

describe('an outage', () => {
  test('breaks a book, whatever the ids say afterwards, and a seed from before it is too old', () => {
    const book = seeded(restBook(10));

    book.lose('outage');

    expect(book).toMatchObject({ state: 'broken', lostBecause: 'outage', wantsSeed: true });
    expect(book.take(diff(11, 12))).toEqual({ kind: 'applied', seeded: null });
    expect(book.state).toBe('broken');
    expect(book.seed(restBook(9), never)).toEqual({ kind: 'too_old' });
  });

  test('leaves an unseeded book unseeded and drops what it had buffered', () => {
    const book = new RebuiltBook();
    book.take(diff(1, 5));

    book.lose('outage');

    expect(book).toMatchObject({ state: 'unseeded', wantsSeed: true });
    expect(book.seed(restBook(4), never)).toEqual({ kind: 'too_old' });
  });
});

describe('a seed ahead of the diffs', () => {
  test('waits, so that every diff has its outcome, and takes over with the diff that reaches it', () => {
    const book = seeded(restBook(10));
    book.lose('crossed');

    expect(book.seed(restBook(13), never)).toEqual({ kind: 'ahead' });
    expect(book).toMatchObject({ state: 'broken', wantsSeed: false, lastUpdateId: 10 });
    expect(book.take(diff(11, 12))).toEqual({ kind: 'applied', seeded: null });
    expect(book.take(diff(13, 14, [[10_000, 2]]))).toEqual({
      kind: 'applied',
      seeded: { kind: 'whole', newlySeeded: true },
    });
    expect(book).toMatchObject({ state: 'whole', lastUpdateId: 14 });
    expect(book.top(1).bids).toEqual([[10_000, 2]]);
  });

  test('heals a hole that ends before it', () => {
    const book = seeded(restBook(10));
    book.seed(restBook(15), never);

    expect(book.take(diff(14, 16))).toEqual({
      kind: 'hole',
      missed: 3,
      beforeId: 10,
      afterId: 14,
      seeded: { kind: 'whole', newlySeeded: true },
    });
    expect(book.state).toBe('whole');
  });

  test('is dropped, and another wanted, when the diffs go on behind it', () => {
    const book = seeded(restBook(10));
    book.seed(restBook(15), never);

    expect(book.take(diff(17, 18))).toMatchObject({ kind: 'hole', seeded: null });
    expect(book).toMatchObject({ state: 'broken', wantsSeed: true });
    expect(book.seed(restBook(16), never).kind).toBe('whole');
  });
});

describe('a seed of a whole book', () => {
  test('that agrees leaves it whole', () => {
    const book = seeded(restBook(10));

    expect(book.seed(restBook(10), never)).toEqual({ kind: 'whole', newlySeeded: false });
  });

  test('that disagrees at the same id counts, and tells a price with both quantities', () => {
    const book = seeded(restBook(10));
    const other = restBook(12);

    expect(book.seed({ ...other, asks: [[10_001, 99], ...other.asks.slice(1)] }, never)).toEqual({ kind: 'ahead' });
    expect(book.take(diff(11, 12))).toEqual({
      kind: 'applied',
      seeded: { kind: 'disagrees', side: 'asks', price: 10_001, before: 10, after: 99 },
    });
    expect(book.state).toBe('whole');
    expect(book.top(1).asks).toEqual([[10_001, 99]]);
  });

  test('that lacks a level inside both windows disagrees; beyond either window it may lack any', () => {
    const lacking = restBook(10, { levels: 100, limit: 100 });

    expect(seeded(restBook(10)).seed(lacking, never)).toEqual({ kind: 'whole', newlySeeded: false });
    expect(
      seeded(restBook(10)).seed({ ...lacking, bids: lacking.bids.filter(([price]) => price !== 9_950) }, never),
    ).toEqual({ kind: 'disagrees', side: 'bids', price: 9_950, before: 10, after: 0 });
  });
});

describe('the window', () => {
  const shallow = { levels: 60, limit: 60 };

  test('ends at the seed’s outermost levels: a depth level up to there is covered though no level lies at its end', () => {
    const book = seeded(restBook(1, shallow));
    // Only the best and the outermost bid stay: what is known of the prices between them is that nothing is there.
    book.take(
      diff(
        2,
        2,
        restBook(1, shallow)
          .bids.slice(1)
          .map(([price]) => [price, 0]),
      ),
    );

    const depth = book.depth();

    expect(depth).toMatchObject({ bid_levels_covered: 4, ask_levels_covered: 4 });
    expect(depth).toMatchObject({ bid_reach: (2 * 59 + 1) / 20_001, ask_reach: (2 * 60 - 1) / 20_001 });
  });

  test('takes no level beyond it', () => {
    const book = seeded(restBook(1, shallow));

    book.take(diff(2, 2, [[9_940, 1]], [[10_061, 1]]));

    expect(book.top(100).bids).toHaveLength(60);
    expect(book.top(100).asks).toHaveLength(60);
  });

  test('is no bound where the seed has fewer levels than were asked for', () => {
    const book = seeded(restBook(1, { levels: 60, limit: 61 }));

    book.take(diff(2, 2, [[5_000, 1]]));

    expect(book.top(100).bids.at(-1)).toEqual([5_000, 1]);
    expect(book.depth()).toMatchObject({ bid_levels_covered: 5, bid_reach: (20_001 - 10_000) / 20_001 });
  });

  test('that loses a depth level well inside it wants a seed, while that level’s inner neighbours are still covered', () => {
    const deep = { levels: 130, limit: 130 };
    const book = seeded(restBook(1, deep));
    expect(book.depth()).toMatchObject({ ask_levels_covered: 5 });

    book.take(rise(2, 10_000, 10_028));
    expect(book).toMatchObject({ state: 'whole', wantsSeed: false });
    book.take(rise(3, 10_028, 10_040));

    expect(book).toMatchObject({ state: 'whole', wantsSeed: true });
    expect(book.depth()).toMatchObject({ ask_levels_covered: 4 });
    book.take(diff(4, 4, [[10_040, 3]]));
    expect(book.seed({ ...restBook(3, { ...deep, mid: 10_040 }) }, never)).toEqual({
      kind: 'whole',
      newlySeeded: false,
    });
    expect(book).toMatchObject({ wantsSeed: false, lastUpdateId: 4 });
    expect(book.depth()).toMatchObject({ ask_levels_covered: 5 });
  });

  test('that shrinks to less than half of what it was wants a seed', () => {
    const book = seeded(restBook(1, shallow));

    book.take(rise(2, 10_000, 10_028));
    expect(book.wantsSeed).toBe(false);
    book.take(rise(3, 10_028, 10_032));

    expect(book.wantsSeed).toBe(true);
  });

  test('that the best price leaves breaks the book', () => {
    const book = seeded(restBook(1, shallow));

    expect(book.take(rise(2, 10_000, 10_060))).toEqual({ kind: 'applied', seeded: null });

    expect(book).toMatchObject({ state: 'broken', lostBecause: 'drifted', wantsSeed: true });
    expect(book.depth()).toBe('empty_side');
  });

  test('shrinks when a side grows past 10,000 levels: the farthest go', () => {
    const book = seeded(restBook(1, { mid: 100_000, levels: 5_000, limit: 5_001 }));
    const farther = Array.from({ length: 6_000 }, (_, i): Level => [100_000 - 5_000 - i, 1]);

    book.take(diff(2, 2, farther.slice(0, 5_000)));
    expect(book.top(20_000).bids).toHaveLength(10_000);
    expect(book.depth()).toMatchObject({ bid_reach: (200_001 - 2 * 90_001) / 200_001 });
    book.take(diff(3, 3, farther.slice(5_000)));

    const kept = book.top(20_000).bids;
    expect(kept).toHaveLength(9_001);
    expect(kept.at(-1)).toEqual([91_000, 1]);
    expect(book.depth()).toMatchObject({ bid_reach: (200_001 - 2 * 91_000) / 200_001 });
  });
});

describe('a crossed book', () => {
  test('is left as it is, yields no depth levels, and can be declared lost', () => {
    const book = seeded(restBook(1));

    book.take(diff(2, 2, [[10_001, 4]]));
    expect(book).toMatchObject({ state: 'whole' });
    expect(book.depth()).toBe('crossed');

    book.lose('crossed');
    expect(book).toMatchObject({ state: 'broken', lostBecause: 'crossed', wantsSeed: true });
  });
});
