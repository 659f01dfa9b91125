/** What a restart of the producer leaves: a hole that the next session names, with bounds that hold. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Random } from '../../infra/local/exchange/random.ts';
import type { FeedEventRow } from '../../producer/record.ts';
import { quiet } from '../fault/assess.ts';
import { Oracle, type PublishedId } from '../fault/oracle.ts';
import { checkFolder, checkLater, readLake } from './lake.ts';
import { detailOf, expectExactGap, gapsOf, pipelineOf, recording, rowsOf, SYMBOLS, sessionsOf } from './restarts.ts';
import { until } from './wait.ts';

const SLOW = { timeout: 120_000 };
const LINGER_MS = 1_000;
/** The state is saved every 10 s. */
const SAVED_AFTER_MS = 12_000;

describe.concurrent('a restart of the producer', () => {
  test(
    'by SIGKILL at random moments: no more is lost than the linger and 2 s, and all of it lies in a gap with outer bounds',
    SLOW,
    async (context) => {
      const random = new Random(`${Date.now()}`);
      const oracle = new Oracle();
      const pipeline = await pipelineOf(context, oracle, []);
      const killsMs: number[] = [];
      const kill = async (afterMs: number) => {
        await sleep(afterMs);
        killsMs.push(Date.now());
        await pipeline.replaceProducer();
        await recording(pipeline);
      };
      await kill(SAVED_AFTER_MS + random.below(2_000));
      // The next one is killed before it tells its gap, and while Kinesis is away: what it leaves is on disk.
      pipeline.proxy.faults.failCalls = 1;
      await until('rows are on disk', () => (pipeline.progress()?.spilledRows ?? 0) > 0);
      const mend = setTimeout(() => Object.assign(pipeline.proxy.faults, { failCalls: 0 }), 2_500);
      context.onTestFinished(() => clearTimeout(mend));
      await kill(random.below(2_000));
      await sleep(1_000);
      const untilMs = Date.now() - 500;
      await quiet(pipeline);
      const { failure } = await pipeline.finish();

      expect(failure).toBeNull();
      const lake = await readLake(pipeline.folder);
      const sessions = sessionsOf(lake);
      expect(sessions).toHaveLength(3);
      for (const symbol of SYMBOLS) {
        const recorded = new Set(rowsOf(lake, symbol).map((row) => row.last_update_id));
        const gaps = gapsOf(lake, symbol);
        const encloses = (gap: FeedEventRow, { id, atMs }: PublishedId) =>
          id > detailOf(gap).last_update_id_before &&
          id < detailOf(gap).last_update_id_after &&
          gap.from_ms! <= atMs + LINGER_MS &&
          gap.to_ms! >= atMs;
        expect(gaps.map((gap) => detailOf(gap).bounds)).toEqual(gaps.map(() => 'outer'));
        expect(gaps.map((gap) => sessions.indexOf(detailOf(gap).session_before)).every((at) => at >= 0)).toBe(true);
        const firstId = Math.min(...recorded);
        const missing = oracle
          .ids(symbol, 'frame')
          .filter(({ id, atMs }) => id > firstId && atMs < untilMs && !recorded.has(id));
        expect(missing.length, 'a producer takes a while to start').toBeGreaterThan(0);
        expect(missing.filter((each) => !gaps.some((gap) => encloses(gap, each)))).toEqual([]);
        for (const killMs of killsMs) {
          const lastSent = missing.filter(({ atMs, sent }) => sent && atMs < killMs).map(({ atMs }) => killMs - atMs);
          const ofThisKill = lastSent.filter((ms) => ms < SAVED_AFTER_MS / 3);
          for (const lostMs of ofThisKill) expect(lostMs, symbol).toBeLessThanOrEqual(LINGER_MS + 2_000);
        }
      }
      expect(await checkFolder(pipeline.folder)).toMatchObject({ status: 0, ok: true });
      const { audit, promises } = await checkLater(pipeline.folder);
      expect(audit.totals).toMatchObject({ lost: 0, unannounced: 0, killed: 2, open: 0 });
      expect(promises.map(({ verdict }) => verdict)).toEqual(['kept', 'kept', 'kept']);
    },
  );

  // The book full: `restarts.long.test.ts`.
  test('depth20: in order: the gap lies exactly between the last row and the first', SLOW, async (context) => {
    await expectExactGap('depth20', context);
  });
});
