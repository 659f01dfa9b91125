/** A Kinesis that is away for ten seconds: what was recorded meanwhile goes to the disk and then, in order, into the lake. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, type TestContext } from 'vitest';
import { type FaultyPipeline, startFaultyPipeline } from '../end-to-end/harness.ts';
import type { KinesisFaults } from '../end-to-end/kinesis-proxy.ts';
import { checkFolder, readLake } from '../end-to-end/lake.ts';
import { readStream } from '../end-to-end/stream.ts';
import { until } from '../end-to-end/wait.ts';
import { quiet } from './assess.ts';
import { auditFeed } from './feed-audit.ts';
import { Oracle } from './oracle.ts';

export const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT'];
const AWAY_MS = 10_000;
const STREAM = 'depthlake';

/** A pipeline that records. */
export async function startRecording(
  context: TestContext,
): Promise<{ readonly pipeline: FaultyPipeline; readonly oracle: Oracle }> {
  const oracle = new Oracle();
  const { onPublished, onSent } = oracle;
  const pipeline = await startFaultyPipeline(context, {
    symbols: SYMBOLS,
    seed: 91,
    market: { onPublished, onSent },
    flags: ['--linger=500ms', '--lanes=4'],
  });
  oracle.begin(pipeline.exchange);
  await until('rows are accepted', () => (pipeline.progress()?.rows ?? 0) > 20);
  return { pipeline, oracle };
}

/** Nothing is lost, each symbol stays in order, and the lake tells when and how much. */
export async function expectOutageBridged(faults: Partial<KinesisFaults>, context: TestContext): Promise<void> {
  const { pipeline, oracle } = await startRecording(context);
  Object.assign(pipeline.proxy.faults, faults);
  await sleep(AWAY_MS);
  expect(pipeline.progress()?.spilledRows).toBeGreaterThan(0);
  for (const fault of Object.keys(faults)) Object.assign(pipeline.proxy.faults, { [fault]: 0 });
  const backMs = Date.now();
  await until('nothing is on disk', () => pipeline.progress()?.spilledRows === 0);
  await sleep(1_500);
  const untilMs = Date.now() - 500;
  await quiet(pipeline);
  await until('all is accepted', () => pipeline.progress()?.queuedRows === 0);
  const shards = await readStream(pipeline.proxy.endpoint, STREAM);

  const { summary, failure } = await pipeline.finish();

  expect(failure).toBeNull();
  expect(summary).toMatchObject({ lost: 0, spilled: 0 });
  for (const symbol of SYMBOLS) {
    const seqs = shards.flatMap((rows) =>
      rows.flatMap(({ table, row }) => (table === 'order_book' && row.symbol === symbol ? [row.seq] : [])),
    );
    expect(seqs.length).toBeGreaterThan(30);
    expect(seqs, symbol).toEqual(seqs.map((_, i) => i + 1));
  }
  const lake = await readLake(pipeline.folder);
  const audit = auditFeed({ mode: 'depth20', oracle, lake, symbols: SYMBOLS, untilMs });
  expect(audit).toMatchObject({ problems: [], absent: {}, copies: 0 });
  // A busy machine may spill at other times too.
  const kinds = ['spill_began', 'spill_ended'];
  const told = lake.events.filter(({ kind }) => kinds.includes(kind)).sort((a, b) => a.seq - b.seq);
  expect(told.map(({ kind }) => kind)).toEqual(told.map((_, i) => kinds[i % 2]));
  const ended = told.find(({ kind, to_ms }) => kind === 'spill_ended' && to_ms! > backMs)!;
  expect(ended.from_ms).toBe(told[told.indexOf(ended) - 1]!.timestamp_ms);
  expect(ended.from_ms).toBeLessThan(backMs);
  expect(JSON.parse(ended.detail!).packs).toBeGreaterThan(5);
  expect(await checkFolder(pipeline.folder)).toMatchObject({ status: 0, totals: { lost: 0, duplicates: 0 } });
}
