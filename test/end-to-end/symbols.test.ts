/** Which symbols a producer records: by pattern, by shard, and what it says of those that it cannot. */
import { expect, test } from 'vitest';
import { startFaultyPipeline } from './harness.ts';
import { checkFolder, readLake } from './lake.ts';
import { until } from './wait.ts';

const LISTED = [
  ...['BTCUSDT', 'BTCUSDC', 'ETHUSDT', 'ETHBTC', 'SOLUSDT', 'XRPUSDT'],
  ...['ADAUSDT', 'DOGEUSDT', 'LTCUSDT', 'BCHUSDT', 'LINKUSDT', 'DOTUSDT'],
];

function symbolsOf(rows: readonly { readonly symbol: string }[]): string[] {
  return [...new Set(rows.map(({ symbol }) => symbol))].sort();
}

test('symbols by pattern and by name are recorded alone; all of two shards are recorded once; those not listed are named, and nothing is recorded', {
  timeout: 120_000,
}, async (context) => {
  const pipeline = await startFaultyPipeline(context, {
    symbols: LISTED,
    seed: 81,
    flags: ['--symbols=BTC*,ETHUSDT', '--linger=1s', '--lanes=4'],
  });
  const byPattern = pipeline.producer();
  const unlisted = pipeline.launch(['--symbols=BTCUSDT,NOPEUSDT,XYZ*']);
  const shards = ['1/2', '2/2'].map((shard) => pipeline.launch(['--symbols=all', `--shard=${shard}`]));
  const recording = [byPattern, ...shards];
  for (const { progress } of recording) await until('rows of each', () => (progress()?.rows ?? 0) > 60);

  await pipeline.finish();

  const { rows, events } = await readLake(pipeline.folder);
  const ended = await Promise.all(recording.map((producer) => producer.ended));
  const [ofPattern, ...ofShards] = ended.map(({ summary }) => {
    const recorded = symbolsOf(rows.filter((row) => row.session_id === summary!.session_id));
    expect(summary!.symbols).toBe(recorded.length);
    return recorded;
  });
  expect(ofPattern).toEqual(['BTCUSDC', 'BTCUSDT', 'ETHUSDT']);
  const patternSession = ended[0]!.summary!.session_id;
  const started = events.find(({ kind, session_id }) => kind === 'started' && session_id === patternSession);
  expect(JSON.parse(started!.detail!).symbols.toSorted()).toEqual(ofPattern);
  expect(Math.min(...ofShards.map(({ length }) => length))).toBeGreaterThan(0);
  expect(ofShards.flat().sort()).toEqual(LISTED.toSorted());
  const { summary, failure } = await unlisted.ended;
  expect(summary).toBeNull();
  expect(failure?.code).toBe('DL_SYMBOL_UNKNOWN');
  expect(failure?.message).toContain('local does not list NOPEUSDT, XYZ*; it lists 12 symbols');
  expect(await checkFolder(pipeline.folder)).toMatchObject({ status: 0, totals: { sessions: 3, lost: 0 } });
});
