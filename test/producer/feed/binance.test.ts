import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { VenueMessage } from '../../../producer/feed/venue.ts';
import { venueOf } from '../../../producer/feed/venues.ts';
import { missing, readRecording, recordingsIn } from '../recordings.ts';

const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'MANAUSD', 'ZILUSDT'];
const venue = venueOf('binance.us');
const read = venue.reader(SYMBOLS, 'depth20');
const readDiffs = venue.reader(SYMBOLS, 'full');

function frame(data: unknown, stream = 'btcusdt@depth20@100ms'): VenueMessage {
  return read(JSON.stringify({ stream, data }));
}

function diff(data: unknown, stream = 'btcusdt@depth@100ms'): VenueMessage {
  return readDiffs(JSON.stringify({ stream, data }));
}

/** A verdict in a word: the kind, and what a refusal is for. */
function verdict(message: VenueMessage): string {
  return message.kind === 'refused' ? `refused ${message.reason}` : message.kind;
}

/**
 * What each sample is to a reader that follows `<symbol>@depth20@100ms`. A frame of `ethusdt@depth20` is the stream of
 * one frame a second, another stream than the one asked for; so is the futures body under that name.
 */
const VERDICTS: Record<string, string> = {
  us_bookTicker: 'refused other_stream',
  us_diff_empty_asks: 'refused other_stream',
  us_diff_price_4_decimals: 'refused other_stream',
  us_diff_U_equals_u: 'refused other_stream',
  us_diff_U_lt_u: 'refused other_stream',
  us_diff_delete: 'refused other_stream',
  us_diff_price_8_decimals: 'refused other_stream',
  us_aggTrade: 'refused other_stream',
  us_diff_empty_bids: 'refused other_stream',
  us_diff_short_book: 'refused other_stream',
  us_rest_short_bids: 'refused no_symbol',
  us_kline: 'refused other_stream',
  com_diff_large: 'refused other_stream',
  com_diff_trimmed: 'refused other_stream',
  com_depth20_combined_trimmed: 'refused other_stream',
  futures_depth5_empty_bids: 'refused other_stream',
  usdm_depth20_wrong_shape: 'refused other_stream',
  com_rest_trimmed: 'refused no_symbol',
  com_diff_keys_reordered: 'refused foreign_shape',
  com_2017_three_element_level: 'refused foreign_shape',
  doc_serverShutdown_raw: 'shutdown_notice',
  doc_serverShutdown_combined: 'shutdown_notice',
  doc_subscribe_ack: 'acknowledged',
  doc_list_subscriptions: 'acknowledged',
  doc_get_property: 'acknowledged',
  doc_error_0: 'venue_error',
  doc_error_2: 'venue_error',
  doc_error_3: 'venue_error',
  doc_partial_depth: 'refused no_symbol',
  wire_error_wrapped: 'venue_error',
  authored_empty_asks: 'frame',
  authored_both_empty: 'frame',
};

const DIFF_SAMPLES = [
  'us_diff_empty_asks',
  'us_diff_price_4_decimals',
  'us_diff_U_equals_u',
  'us_diff_U_lt_u',
  'us_diff_delete',
  'us_diff_price_8_decimals',
  'us_diff_empty_bids',
  'us_diff_short_book',
  'com_diff_large',
  'com_diff_trimmed',
];

const absent = missing('messages');

describe.skipIf(absent !== null)(`the recorded messages ${absent ?? ''}`, () => {
  const samples: { id: string; raw: string }[] =
    absent === null
      ? readRecording('messages/edge_samples.jsonl')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line))
      : [];

  test('each gets its verdict', () => {
    expect(Object.fromEntries(samples.map(({ id, raw }) => [id, verdict(read(raw))]))).toEqual(VERDICTS);
  });

  test('each gets its verdict from a reader of all their diffs too', () => {
    const symbols = [...SYMBOLS, 'BTCUSD', 'BCHBTC', 'HNTUSD', 'BUSDUSD'];
    const reader = venue.reader(symbols, 'full');
    const diffs = samples.filter(({ id }) => DIFF_SAMPLES.includes(id));

    expect(diffs).toHaveLength(DIFF_SAMPLES.length);
    expect(diffs.map(({ raw }) => verdict(reader(raw)))).toEqual(diffs.map(() => 'diff'));
    for (const { id, raw } of samples.filter(({ id }) => !DIFF_SAMPLES.includes(id))) {
      expect([id, verdict(reader(raw))]).toEqual([id, VERDICTS[id]!.replace(/^frame$/, 'refused other_stream')]);
    }
  });

  test('a captured diff is read exactly', () => {
    const { raw } = samples.find(({ id }) => id === 'com_diff_trimmed')!;

    expect(readDiffs(raw)).toEqual({
      kind: 'diff',
      symbol: 'BTCUSDT',
      eventMs: 1_622_363_903_670,
      firstId: 11_294_093_710,
      lastId: 11_294_093_726,
      bids: [
        [3_574_398_000_000, 0],
        [3_574_387_000_000, 1_500],
      ],
      asks: [
        [3_574_388_000_000, 24_000_000],
        [3_574_397_000_000, 0],
      ],
    });
  });

  test('a diff of futures under the very stream name that is followed is of foreign shape', () => {
    const { raw } = samples.find(({ id }) => id === 'usdm_depth20_wrong_shape')!;

    expect(readDiffs(raw.replace('ethusdt@depth20', 'ethusdt@depth@100ms'))).toEqual({
      kind: 'refused',
      reason: 'foreign_shape',
      symbol: 'ETHUSDT',
    });
  });

  test('a futures body under the very stream name that is followed is of foreign shape', () => {
    const { raw } = samples.find(({ id }) => id === 'usdm_depth20_wrong_shape')!;

    expect(read(raw.replace('ethusdt@depth20', 'ethusdt@depth20@100ms'))).toEqual({
      kind: 'refused',
      reason: 'foreign_shape',
      symbol: 'ETHUSDT',
    });
  });

  test('the spot body of the slower stream is a frame under the stream name that is followed', () => {
    const { raw } = samples.find(({ id }) => id === 'com_depth20_combined_trimmed')!;

    expect(read(raw.replace('ethusdt@depth20', 'ethusdt@depth20@100ms'))).toEqual({
      kind: 'frame',
      symbol: 'ETHUSDT',
      lastUpdateId: 17_044_571_457,
      bids: [
        [178_200_000_000, 648_300_000],
        [178_195_000_000, 3_000_000],
      ],
      asks: [
        [178_201_000_000, 1_546_080_000],
        [178_202_000_000, 780_000],
      ],
    });
  });
});

describe('what is wrong with a frame is named', () => {
  const good = { lastUpdateId: 7, bids: [['1.5', '2']], asks: [['1.6', '3']] };

  test.each([
    ['not_json', 'hello'],
    ['not_json', ''],
    ['foreign_shape', '[]'],
    ['foreign_shape', 'null'],
    ['foreign_shape', '17'],
    ['foreign_shape', '{}'],
    ['other_stream', '{"stream":"dogeusdt@depth20@100ms","data":{}}'],
    ['other_stream', '{"stream":["btcusdt@depth20@100ms"],"data":{}}'],
    ['other_stream', '{"stream":{"toString":1,"valueOf":1},"data":{}}'],
    ['other_stream', '{"stream":null}'],
  ])('%s: %s', (reason, text) => {
    expect(read(text)).toEqual({ kind: 'refused', reason, symbol: null });
  });

  test.each([
    ['foreign_shape', 'no body', undefined],
    ['foreign_shape', 'an array', []],
    ['foreign_shape', 'a missing side', { lastUpdateId: 7, bids: [] }],
    ['foreign_shape', 'a futures body', { ...good, e: 'depthUpdate' }],
    ['foreign_shape', 'no id', { ...good, lastUpdateId: undefined }],
    ['foreign_shape', 'an id in text', { ...good, lastUpdateId: '7' }],
    ['foreign_shape', 'a side that is no list', { ...good, bids: {} }],
    ['foreign_shape', 'a level that is no pair', { ...good, bids: [['1', '2', []]] }],
    ['foreign_shape', 'a level that is no list', { ...good, bids: ['12'] }],
    ['foreign_shape', 'a price as a number', { ...good, bids: [[1, '2']] }],
    ['foreign_shape', 'a quantity as null', { ...good, asks: [['1', null]] }],
    ['bad_id', 'an id beyond 2^53', { ...good, lastUpdateId: 2 ** 53 }],
    ['bad_id', 'a fraction of an id', { ...good, lastUpdateId: 7.5 }],
    ['bad_id', 'an id below 0', { ...good, lastUpdateId: -1 }],
    ['bad_number', 'a sign', { ...good, bids: [['-1.5', '2']] }],
    ['bad_number', 'an exponent', { ...good, bids: [['1e3', '2']] }],
    ['bad_number', 'nine places', { ...good, asks: [['1.000000001', '2']] }],
    ['bad_number', 'no digits', { ...good, asks: [['1.6', '']] }],
    ['bad_number', 'a quantity of 0', { ...good, bids: [['1.5', '0.00000000']] }],
    ['bad_number', 'a price of 0', { ...good, bids: [['0', '1']] }],
    [
      'unsorted',
      'bids that rise',
      {
        ...good,
        bids: [
          ['1', '1'],
          ['2', '1'],
        ],
      },
    ],
    [
      'unsorted',
      'asks that fall',
      {
        ...good,
        asks: [
          ['3', '1'],
          ['2', '1'],
        ],
      },
    ],
    [
      'unsorted',
      'a price given twice',
      {
        ...good,
        bids: [
          ['1.50', '1'],
          ['1.5', '1'],
        ],
      },
    ],
    ['too_many_levels', '21 levels', { ...good, asks: Array.from({ length: 21 }, (_, i) => [`${i + 2}`, '1']) }],
  ])('%s: %s', (reason, _, body) => {
    expect(frame(body)).toEqual({ kind: 'refused', reason, symbol: 'BTCUSDT' });
  });

  test('fields that a venue adds are none of it', () => {
    expect(frame({ E: 1, ...good, depth: 20, meta: { a: [] } })).toEqual(frame(good));
    expect(frame(good)).toMatchObject({ kind: 'frame', lastUpdateId: 7 });
  });

  test('and a frame without a fault is read exactly', () => {
    const bids = [['90071992.54740993', '0.00000001']];

    expect(frame({ ...good, bids })).toMatchObject({ kind: 'frame', symbol: 'BTCUSDT', bids: [[2n ** 53n + 1n, 1]] });
  });
});

describe('what is wrong with a diff is named', () => {
  const good = { e: 'depthUpdate', E: 1, s: 'BTCUSDT', U: 5, u: 7, b: [['1.5', '2']], a: [['1.6', '0.00000000']] };

  test.each([
    ['foreign_shape', 'no body', undefined],
    ['foreign_shape', 'the last id before it, of futures', { ...good, pu: 4 }],
    ['foreign_shape', 'the transaction time of futures', { ...good, T: 1 }],
    ['foreign_shape', 'a body without its event time', { ...good, E: undefined }],
    ['foreign_shape', 'a body without its symbol', { ...good, s: undefined }],
    ['foreign_shape', 'a body without its last id', { ...good, u: undefined }],
    ['foreign_shape', 'a body without its asks', { ...good, a: undefined }],
    ['foreign_shape', 'a body without its first id', { ...good, U: undefined }],
    ['foreign_shape', 'another event', { ...good, e: 'trade' }],
    ['foreign_shape', 'a frame', { lastUpdateId: 7, bids: [], asks: [] }],
    ['foreign_shape', 'a side that is no list', { ...good, b: {} }],
    ['foreign_shape', 'an id in text', { ...good, u: '7' }],
    ['foreign_shape', 'a level of three parts', { ...good, a: [['1', '2', []]] }],
    ['other_stream', 'another symbol than its stream’s', { ...good, s: 'ETHUSDT' }],
    ['bad_id', 'a first id after the last', { ...good, U: 8 }],
    ['bad_id', 'an id beyond 2^53', { ...good, u: 2 ** 53 }],
    ['bad_id', 'an id below 0', { ...good, U: -1 }],
    ['bad_time', 'no event time', { ...good, E: 0 }],
    ['bad_time', 'an event time in text', { ...good, E: '1' }],
    ['bad_time', 'a fraction of a millisecond', { ...good, E: 1.5 }],
    ['bad_number', 'a price of 0', { ...good, b: [['0.0', '1']] }],
    ['bad_number', 'a sign', { ...good, a: [['1', '-1']] }],
  ])('%s: %s', (reason, _, body) => {
    expect(diff(body)).toEqual({ kind: 'refused', reason, symbol: 'BTCUSDT' });
  });

  test('fields that a venue adds are none of it', () => {
    expect(diff({ x: null, ...good, t: 3, meta: { pu: 4 } })).toEqual(diff(good));
    expect(diff(good)).toMatchObject({ kind: 'diff', firstId: 5, lastId: 7 });
  });

  test('levels in any order, deleted, given twice or by the thousand are no fault', () => {
    const b = [
      ['1.5', '2'],
      ['1.7', '0'],
      ['1.5', '0.00000000'],
      ...Array.from({ length: 1_500 }, (_, i) => [`1.${1_000 + i}`, '1']),
    ];

    const message = diff({ ...good, b });

    expect(message).toMatchObject({ kind: 'diff', firstId: 5, lastId: 7, eventMs: 1, asks: [[160_000_000, 0]] });
    if (message.kind !== 'diff') return;
    expect(message.bids.slice(0, 3)).toEqual([
      [150_000_000, 200_000_000],
      [170_000_000, 0],
      [150_000_000, 0],
    ]);
    expect(message.bids).toHaveLength(1_503);
  });
});

describe('a reader', () => {
  const frameBody = { lastUpdateId: 7, bids: [], asks: [] };
  const diffBody = { e: 'depthUpdate', E: 1, s: 'BTCUSDT', U: 5, u: 7, b: [], a: [] };

  test.each([
    ['depth20', 'frame', 'refused other_stream'],
    ['witness', 'frame', 'diff'],
    ['full', 'refused other_stream', 'diff'],
  ] as const)('of the book %s takes its own streams and no others', (book, ofFrame, ofDiff) => {
    const reader = venue.reader(SYMBOLS, book);
    const told = (stream: string, data: object) => verdict(reader(JSON.stringify({ stream, data })));

    expect(told('btcusdt@depth20@100ms', frameBody)).toBe(ofFrame);
    expect(told('btcusdt@depth@100ms', diffBody)).toBe(ofDiff);
  });

  test('takes no frame for a diff and no diff for a frame, whatever the stream’s name', () => {
    const reader = venue.reader(SYMBOLS, 'witness');

    expect(verdict(reader(JSON.stringify({ stream: 'btcusdt@depth@100ms', data: frameBody })))).toBe(
      'refused foreign_shape',
    );
    expect(verdict(reader(JSON.stringify({ stream: 'btcusdt@depth20@100ms', data: diffBody })))).toBe(
      'refused foreign_shape',
    );
  });
});

describe('no input makes the reader throw', () => {
  const kinds = ['frame', 'diff', 'acknowledged', 'venue_error', 'shutdown_notice', 'refused'];
  const name = fc.constantFrom(
    'stream',
    'data',
    'result',
    'error',
    'code',
    'msg',
    'e',
    'lastUpdateId',
    'toString',
    '__proto__',
  );
  const json = fc.letrec((tie) => ({
    value: fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.constant('btcusdt@depth20@100ms'), tie('object')),
    object: fc.dictionary(name, tie('value'), { maxKeys: 4 }),
  }));
  const side = fc.array(
    fc.array(fc.oneof(fc.string(), fc.constant('1.5'), fc.jsonValue({ maxDepth: 1 })), { maxLength: 3 }),
  );
  const number = fc.oneof(fc.nat(), fc.jsonValue({ maxDepth: 1 }));
  const diffBody = fc.record({
    e: fc.constant('depthUpdate'),
    E: number,
    s: fc.constant('BTCUSDT'),
    U: number,
    u: number,
    b: side,
    a: side,
  });
  const reader = venue.reader(SYMBOLS, 'witness');
  const body = fc.record({ lastUpdateId: fc.oneof(fc.nat(), fc.jsonValue()), bids: side, asks: side });

  test.each([
    ['text', fc.oneof(fc.string(), fc.json())],
    ['objects of known names', json.object.map((value) => JSON.stringify(value))],
    ['bodies', body.map((data) => JSON.stringify({ stream: 'btcusdt@depth20@100ms', data }))],
    ['diffs', diffBody.map((data) => JSON.stringify({ stream: 'btcusdt@depth@100ms', data }))],
  ])('%s', (_, texts) => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(kinds).toContain(reader(text).kind);
      }),
      { numRuns: 3_000 },
    );
  });
});

const noDiffs = missing('binance-us-2021');

describe.skipIf(noDiffs !== null)(`the recorded diffs ${noDiffs ?? ''}`, () => {
  test('are read without a refusal, and their ids join', () => {
    let diffs = 0;
    for (const file of recordingsIn('binance-us-2021')) {
      const texts = readRecording(file)
        .split('\n')
        .map((line) => line.slice(line.indexOf('{')))
        .filter((text) => text.includes('@depth@100ms"'));
      const symbols = [...new Set(texts.map((text) => text.slice(11, text.indexOf('@')).toUpperCase()))];
      const reader = venue.reader(symbols, 'full');
      const lastIds = new Map<string, number>();
      for (const text of texts) {
        const message = reader(text);
        if (message.kind !== 'diff') throw new Error(`${verdict(message)}: ${text}`);
        const { symbol, firstId, lastId } = message;
        expect(firstId).toBe((lastIds.get(symbol) ?? firstId - 1) + 1);
        lastIds.set(symbol, lastId);
        diffs += 1;
      }
    }
    expect(diffs).toBeGreaterThan(4_000);
  });
});
