/** The bound of the spill: what is beyond it is refused and named, the socket is never blocked, and memory stays flat. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ROSTER } from '../../infra/local/exchange/roster.ts';
import { startFaultyPipeline } from '../end-to-end/harness.ts';
import { bySymbol, checkFolder, readLake, sum } from '../end-to-end/lake.ts';
import { until } from '../end-to-end/wait.ts';
import { quiet } from './assess.ts';

const REFUSING_MS = 5_000;
/** While the newest rows are refused, nothing that grows is kept. */
const GROWTH_BYTES = 48 * 1024 * 1024;

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

test('a spill that is full says so, the newest rows are refused by number, and the rest arrives in order', {
  timeout: 180_000,
}, async (context) => {
  const pipeline = await startFaultyPipeline(context, {
    symbols: ROSTER.slice(0, 24),
    seed: 92,
    frameIntervalMs: 20,
    kinesis: { refuseEntries: 1 },
    flags: ['--spill=1', '--queue=4', '--raw-levels'],
  });
  const { pid } = pipeline.producer();
  await until(
    'snapshots are refused',
    () => pipeline.producer().logged.some(({ event }) => event === 'queue_full'),
    90_000,
  );
  const spillFull = () => pipeline.producer().logged.some(({ event }) => event === 'spill_full');
  await until('the disk takes no more', () => spillFull() && pipeline.progress() !== null, 60_000);
  const before = { frames: pipeline.progress()!.frames, bytes: residentBytes(pid) };
  await sleep(REFUSING_MS);
  expect(pipeline.progress()!.frames, 'the socket is read on').toBeGreaterThan(before.frames + 100);
  expect(residentBytes(pid) - before.bytes).toBeLessThan(GROWTH_BYTES);
  pipeline.exchange.faults.stall = true;
  pipeline.proxy.faults.refuseEntries = 0;
  await until(
    'memory and disk are empty',
    () => {
      const { queuedRows, spilledRows } = pipeline.progress()!;
      return queuedRows + spilledRows === 0;
    },
    60_000,
  );
  pipeline.exchange.faults.stall = false;
  await sleep(1_000);
  await quiet(pipeline);

  const { summary, failure } = await pipeline.finish();

  expect(failure).toBeNull();
  expect(summary).toMatchObject({ lost: 0, spilled: 0, events: { spill_began: 1, spill_ended: 1 } });
  const refused = summary.discarded['queue_full'] ?? 0;
  expect(refused).toBeGreaterThan(100);
  const { rows, events } = await readLake(pipeline.folder);
  const full = events.find(({ kind }) => kind === 'spill_full')!;
  expect(JSON.parse(full.detail!).reason).toContain('1048576');
  const named = events.filter(({ kind, symbol }) => kind === 'refused' && symbol !== null);
  expect(sum(named.map(({ missed_updates }) => missed_updates ?? 0))).toBe(refused);
  for (const [symbol, present] of bySymbol(rows, summary.session_id)) {
    const numbers = present.map(({ seq }) => seq);
    for (const event of named.filter((each) => each.symbol === symbol)) {
      const { first_seq, last_seq } = JSON.parse(event.detail!);
      for (let seq = first_seq; seq <= last_seq; seq += 1) numbers.push(seq);
    }
    expect(
      numbers.sort((a, b) => a - b),
      symbol,
    ).toEqual(numbers.map((_, i) => i + 1));
  }
  expect(await checkFolder(pipeline.folder)).toMatchObject({
    status: 0,
    totals: { lost: 0, excused: refused, unannounced: 0, duplicates: 0 },
  });
});
