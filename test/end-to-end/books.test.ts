/** The books full and witness through the whole pipeline, held against the exchange's own book at every id. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { BookMode } from '../../producer/config.ts';
import type { FeedEventRow, OrderBookRow } from '../../producer/record.ts';
import { quiet } from '../fault/assess.ts';
import { auditFeed } from '../fault/feed-audit.ts';
import { Oracle } from '../fault/oracle.ts';
import { startFaultyPipeline } from './harness.ts';
import { checkFolder, readLake } from './lake.ts';
import { until } from './wait.ts';

const SLOW = { timeout: 120_000 };
const SYMBOLS = ['BTCUSDT', 'QTUMUSDT'];
const ROUNDS = 3;
/** Two or three diffs. */
const SKIP_MS = 250;
/** A diff waits for those before it, and the book for its seed. */
const HEAL_MS = 3_500;

/** A session in which the exchange leaves diffs out, three times over. */
async function withSkippedDiffs(context: Parameters<typeof startFaultyPipeline>[0], mode: BookMode) {
  const oracle = new Oracle();
  const { onPublished, onSent } = oracle;
  const pipeline = await startFaultyPipeline(context, {
    symbols: SYMBOLS,
    seed: 41,
    market: { weightAMinute: 100_000, onPublished, onSent },
    flags: [`--book=${mode}`, '--raw-levels', '--linger=500ms'],
  });
  oracle.begin(pipeline.exchange);
  const seeded = () => pipeline.producer().logged.filter(({ event }) => event === 'book_seeded').length;
  for (let round = 0; round <= ROUNDS; round += 1) {
    await until('every book is seeded', () => seeded() === (round + 1) * SYMBOLS.length);
    await sleep(1_000);
    if (round === ROUNDS) break;
    pipeline.exchange.faults.skipDiffs = 1;
    await sleep(SKIP_MS);
    pipeline.exchange.faults.skipDiffs = 0;
    await sleep(HEAL_MS);
  }
  const untilMs = Date.now() - 500;
  await quiet(pipeline);
  const { failure, summary } = await pipeline.finish();
  expect(failure).toBeNull();
  const lake = await readLake(pipeline.folder);
  const audit = auditFeed({ mode, oracle, lake, symbols: SYMBOLS, untilMs });
  const of = (symbol: string) => ({
    rows: lake.rows.filter((row) => row.symbol === symbol).sort((a, b) => a.seq - b.seq),
    events: (kind: string) =>
      lake.events.filter((event) => event.symbol === symbol && event.kind === kind).sort((a, b) => a.seq - b.seq),
    ids: oracle.ids(symbol, 'diff'),
  });
  return { pipeline, summary, lake, audit, of };
}

function detail({ detail }: FeedEventRow): Record<string, number> {
  return JSON.parse(detail!);
}

/** Each change of `verified`, beginning with the first row's. */
function changes(rows: readonly OrderBookRow[]): (boolean | null)[] {
  return rows.map(({ verified }) => verified).filter((verified, i, all) => i === 0 || verified !== all[i - 1]);
}

describe.concurrent('what the exchange sent is recorded, and what it did not send is known', () => {
  test(
    'full: every verified row is the exchange’s book, each hole is a gap with its exact updates, and the book heals',
    SLOW,
    async (context) => {
      const { pipeline, audit, of } = await withSkippedDiffs(context, 'full');

      expect(audit.problems).toEqual([]);
      expect(audit.verified).toBeGreaterThan(40);
      expect(audit.coveredLevels).toBeGreaterThan(5 * audit.verified);
      for (const symbol of SYMBOLS) {
        const { rows, events, ids } = of(symbol);
        const gaps = events('gap');
        expect(gaps).toHaveLength(ROUNDS);
        const unsent = ids.filter(
          ({ id, sent }) => !sent && id > rows[0]!.last_update_id && id < rows.at(-1)!.last_update_id,
        );
        const named = gaps.flatMap((gap) => {
          const { last_update_id_before: before, last_update_id_after: after } = detail(gap);
          const missing = ids.filter(({ id }) => id > before! && id < after!);
          expect(gap.missed_updates).toBe(missing.at(-1)!.id - before!);
          expect(detail(gap)['bounds']).toBe('exact');
          expect(rows.find((row) => row.last_update_id === before)!.received_ms).toBe(gap.from_ms);
          expect(rows.find((row) => row.last_update_id === after)!.received_ms).toBe(gap.to_ms);
          return missing;
        });
        expect(named).toEqual(unsent);
        const [lost, seeded] = [events('book_lost'), events('book_seeded')];
        expect([lost.length, seeded.length]).toEqual([ROUNDS, ROUNDS + 1]);
        expect(lost.map((event) => detail(event)['missed_updates'])).toEqual(gaps.map((gap) => gap.missed_updates));
        for (const [i, gap] of gaps.entries()) {
          expect(gap.seq).toBeLessThan(lost[i]!.seq);
          expect(lost[i]!.seq).toBeLessThan(seeded[i + 1]!.seq);
        }
        expect(changes(rows)).toEqual([true, false, true, false, true, false, true]);
        expect(rows.filter(({ verified }) => verified === false).map(coveredLevels)).toEqual(
          expect.not.arrayContaining([expect.not.toBeOneOf([0])]),
        );
      }
      expect(await checkFolder(pipeline.folder)).toMatchObject({ status: 0, ok: true, totals: { lost: 0 } });
    },
  );

  test(
    'witness: every frame is recorded, and says false from a hole in the diffs until the book beside it is whole again',
    SLOW,
    async (context) => {
      const { audit, of } = await withSkippedDiffs(context, 'witness');

      expect(audit.problems).toEqual([]);
      expect(audit.recorded).toBe(audit.published);
      expect(audit.verified).toBeGreaterThan(40);
      for (const symbol of SYMBOLS) {
        const { rows, events } = of(symbol);
        expect(events('gap')).toEqual([]);
        expect([events('book_lost').length, events('book_seeded').length]).toEqual([ROUNDS, ROUNDS + 1]);
        expect(changes(rows).slice(-6)).toEqual([false, true, false, true, false, true]);
      }
    },
  );
});

function coveredLevels({ bid_levels_covered, ask_levels_covered }: OrderBookRow): number {
  return bid_levels_covered + ask_levels_covered;
}
