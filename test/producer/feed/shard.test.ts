import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inShard } from '../../../producer/feed/shard.ts';

const SYMBOLS = Array.from({ length: 256 }, (_, i) => `S${i}USDT`);

function shardsOf(symbol: string, count: number, venue = 'binance.us'): number[] {
  return Array.from({ length: count }, (_, i) => i + 1).filter((index) => inShard(venue, symbol, { index, count }));
}

describe('shards', () => {
  test('each symbol belongs to exactly one', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.integer({ min: 1, max: 64 }), (symbol, count) => {
        expect(shardsOf(symbol, count)).toHaveLength(1);
      }),
      { numRuns: 100 },
    );
  });

  test('a further shard takes symbols, and none moves between the others', () => {
    fc.assert(
      fc.property(fc.constantFrom(...SYMBOLS), fc.integer({ min: 1, max: 63 }), (symbol, count) => {
        const [before] = shardsOf(symbol, count);
        const [after] = shardsOf(symbol, count + 1);
        expect([before, count + 1]).toContain(after);
      }),
      { numRuns: 100 },
    );
  });

  test.each([2, 4, 8])('of 256 symbols each of %i shards gets its part, within a half of it', (count) => {
    const sizes = new Map<number, number>();
    for (const symbol of SYMBOLS) {
      const [shard] = shardsOf(symbol, count);
      sizes.set(shard!, (sizes.get(shard!) ?? 0) + 1);
    }
    expect(sizes.size).toBe(count);
    for (const size of sizes.values()) {
      expect(size).toBeGreaterThan(128 / count);
      expect(size).toBeLessThan(384 / count);
    }
  });

  test('the split is the same in every release: producers of two must agree while one is replaced', () => {
    const split = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'ADAUSDT', 'BTCUSD', 'ETHUSD'].map(
      (symbol) => shardsOf(symbol, 4)[0],
    );
    expect(split).toEqual([2, 1, 3, 2, 3, 3]);
  });

  test('venues are split differently', () => {
    const same = SYMBOLS.filter((symbol) => shardsOf(symbol, 4)[0] === shardsOf(symbol, 4, 'binance.com')[0]);
    expect(same.length).toBeGreaterThan(20);
    expect(same.length).toBeLessThan(128);
  });
});
