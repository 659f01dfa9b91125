/** The whole pipeline with every injected fault at once: nothing is lost, everything else is counted. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { startFaultyPipeline } from '../end-to-end/harness.ts';
import { until } from '../end-to-end/wait.ts';
import { expectComplete, framesSent, quiet } from './assess.ts';

const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT', 'ADAUSDT', 'DOGEUSDT', 'LTCUSDT', 'LINKUSDT'];

test('with all faults at once nothing is lost, everything else is counted', { timeout: 300_000 }, async (context) => {
  const pipeline = await startFaultyPipeline(context, {
    symbols: SYMBOLS,
    seed: 8,
    kinesis: { refuseEntries: 0.3, failCalls: 0.1, cutCalls: 0.1, cutAnswers: 0.05 },
    failingCalls: 3,
    duplicateBatches: 0.3,
    exchange: { cutEveryMs: 2000, repeatFrames: 0.1, lateFrames: 0.1, malformedFrames: 0.1, foreignFrames: 0.1 },
    flags: ['--linger=300ms', '--raw-levels'],
  });
  const { befallen } = pipeline.proxy;
  const rarest = () => Math.min(befallen.refuseEntries, befallen.failCalls, befallen.cutCalls);
  await sleep(20_000);
  await until('each fault has befallen a call', () => rarest() > 0, 60_000);
  await quiet(pipeline);

  const { summary, failure } = await pipeline.finish();

  expect(failure).toBeNull();
  const { check, lake } = await expectComplete(pipeline.folder, summary, SYMBOLS);
  expect(rarest()).toBeGreaterThan(0);
  expect(pipeline.failedCalls()).toBeGreaterThan(10);
  expect(pipeline.delivery.stats).toMatchObject({ errorRecords: 0 });
  expect(pipeline.delivery.stats.duplicatedBatches).toBeGreaterThan(0);
  expect(check.totals.duplicates).toBeGreaterThan(0);
  expect(summary.frames).toBeLessThanOrEqual(framesSent(pipeline, SYMBOLS));
  expect(lake.events.filter(({ kind }) => kind === 'gap').length).toBeGreaterThanOrEqual(SYMBOLS.length);
});
