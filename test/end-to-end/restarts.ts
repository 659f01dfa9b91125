/** A pipeline whose producer is replaced, and what its lake says of sessions and of the gaps between them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, type TestContext } from 'vitest';
import type { BookMode } from '../../producer/config.ts';
import type { FeedEventRow, OrderBookRow } from '../../producer/record.ts';
import { Oracle } from '../fault/oracle.ts';
import { type FaultyPipeline, startFaultyPipeline } from './harness.ts';
import { checkFolder, type Lake, readLake } from './lake.ts';
import { until } from './wait.ts';

export const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'];

interface GapDetail {
  readonly bounds: string;
  readonly session_before: string;
  readonly last_update_id_before: number;
  readonly last_update_id_after: number;
}

export function detailOf({ detail }: FeedEventRow): GapDetail {
  return JSON.parse(detail!) as GapDetail;
}

export async function pipelineOf(context: TestContext, oracle: Oracle, flags: string[]) {
  const { onPublished, onSent } = oracle;
  const pipeline = await startFaultyPipeline(context, {
    symbols: SYMBOLS,
    seed: 61,
    market: { weightAMinute: 100_000, onPublished, onSent },
    flags,
  });
  oracle.begin(pipeline.exchange);
  await recording(pipeline);
  return pipeline;
}

export async function recording({ producer }: FaultyPipeline): Promise<void> {
  await until('rows are accepted', () => (producer().progress()?.packs ?? 0) > 0);
}

/** The session ids in the order of their beginning. */
export function sessionsOf({ events }: Lake): string[] {
  const started = events.filter(({ kind }) => kind === 'started').sort((a, b) => a.timestamp_ms - b.timestamp_ms);
  return started.map(({ session_id }) => session_id);
}

export function rowsOf({ rows }: Lake, symbol: string, session?: string): OrderBookRow[] {
  const own = rows.filter((row) => row.symbol === symbol && (session === undefined || row.session_id === session));
  return own.sort((a, b) => a.last_update_id - b.last_update_id);
}

export function gapsOf({ events }: Lake, symbol: string): FeedEventRow[] {
  const own = events.filter((event) => event.kind === 'gap' && event.symbol === symbol);
  return own.sort((a, b) => a.timestamp_ms - b.timestamp_ms);
}

/** Restarted in order, the gap lies exactly between the last row and the first. */
export async function expectExactGap(mode: BookMode, context: TestContext): Promise<void> {
  const oracle = new Oracle();
  const pipeline = await pipelineOf(context, oracle, [`--book=${mode}`, '--linger=300ms']);
  await sleep(1_500);
  process.kill(pipeline.producer().pid, 'SIGTERM');
  expect((await pipeline.producer().ended).failure).toBeNull();
  await sleep(1_000);
  pipeline.launch();
  await recording(pipeline);
  await sleep(1_500);

  const { failure } = await pipeline.finish();

  expect(failure).toBeNull();
  const lake = await readLake(pipeline.folder);
  const [first, second] = sessionsOf(lake);
  for (const symbol of SYMBOLS) {
    const before = rowsOf(lake, symbol, first).at(-1)!;
    const gaps = gapsOf(lake, symbol);
    expect(gaps).toHaveLength(1);
    const [gap] = gaps;
    expect(gap).toMatchObject({ session_id: second, from_ms: before.received_ms });
    expect(detailOf(gap!)).toMatchObject({
      bounds: 'exact',
      session_before: first,
      last_update_id_before: before.last_update_id,
    });
    // A rebuilt book has rows from its seed on; the gap ends with the first diff.
    const after = rowsOf(lake, symbol, second)[0]!;
    const firstId = detailOf(gap!).last_update_id_after;
    if (mode === 'depth20') expect([firstId, gap!.to_ms]).toEqual([after.last_update_id, after.received_ms]);
    else expect(firstId).toBeLessThanOrEqual(after.last_update_id);
  }
  const check = await checkFolder(pipeline.folder);
  expect(check).toMatchObject({ status: 0, ok: true, totals: { lost: 0, killed: 0, open: 0, duplicates: 0 } });
}
