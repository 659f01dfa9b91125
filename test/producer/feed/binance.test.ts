import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { combinedStreamUrl, depth20Reader, depth20Stream, type VenueMessage } from '../../../producer/feed/binance.ts';
import { missing, readRecording } from '../recordings.ts';

const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'MANAUSD', 'ZILUSDT'];
const read = depth20Reader(SYMBOLS);

function frame(data: unknown, stream = 'btcusdt@depth20@100ms'): VenueMessage {
  return read(JSON.stringify({ stream, data }));
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
    ['foreign_shape', 'another field', { ...good, E: 1 }],
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

  test('and a frame without a fault is read exactly', () => {
    const bids = [['90071992.54740993', '0.00000001']];

    expect(frame({ ...good, bids })).toMatchObject({ kind: 'frame', symbol: 'BTCUSDT', bids: [[2n ** 53n + 1n, 1]] });
  });
});

describe('no input makes the reader throw', () => {
  const kinds = ['frame', 'acknowledged', 'venue_error', 'shutdown_notice', 'refused'];
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
  const body = fc.record({ lastUpdateId: fc.oneof(fc.nat(), fc.jsonValue()), bids: side, asks: side });

  test.each([
    ['text', fc.oneof(fc.string(), fc.json())],
    ['objects of known names', json.object.map((value) => JSON.stringify(value))],
    ['bodies', body.map((data) => JSON.stringify({ stream: 'btcusdt@depth20@100ms', data }))],
  ])('%s', (_, texts) => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(kinds).toContain(read(text).kind);
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('stream names', () => {
  test('are of one frame each 100 ms, joined to one address', () => {
    expect(depth20Stream('BTCUSDT')).toBe('btcusdt@depth20@100ms');
    for (const host of ['wss://host:9443', 'wss://host:9443/']) {
      expect(combinedStreamUrl(host, ['BTCUSDT', 'ETHUSDT'])).toBe(
        'wss://host:9443/stream?streams=btcusdt@depth20@100ms/ethusdt@depth20@100ms',
      );
    }
  });
});
