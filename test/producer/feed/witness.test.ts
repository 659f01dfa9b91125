import { describe, expect, test } from 'vitest';
import { frameText } from '../samples.ts';
import {
  ASKS,
  BIDS,
  closed,
  diff,
  frame as emptyFrame,
  handedOver,
  message,
  observe,
  opened,
  type Side,
  type Step,
  seed,
} from './observing.ts';

const witness = (steps: readonly Step[], endMs = 1_000_000) => observe(steps, { book: 'witness', endMs });

const frame = (atMs: number, id: number, bids: Side = BIDS, asks: Side = ASKS) =>
  message(atMs, frameText('BTCUSDT', id, bids, asks));

/** [last update id, verified] of each snapshot. */
const proofs = ({ snapshots }: Awaited<ReturnType<typeof witness>>) =>
  snapshots.map(({ lastUpdateId, verified }) => [lastUpdateId, verified]);

const kindsOf = ({ events }: Awaited<ReturnType<typeof witness>>) => events.map(({ kind }) => kind);

const doubtsOf = ({ log }: Awaited<ReturnType<typeof witness>>) =>
  log.flatMap(({ event, fields }) => (event === 'not_verified' ? [fields.reason] : []));

const withBid = (price: string, quantity: string): Side => [[price, quantity], ...BIDS];

const seeded = [opened(0), diff(1_000, 11, 12), seed(1_010, 12)];

describe('a frame is verified', () => {
  test('when a diff has its id and the rebuilt book its levels, whichever of the two comes first', async () => {
    const run = await witness([
      ...seeded,
      frame(1_020, 12),
      diff(2_000, 13, 14, [['99.5', '1']]),
      frame(2_010, 14, withBid('99.5', '1')),
      frame(3_000, 15, withBid('99.5', '2')),
      diff(3_010, 15, 15, [['99.5', '2']]),
    ]);

    expect(proofs(run)).toEqual([
      [12, true],
      [14, true],
      [15, true],
    ]);
    expect(run.snapshots[1]).toMatchObject({ timestampMs: 2_010, receivedMs: 2_010, bid_levels_covered: 5 });
    expect(run.counters.of('BTCUSDT')).toMatchObject({ frames: 3, diffs: 3, discarded: {} });
    expect(kindsOf(run)).toEqual(['connected', 'book_seeded']);
  });

  test('when later diffs have moved the book on before it comes', async () => {
    const run = await witness([
      ...seeded,
      frame(1_020, 12),
      diff(2_000, 13, 13, [['99.5', '1']]),
      diff(2_100, 14, 14, [['99.5', '0']]),
      frame(2_110, 13, withBid('99.5', '1')),
      frame(2_120, 14),
    ]);

    expect(proofs(run)).toEqual([
      [12, true],
      [13, true],
      [14, true],
    ]);
  });
});

describe('a frame is not verified, and covers nothing', () => {
  test('before the book is seeded', async () => {
    const run = await witness([opened(0), diff(1_000, 11, 12), frame(1_010, 12), seed(1_500, 12)]);

    expect(run.snapshots).toMatchObject([
      { lastUpdateId: 12, verified: false, bid_levels_covered: 0, ask_levels_covered: 0 },
    ]);
    expect(doubtsOf(run)).toEqual(['no_book']);
  });

  test('when its levels differ; then the book is not trusted either, and seeded anew', async () => {
    const run = await witness([
      ...seeded,
      diff(2_000, 13, 13),
      frame(2_010, 13, [['99', '7'], ...BIDS.slice(1)]),
      diff(2_100, 14, 14),
      frame(2_110, 14),
      seed(2_200, 14),
      diff(2_300, 15, 15),
      frame(2_310, 15),
    ]);

    expect(proofs(run)).toEqual([
      [13, false],
      [14, false],
      [15, true],
    ]);
    expect(kindsOf(run)).toEqual(['connected', 'book_seeded', 'book_lost', 'book_seeded']);
    expect(doubtsOf(run)).toEqual(['differs', 'book_lost']);
    expect(run.requests.filter((request) => request.includes('lost'))).toEqual([
      'BTCUSDT lost 1000',
      'BTCUSDT lost 2010',
    ]);
  });

  test('when its id is inside a diff: no state of the book has it', async () => {
    const run = await witness([...seeded, diff(2_000, 13, 15), frame(2_010, 14)]);

    expect(proofs(run)).toEqual([[14, false]]);
    expect(doubtsOf(run)).toEqual(['no_such_diff']);
  });

  test('when no diff comes within 2 s; until then it and those behind it are held', async () => {
    const run = await witness([
      ...seeded,
      frame(2_000, 13),
      frame(3_900, 14),
      diff(4_010, 13, 13),
      diff(4_020, 14, 14),
    ]);

    expect(proofs(run)).toEqual([
      [13, false],
      [14, true],
    ]);
  });

  test('when more than 32 wait, the first goes', async () => {
    const waiting = Array.from({ length: 33 }, (_, i) => frame(2_000 + i, 13 + i));

    const run = await witness([...seeded, ...waiting, diff(2_100, 13, 45)]);

    expect(proofs(run).filter(([, verified]) => verified)).toEqual([[45, true]]);
    expect(run.snapshots).toHaveLength(33);
  });

  test('when the book lacks diffs', async () => {
    const run = await witness([...seeded, diff(2_000, 20, 20), handedOver(2_005), frame(2_010, 20)]);

    expect(proofs(run)).toEqual([[20, false]]);
    expect(run.events.find(({ kind }) => kind === 'book_lost')).toMatchObject({ detail: { reason: 'hole' } });
    expect(doubtsOf(run)).toEqual(['book_lost']);
  });

  test('when the rebuilt book is crossed: it is lost, and seeded anew', async () => {
    const run = await witness([
      ...seeded,
      diff(2_000, 13, 13, [['101', '1']]),
      frame(2_010, 13),
      diff(2_100, 14, 14, [['101', '0']]),
      frame(2_110, 14),
      seed(2_200, 14),
      frame(2_300, 14),
      diff(2_400, 15, 15),
      frame(2_410, 15),
    ]);

    expect(proofs(run)).toEqual([
      [13, false],
      [14, false],
      [15, true],
    ]);
    expect(run.events.find(({ kind }) => kind === 'book_lost')).toMatchObject({
      timestamp_ms: 2_000,
      detail: { reason: 'crossed' },
    });
  });

  test('when it shows more than the window of the seed', async () => {
    const side = (best: number, step: number): Side =>
      Array.from({ length: 5_000 }, (_, i) => [`${best + step * i}`, '1']);
    const bids = side(10_000, -1);
    const asks = side(10_001, 1);
    // 4,990 bids go, so that the seed's window holds ten and a frame of twenty shows more.
    const gone = bids.slice(0, 4_990).map(([price]) => [price, '0'] as const);
    const shown: Side = [...bids.slice(4_990), ...Array.from({ length: 10 }, (_, i) => [`${5_000 - i}`, '1'] as const)];

    const run = await witness([
      opened(0),
      diff(1_000, 11, 12),
      seed(1_010, 12, bids, asks),
      diff(2_000, 13, 13, gone),
      frame(2_010, 13, shown, asks.slice(0, 20)),
    ]);

    expect(proofs(run)).toEqual([[13, false]]);
    expect(doubtsOf(run)).toEqual(['beyond_window']);
  });
});

describe('a lost frame', () => {
  test('is what a diff changed and no frame showed: a gap from the frame before to the frame after', async () => {
    const run = await witness([
      ...seeded,
      frame(1_020, 12),
      diff(2_000, 13, 13, [['99.5', '1']]),
      diff(2_100, 14, 14, [['99.5', '2']]),
      diff(2_200, 15, 15, [['99.5', '3']]),
      frame(2_210, 15, withBid('99.5', '3')),
    ]);

    expect(run.events.slice(2)).toEqual([
      {
        timestamp_ms: 2_210,
        kind: 'gap',
        symbol: 'BTCUSDT',
        from_ms: 1_020,
        to_ms: 2_210,
        missed_updates: 2,
        detail: { last_update_id_before: 12, last_update_id_after: 15, bounds: 'exact' },
      },
    ]);
    expect(proofs(run)).toEqual([
      [12, true],
      [15, true],
    ]);
  });

  test('is none where the frame comes late, but within 2 s', async () => {
    const run = await witness([
      ...seeded,
      frame(1_020, 12),
      diff(2_000, 13, 13, [['99.5', '1']]),
      diff(2_100, 14, 14, [['99.5', '2']]),
      frame(2_110, 14, withBid('99.5', '2')),
      frame(4_000, 13, withBid('99.5', '1')),
    ]);

    expect(kindsOf(run)).not.toContain('gap');
    expect(proofs(run)).toEqual([
      [12, true],
      [14, true],
      [13, true],
    ]);
  });

  test('is none where a diff changed nothing that a frame shows', async () => {
    const run = await witness([
      ...seeded,
      frame(1_020, 12),
      diff(2_000, 13, 13, [['99', '1']]),
      diff(2_100, 14, 14, [['99', '9']]),
      frame(2_110, 14, [['99', '9'], ...BIDS.slice(1)]),
    ]);

    expect(kindsOf(run)).not.toContain('gap');
  });

  test('during an outage is part of its gap', async () => {
    const run = await witness([
      ...seeded,
      frame(1_020, 12),
      closed(1_500),
      opened(1_900),
      diff(2_000, 13, 13, [['99.5', '1']]),
      diff(2_100, 14, 14, [['99.5', '2']]),
      frame(2_110, 14, withBid('99.5', '2')),
    ]);

    expect(run.events.filter(({ kind }) => kind === 'gap')).toMatchObject([
      { from_ms: 1_020, to_ms: 2_110, detail: { last_update_id_before: 12, last_update_id_after: 14 } },
    ]);
    expect(proofs(run).at(-1)).toEqual([14, true]);
  });
});

test('new ids of the venue restart frames and diffs; frames are verified again once the book is seeded', async () => {
  const lower = Array.from({ length: 11 }, (_, i) => [
    diff(20_000 + i * 1_000, 1 + i, 1 + i),
    frame(20_001 + i * 1_000, 1 + i),
  ]);

  const run = await witness([
    ...seeded,
    frame(1_020, 112),
    diff(1_030, 13, 112),
    ...lower.flat(),
    seed(30_500, 11),
    diff(31_000, 12, 12),
    frame(31_001, 12),
  ]);

  expect(kindsOf(run).filter((kind) => kind === 'ids_restarted')).toHaveLength(2);
  expect(proofs(run)).toEqual([[112, true], ...lower.map((_, i) => [1 + i, false]), [12, true]]);
});

test('a frame without a mid price gives no snapshot, and is no lost frame', async () => {
  const run = await witness([
    ...seeded,
    frame(1_020, 12),
    diff(2_000, 13, 13, [
      ['99', '0'],
      ['98', '0'],
    ]),
    frame(2_010, 13, []),
    diff(2_100, 14, 14, BIDS),
    frame(2_110, 14),
    emptyFrame(2_120, 14),
  ]);

  expect(run.counters.of('BTCUSDT').discarded).toEqual({ empty_side: 1, repeat: 1 });
  expect(kindsOf(run)).toEqual(['connected', 'book_seeded', 'book_unusable', 'book_usable']);
  expect(proofs(run)).toEqual([
    [12, true],
    [14, true],
  ]);
});
