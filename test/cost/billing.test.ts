import { describe, expect, it } from 'vitest';
import { firehoseBytes, onDemandBytes, putUnits, shardsNeeded } from '../../infra/cost/billing.ts';
import { ingestionItem } from '../../infra/cost/delivery-items.ts';
import { onDemandItems, provisionedItems } from '../../infra/cost/stream-items.ts';

const KB = 1024;
const GB = 1024 ** 3;
/** Seconds of AWS's month of 730 hours. */
const MONTH = 730 * 3600;

const records = (perSecond: number, bytes: number) => ({ perSecond, bytes, rows: 1 });
const use = (records_: ReturnType<typeof records>[], retentionHours = 24) => ({
  records: records_,
  retentionHours,
  producers: 1,
});
const usdOf = (items: readonly { what: string; usd: number }[], what: string) =>
  items.find((item) => item.what === what)?.usd;

describe('a record is billed', () => {
  it.each([
    ['1 byte', 1, 5 * KB],
    ['3 KB', 3 * KB, 5 * KB],
    ['5 KB', 5 * KB, 5 * KB],
    ['5.1 KB', 5.1 * KB, 10 * KB],
    ['12 KB', 12 * KB, 15 * KB],
  ])('by Firehose in steps of 5 KB: %s', (_name, bytes, billed) => {
    expect(firehoseBytes(bytes)).toBe(billed);
  });

  it.each([
    ['1 byte', 1, 1],
    ['25 KB', 25 * KB, 1],
    ['a byte more', 25 * KB + 1, 2],
    ['60 KB', 60 * KB, 3],
  ])('by a provisioned stream in units of 25 KB: %s', (_name, bytes, units) => {
    expect(putUnits(bytes)).toBe(units);
  });

  it('by a stream on demand in steps of 1 KB: 4.5 KB as 5', () => {
    expect(onDemandBytes(4.5 * KB)).toBe(5 * KB);
  });
});

describe('Firehose', () => {
  it('takes in 100 records of 3 KB a second for $36.34 a month of 730 hours', () => {
    const { quantity, usd } = ingestionItem([records(100, 3 * KB)]);
    // 100 × 5 KB × 2,628,000 s / 1,048,576 KB
    expect(quantity).toBeCloseTo(1253.128, 3);
    expect(usd).toBeCloseTo(36.34, 2);
  });

  it('pays for ten snapshots of 700 bytes a second ten times what one pack of the ten costs', () => {
    const single = ingestionItem([records(10, 700)]).usd;
    const packed = ingestionItem([records(1, 1_200)]).usd;
    expect(single / packed).toBeCloseTo(10, 9);
  });
});

describe('a provisioned stream', () => {
  it('costs $10.95 a shard, and $0.014 per million put units', () => {
    const items = provisionedItems(use([records(8, 30 * KB)]), 2);
    expect(usdOf(items, 'shards')).toBeCloseTo(21.9, 9);
    // 8 records of two units a second
    expect(usdOf(items, 'put units')).toBeCloseTo((8 * 2 * MONTH * 0.014) / 1e6, 9);
    expect(usdOf(items, 'retention up to 7 days')).toBeUndefined();
  });

  it('costs $0.02 a shard-hour more from the 25th hour of retention on, and by the GB beyond 7 days', () => {
    const week = provisionedItems(use([records(1, KB)], 25), 3);
    expect(usdOf(week, 'retention up to 7 days')).toBeCloseTo(3 * 730 * 0.02, 9);
    expect(usdOf(week, 'retention beyond 7 days')).toBeUndefined();

    const month = provisionedItems(use([records(1, KB)], 730), 3);
    const kept = (KB * 3600 * (730 - 168)) / GB;
    expect(usdOf(month, 'retention beyond 7 days')).toBeCloseTo(kept * 0.023, 9);
  });

  it('is asked for its key every 5 minutes by each producer and by Firehose', () => {
    expect(usdOf(provisionedItems(use([records(1, KB)]), 1), 'encryption')).toBeCloseTo((2 * 8760 * 0.03) / 10_000, 9);
  });
});

describe('a stream on demand', () => {
  it('costs $29.20, $0.08 per rounded GB in and $0.04 per GB out', () => {
    const items = onDemandItems(use([records(1000, 1.5 * KB)]));
    expect(usdOf(items, 'stream on demand')).toBeCloseTo(29.2, 9);
    expect(usdOf(items, 'data in')).toBeCloseTo(((1000 * 2 * KB * MONTH) / GB) * 0.08, 6);
    expect(usdOf(items, 'data out')).toBeCloseTo(((1000 * 1.5 * KB * MONTH) / GB) * 0.04, 6);
  });

  it('costs by the GB what lies in it beyond 24 hours', () => {
    const items = onDemandItems(use([records(1, KB)], 48));
    expect(usdOf(items, 'retention up to 7 days')).toBeCloseTo(((KB * 3600 * 24) / GB) * 0.1, 12);
  });
});

describe('the shards needed', () => {
  it.each([
    ['nothing', 0, 0, 1],
    ['1 MB/s', 1024 * KB, 10, 1],
    ['a byte more', 1024 * KB + 1, 10, 2],
    ['1,001 records/s', 10, 1001, 2],
    ['2,560 records/s of 700 bytes', 2560 * 700, 2560, 3],
  ])('%s', (_name, bytes, perSecond, shards) => {
    expect(shardsNeeded(bytes, perSecond)).toBe(shards);
  });
});
