/** Promise 6: memory is bounded, and what happens at the bound is said. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ROSTER } from '../../infra/local/exchange/roster.ts';
import { startFaultyPipeline } from '../end-to-end/harness.ts';
import { bySymbol, checkFolder, readLake, sum } from '../end-to-end/lake.ts';
import { until } from '../end-to-end/wait.ts';

test('a queue that is full refuses the newest rows, and the lake names their numbers', {
  timeout: 180_000,
}, async (context) => {
  const symbols = ROSTER.slice(0, 24);
  const pipeline = await startFaultyPipeline(context, {
    symbols,
    seed: 9,
    frameIntervalMs: 20,
    kinesis: { refuseEntries: 1 },
    flags: ['--queue=1', '--raw-levels', '--spill=0'],
  });
  await until(
    'the queue stands still while frames come in',
    async () => {
      const before = pipeline.progress();
      await sleep(1_500);
      return before !== null && before.snapshots > 0 && before.snapshots === pipeline.progress()?.snapshots;
    },
    60_000,
  );
  pipeline.exchange.faults.stall = true;
  pipeline.proxy.faults.refuseEntries = 0;
  await until('the queue is empty', () => pipeline.progress()?.queuedRows === 0, 60_000);
  pipeline.exchange.faults.stall = false;
  await sleep(1_000);

  const { summary, failure } = await pipeline.finish();

  expect(failure).toBeNull();
  const refused = summary.discarded['queue_full'] ?? 0;
  expect(refused).toBeGreaterThan(0);
  const { rows, events } = await readLake(pipeline.folder);
  const found = bySymbol(rows, summary.session_id);
  const named = new Map<string, Set<number>>();
  for (const { symbol, detail, missed_updates } of events.filter(({ kind }) => kind === 'refused')) {
    const { first_seq, last_seq } = JSON.parse(detail!);
    expect(missed_updates).toBe(last_seq - first_seq + 1);
    const numbers = named.get(symbol!) ?? new Set();
    for (let seq = first_seq; seq <= last_seq; seq += 1) numbers.add(seq);
    named.set(symbol!, numbers);
  }
  expect(sum([...named.values()].map(({ size }) => size))).toBe(refused);
  for (const [symbol, present] of found) {
    const numbers = [...present.map(({ seq }) => seq), ...(named.get(symbol) ?? [])].sort((a, b) => a - b);
    expect(
      numbers.findIndex((seq, i) => seq !== i + 1),
      symbol,
    ).toBe(-1);
  }
  expect(summary.frames).toBe(summary.snapshots + sum(Object.values(summary.discarded)));
  expect(await checkFolder(pipeline.folder)).toMatchObject({
    status: 0,
    totals: { lost: 0, excused: refused, unannounced: 0, duplicates: 0 },
  });
});
