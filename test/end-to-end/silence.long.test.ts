/** A subscription that the exchange acknowledges and then never serves: found within two minutes, told, and cured. */
import { expect, test } from 'vitest';
import { startFaultyPipeline } from './harness.ts';
import { checkFolder, readLake } from './lake.ts';
import { until } from './wait.ts';

const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT'];

test('silent subscriptions are told by name, and their symbols are recorded over another connection', {
  timeout: 300_000,
}, async (context) => {
  const pipeline = await startFaultyPipeline(context, { symbols: SYMBOLS, seed: 84, exchange: { silentStreams: 0.5 } });
  const { exchange, producer } = pipeline;
  await until('frames of some', () => (pipeline.progress()?.frames ?? 0) > 20);
  exchange.faults.silentStreams = 0;
  const frames = (symbol: string) => exchange.sent(symbol)[`${symbol.toLowerCase()}@depth20@100ms`]?.messages ?? 0;
  const silent = SYMBOLS.filter((symbol) => frames(symbol) === 0);
  expect(silent.length).toBeGreaterThan(0);
  expect(silent.length).toBeLessThan(SYMBOLS.length);
  await until('the silence is told', () => producer().logged.some(({ event }) => event === 'silent'), 120_000);
  await until('the silent ones deliver', () => silent.every((symbol) => frames(symbol) > 20), 120_000);

  const { failure } = await pipeline.finish();

  expect(failure).toBeNull();
  const { rows, events } = await readLake(pipeline.folder);
  const told = events.filter(({ kind }) => kind === 'silent').map(({ symbol }) => symbol);
  expect(told.length).toBeGreaterThan(0);
  expect(silent).toEqual(expect.arrayContaining(told));
  expect(new Set(rows.map(({ symbol }) => symbol))).toEqual(new Set(SYMBOLS));
  expect(events.filter(({ kind }) => kind === 'gap')).toEqual([]);
  expect(await checkFolder(pipeline.folder)).toMatchObject({ status: 0, totals: { lost: 0 } });
});
