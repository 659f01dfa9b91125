/** Two producers on the same symbols into one stream: what one misses and the other has is no hole. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { quiet } from '../fault/assess.ts';
import { Oracle } from '../fault/oracle.ts';
import { type RunningProducer, startFaultyPipeline } from './harness.ts';
import { bySymbol, checkFolder, type Lake, readLake } from './lake.ts';
import { until } from './wait.ts';

const SLOW = { timeout: 120_000 };
const SYMBOLS = ['BTCUSDT', 'ETHUSDT'];
const ALL_DELIVERED = 20;
/** The state is saved every 10 s. */
const SAVED_AFTER_MS = 11_000;
/** A new session that finds a fresh state asks again after 12 s. */
const DECIDED_AFTER_MS = 13_000;

async function start(context: Parameters<typeof startFaultyPipeline>[0], oracle: Oracle) {
  const { onPublished, onSent } = oracle;
  const pipeline = await startFaultyPipeline(context, {
    symbols: SYMBOLS,
    seed: 71,
    market: { onPublished, onSent },
    flags: ['--linger=500ms'],
  });
  oracle.begin(pipeline.exchange);
  await delivering(pipeline.producer());
  return pipeline;
}

async function delivering(producer: RunningProducer): Promise<void> {
  await until('it delivers', () => (producer.progress()?.rows ?? 0) > ALL_DELIVERED);
}

/** Ids between the first and the last row that no session recorded. */
function unrecorded(lake: Lake, oracle: Oracle, symbol: string, untilMs: number): number[] {
  const ids = new Set(lake.rows.filter((row) => row.symbol === symbol).map((row) => row.last_update_id));
  const first = Math.min(...ids);
  const published = oracle.ids(symbol, 'frame').filter(({ id, atMs }) => id >= first && atMs < untilMs);
  expect(published.length).toBeGreaterThan(50);
  return published.map(({ id }) => id).filter((id) => !ids.has(id));
}

describe.concurrent('two producers on the same symbols', () => {
  test(
    'a rolling start: the new one delivers, the old one stops, nobody claims a gap and nothing is missing',
    SLOW,
    async (context) => {
      const oracle = new Oracle();
      const pipeline = await start(context, oracle);
      const old = pipeline.producer();
      await sleep(SAVED_AFTER_MS);
      await delivering(pipeline.launch());
      process.kill(old.pid, 'SIGTERM');
      expect((await old.ended).failure).toBeNull();
      await sleep(DECIDED_AFTER_MS);
      const untilMs = Date.now() - 500;
      await quiet(pipeline);

      const { failure } = await pipeline.finish();

      expect(failure).toBeNull();
      const lake = await readLake(pipeline.folder);
      expect(lake.events.filter(({ kind }) => kind === 'gap')).toEqual([]);
      for (const symbol of SYMBOLS) expect(unrecorded(lake, oracle, symbol, untilMs)).toEqual([]);
      const check = await checkFolder(pipeline.folder);
      expect(check).toMatchObject({
        status: 0,
        ok: true,
        totals: { sessions: 2, lost: 0, open: 0, duplicates: 0 },
        gaps: { totals: { count: 0, ms: 0 } },
      });
    },
  );

  test(
    'side by side: all rows of both stay, each session whole in itself, equal where the ids are',
    SLOW,
    async (context) => {
      const oracle = new Oracle();
      const pipeline = await start(context, oracle);
      await delivering(pipeline.launch());
      await sleep(2_000);
      await quiet(pipeline);

      const { failure } = await pipeline.finish();

      expect(failure).toBeNull();
      const lake = await readLake(pipeline.folder);
      const sessions = [...new Set(lake.rows.map(({ session_id }) => session_id))].map((id) => bySymbol(lake.rows, id));
      expect(sessions).toHaveLength(2);
      const own = ['session_id', 'seq', 'received_ms', 'timestamp_ms'];
      const shared = (row: object) => Object.entries(row).filter(([field]) => !own.includes(field));
      for (const symbol of SYMBOLS) {
        const [a, b] = sessions.map((session) => session.get(symbol)!);
        for (const rows of [a!, b!]) expect(rows.map(({ seq }) => seq)).toEqual(rows.map((_, i) => i + 1));
        const ofB = new Map(b!.map((row) => [row.last_update_id, row]));
        const both = a!.filter((row) => ofB.has(row.last_update_id));
        expect(both.length).toBeGreaterThan(10);
        for (const row of both) expect(shared(row)).toEqual(shared(ofB.get(row.last_update_id)!));
      }
      expect(await checkFolder(pipeline.folder)).toMatchObject({ status: 0, totals: { lost: 0, duplicates: 0 } });
    },
  );

  test(
    'one is killed and replaced: what it had in memory and missed meanwhile is covered by the other',
    SLOW,
    async (context) => {
      const oracle = new Oracle();
      const pipeline = await start(context, oracle);
      const steady = pipeline.producer();
      await delivering(pipeline.launch());
      await sleep(SAVED_AFTER_MS);
      await pipeline.replaceProducer();
      await delivering(pipeline.producer());
      const untilMs = Date.now() - 500;
      await quiet(pipeline);
      steady.stop('the test is over');

      const { failure } = await pipeline.finish();

      expect(failure).toBeNull();
      const lake = await readLake(pipeline.folder);
      for (const symbol of SYMBOLS) expect(unrecorded(lake, oracle, symbol, untilMs)).toEqual([]);
      const check = await checkFolder(pipeline.folder);
      expect(check).toMatchObject({ status: 0, ok: true, totals: { sessions: 3, lost: 0 } });
      const { ms, coveredMs } = check.gaps.totals;
      expect(coveredMs).toBe(ms);
    },
  );
});
