import { describe, expect, test } from 'vitest';
import {
  BIDS,
  closed,
  diff,
  handedOver,
  message,
  observe,
  observing,
  opened,
  type Side,
  seed,
  silent,
} from './observing.ts';

const full = (steps: Parameters<typeof observe>[0], options: Parameters<typeof observe>[1] = {}) =>
  observe(steps, { book: 'full', ...options });

/** [last update id, verified] of each snapshot. */
const proofs = ({ snapshots }: Awaited<ReturnType<typeof full>>) =>
  snapshots.map(({ lastUpdateId, verified }) => [lastUpdateId, verified]);

const eventsOf = ({ events }: Awaited<ReturnType<typeof full>>) =>
  events.map(({ kind, timestamp_ms, detail }) => [timestamp_ms, kind, (detail as { reason?: string }).reason]);

describe('a rebuilt book', () => {
  test('is seeded once its diffs have begun, and gives a snapshot after each diff at the exchange’s time', async () => {
    const run = await full(
      [
        opened(0),
        diff(1_000, 11, 12, [['99', '3']]),
        seed(1_500, 12, [
          ['99', '3'],
          ['98', '1'],
        ]),
        diff(2_000, 13, 15, [['99.5', '4']]),
        diff(3_000, 16, 16, [], [['101', '0']]),
      ],
      { rawLevels: true },
    );

    expect(run.requests).toEqual(['BTCUSDT lost 1000', 'BTCUSDT cancel 1000000', 'ETHUSDT cancel 1000000']);
    expect(run.snapshots).toMatchObject([
      {
        timestampMs: 1_993,
        receivedMs: 2_000,
        lastUpdateId: 15,
        verified: true,
        mid_price: 100.25,
        bid_levels_covered: 5,
        ask_levels_covered: 5,
        topBids: [
          [99.5, 4],
          [99, 3],
          [98, 1],
        ],
        topAsks: [
          [101, 2],
          [102, 2],
        ],
      },
      { timestampMs: 2_993, lastUpdateId: 16, verified: true, topAsks: [[102, 2]] },
    ]);
    expect(eventsOf(run)).toEqual([
      [0, 'connected', undefined],
      [1_500, 'book_seeded', undefined],
    ]);
    expect(run.counters.of('BTCUSDT')).toMatchObject({ frames: 3, diffs: 3, discarded: { unseeded: 1 } });
  });

  test('gives the snapshots of diffs that waited for the seed with their own times', async () => {
    const run = await full([
      diff(1_000, 11, 12),
      diff(1_100, 13, 14, [['99', '5']]),
      diff(1_200, 15, 16, [['99', '6']]),
      seed(5_000, 13),
    ]);

    expect(run.snapshots.map((s) => [s.timestampMs, s.receivedMs, s.lastUpdateId, s.verified])).toEqual([
      [1_093, 1_100, 14, true],
      [1_193, 1_200, 16, true],
    ]);
    expect(run.counters.of('BTCUSDT').discarded).toEqual({ unseeded: 1 });
  });

  test('asks again when a seed is older than the first diff, a second later, and says once that it failed', async () => {
    const run = await full([diff(1_000, 11, 12), seed(1_500, 5), seed(2_500, 6), seed(3_500, 10), diff(4_000, 13, 13)]);

    expect(run.requests.slice(0, -1)).toEqual(['BTCUSDT lost 1000', 'BTCUSDT lost 2000', 'BTCUSDT lost 3000']);
    expect(eventsOf(run)).toEqual([
      [1_500, 'book_lost', 'bridge_failed'],
      [3_500, 'book_seeded', undefined],
    ]);
    expect(proofs(run)).toEqual([
      [12, true],
      [13, true],
    ]);
  });

  test('takes each diff once where two connections bring it', async () => {
    const run = await full([
      diff(1_000, 11, 12),
      seed(1_000, 12),
      diff(2_000, 13, 14),
      diff(2_001, 13, 14),
      diff(2_002, 11, 12),
      diff(2_003, 15, 15),
    ]);

    expect(proofs(run)).toEqual([
      [14, true],
      [15, true],
    ]);
    expect(run.counters.of('BTCUSDT').discarded).toEqual({ unseeded: 1, repeat: 2 });
  });
});

const seeded = [opened(0), diff(1_000, 11, 12), seed(1_000, 12), diff(1_100, 13, 13)];

describe('a hole in the ids', () => {
  test('is a gap with its size; snapshots are not verified and cover nothing until the next seed', async () => {
    const run = await full([
      ...seeded,
      diff(2_000, 20, 21),
      diff(2_100, 22, 22),
      handedOver(2_200),
      diff(2_300, 23, 23),
      seed(2_400, 23),
      diff(2_500, 24, 24),
    ]);

    expect(run.events.filter(({ kind }) => kind === 'gap')).toEqual([
      {
        timestamp_ms: 2_000,
        kind: 'gap',
        symbol: 'BTCUSDT',
        from_ms: 1_100,
        to_ms: 2_000,
        missed_updates: 6,
        detail: { last_update_id_before: 13, last_update_id_after: 21, bounds: 'exact' },
      },
    ]);
    expect(eventsOf(run).slice(2)).toEqual([
      [2_000, 'gap', undefined],
      [2_000, 'book_lost', 'hole'],
      [2_200, 'handed_over', 'life'],
      [2_400, 'book_seeded', undefined],
    ]);
    expect(proofs(run)).toEqual([
      [13, true],
      [21, false],
      [22, false],
      [23, false],
      [24, true],
    ]);
    expect(run.snapshots.map((s) => [s.bid_levels_covered, s.ask_levels_covered])).toEqual([
      [5, 5],
      [0, 0],
      [0, 0],
      [0, 0],
      [5, 5],
    ]);
  });

  test('is none when the missing diffs come within 2 s: each is taken in order, with its own time', async () => {
    const run = await full([
      ...seeded,
      diff(2_000, 16, 17),
      diff(2_100, 18, 18),
      diff(3_900, 14, 15),
      diff(4_000, 19, 19),
    ]);

    expect(run.snapshots.map((s) => [s.receivedMs, s.lastUpdateId, s.verified])).toEqual([
      [1_100, 13, true],
      [3_900, 15, true],
      [2_000, 17, true],
      [2_100, 18, true],
      [4_000, 19, true],
    ]);
    expect(eventsOf(run).slice(2)).toEqual([]);
  });

  test('is one after 2 s, and what comes then is stale', async () => {
    const run = await full([...seeded, diff(2_000, 16, 17), diff(4_000, 18, 18), diff(4_100, 14, 15)]);

    expect(eventsOf(run).slice(2)).toEqual([
      [2_000, 'gap', undefined],
      [2_000, 'book_lost', 'hole'],
    ]);
    expect(proofs(run)).toEqual([
      [13, true],
      [17, false],
      [18, false],
    ]);
    expect(run.counters.of('BTCUSDT').discarded).toMatchObject({ stale: 1 });
  });

  test('begins where the last diff before it came: a repeat beside diffs that wait proves nothing', async () => {
    const run = await full([...seeded, diff(2_000, 16, 17), diff(3_000, 13, 13), handedOver(3_100)]);

    expect(run.events.find(({ kind }) => kind === 'gap')).toMatchObject({ from_ms: 1_100, to_ms: 2_000 });
  });

  test('is one at once when more than 64 diffs wait for what is missing', async () => {
    const waiting = Array.from({ length: 65 }, (_, i) => diff(2_000 + i, 20 + i, 20 + i));

    const run = await full([...seeded, ...waiting]);

    expect(run.events.find(({ kind }) => kind === 'gap')).toMatchObject({ missed_updates: 6, to_ms: 2_000 });
    expect(run.snapshots).toHaveLength(66);
  });

  test('each is a gap, while the book is broken, too; the loss is told once', async () => {
    const run = await full([
      ...seeded,
      diff(2_000, 20, 20),
      diff(5_000, 30, 30),
      handedOver(5_001),
      diff(9_000, 31, 31),
    ]);

    expect(run.events.flatMap((e) => (e.kind === 'gap' ? [e.missed_updates] : []))).toEqual([6, 9]);
    expect(run.events.filter(({ kind }) => kind === 'book_lost')).toHaveLength(1);
  });
});

describe('an outage', () => {
  test('after which the ids go on missed nothing: no gap, and the book stays whole', async () => {
    const run = await full([...seeded, closed(2_000), opened(3_000), diff(3_100, 14, 16)]);

    expect(
      eventsOf(run)
        .slice(2)
        .map(([, kind]) => kind),
    ).toEqual(['disconnected', 'connected']);
    expect(proofs(run)).toEqual([
      [13, true],
      [16, true],
    ]);
  });

  test('after which updates are missing is a gap and a lost book, without waiting', async () => {
    const run = await full([...seeded, silent(2_000, ['BTCUSDT']), diff(3_100, 18, 19)], { endMs: 3_101 });

    expect(eventsOf(run).slice(2)).toEqual([
      [2_000, 'silent', undefined],
      [3_100, 'gap', undefined],
      [3_100, 'book_lost', 'outage'],
    ]);
    expect(run.events.at(-2)).toMatchObject({ from_ms: 1_100, to_ms: 3_100, missed_updates: 4 });
  });

  test('that lasts until the end is a gap that is open', async () => {
    const run = await full([...seeded, closed(2_000)], { endMs: 9_000 });

    expect(run.events.at(-1)).toMatchObject({ kind: 'gap', from_ms: 1_100, to_ms: 9_000, detail: { open: true } });
  });
});

describe('a book that cannot be right', () => {
  test('because it is crossed gives no snapshot, is lost, and seeded anew', async () => {
    const run = await full([
      ...seeded,
      diff(2_000, 14, 14, [['101', '1']]),
      diff(2_100, 15, 15, [['101', '0']]),
      seed(2_200, 15),
      diff(2_300, 16, 16),
    ]);

    expect(eventsOf(run).slice(2)).toEqual([
      [2_000, 'book_unusable', 'crossed'],
      [2_000, 'book_lost', 'crossed'],
      [2_100, 'book_usable', undefined],
      [2_200, 'book_seeded', undefined],
    ]);
    expect(proofs(run)).toEqual([
      [13, true],
      [15, false],
      [16, true],
    ]);
    expect(run.requests).toContain('BTCUSDT lost 2000');
    expect(run.counters.of('BTCUSDT').discarded).toEqual({ unseeded: 1, crossed: 1 });
  });

  test('because the exchange itself says so is seeded anew ever more seldom', async () => {
    const crossed: Side = [['101', '1'], ...BIDS];
    const run = observing({ book: 'full' });
    await run.play([opened(0), diff(0, 11, 11)]);
    let answered = 0;
    for (let i = 1; i <= 1_200; i += 1) {
      const atMs = i * 100;
      await run.play([diff(atMs, 11 + i, 11 + i)]);
      if (run.requests.length === answered) continue;
      answered = run.requests.length;
      await run.play([seed(atMs, 11 + i, crossed)]);
    }

    expect(answered).toBeGreaterThan(3);
    expect(answered).toBeLessThan(10);
    expect(run.snapshots).toEqual([]);
  });

  test('because a side is empty gives no snapshot, and is whole all the same', async () => {
    const run = await full([
      ...seeded,
      diff(
        2_000,
        14,
        14,
        BIDS.map(([price]) => [price, '0']),
      ),
      diff(2_100, 15, 15, BIDS),
    ]);

    expect(eventsOf(run).slice(2)).toEqual([
      [2_000, 'book_unusable', 'empty_side'],
      [2_100, 'book_usable', undefined],
    ]);
    expect(proofs(run)).toEqual([
      [13, true],
      [15, true],
    ]);
  });
});

describe('a book that leaves the window of its seed', () => {
  const side = (best: number, step: number): Side =>
    Array.from({ length: 5_000 }, (_, i) => [`${best + step * i}`, '1']);
  const bids = side(10_000, -1);
  const asks = side(10_001, 1);
  const fallen = diff(
    2_000,
    13,
    13,
    bids.slice(0, 4_990).map(([price]) => [price, '0'] as const),
    [['5020', '1']],
  );
  const start = [opened(0), diff(1_000, 11, 12), seed(1_000, 12, bids, asks), fallen];
  const bidsNow = bids.slice(4_990);
  const asksNow: Side = [['5020', '1'], ...asks.slice(0, 4_999)];

  test('is seeded anew before, verified meanwhile, and no event', async () => {
    const run = await full([...start, diff(2_100, 14, 14), seed(2_200, 14, bidsNow, asksNow), diff(2_300, 15, 15)]);

    expect(run.requests).toContain('BTCUSDT drifted 2000');
    expect(proofs(run)).toEqual([
      [13, true],
      [14, true],
      [15, true],
    ]);
    expect(run.events.map(({ kind }) => kind)).toEqual(['connected', 'book_seeded']);
  });

  test('is lost when its best price is outside, and then asked for as such', async () => {
    const gone = bidsNow.map(([price]) => [price, '0'] as const);

    const run = await full([...start, diff(2_100, 14, 14, gone)]);

    expect(run.requests.slice(1, 3)).toEqual(['BTCUSDT drifted 2000', 'BTCUSDT lost 2100']);
    expect(run.events.find(({ kind }) => kind === 'book_lost')).toMatchObject({ detail: { reason: 'drifted' } });
    expect(proofs(run)).toEqual([[13, true]]);
  });

  test('was wrong where the next seed differs at the same id: lost, with an example, and seeded', async () => {
    const other: Side = [['5010', '8'], ...bidsNow.slice(1)];

    const run = await full([...start, seed(2_200, 13, other, asksNow), diff(2_300, 14, 14)]);

    expect(run.events.slice(2)).toMatchObject([
      {
        kind: 'book_lost',
        timestamp_ms: 2_200,
        detail: { reason: 'disagrees', side: 'bids', price: 5_010, quantity: 1, quantity_of_seed: 8 },
      },
      { kind: 'book_seeded', timestamp_ms: 2_200, detail: { last_update_id: 13 } },
    ]);
    expect(proofs(run)).toEqual([
      [13, true],
      [14, true],
    ]);
  });
});

describe('a venue that numbers anew', () => {
  test('after 10 s of lower ids the book is another one, and seeded', async () => {
    const lower = Array.from({ length: 11 }, (_, i) => diff(20_000 + i * 1_000, 1 + i, 1 + i));

    const run = await full([...seeded, ...lower, seed(30_500, 5), diff(31_000, 12, 12)]);

    expect(eventsOf(run).slice(2)).toEqual([
      [30_000, 'ids_restarted', undefined],
      [30_000, 'book_lost', 'ids_restarted'],
      [30_500, 'book_seeded', undefined],
    ]);
    expect(proofs(run)).toEqual([[13, true], ...[6, 7, 8, 9, 10, 11, 12].map((id) => [id, true])]);
    expect(run.counters.of('BTCUSDT').discarded).toEqual({ unseeded: 6 });
  });
});

test('a venue that falls back by a few ids leaves no verified snapshot of the book that it forgot', async () => {
  const first = Array.from({ length: 60 }, (_, i) => diff(1_100 + i * 100, 13 + i, 13 + i));
  const again = Array.from({ length: 60 }, (_, i) => diff(12_000 + i * 100, 43 + i, 43 + i, [['98.5', '7']]));

  const run = await full([opened(0), diff(1_000, 11, 12), seed(1_000, 12), ...first, ...again]);
  const after = proofs(run).slice(first.length);

  expect(after).toHaveLength(30);
  expect(after.every(([, verified]) => verified === false)).toBe(true);
  expect(eventsOf(run).slice(2)).toEqual([[12_000, 'book_lost', 'ids_restarted']]);
});

test('a refused message is counted, and the hole that it leaves is one of the ids', async () => {
  const run = await full([
    ...seeded,
    message(
      2_000,
      '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":14,"u":14,"b":[["-1","1"]],"a":[]}}',
    ),
    diff(2_100, 15, 15),
  ]);

  expect(run.counters.of('BTCUSDT').discarded).toEqual({ unseeded: 1, bad_number: 1 });
  expect(run.events.find(({ kind }) => kind === 'gap')).toMatchObject({ missed_updates: 1 });
});
