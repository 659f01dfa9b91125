import { describe, expect, test } from 'vitest';
import { BOOK_MODES, VENUES } from '../../../producer/config.ts';
import { venueOf } from '../../../producer/feed/venues.ts';
import { missing, readRecording } from '../recordings.ts';

const HOST = 'wss://stream.example.com:9443';
const us = venueOf('binance.us');

describe('the address of a connection', () => {
  test.each([
    ['depth20', 'btcusdt@depth20@100ms/ethusdt@depth20@100ms'],
    ['witness', 'btcusdt@depth20@100ms/btcusdt@depth@100ms/ethusdt@depth20@100ms/ethusdt@depth@100ms'],
    ['full', 'btcusdt@depth@100ms/ethusdt@depth@100ms'],
  ] as const)('of the book %s names the streams of each symbol', (book, streams) => {
    for (const host of [HOST, `${HOST}/`]) {
      expect(us.streamUrl(host, ['BTCUSDT', 'ETHUSDT'], book)).toBe(`${HOST}/stream?streams=${streams}`);
    }
  });

  test.each(VENUES.flatMap((name) => BOOK_MODES.map((book) => [name, book] as const)))(
    'of %s in the book %s fits 8 KB and 1,024 streams at the most symbols of 24 characters',
    (name, book) => {
      const venue = venueOf(name);
      const count = venue.symbolsAConnection(book);
      const symbols = Array.from({ length: count }, (_, i) => `${i}`.padStart(24, 'X'));

      const url = new URL(venue.streamUrl(HOST, symbols, book));

      const requestLine = `GET ${url.pathname}${url.search} HTTP/1.1\r\n`;
      expect(requestLine.length).toBeLessThan(8_192);
      expect(url.search.split('/').length).toBeLessThanOrEqual(1_024);
    },
  );
});

describe('the venues', () => {
  test('have hosts of their own, but for the local one', () => {
    expect(VENUES.map((name) => [venueOf(name).name, venueOf(name).hosts?.restUrl ?? null])).toEqual([
      ['binance.us', 'https://api.binance.us'],
      ['binance.com', 'https://api.binance.com'],
      ['local', null],
    ]);
  });

  test('state the weights of their requests and the budget of a minute', () => {
    const weights = VENUES.map((name) => {
      const venue = venueOf(name);
      return [venue.weightAMinute, venue.listing(), venue.time(), venue.book('A'), venue.bookId('A')].map((entry) =>
        typeof entry === 'number' ? entry : entry.weight,
      );
    });

    expect(weights).toEqual([
      [1_200, 10, 1, 50, 1],
      [6_000, 20, 1, 250, 5],
      [1_200, 10, 1, 50, 1],
    ]);
  });
});

describe('the REST answers', () => {
  const book = us.book('BTCUSDT');

  test('are asked for at the venue’s paths', () => {
    expect([us.listing(), us.time(), book, us.bookId('BTCUSDT')].map(({ path }) => path)).toEqual([
      '/api/v3/exchangeInfo',
      '/api/v3/time',
      '/api/v3/depth?symbol=BTCUSDT&limit=5000',
      '/api/v3/depth?symbol=BTCUSDT&limit=5',
    ]);
  });

  test('a book is read exactly, with the limit that was asked for', () => {
    const body = {
      lastUpdateId: 9,
      bids: [
        ['1.5', '2'],
        ['1.4', '90071992.54740993'],
      ],
      asks: [['1.6', '3']],
    };

    expect(book.read(body)).toEqual({
      lastUpdateId: 9,
      bids: [
        [150_000_000, 200_000_000],
        [140_000_000, 2n ** 53n + 1n],
      ],
      asks: [[160_000_000, 300_000_000]],
      limit: 5_000,
    });
    expect(us.bookId('BTCUSDT').read(body)).toBe(9);
  });

  test.each([
    ['nothing', null],
    ['an error', { code: -1121, msg: 'Invalid symbol.' }],
    ['a book without an id', { bids: [], asks: [] }],
    ['an id in text', { lastUpdateId: '9', bids: [], asks: [] }],
    ['a missing side', { lastUpdateId: 9, bids: [] }],
    [
      'bids that rise',
      {
        lastUpdateId: 9,
        bids: [
          ['1', '1'],
          ['2', '1'],
        ],
        asks: [],
      },
    ],
    ['a level of no quantity', { lastUpdateId: 9, bids: [['1', '0']], asks: [] }],
    ['more levels than asked for', { lastUpdateId: 9, bids: [], asks: rising(5_001) }],
  ])('%s is no book', (_, body) => {
    expect(book.read(body)).toBeNull();
  });

  test('a listing tells the symbols with their status, and the weight of a minute', () => {
    const limit = { rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit: 6_000 };
    const symbols = [{ symbol: 'BTCUSDT', status: 'TRADING', filters: [] }, null, 17, { symbol: 'X' }];
    const other = { ...limit, rateLimitType: 'RAW_REQUESTS', limit: 7 };

    expect(
      us.listing().read({ symbols, rateLimits: [null, other, { ...limit, intervalNum: 5, limit: 8 }, limit] }),
    ).toEqual({
      symbols: [{ symbol: 'BTCUSDT', status: 'TRADING' }],
      weightAMinute: 6_000,
    });
    expect(us.listing().read({ symbols: [] })).toEqual({ symbols: [], weightAMinute: null });
    expect(us.listing().read({})).toBeNull();
  });

  test('the venue’s time is milliseconds, or it is none', () => {
    expect(us.time().read({ serverTime: 1_700_000_000_000 })).toBe(1_700_000_000_000);
    expect(us.time().read({ serverTime: 'now' })).toBeNull();
  });
});

const absent = missing('binance-us-2021');

describe.skipIf(absent !== null)(`the recorded REST books ${absent ?? ''}`, () => {
  test('are read, each side in its order', () => {
    const lines = readRecording('binance-us-2021/us_20210405_10sym_lines.gz').split('\n');
    const bodies = lines
      .filter((line) => line.split(' ', 2)[1] === 'rest')
      .map((line) => line.slice(line.indexOf('{')));

    const books = bodies.map((body) => us.book('BTCUSD').read(JSON.parse(body)));

    expect(books.length).toBeGreaterThanOrEqual(10);
    expect(books.filter((read) => read === null || read.bids[0]![0] >= read.asks[0]![0])).toEqual([]);
  });
});

function rising(levels: number): string[][] {
  return Array.from({ length: levels }, (_, i) => [`${i + 1}`, '1']);
}
