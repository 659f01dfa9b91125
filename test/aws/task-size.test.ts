import { describe, expect, test } from 'vitest';
import { producerServices } from '../../infra/aws/producer-services.ts';
import { replacementOf, steadyWithinMinutes } from '../../infra/aws/replacement.ts';
import { readDeployment } from '../../infra/aws/settings.ts';
import { symbolsAtMost, taskSize } from '../../infra/aws/task-size.ts';

function deployment(settings: Record<string, string> = {}) {
  return readDeployment((key) => settings[key]);
}

const symbols = (count: number) => Array.from({ length: count }, (_, i) => `S${i}USDT`).join(',');

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html */
const OFFERED: Readonly<Record<number, readonly number[]>> = {
  256: [512, 1024, 2048],
  512: [1024, 2048, 3072, 4096],
  1024: [2048, 3072, 4096, 5120, 6144, 7168, 8192],
};

describe('the size of a producer’s task', () => {
  test.each([
    ['one symbol', { symbols: 'BTCUSDT' }, 256, 512],
    ['one symbol, its whole book', { symbols: 'BTCUSDT', book: 'full' }, 256, 512],
    ['100 symbols, whole books', { symbols: symbols(100), book: 'full' }, 256, 512],
    ['256 symbols, whole books', { symbols: symbols(256), book: 'full' }, 512, 1024],
    ['256 symbols, shared by two', { symbols: symbols(256), book: 'full', shardsOfSymbols: '2' }, 256, 512],
    ['all of Binance.US', { symbols: 'all', book: 'witness' }, 512, 1024],
    ['all of Binance.com', { symbols: 'all', venue: 'binance.com', book: 'full' }, 1024, 2048],
    ['all of Binance.com, shared by four', { symbols: 'all', venue: 'binance.com', shardsOfSymbols: '4' }, 1024, 2048],
    ['all of Binance.com, shared by six', { symbols: 'all', venue: 'binance.com', shardsOfSymbols: '6' }, 512, 1024],
  ])('%s', (_what, settings, cpuUnits, memoryMib) => {
    const size = taskSize(deployment(settings));

    expect(size).toEqual({ cpuUnits, memoryMib, heapMib: memoryMib / 2 });
    expect(OFFERED[size.cpuUnits]).toContain(size.memoryMib);
  });

  test('a pattern counts as many symbols as the venue lists, names count themselves', () => {
    expect(symbolsAtMost(deployment({ symbols: 'BTCUSDT,ETHUSDT' }))).toBe(2);
    expect(symbolsAtMost(deployment({ symbols: 'BTCUSDT,ETH*' }))).toBe(256);
    expect(symbolsAtMost(deployment({ symbols: 'all', venue: 'binance.com' }))).toBe(1500);
  });
});

describe('the producers of a deployment', () => {
  test('there is one of each shard', () => {
    expect(producerServices(deployment({ symbols: 'all', shardsOfSymbols: '2' }))).toEqual([
      { id: '1a', producer: 'producer-1a', shard: { index: 1, count: 2 }, replica: 0 },
      { id: '2a', producer: 'producer-2a', shard: { index: 2, count: 2 }, replica: 0 },
    ]);
  });

  test('with redundancy 2 there are two of each, and those that were there keep their names', () => {
    const one = producerServices(deployment({ symbols: 'all', shardsOfSymbols: '3' }));
    const two = producerServices(deployment({ symbols: 'all', shardsOfSymbols: '3', redundancy: '2' }));

    expect(two.map(({ producer }) => producer)).toEqual(
      ['1a', '1b', '2a', '2b', '3a', '3b'].map((id) => `producer-${id}`),
    );
    expect(two.filter(({ replica }) => replica === 0)).toEqual(one);
  });

  test('a shard that would hold none of the symbols named is refused with the settings, before anything is declared', () => {
    expect(() => deployment({ symbols: 'BTCUSDT', shardsOfSymbols: '2' })).toThrow(
      expect.objectContaining({
        code: 'DL_SETTINGS',
        message: expect.stringMatching(/^shardsOfSymbols 2: of the symbols named, shard [12] of 2 would hold none$/),
      }),
    );
  });
});

describe('the next producer', () => {
  test.each(['depth20', 'witness'])(
    'takes over once it is healthy: %s has snapshots from its first frames on',
    (book) => {
      expect(replacementOf(deployment({ book }))).toEqual({ strategy: 'ROLLING' });
      expect(steadyWithinMinutes(deployment({ book }))).toBe(40);
    },
  );

  // 13.3 min at the venue's weight for 256 books: test/bench/RESULTS.md.
  test.each([
    ['binance.us', symbols(3), '1', 3],
    ['binance.us', symbols(256), '1', 18],
    ['binance.us', symbols(256), '4', 6],
    ['binance.com', symbols(256), '1', 18],
  ])('runs beside the last one until its books are seeded: %s, %#', (venue, names, shardsOfSymbols, minutes) => {
    const settings = deployment({ venue, symbols: names, shardsOfSymbols, book: 'full' });

    expect(replacementOf(settings)).toEqual({ strategy: 'BLUE_GREEN', bakeTimeInMinutes: String(minutes) });
    expect(steadyWithinMinutes(settings)).toBe(40 + minutes);
  });
});
