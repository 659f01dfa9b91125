/** Five minutes of everything at once, drawn from a seed (`CHAOS_SEED`): all faults, and the producer killed at random. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Random } from '../../infra/local/exchange/random.ts';
import { startFaultyPipeline } from '../end-to-end/harness.ts';
import { bySymbol, checkFolder, readLake } from '../end-to-end/lake.ts';
import { quiet } from './assess.ts';

const SEED = Number(process.env['CHAOS_SEED'] ?? 20_260_901);
const MINUTES = 5;
/** Longer than rows may be in flight for `check`, so that a hole that a kill left counts as a loss. */
const SETTLED_MS = 125_000;
const TIMEOUT = { timeout: 900_000 };

test(`five minutes of chaos, seed ${SEED}: nothing that was accepted is lost`, TIMEOUT, async (context) => {
  const random = new Random(`${SEED}:chaos`);
  const symbols = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT', 'ADAUSDT', 'DOGEUSDT', 'LTCUSDT', 'LINKUSDT'];
  const pipeline = await startFaultyPipeline(context, {
    symbols,
    seed: SEED,
    kinesis: { refuseEntries: 0.3, failCalls: 0.1, cutCalls: 0.1, cutAnswers: 0.05 },
    failingCalls: 3,
    duplicateBatches: 0.3,
    exchange: { cutEveryMs: 2000, repeatFrames: 0.1, lateFrames: 0.1, malformedFrames: 0.1, foreignFrames: 0.1 },
    flags: ['--raw-levels'],
  });
  let kills = 0;
  const endMs = Date.now() + MINUTES * 60_000;
  while (Date.now() < endMs) {
    await sleep(10_000 + random.below(40_000));
    pipeline.exchange.faults.cutEveryMs = random.chance(0.5) ? 2000 : 15_000;
    pipeline.proxy.faults.refuseEntries = random.chance(0.3) ? 0.8 : 0.2;
    pipeline.proxy.faults.hangCalls = random.chance(0.3) ? 0.02 : 0;
    if (!random.chance(0.6)) continue;
    await pipeline.replaceProducer();
    kills += 1;
  }
  pipeline.proxy.faults.refuseEntries = 0.2;
  pipeline.proxy.faults.hangCalls = 0;
  await quiet(pipeline);
  const { summary, failure } = await pipeline.finish();
  await sleep(SETTLED_MS);

  expect(failure).toBeNull();
  expect(kills).toBeGreaterThan(2);
  const check = await checkFolder(pipeline.folder);
  expect(check).toMatchObject({ status: 0, totals: { sessions: kills + 1, lost: 0, unannounced: 0 } });
  expect(check.sessions.filter(({ stopped }) => stopped)).toHaveLength(1);
  const { rows } = await readLake(pipeline.folder);
  expect([...bySymbol(rows, summary.session_id).values()].flat()).toHaveLength(summary.snapshots);
  expect(pipeline.delivery.stats.errorRecords).toBe(0);
});
