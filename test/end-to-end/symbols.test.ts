/** Which symbols a producer records: by pattern, by shard, and what it says of those that it cannot. */
import { describe, expect, test } from 'vitest';
import { startFaultyPipeline } from './harness.ts';
import { checkFolder, readLake } from './lake.ts';
import { until } from './wait.ts';

const SLOW = { timeout: 120_000 };
const LISTED = [
  ...['BTCUSDT', 'BTCUSDC', 'ETHUSDT', 'ETHBTC', 'SOLUSDT', 'XRPUSDT'],
  ...['ADAUSDT', 'DOGEUSDT', 'LTCUSDT', 'BCHUSDT', 'LINKUSDT', 'DOTUSDT'],
];

function symbolsOf(rows: readonly { readonly symbol: string }[]): string[] {
  return [...new Set(rows.map(({ symbol }) => symbol))].sort();
}

describe.concurrent('the symbols', () => {
  test('by pattern and by name: those alone are recorded, and named at the start', SLOW, async (context) => {
    const pipeline = await startFaultyPipeline(context, {
      symbols: LISTED,
      seed: 81,
      flags: ['--symbols=BTC*,ETHUSDT', '--linger=300ms'],
    });
    await until('rows of each', () => (pipeline.progress()?.rows ?? 0) > 60);

    const { summary } = await pipeline.finish();

    const { rows, events } = await readLake(pipeline.folder);
    expect(summary.symbols).toBe(3);
    expect(symbolsOf(rows)).toEqual(['BTCUSDC', 'BTCUSDT', 'ETHUSDT']);
    const [started] = events.filter(({ kind }) => kind === 'started');
    expect(JSON.parse(started!.detail!).symbols.toSorted()).toEqual(symbolsOf(rows));
  });

  test('all, in two shards: no symbol is recorded twice, and none is left out', SLOW, async (context) => {
    const flags = ['--symbols=all', '--linger=300ms', '--shard=1/2'];
    const pipeline = await startFaultyPipeline(context, { symbols: LISTED, seed: 82, flags });
    const first = pipeline.producer();
    const second = pipeline.launch(['--shard=2/2']);
    for (const { progress } of [first, second]) await until('rows', () => (progress()?.rows ?? 0) > 150);

    const summaries = [(await pipeline.finish()).summary, (await first.ended).summary!];

    const { rows } = await readLake(pipeline.folder);
    const shards = summaries.map(({ session_id }) => symbolsOf(rows.filter((row) => row.session_id === session_id)));
    expect(shards.map(({ length }) => length)).toEqual(summaries.map(({ symbols }) => symbols));
    expect(Math.min(...shards.map(({ length }) => length))).toBeGreaterThan(0);
    expect(shards.flat().sort()).toEqual(LISTED.toSorted());
    expect(await checkFolder(pipeline.folder)).toMatchObject({ status: 0, totals: { sessions: 2, lost: 0 } });
  });

  test('that the venue does not list are named, all at once, and nothing is recorded', SLOW, async (context) => {
    const pipeline = await startFaultyPipeline(context, {
      symbols: LISTED,
      seed: 83,
      flags: ['--symbols=BTCUSDT,NOPEUSDT,XYZ*'],
    });

    const { summary, failure } = await pipeline.producer().ended;

    expect(summary).toBeNull();
    expect(failure?.code).toBe('DL_SYMBOL_UNKNOWN');
    expect(failure?.message).toContain('local does not list NOPEUSDT, XYZ*; it lists 12 symbols');
  });
});
