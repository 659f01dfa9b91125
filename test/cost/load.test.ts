import { describe, expect, it } from 'vitest';
import { loadOf } from '../../infra/cost/load.ts';
import { interpolate, MEASURED } from '../../infra/cost/measured.ts';
import { ROSTER } from '../../infra/local/exchange/roster.ts';
import { PackBuilder } from '../../producer/stream/packs.ts';
import { FILE_MAX_BYTES } from '../../transformer/batch.ts';
import { CODECS } from '../../transformer/codec.ts';
import { bookRow } from '../producer/samples.ts';
import { costSettings, type Given, named } from './settings.ts';

const load = (given: Given) => loadOf(costSettings(given));

/** Packs a second of the producer's own packs: a row of each symbol every `everyMs`, spread over the interval. */
function packsPerSecond(symbols: number, everyMs: number, seconds: number): number {
  const builder = new PackBuilder(8);
  let packs = 0;
  for (let atMs = 0; atMs < seconds * 1000; atMs += everyMs) {
    for (const [index, symbol] of ROSTER.slice(0, symbols).entries()) {
      const nowMs = atMs + Math.floor((index * everyMs) / symbols);
      packs += builder.closeOpenedBy(nowMs - 1000).length;
      packs += builder.add(bookRow(symbol, 1, nowMs), nowMs).length;
    }
  }
  return (packs + builder.closeOpenedBy(Number.POSITIVE_INFINITY).length) / seconds;
}

describe('the packs of the model', () => {
  it.each([
    [1, 100, 20],
    [20, 100, 10],
    [80, 100, 5],
    [20, 1000, 20],
    [1, 5000, 200],
  ])('come at the rate of the producer’s own: %i symbols, a row every %i ms', (symbols, everyMs, seconds) => {
    const made = packsPerSecond(symbols, everyMs, seconds);
    const { packs } = load({ symbols: named(symbols), framesPerSecond: String(1000 / everyMs) });
    expect(packs.orderBook.perSecond / made).toBeGreaterThan(0.9);
    expect(packs.orderBook.perSecond / made).toBeLessThan(1.25);
  });

  it('hold all rows, and never more than 300 KiB of lines', () => {
    for (const rawLevels of ['false', 'true']) {
      const { packs, rowsPerSecond, lineBytes } = load({ symbols: '*', symbolCount: '4096', rawLevels });
      expect(packs.orderBook.perSecond * packs.orderBook.rows).toBeCloseTo(rowsPerSecond, 6);
      expect(packs.orderBook.rows * lineBytes).toBeLessThanOrEqual(300 * 1024);
    }
  });

  it('carry each symbol’s tally and the session’s once a minute', () => {
    const { packs } = load({ symbols: named(20), redundancy: '2' });
    expect(packs.feedEvent.rows).toBe(21);
    expect(packs.feedEvent.perSecond).toBeCloseTo(2 / 60, 9);
  });
});

describe('the rows', () => {
  it('are frames, or one an interval, of each symbol and of each of two producers', () => {
    expect(load({ symbols: named(3) }).rowsPerSecond).toBe(30);
    expect(load({ symbols: named(3), redundancy: '2' })).toMatchObject({ rowsPerSecond: 60, producers: 2 });
    expect(load({ symbols: named(3), every: '2s' }).rowsPerSecond).toBe(1.5);
    expect(load({ symbols: named(3), every: '1s', framesPerSecond: '0.5' }).rowsPerSecond).toBe(1.5);
    expect(load({ symbols: 'all', symbolCount: '40', shardsOfSymbols: '4' })).toMatchObject({
      rowsPerSecond: 400,
      producers: 4,
    });
  });
});

describe('the transformer', () => {
  it('is called once a buffer interval where little comes, and by size where much does', () => {
    expect(load({}).callsPerSecond).toBeCloseTo(1 / 60, 9);
    expect(load({ bufferSeconds: '300' }).callsPerSecond).toBeCloseTo(1 / 300, 9);
    const { callsPerSecond, packs } = load({ symbols: named(256) });
    const bytesPerCall = (packs.orderBook.perSecond * packs.orderBook.bytes) / callsPerSecond;
    expect(bytesPerCall).toBeGreaterThan(0.9e6);
    expect(bytesPerCall).toBeLessThan(1.1e6);
  });

  it('is never called more often than packs come', () => {
    const { callsPerSecond, packs } = load({ every: '1h', bufferSeconds: '0' });
    expect(callsPerSecond).toBeLessThanOrEqual(packs.orderBook.perSecond + packs.feedEvent.perSecond);
  });

  it.each(CODECS)('makes files below the bound that hold all rows (%s)', (codec) => {
    for (const symbols of [1, 20, 256]) {
      const { files, rowsPerSecond } = load({ symbols: named(symbols), codec, rawLevels: 'true' });
      expect(files.orderBook.bytes).toBeLessThanOrEqual(FILE_MAX_BYTES);
      expect(files.orderBook.perSecond * files.orderBook.rows).toBeCloseTo(rowsPerSecond, 6);
    }
  });

  it('is called for each shard that packs come to', () => {
    const one = load({ symbols: named(256) });
    const many = load({ symbols: named(256), shards: '100' });
    expect(one.busyShards).toBe(1);
    // Eight lanes hit eight shards at the most.
    expect(many.busyShards).toBeGreaterThan(7);
    expect(many.busyShards).toBeLessThan(8);
  });
});

describe('what was measured', () => {
  it.each([
    ['plain', MEASURED.rows.plain],
    ['raw', MEASURED.rows.raw],
    ['events', MEASURED.events],
  ] as const)('shrinks from line to pack to file: %s', (_name, { lineBytes, frames, fileHeaderBytes }) => {
    const pack = interpolate(frames.packBytesPerRow, 20);
    const file = interpolate(frames.fileBytesPerRow.deflate, 20);
    expect(pack).toBeLessThan(lineBytes / 2);
    expect(file).toBeLessThan(lineBytes / 2);
    expect(file).toBeLessThan(interpolate(frames.fileBytesPerRow.null, 20));
    expect(fileHeaderBytes).toBeGreaterThan(500);
  });

  it('has its day and its versions', () => {
    expect(MEASURED.date).toMatch(/^20\d\d-\d\d-\d\d$/);
    expect(MEASURED.versions).toMatch(/^depthlake \d.*, node \d/);
  });
});

describe('between two points', () => {
  const points = [
    [1, 100],
    [100, 50],
  ] as const;

  it.each([
    [0.5, 100],
    [1, 100],
    [10, 75],
    [100, 50],
    [1000, 50],
  ])('%d gives %d', (x, y) => {
    expect(interpolate(points, x)).toBeCloseTo(y, 9);
  });
});
