import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeLine, encodePack, TABLES, type TableRow } from '../../producer/record.ts';
import { FILE_MAX_BYTES, type Transformation, transform } from '../../transformer/batch.ts';
import { BLOCK_BYTES } from '../../transformer/container-draft.ts';
import { CODECS, type ContainerFile, readContainerFile } from '../../transformer/container-file.ts';
import type { FirehoseEvent, FirehoseRecord } from '../../transformer/firehose-event.ts';
import { HOUR_MS, partitionOf } from '../../transformer/partition.ts';
import { feedEventAt, orderBookAt } from './arbitrary-rows.ts';

const HOUR = Date.UTC(2024, 1, 29, 23);
const DEFLATE = { codec: 'deflate' } as const;
const plain = <V>(value: V): V => JSON.parse(JSON.stringify(value)) as V;

function book(timestampMs: number, seq: number, more = {}): TableRow {
  return { table: 'order_book', row: orderBookAt(timestampMs, seq, more) };
}

function happening(timestampMs: number, seq: number, detail: string | null = null): TableRow {
  return { table: 'feed_event', row: feedEventAt(timestampMs, seq, { detail }) };
}

function pack(recordId: string, rows: readonly TableRow[]): FirehoseRecord {
  return { recordId, data: encodePack(rows.map(encodeLine)).toString('base64') };
}

function eventOf(...records: FirehoseRecord[]): FirehoseEvent {
  return { invocationId: '3c0a9c9e-0000-4000-8000-000000000000', records };
}

/** Text that no codec makes shorter. */
function noise(bytes: number, seed: number): string {
  let state = seed + 1;
  return Array.from({ length: bytes }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return String.fromCharCode(35 + ((state >>> 16) % 57));
  }).join('');
}

function filesOf({
  response,
}: Transformation): { recordId: string; keys: Record<string, string>; file: ContainerFile; bytes: number }[] {
  return response.records
    .filter(({ result }) => result === 'Ok')
    .map(({ recordId, data, metadata }) => {
      const bytes = Buffer.from(data!, 'base64');
      return { recordId, keys: metadata!.partitionKeys, file: readContainerFile(bytes), bytes: bytes.length };
    });
}

const results = ({ response }: Transformation) => response.records.map(({ recordId, result }) => [recordId, result]);

/** A good pack, a mixed one, or no pack at all. */
const record = (recordId: string): fc.Arbitrary<{ record: FirehoseRecord; rows: TableRow[] }> =>
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .record({
          book: fc.boolean(),
          hour: fc.integer({ min: 0, max: 2 }),
          offsets: fc.array(fc.nat(HOUR_MS - 1), { minLength: 1, maxLength: 30 }),
        })
        .map(({ book: isBook, hour, offsets }) => {
          const rows = offsets.map((offset, index) => {
            const at = HOUR + hour * HOUR_MS + offset;
            return isBook ? book(at, index + 1, { session_id: recordId }) : happening(at, index + 1, recordId);
          });
          return { record: pack(recordId, rows), rows };
        }),
    },
    {
      weight: 1,
      arbitrary: fc.constant({ record: pack(recordId, [book(HOUR, 1), happening(HOUR, 1)]), rows: [] as TableRow[] }),
    },
    {
      weight: 1,
      arbitrary: fc.constant({
        record: pack(recordId, [book(HOUR, 1), book(HOUR + HOUR_MS, 2)]),
        rows: [] as TableRow[],
      }),
    },
    {
      weight: 1,
      arbitrary: fc
        .base64String()
        .filter((data) => data !== '')
        .map((data) => ({ record: { recordId, data: `AA${data}` }, rows: [] as TableRow[] })),
    },
  );

const records = fc
  .uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { maxLength: 25 })
  .chain((ids) => fc.tuple(...ids.map(record)));

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
      batch: `${HOUR + 5}-3c0a9c9e-0000-4000-8000-000000000000-0`,
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

  it('answers a record that comes twice once', () => {
    const twice = pack('a', [book(HOUR, 1)]);
    const transformation = transform(eventOf(twice, pack('b', [book(HOUR, 2)]), twice), DEFLATE);
    expect(results(transformation)).toEqual([
      ['a', 'Ok'],
      ['b', 'Dropped'],
    ]);
    expect(filesOf(transformation)[0]!.file.count).toBe(2);
  });

  it('refuses an id that comes twice with other data, for one answer would lose the other’s rows', () => {
    const event = eventOf(pack('a', [book(HOUR, 1)]), pack('a', [book(HOUR, 2)]), pack('b', [book(HOUR, 3)]));
    const transformation = transform(event, DEFLATE);
    expect(results(transformation)).toEqual([
      ['a', 'ProcessingFailed'],
      ['b', 'Ok'],
    ]);
    expect(transformation.refused[0]!.reason).toBe('its recordId comes twice, with other data');
  });

  it.each([
    ['no data', undefined as unknown as string, 'DL_PACK_INVALID', 'it has no data'],
    ['an empty record', '', 'DL_PACK_INVALID', 'a pack holds no rows'],
    ['a broken gzip', Buffer.from([0x1f, 0x8b, 0, 0]).toString('base64'), 'DL_PACK_INVALID', 'a pack does not decode'],
    ['no JSON', Buffer.from('hello').toString('base64'), 'DL_ROW_INVALID', 'a line is not JSON'],
    ['an unknown table', Buffer.from('{"type":"trade"}').toString('base64'), 'DL_ROW_INVALID', '"trade"'],
    ['a time before 1970', pack('', [book(-1, 1)]).data, 'DL_ROW_INVALID', 'timestamp_ms -3600000 lies outside'],
    ['mixed tables', pack('', [book(HOUR, 1), happening(HOUR, 1)]).data, 'DL_PACK_INVALID', 'a pack mixes the tables'],
    ['mixed hours', pack('', [book(HOUR, 1), book(HOUR - 1, 1)]).data, 'DL_PACK_INVALID', 'a pack mixes the hours'],
    [
      'rows above 1,000 KiB',
      pack('', [happening(HOUR, 1, noise(1_500_000, 1))]).data,
      'DL_PACK_INVALID',
      'the rows of one pack make a container file above 1024000 bytes in codec deflate',
    ],
  ])('refuses %s, gives the original back, and delivers the rest', (_, data, code, reason) => {
    const transformation = transform(eventOf({ recordId: 'bad', data }, pack('good', [book(HOUR, 1)])), DEFLATE);
    expect(results(transformation)).toEqual([
      ['bad', 'ProcessingFailed'],
      ['good', 'Ok'],
    ]);
    expect(transformation.response.records[0]!.data).toBe(data);
    expect(transformation.refused).toEqual([{ recordId: 'bad', code, reason: expect.stringContaining(reason) }]);
  });

  it('survives a pack that inflates to megabytes, many times over', () => {
    const bomb = pack('', [happening(HOUR, 1, ' '.repeat(12 << 20))]).data;
    const event = eventOf(...Array.from({ length: 20 }, (_, index) => ({ recordId: `r${index}`, data: bomb })));
    const { refused } = transform(event, { codec: 'null' });
    expect(refused).toHaveLength(20);
  });

  it('keeps keys short and plain whatever the invocationId', () => {
    const event = { ...eventOf(pack('a', [book(HOUR, 1)])), invocationId: `../é${'x'.repeat(2000)}` };
    const { batch } = filesOf(transform(event, DEFLATE))[0]!.keys;
    expect(batch).toMatch(/^\d+-[A-Za-z0-9-]{100}-0$/);
  });

  it('answers no records with none', () => {
    expect(transform(eventOf(), DEFLATE)).toEqual({ response: { records: [] }, partitions: [], refused: [] });
  });
});

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

describe('a pack of 300 KiB of lines', { timeout: 30_000 }, () => {
  const fill = (row: (seq: number) => TableRow): TableRow[] => {
    const rows: TableRow[] = [];
    for (let bytes = -1; ; ) {
      const next = row(rows.length + 1);
      bytes += Buffer.byteLength(encodeLine(next)) + 1;
      if (bytes > 300 * 1024) return rows;
      rows.push(next);
    }
  };
  const copies = (row: TableRow): TableRow[] =>
    Array.from({ length: Math.floor((300 * 1024 + 1) / (Buffer.byteLength(encodeLine(row)) + 1)) }, () => row);
  const zeros = (pairs: number) => Array.from({ length: pairs }, () => [0, 0]);
  const raw = (seq: number) =>
    Array.from({ length: 20 }, (_, index) => [63_000.12345678 + index + seq / 1e8, 0.00001 * (index + seq)]);
  const bare = {
    spread: 0,
    mid_price: 0,
    imbalance_ratio: 0,
    venue: '',
    symbol: '',
    session_id: '',
    bid_reach: 0,
    ask_reach: 0,
  };
  const kinds: [string, (seq: number) => TableRow][] = [
    [
      'zeros in all arrays',
      () =>
        book(HOUR, 0, {
          ...bare,
          received_ms: 0,
          bids: zeros(5),
          asks: zeros(5),
          top_bids: zeros(20),
          top_asks: zeros(20),
        }),
    ],
    ['zeros in the five levels', () => book(HOUR, 0, { ...bare, received_ms: 0, bids: zeros(5), asks: zeros(5) })],
    [
      'raw levels',
      (seq) =>
        book(HOUR + seq, seq, {
          bids: raw(seq).slice(0, 5),
          asks: raw(seq).slice(0, 5),
          top_bids: raw(seq),
          top_asks: raw(seq),
        }),
    ],
    ['feed events', (seq) => happening(HOUR + seq, seq)],
    ['feed events of noise', (seq) => happening(HOUR + seq, seq, noise(1000, seq))],
    ['one row of thousands of pairs of zeros', () => book(HOUR, 0, { bids: zeros(51_000), asks: [] })],
  ];

  it.each(CODECS.flatMap((codec) => kinds.map(([kind, row]) => ({ codec, kind, row }))))(
    'fits one container file below 1,000 KiB: $kind in codec $codec',
    ({ codec, row }) => {
      const rows = fill(row);
      const [only] = filesOf(transform(eventOf(pack('a', rows)), { codec }));
      expect(only!.bytes).toBeLessThan(1_024_000);
      expect(plain(only!.file.rows)).toEqual(rows.map((one) => one.row));
    },
  );

  it('fits one container file below 1,000 KiB in every codec, whatever the snapshots', () => {
    const value = fc.oneof(
      fc.constant(0),
      fc.integer({ min: 0, max: 9 }),
      fc.double({ min: 0, max: 1e12, noNaN: true }),
    );
    const pairs = (most: number) =>
      fc.array(
        fc.tuple(value, value).map((pair) => [...pair]),
        { maxLength: most },
      );
    const shapes = fc.record({
      bids: pairs(5),
      asks: pairs(5),
      top_bids: fc.option(pairs(20)),
      top_asks: fc.option(pairs(20)),
      last_update_id: fc.maxSafeInteger(),
      symbol: fc.string({ maxLength: 12 }),
    });
    fc.assert(
      fc.property(shapes, fc.constantFrom(...CODECS), (shape, codec) => {
        const { response, refused } = transform(eventOf(pack('a', copies(book(HOUR, 0, { ...bare, ...shape })))), {
          codec,
        });
        expect(refused).toEqual([]);
        expect(Buffer.from(response.records[0]!.data!, 'base64').length).toBeLessThan(1_024_000);
      }),
      { numRuns: 40 },
    );
  });

  it('need not fit where arrays hold no pairs: that is refused, not delivered too large', () => {
    const row = book(HOUR, 0, { bids: [Array.from({ length: 150_000 }, () => 0)] });
    expect(Buffer.byteLength(encodeLine(row))).toBeLessThan(307_200);
    const { refused } = transform(eventOf(pack('a', [row])), { codec: 'null' });
    expect(refused).toMatchObject([{ recordId: 'a', code: 'DL_PACK_INVALID' }]);
  });
});
