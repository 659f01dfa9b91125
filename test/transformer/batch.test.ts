import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TABLES } from '../../producer/record.ts';
import { FILE_MAX_BYTES, transform } from '../../transformer/batch.ts';
import { BLOCK_BYTES } from '../../transformer/container-draft.ts';
import { CODECS } from '../../transformer/container-file.ts';
import { HOUR_MS, partitionOf } from '../../transformer/partition.ts';
import { book, DEFLATE, eventOf, filesOf, HOUR, happening, noise, pack, records, results } from './invocations.ts';

describe('one invocation', { timeout: 30_000 }, () => {
  it('answers every record once, and every row of every good pack is in exactly one file of its own hour', () => {
    fc.assert(
      fc.property(
        records,
        fc.constantFrom(...CODECS),
        fc.constantFrom(4000, 6000, FILE_MAX_BYTES),
        (given, codec, maxFileBytes) => {
          const transformation = transform(eventOf(...given.map((one) => one.record)), { codec, maxFileBytes });
          const { response, refused } = transformation;
          expect(response.records.map(({ recordId }) => recordId)).toEqual(given.map((one) => one.record.recordId));

          const failedIds = new Set(refused.map(({ recordId }) => recordId));
          const bad = given.filter(({ rows }) => rows.length === 0).map((one) => one.record.recordId);
          expect(bad.filter((id) => !failedIds.has(id))).toEqual([]);
          for (const { recordId, result } of response.records) {
            expect(result === 'ProcessingFailed').toBe(failedIds.has(recordId));
          }

          const files = filesOf(transformation);
          const delivered = files.flatMap(({ keys, file }) =>
            (file.rows as { timestamp_ms: number }[]).map((row) => {
              expect(TABLES[file.table!].folder).toBe(keys.table);
              expect(keys).toMatchObject(partitionOf(row.timestamp_ms));
              return { table: file.table, row };
            }),
          );
          const expected = given.filter((one) => !failedIds.has(one.record.recordId)).flatMap(({ rows }) => rows);
          const sorted = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).sort();
          expect(sorted(delivered)).toEqual(sorted(expected));

          for (const { bytes } of files) expect(bytes).toBeLessThanOrEqual(maxFileBytes);
          expect(new Set(files.map(({ keys }) => keys.batch)).size).toBe(files.length);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('makes one file of an hour’s packs, in the order of arrival, and drops the records that it does not ride on', () => {
    const event = eventOf(
      pack('a', [book(HOUR + 5, 1), book(HOUR + 3, 2)]),
      pack('b', [happening(HOUR, 1)]),
      pack('c', [book(HOUR + 9, 3)]),
      pack('d', [book(HOUR + HOUR_MS, 4)]),
    );
    const transformation = transform(event, DEFLATE);
    expect(results(transformation)).toEqual([
      ['a', 'Ok'],
      ['b', 'Ok'],
      ['c', 'Dropped'],
      ['d', 'Ok'],
    ]);
    const [first, second, third] = filesOf(transformation);
    expect((first!.file.rows as { seq: number }[]).map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(first!.keys).toEqual({
      table: 'orderbook',
      year: '2024',
      month: '02',
      day: '29',
      hour: '23',
      batch: `${HOUR + 3}-3c0a9c9e-0000-4000-8000-000000000000-0`,
    });
    expect(second!.keys).toMatchObject({ table: 'feed_event', batch: expect.stringMatching(/-1$/) });
    expect(third!.keys).toMatchObject({ month: '03', day: '01', hour: '00' });
    expect(transformation.response.records[2]).toEqual({
      recordId: 'c',
      result: 'Dropped',
      data: '',
      metadata: { partitionKeys: first!.keys },
    });
    expect(transformation.partitions).toEqual([
      { table: 'order_book', hourMs: HOUR },
      { table: 'feed_event', hourMs: HOUR },
      { table: 'order_book', hourMs: HOUR + HOUR_MS },
    ]);
  });

  it('names each file after its earliest row, whichever pack and place that came in', () => {
    const event = eventOf(
      pack('a', [book(HOUR + 50, 1), book(HOUR + 30, 2), book(HOUR + 40, 3)]),
      pack('b', [book(HOUR + 20, 4), book(HOUR + 10, 5)]),
      pack('c', [book(HOUR + 60, 6)]),
    );
    const [only, ...others] = filesOf(transform(event, DEFLATE));
    expect(others).toEqual([]);
    expect(only!.keys.batch).toMatch(new RegExp(`^${HOUR + 10}-`));
  });

  it.each(CODECS)('makes several files of whole packs where one would pass 1,000 KiB in codec %s', (codec) => {
    const packs = Array.from({ length: 40 }, (_, index) =>
      pack(`r${index}`, [happening(HOUR, 1, noise(50_000, index)), happening(HOUR, 2, noise(50_000, index + 100))]),
    );
    const transformation = transform(eventOf(...packs), { codec });
    const files = filesOf(transformation);
    expect(files.map(({ file }) => file.count).reduce((a, b) => a + b)).toBe(80);
    for (const { file, bytes } of files) {
      expect(bytes).toBeLessThanOrEqual(1_024_000);
      expect(file.count % 2).toBe(0);
    }
    // Only the last may have room for another pack.
    for (const { bytes } of files.slice(0, -1)) expect(bytes).toBeGreaterThan(1_024_000 - 101_000);
    expect(files.length).toBeGreaterThan(2);
    expect(transformation.partitions).toEqual([{ table: 'feed_event', hourMs: HOUR }]);
  });

  it('makes blocks of many small packs as large as those of one', () => {
    const packs = Array.from({ length: 300 }, (_, index) =>
      pack(`r${index}`, [happening(HOUR, index, noise(2000, 1))]),
    );
    const [only] = filesOf(transform(eventOf(...packs), DEFLATE));
    expect(only!.file.blocks).toBe(Math.ceil((300 * 2030) / BLOCK_BYTES));
  });

  it('keeps keys short and plain whatever the invocationId', () => {
    const event = { ...eventOf(pack('a', [book(HOUR, 1)])), invocationId: `../é${'x'.repeat(2000)}` };
    const { batch } = filesOf(transform(event, DEFLATE))[0]!.keys;
    expect(batch).toMatch(/^\d+-[A-Za-z0-9-]{100}-0$/);
  });

  it('answers no records with none', () => {
    expect(transform(eventOf(), DEFLATE)).toEqual({ response: { records: [] }, partitions: [], rows: 0, refused: [] });
  });
});
