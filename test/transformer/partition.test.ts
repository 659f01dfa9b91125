import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseKey } from '../../transformer/lake.ts';
import { HOUR_MS, hourStart, PREFIX_EXPRESSION, partitionOf, partitionPath } from '../../transformer/partition.ts';
import { timestamp } from './arbitrary-rows.ts';

describe('the partition of an instant', () => {
  it.each([
    ['the last millisecond of an hour', '2024-05-06T07:59:59.999Z', 'orderbook/year=2024/month=05/day=06/hour=07/'],
    ['the first of the next', '2024-05-06T08:00:00.000Z', 'orderbook/year=2024/month=05/day=06/hour=08/'],
    ['the last of a day', '2024-05-06T23:59:59.999Z', 'orderbook/year=2024/month=05/day=06/hour=23/'],
    ['the last of a month', '2024-04-30T23:59:59.999Z', 'orderbook/year=2024/month=04/day=30/hour=23/'],
    ['the first of the next month', '2024-05-01T00:00:00.000Z', 'orderbook/year=2024/month=05/day=01/hour=00/'],
    ['the last of a year', '2024-12-31T23:59:59.999Z', 'orderbook/year=2024/month=12/day=31/hour=23/'],
    ['the first of the next year', '2025-01-01T00:00:00.000Z', 'orderbook/year=2025/month=01/day=01/hour=00/'],
    ['before a leap day', '2024-02-28T23:59:59.999Z', 'orderbook/year=2024/month=02/day=28/hour=23/'],
    ['the leap day’s first', '2024-02-29T00:00:00.000Z', 'orderbook/year=2024/month=02/day=29/hour=00/'],
    ['the leap day’s last', '2024-02-29T23:59:59.999Z', 'orderbook/year=2024/month=02/day=29/hour=23/'],
    ['after February of a common year', '2023-03-01T00:00:00.000Z', 'orderbook/year=2023/month=03/day=01/hour=00/'],
    ['no leap day in 2100', '2100-03-01T00:00:00.000Z', 'orderbook/year=2100/month=03/day=01/hour=00/'],
    ['the epoch', '1970-01-01T00:00:00.000Z', 'orderbook/year=1970/month=01/day=01/hour=00/'],
    ['the last of all', '9999-12-31T23:59:59.999Z', 'orderbook/year=9999/month=12/day=31/hour=23/'],
  ])('is right at %s', (_, instant, path) => {
    expect(partitionPath('order_book', partitionOf(Date.parse(instant)))).toBe(path);
  });

  it('is the UTC hour that holds the instant, whatever the instant', () => {
    fc.assert(
      fc.property(timestamp, (ms) => {
        const { year, month, day, hour } = partitionOf(ms);
        const begin = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour));
        expect(begin).toBe(hourStart(ms));
        expect(ms - begin).toBeGreaterThanOrEqual(0);
        expect(ms - begin).toBeLessThan(HOUR_MS);
      }),
    );
  });

  it('changes exactly at the hour, around every hour of a leap year', () => {
    for (let hour = Date.UTC(2024, 0, 1); hour <= Date.UTC(2025, 0, 1); hour += HOUR_MS) {
      expect(partitionOf(hour)).toEqual(partitionOf(hour + HOUR_MS - 1));
      expect(partitionOf(hour)).not.toEqual(partitionOf(hour - 1));
    }
  });

  it.each([-1, Date.UTC(10_000, 0, 1), Number.NaN, Number.MAX_SAFE_INTEGER])('is refused for %d', (ms) => {
    expect(() => partitionOf(ms)).toThrow(expect.objectContaining({ code: 'DL_ROW_INVALID' }));
  });
});

describe('the prefix of the delivery stream', () => {
  it('evaluates to a key that the lake places in its hour', () => {
    fc.assert(
      fc.property(timestamp, (ms) => {
        const keys: Record<string, string> = { table: 'feed_event', ...partitionOf(ms), batch: `${ms}-id-0` };
        const prefix = PREFIX_EXPRESSION.replace(
          /!\{partitionKeyFromLambda:(\w+)\}/g,
          (_, name: string) => keys[name]!,
        );
        expect(prefix).toBe(`${partitionPath('feed_event', partitionOf(ms))}${ms}-id-0-`);
        expect(parseKey(`${prefix}stream-1.avro`)).toEqual({
          table: 'feed_event',
          partition: partitionOf(ms),
          hourMs: hourStart(ms),
        });
      }),
    );
  });
});
