/** How a producer ends: flushed, with its tallies and `stopped`; and what it leaves behind where Kinesis is away. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type FaultyPipeline, startFaultyPipeline } from './harness.ts';
import { bySymbol, checkFolder, lastTallies, readLake } from './lake.ts';
import { until } from './wait.ts';

const SLOW = { timeout: 120_000 };
const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'];
/** Supervisors kill after this. */
const ENDS_WITHIN_MS = 30_000;

async function start(context: Parameters<typeof startFaultyPipeline>[0]): Promise<FaultyPipeline> {
  const pipeline = await startFaultyPipeline(context, { symbols: SYMBOLS, seed: 101 });
  await until('rows are accepted', () => (pipeline.progress()?.rows ?? 0) > 20);
  return pipeline;
}

describe.concurrent('the end of a producer', () => {
  test(
    'SIGINT: everything is flushed, the last rows are each symbol’s tally and then `stopped`',
    SLOW,
    async (context) => {
      const pipeline = await start(context);
      const signalledMs = Date.now();
      process.kill(pipeline.producer().pid, 'SIGINT');
      const { summary, failure } = await pipeline.producer().ended;
      const endedMs = Date.now();
      await pipeline.finish();

      expect(failure).toBeNull();
      expect(endedMs - signalledMs).toBeLessThan(ENDS_WITHIN_MS);
      expect(summary).toMatchObject({ lost: 0, spilled: 0 });
      const { rows, events } = await readLake(pipeline.folder);
      const own = events.toSorted((a, b) => a.seq - b.seq);
      const last = own.slice(-2 - SYMBOLS.length);
      expect(last.map(({ kind, symbol }) => [kind, symbol])).toEqual([
        ...[...SYMBOLS, null].map((symbol) => ['tally', symbol]),
        ['stopped', null],
      ]);
      expect(JSON.parse(own.at(-1)!.detail!)).toEqual({ reason: 'SIGINT' });
      const tallies = lastTallies(events, summary!.session_id);
      for (const [symbol, found] of bySymbol(rows, summary!.session_id)) {
        expect(tallies.get(symbol)).toMatchObject({ lastSeq: found.length, snapshots: found.length });
      }
      expect(await checkFolder(pipeline.folder)).toMatchObject({ status: 0, totals: { lost: 0, duplicates: 0 } });
    },
  );

  test(
    'SIGTERM while Kinesis is away: it ends in order within 30 s, and the next session delivers what it left on disk',
    SLOW,
    async (context) => {
      const pipeline = await start(context);
      pipeline.proxy.faults.failCalls = 1;
      await sleep(4_000);
      const first = pipeline.producer();
      const signalledMs = Date.now();
      process.kill(first.pid, 'SIGTERM');
      const { summary, failure } = await first.ended;
      expect(failure).toBeNull();
      expect(Date.now() - signalledMs).toBeLessThan(ENDS_WITHIN_MS);
      expect(summary).toMatchObject({ lost: 0 });
      expect(summary!.spilled).toBeGreaterThan(20);

      pipeline.proxy.faults.failCalls = 0;
      const next = pipeline.launch();
      await until('the next one delivers its own rows too', () => (next.progress()?.rows ?? 0) > summary!.spilled + 20);
      expect((await pipeline.finish()).failure).toBeNull();

      const { rows, events } = await readLake(pipeline.folder);
      const found = bySymbol(rows, summary!.session_id);
      const lastRow = events.find(({ kind, session_id }) => kind === 'stopped' && session_id === summary!.session_id);
      expect(JSON.parse(lastRow!.detail!)).toEqual({ reason: 'SIGTERM' });
      const tallies = lastTallies(events, summary!.session_id);
      for (const symbol of SYMBOLS) expect(found.get(symbol)!.length).toBe(tallies.get(symbol)!.lastSeq);
      const check = await checkFolder(pipeline.folder);
      expect(check).toMatchObject({ status: 0, ok: true, totals: { sessions: 2, lost: 0, open: 0, duplicates: 0 } });
    },
  );

  test('a second signal ends it at once, with 130', SLOW, async (context) => {
    const pipeline = await start(context);
    pipeline.proxy.faults.hangCalls = 1;
    await sleep(1_500);
    const { pid, ended } = pipeline.producer();
    process.kill(pid, 'SIGTERM');
    await sleep(1_000);
    const secondMs = Date.now();
    process.kill(pid, 'SIGTERM');

    const { summary, failure } = await ended;

    expect(Date.now() - secondMs).toBeLessThan(1_500);
    expect(summary).toBeNull();
    expect(failure?.message).toContain('the producer ended with status 130');
  });
});
