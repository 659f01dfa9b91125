import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeLine, decodePack, encodeLine, type TableRow } from '../../producer/record.ts';
import { bookRow, eventRow } from './samples.ts';

const long = fc.maxSafeInteger().map((n) => n + 0);
const double = fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0);
const text = fc.string({ unit: 'binary' });
const pairs = fc.array(fc.array(double, { minLength: 2, maxLength: 2 }), { maxLength: 20 });
const orNull = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });

const anyBook = fc.record({
  timestamp_ms: long,
  bids: pairs,
  asks: pairs,
  spread: double,
  mid_price: double,
  imbalance_ratio: double,
  venue: text,
  symbol: text,
  last_update_id: long,
  received_ms: long,
  session_id: text,
  seq: long,
  bid_levels_covered: fc.integer(),
  ask_levels_covered: fc.integer(),
  bid_reach: double,
  ask_reach: double,
  verified: orNull(fc.boolean()),
  top_bids: orNull(pairs),
  top_asks: orNull(pairs),
});

const anyEvent = fc.record({
  timestamp_ms: long,
  venue: text,
  symbol: orNull(text),
  session_id: text,
  seq: long,
  kind: text,
  from_ms: orNull(long),
  to_ms: orNull(long),
  missed_updates: orNull(long),
  last_seq: orNull(long),
  detail: orNull(text),
});

const anyRow: fc.Arbitrary<TableRow> = fc.oneof(
  anyBook.map((row) => ({ table: 'order_book' as const, row })),
  anyEvent.map((row) => ({ table: 'feed_event' as const, row })),
);

/** The fields of a row's line, changed. */
function changed(row: TableRow, change: Record<string, unknown>): string {
  return JSON.stringify({ ...JSON.parse(encodeLine(row)), ...change });
}

const book = bookRow('BTCUSDT', 1, 1_700_000_000_000);
const event = eventRow(null, 1, 1_700_000_000_000);
const invalid = (words: string) => expect.objectContaining({ code: 'DL_ROW_INVALID', message: words });

describe('a line', () => {
  test('gives back the row it was made of, and has no line feed', () => {
    fc.assert(
      fc.property(anyRow, (row) => {
        const line = encodeLine(row);

        expect(line).not.toContain('\n');
        // Through bytes, as on the stream: a lone surrogate would not survive unescaped.
        expect(decodeLine(Buffer.from(line, 'utf8').toString('utf8'))).toEqual(row);
      }),
      { numRuns: 500 },
    );
  });

  test('names its table', () => {
    expect(JSON.parse(encodeLine(book)).type).toBe('order_book');
    expect(JSON.parse(encodeLine(event)).type).toBe('feed_event');
  });

  test('may leave out what may be null', () => {
    const { from_ms, detail, symbol, ...rest } = JSON.parse(encodeLine(event));

    expect(decodeLine(JSON.stringify(rest))).toEqual(event);
  });

  test.each(['timestamp_ms', 'bids', 'mid_price', 'venue', 'symbol', 'session_id', 'seq', 'bid_reach'])(
    'without %s is no row',
    (field) => {
      expect(() => decodeLine(changed(book, { [field]: undefined }))).toThrow(
        invalid(`a row of order_book lacks ${field}`),
      );
    },
  );

  test.each(['surprise', '__proto__', 'constructor'])(
    'with an unknown field %s is refused: it would be lost',
    (name) => {
      const line = encodeLine(event).replace(/\}$/, `,"${name}":{"a":1}}`);

      expect(() => decodeLine(line)).toThrow(invalid(`feed_event has no field ${name}`));
    },
  );

  test.each([
    ['timestamp_ms', '1700000000000'],
    ['timestamp_ms', 1.5],
    ['timestamp_ms', null],
    ['seq', 2 ** 53],
    ['seq', -(2 ** 53)],
    ['bid_levels_covered', 2 ** 31],
    ['bid_levels_covered', 1.5],
    ['mid_price', '100'],
    ['mid_price', null],
    ['venue', 7],
    ['symbol', null],
    ['verified', 'true'],
    ['verified', 0],
    ['bids', null],
    ['bids', [1, 2]],
    ['bids', [['1', 2]]],
    ['bids', [[1, null]]],
    ['top_bids', {}],
  ])('whose %s is %j is no row', (field, value) => {
    expect(() => decodeLine(changed(book, { [field]: value }))).toThrow(
      invalid(`order_book.${field} is ${JSON.stringify(value)}`),
    );
  });

  test('takes integers up to 2^53 − 1 and no further, however they are written', () => {
    const line = (seq: string) => encodeLine(book).replace('"seq":1', `"seq":${seq}`);

    expect(decodeLine(line('9007199254740991')).row.seq).toBe(Number.MAX_SAFE_INTEGER);
    expect(decodeLine(line('1e3')).row.seq).toBe(1_000);
    for (const seq of ['9007199254740992', '9007199254740993', '1e300', '1e999']) {
      expect(() => decodeLine(line(seq))).toThrow(expect.objectContaining({ code: 'DL_ROW_INVALID' }));
    }
  });

  test.each(['', 'hello', '{', '[]', 'null', '17', '"order_book"'])('%j is no row', (line) => {
    expect(() => decodeLine(line)).toThrow(expect.objectContaining({ code: 'DL_ROW_INVALID' }));
  });

  test.each([undefined, null, 'coverages', 'toString', 7, ['order_book']])('of type %j is no row', (type) => {
    expect(() => decodeLine(changed(book, { type }))).toThrow(/not one of order_book,feed_event/);
  });

  test('of anything at all gives a row or DL_ROW_INVALID', () => {
    const anything = fc.oneof(
      fc.string(),
      fc.json(),
      fc.object().map((o) => changed(event, o)),
    );
    fc.assert(
      fc.property(anything, (line) => {
        try {
          decodeLine(line);
        } catch (error) {
          expect(error).toMatchObject({ code: 'DL_ROW_INVALID' });
        }
      }),
    );
  });
});

describe('a pack', () => {
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['line feeds alone', Buffer.from('\n\n')],
    ['bytes that are no UTF-8', Buffer.from([0xff, 0xfe, 0x00])],
    ['gzip that breaks off', gzipSync(encodeLine(book)).subarray(0, 30)],
    ['gzip of nothing', gzipSync('')],
    ['more than 16 MiB once inflated', gzipSync(Buffer.alloc(17 * 1024 * 1024, 32))],
  ])('of %s is refused', (_, bytes) => {
    expect(() => decodePack(bytes)).toThrow(expect.objectContaining({ code: 'DL_PACK_INVALID' }));
  });

  test('with one bad line is refused whole', () => {
    const bytes = Buffer.from(`${encodeLine(book)}\nnonsense`);

    expect(() => decodePack(bytes)).toThrow(expect.objectContaining({ code: 'DL_ROW_INVALID' }));
  });
});
