/** Skipped, repeated and reordered messages of a simulated exchange, against its own book at every id. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Level } from '../../../producer/book/levels.ts';
import type { Diff, RestBook } from '../../../producer/feed/venue.ts';
import { observing, type Step } from './observing.ts';

const SYMBOL = 'BTCUSDT';
const EVERY_MS = 100;
const SEED_AFTER_MS = 350;

interface Sides {
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
}

/** What became of a message on its way. */
type Fate = 'comes' | 'skipped' | 'twice' | 'late';

interface Beat {
  readonly ids: number;
  /** [offset from the mid, quantity]; negative offsets are bids. */
  readonly changes: readonly (readonly [number, number])[];
  readonly diffFate: Fate;
  readonly frameFate: Fate;
  /** How much later a late message comes. */
  readonly lateMs: number;
}

const fate = fc.oneof(
  { weight: 30, arbitrary: fc.constant<Fate>('comes') },
  fc.constantFrom<Fate>('skipped', 'twice', 'late'),
);
const offset = fc.oneof(fc.integer({ min: -25, max: -1 }), fc.integer({ min: 1, max: 25 }));
const beat: fc.Arbitrary<Beat> = fc.record({
  ids: fc.integer({ min: 1, max: 3 }),
  changes: fc.array(fc.tuple(offset, fc.integer({ min: 0, max: 3 })), { maxLength: 3 }),
  diffFate: fate,
  frameFate: fate,
  lateMs: fc.integer({ min: 1, max: 900 }),
});
const market = fc.array(beat, { minLength: 30, maxLength: 120 });

/** Everything that the exchange said, and its own book after each diff. */
function simulate(beats: readonly Beat[]) {
  const book = new Map<number, number>([...range(-30, -1), ...range(1, 30)].map((at) => [at, 1]));
  let id = 1_000;
  const sides = (): Sides => {
    const levels = [...book].sort(([a], [b]) => Math.abs(a) - Math.abs(b));
    const side = (wanted: (at: number) => boolean) =>
      levels.filter(([at]) => wanted(at)).map(([at, quantity]): Level => [10_000 + at, quantity]);
    return { bids: side((at) => at < 0), asks: side((at) => at > 0) };
  };
  const states = new Map<number, Sides>([[id, sides()]]);
  const sent = beats.map(({ ids, changes, ...fates }, i) => {
    const firstId = id + 1;
    id += ids;
    for (const [at, quantity] of changes) quantity === 0 ? book.delete(at) : book.set(at, quantity);
    const last = new Map(changes.map(([at, quantity]) => [at, quantity]));
    const levels = (wanted: (at: number) => boolean) =>
      [...last].filter(([at]) => wanted(at)).map(([at, quantity]): Level => [10_000 + at, quantity]);
    const atMs = (i + 1) * EVERY_MS;
    const bids = levels((at) => at < 0);
    const asks = levels((at) => at > 0);
    const diff: Diff = { kind: 'diff', symbol: SYMBOL, eventMs: atMs, firstId, lastId: id, bids, asks };
    const before = best(states.get(firstId - 1)!);
    states.set(id, sides());
    const changed = JSON.stringify(before) !== JSON.stringify(best(states.get(id)!));
    return { atMs, diff, changed, ...fates };
  });
  return { states, sent };
}

function best({ bids, asks }: Sides): Sides {
  return { bids: bids.slice(0, 20), asks: asks.slice(0, 20) };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/** When a message with this fate arrives. */
function arrivals(atMs: number, kind: Fate, lateMs: number): number[] {
  if (kind === 'skipped') return [];
  if (kind === 'twice') return [atMs, atMs + lateMs];
  return [kind === 'late' ? atMs + lateMs : atMs];
}

type Market = ReturnType<typeof simulate>;

async function play(mode: 'full' | 'witness', { states, sent }: Market) {
  const run = observing({ book: mode, rawLevels: true });
  const steps = sent.flatMap(({ atMs, diff, changed, lateMs, diffFate, frameFate }): Step[] => {
    const message = (ms: number, content: Diff | null): Step => {
      const frame = {
        kind: 'frame',
        symbol: SYMBOL,
        lastUpdateId: diff.lastId,
        ...best(states.get(diff.lastId)!),
      } as const;
      return { kind: 'message', slot: 0, atMs: ms, message: content ?? frame, text: '' };
    };
    const diffs = arrivals(atMs, diffFate, lateMs).map((ms) => message(ms, diff));
    const frames =
      changed && mode === 'witness' ? arrivals(atMs + 5, frameFate, lateMs).map((ms) => message(ms, null)) : [];
    return [...diffs, ...frames];
  });
  steps.sort((a, b) => a.atMs - b.atMs);

  let answered = 0;
  const due: number[] = [];
  const answer = async (untilMs: number) => {
    for (; answered < run.requests.length; answered += 1) {
      due.push(Number(run.requests[answered]!.split(' ')[2]) + SEED_AFTER_MS);
    }
    while (due.length > 0 && due[0]! <= untilMs) {
      const atMs = due.shift()!;
      // The exchange's book of that moment.
      const last = sent.findLast((entry) => entry.atMs <= atMs);
      const lastUpdateId = last?.diff.lastId ?? 1_000;
      const book: RestBook = { lastUpdateId, ...states.get(lastUpdateId)!, limit: 5_000 };
      await run.play([{ kind: 'seed', atMs, symbol: SYMBOL, book }]);
    }
  };
  for (const step of steps) {
    await answer(step.atMs);
    await run.play([step]);
  }
  await run.end((steps.at(-1)?.atMs ?? 0) + 10_000);
  return { run, steps };
}

/** Rows that say verified and are not what the exchange had at their id. */
function wrongRows({ run }: Awaited<ReturnType<typeof play>>, { states }: Market) {
  return run.snapshots.filter((row) => {
    if (!row.verified) return row.bid_levels_covered !== 0 || row.ask_levels_covered !== 0;
    const { bids, asks } = best(states.get(row.lastUpdateId)!);
    const units = (side: number[][] | null) => side!.map((level) => level.map((value) => Math.round(value * 1e8)));
    return JSON.stringify([units(row.topBids), units(row.topAsks)]) !== JSON.stringify([bids, asks]);
  });
}

describe('of a faulty feed', () => {
  test('a rebuilt book never says verified where it is wrong, gives each diff one row, and names each hole', async () => {
    let verified = 0;
    await fc.assert(
      fc.asyncProperty(market, async (beats) => {
        const exchange = simulate(beats);
        const played = await play('full', exchange);
        const { snapshots, events, counters } = played.run;

        expect(wrongRows(played, exchange)).toEqual([]);
        verified += snapshots.filter((row) => row.verified).length;

        const ids = snapshots.map(({ lastUpdateId }) => lastUpdateId);
        expect(new Set(ids).size).toBe(ids.length);
        const { frames, discarded } = counters.of(SYMBOL);
        const discards = Object.values(discarded).reduce((sum, n) => sum + n, 0);
        expect(snapshots.length + discards).toBe(frames);

        // What was skipped between the first diff and the last, and what no gap may name.
        const came = exchange.sent.filter(({ diffFate }) => diffFate !== 'skipped');
        const firstHeard = played.steps.find((step) => step.kind === 'message');
        if (firstHeard?.kind !== 'message' || firstHeard.message.kind !== 'diff') return;
        const from = firstHeard.message.lastId;
        const to = Math.max(...came.map(({ diff }) => diff.lastId));
        const lost = exchange.sent
          .filter(({ diffFate, diff }) => diffFate === 'skipped' && diff.firstId > from && diff.lastId < to)
          .reduce((sum, { diff }) => sum + diff.lastId - diff.firstId + 1, 0);
        const named = events.reduce((sum, { kind, missed_updates }) => sum + (kind === 'gap' ? missed_updates! : 0), 0);
        expect(named).toBe(lost);
      }),
      { numRuns: 40 },
    );
    expect(verified).toBeGreaterThan(100);
  }, 60_000);

  test('a witnessed frame never says verified where it is wrong, and each frame gives one row', async () => {
    let verified = 0;
    await fc.assert(
      fc.asyncProperty(market, async (beats) => {
        const exchange = simulate(beats);
        const played = await play('witness', exchange);
        const { snapshots, counters } = played.run;

        expect(wrongRows(played, exchange)).toEqual([]);
        verified += snapshots.filter((row) => row.verified).length;
        const ids = snapshots.map(({ lastUpdateId }) => lastUpdateId);
        expect(new Set(ids).size).toBe(ids.length);
        const { frames, discarded } = counters.of(SYMBOL);
        const discards = Object.values(discarded).reduce((sum, n) => sum + n, 0);
        expect(snapshots.length + discards).toBe(frames);
      }),
      { numRuns: 40 },
    );
    expect(verified).toBeGreaterThan(100);
  }, 60_000);

  test('each frame that is lost while all diffs come is in exactly one gap', async () => {
    await fc.assert(
      fc.asyncProperty(market, async (beats) => {
        const exchange = simulate(beats.map((entry) => ({ ...entry, diffFate: 'comes' as const })));
        const played = await play('witness', exchange);
        const rows = played.run.snapshots.map(({ lastUpdateId }) => lastUpdateId);
        const seeded = played.run.log.find(({ event }) => event === 'book_seeded');
        if (seeded === undefined || rows.length === 0) return;

        const gaps = played.run.events.filter(({ kind }) => kind === 'gap');
        const from = Math.max(Math.min(...rows), seeded.fields.last_update_id as number);
        const to = Math.max(...rows);
        const lost = exchange.sent.filter(
          ({ changed, frameFate, diff }) =>
            changed && frameFate === 'skipped' && diff.lastId > from && diff.lastId < to,
        );
        expect(gaps.reduce((sum, { missed_updates }) => sum + missed_updates!, 0)).toBe(lost.length);
        for (const { diff } of lost) {
          const around = gaps.filter(({ detail }) => {
            const { last_update_id_before, last_update_id_after } = detail as Record<string, number>;
            return last_update_id_before! < diff.lastId && diff.lastId < last_update_id_after!;
          });
          expect(around).toHaveLength(1);
        }
      }),
      { numRuns: 40 },
    );
  }, 60_000);
});
