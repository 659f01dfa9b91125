import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { transform } from '../../transformer/batch.ts';
import { eventOf, filesOf, HOUR, happening, noise, pack, records } from './invocations.ts';

describe('the response', { timeout: 30_000 }, () => {
  it('stays within its bound, whatever the records', () => {
    fc.assert(
      fc.property(records, fc.integer({ min: 2500, max: 60_000 }), (given, maxResponseBytes) => {
        const { response, refused } = transform(eventOf(...given.map((one) => one.record)), {
          codec: 'null',
          maxResponseBytes,
        });
        expect(Buffer.byteLength(JSON.stringify(response))).toBeLessThanOrEqual(maxResponseBytes);
        expect(refused.length).toBe(response.records.filter(({ result }) => result === 'ProcessingFailed').length);
      }),
      { numRuns: 200 },
    );
  });

  it('stays within its bound where originals are given back, wherever the bound lies', () => {
    const failing = Array.from({ length: 20 }, (_, index) => ({ recordId: `r${index}`, data: 'AAAA' }));
    for (let maxResponseBytes = 1000; maxResponseBytes < 1500; maxResponseBytes += 1) {
      const { response } = transform(eventOf(...failing), { codec: 'null', maxResponseBytes });
      expect(Buffer.byteLength(JSON.stringify(response))).toBeLessThanOrEqual(maxResponseBytes);
    }
  });

  it('fails what would pass 6,000,000 bytes, and says so', () => {
    const packs = Array.from({ length: 25 }, (_, index) =>
      pack(`r${index}`, [happening(HOUR, 1, noise(250_000, index))]),
    );
    const transformation = transform(eventOf(...packs), { codec: 'null' });
    expect(Buffer.byteLength(JSON.stringify(transformation.response))).toBeLessThanOrEqual(6_000_000);
    const rows = filesOf(transformation).reduce((sum, { file }) => sum + file.count, 0);
    expect(rows).toBe(16);
    expect(transformation.refused).toHaveLength(25 - rows);
    expect(new Set(transformation.refused.map(({ code }) => code))).toEqual(new Set(['DL_RESPONSE_FULL']));
  });
});
