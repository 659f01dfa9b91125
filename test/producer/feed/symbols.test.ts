import { describe, expect, test } from 'vitest';
import { firstSymbols, type SymbolChange, selectSymbols, symbolChanges } from '../../../producer/feed/symbols.ts';
import type { Listing } from '../../../producer/feed/venue.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { type Logged, logInto } from './small-venue.ts';

const WHOLE = { index: 1, count: 1 };
const HOUR_MS = 3_600_000;

/** A listing of symbols that trade, or of `NAME:STATUS`. */
function listingOf(...names: readonly string[]): Listing {
  const symbols = names.map((name) => {
    const [symbol, status = 'TRADING'] = name.split(':');
    return { symbol: symbol!, status };
  });
  return { symbols, weightAMinute: null };
}

const LISTING = listingOf('BTCUSDT', 'ETHUSDT', 'BTCUSD', 'BTCUSD4:BREAK', 'ETHBTC');

describe('the choice of symbols', () => {
  test.each([
    [
      ['ETHUSDT', 'BTCUSDT'],
      ['ETHUSDT', 'BTCUSDT'],
    ],
    [['*'], ['BTCUSDT', 'ETHUSDT', 'BTCUSD', 'ETHBTC']],
    [['BTC*'], ['BTCUSDT', 'BTCUSD']],
    [['*BTC'], ['ETHBTC']],
    [
      ['*USD*', 'ETHUSDT'],
      ['BTCUSDT', 'ETHUSDT', 'BTCUSD'],
    ],
    [
      ['ETHUSDT', 'BTC*'],
      ['ETHUSDT', 'BTCUSDT', 'BTCUSD'],
    ],
    [['B*C*S*T'], ['BTCUSDT']],
    [['***BTCUSDT***'], ['BTCUSDT']],
  ])('%j takes %j: those that trade, each once', (patterns, symbols) => {
    expect(selectSymbols(patterns, LISTING, WHOLE, 'binance.us')).toEqual({ symbols, unlisted: [], notTrading: [] });
  });

  test('what the venue does not list is told apart from what it lists and does not trade, which has a status', () => {
    const listing = listingOf('BTCUSDT', 'BTCUSD4:BREAK', 'ETHUSDT:BREAK', 'ETHBTC:HALT', 'ETHUSD:BREAK');
    const patterns = ['BTCUSDT', 'NOSUCH', 'BTCUSD4', 'BTC*', 'DOGE*', 'ETH*'];
    expect(selectSymbols(patterns, listing, WHOLE, 'binance.us')).toEqual({
      symbols: ['BTCUSDT'],
      unlisted: ['NOSUCH', 'DOGE*'],
      notTrading: [
        { name: 'BTCUSD4', status: 'BREAK' },
        { name: 'ETH*', status: 'BREAK, HALT' },
      ],
    });
  });

  test('shards part the chosen symbols between them', () => {
    const listing = listingOf(...Array.from({ length: 40 }, (_, i) => `S${i}`));
    const part = (index: number) => selectSymbols(['*'], listing, { index, count: 3 }, 'binance.us').symbols;

    const parts = [part(1), part(2), part(3)];
    expect(parts.every((symbols) => symbols.length > 0)).toBe(true);
    expect(parts.flat().sort()).toEqual(listing.symbols.map(({ symbol }) => symbol).sort());
  });

  test('at the start a symbol that does not trade is left out where another one trades', () => {
    expect(firstSymbols(['BTCUSD4', 'BTCUSDT'], LISTING, WHOLE, 'binance.us')).toEqual({
      symbols: ['BTCUSDT'],
      notTrading: [{ name: 'BTCUSD4', status: 'BREAK' }],
    });
  });

  test.each([
    [['BTCUSD4'], 'does not trade BTCUSD4 (status BREAK)'],
    [['BTCUSD4', '*4'], 'does not trade BTCUSD4 (status BREAK), *4 (status BREAK)'],
    [['BTCUSDT', 'NOSUCH', 'X*'], 'does not list NOSUCH, X*'],
    [['BTCUSDT', 'NOSUCH', 'BTCUSD4'], 'does not list NOSUCH'],
    [['BTCUSD4', 'NOSUCH'], 'does not list NOSUCH and does not trade BTCUSD4 (status BREAK)'],
  ])('at the start %j is an error that names each: the venue %s', (patterns, words) => {
    expect(() => firstSymbols(patterns, LISTING, WHOLE, 'binance.us')).toThrow(
      expect.objectContaining({ code: 'DL_SYMBOL_UNKNOWN', message: `binance.us ${words}; it lists 5 symbols` }),
    );
  });

  test('a shard speaks of its own symbols alone: one does not trade there, the other shard knows nothing of it', () => {
    const listing = listingOf('BTCUSDT', 'ETHUSDT:BREAK');
    const shards = [1, 2, 3, 4].map((index) => ({ index, count: 4 }));
    const told = shards.map((shard) => selectSymbols(['BTCUSDT', 'ETHUSDT'], listing, shard, 'binance.us'));

    expect(told.flatMap(({ notTrading }) => notTrading)).toEqual([{ name: 'ETHUSDT', status: 'BREAK' }]);
    const alone = shards[told.findIndex(({ symbols, notTrading }) => symbols.length === 0 && notTrading.length > 0)]!;
    expect(() => firstSymbols(['BTCUSDT', 'ETHUSDT'], listing, alone, 'binance.us')).toThrow(
      'binance.us does not trade ETHUSDT (status BREAK); it lists 2 symbols',
    );
  });

  test('at the start a shard without symbols is an error of the settings', () => {
    const shards = [1, 2].map((index) => ({ index, count: 2 }));
    const [empty] = shards.filter(
      (shard) => selectSymbols(['BTCUSDT'], LISTING, shard, 'binance.us').symbols.length === 0,
    );

    expect(() => firstSymbols(['BTCUSDT'], LISTING, empty!, 'binance.us')).toThrow(
      expect.objectContaining({
        code: 'DL_SETTINGS',
        message: `--shard ${empty!.index}/2: none of the symbols chosen belongs to this shard`,
      }),
    );
  });

  test('at the start the symbols are those chosen', () => {
    expect(firstSymbols(['BTC*'], LISTING, WHOLE, 'binance.us').symbols).toEqual(['BTCUSDT', 'BTCUSD']);
  });
});

/** Watches a venue whose listing is what `now` says at each reading; an error is thrown. */
function watching(now: { listing: Listing | Error }, symbols: readonly string[], patterns = ['*'], random = () => 0.5) {
  const clock = new VirtualClock();
  const readAtMs: number[] = [];
  const changes: SymbolChange[] = [];
  const log: Logged[] = [];
  const subscription = symbolChanges({
    patterns,
    shard: WHOLE,
    venueName: 'binance.us',
    symbols,
    listing: async () => {
      readAtMs.push(clock.now());
      if (now.listing instanceof Error) throw now.listing;
      return now.listing;
    },
    scheduler: clock,
    random,
    log: logInto(log),
  }).subscribe((change) => changes.push(change));
  return { clock, readAtMs, changes, log, subscription };
}

describe('the watch over the listing', () => {
  test('listings and delistings are told at the next hour, once', async () => {
    const now = { listing: listingOf('A', 'B', 'C') };
    const { clock, changes } = watching(now, ['A', 'B', 'C']);
    await clock.advance(HOUR_MS);
    expect(changes).toEqual([]);

    now.listing = listingOf('N', 'A', 'B:BREAK', 'C');
    await clock.advance(3 * HOUR_MS);
    expect(changes).toEqual([{ symbols: ['A', 'C', 'N'], listed: ['N'], delisted: ['B'], atMs: 2 * HOUR_MS }]);
  });

  test('a name given explicitly is delisted when it stops trading, and listed when it trades again', async () => {
    const now = { listing: listingOf('A', 'B', 'C', 'D:BREAK', 'E') };
    const { clock, changes } = watching(now, ['A', 'B', 'C', 'D'], ['A', 'B', 'C', 'D']);
    await clock.advance(HOUR_MS);
    now.listing = listingOf('A', 'B', 'C', 'D', 'E');
    await clock.advance(HOUR_MS);

    expect(changes).toEqual([
      { symbols: ['A', 'B', 'C'], listed: [], delisted: ['D'], atMs: HOUR_MS },
      { symbols: ['A', 'B', 'C', 'D'], listed: ['D'], delisted: [], atMs: 2 * HOUR_MS },
    ]);
  });

  test.each([
    [0, 0.9 * HOUR_MS],
    [0.75, 1.05 * HOUR_MS],
  ])('producers do not read together: with a draw of %d it is after %d ms', async (draw, atMs) => {
    const { clock, readAtMs } = watching({ listing: listingOf('A') }, ['A'], ['*'], () => draw);
    await clock.advance(1.5 * HOUR_MS);
    expect(readAtMs).toEqual([atMs]);
  });

  test('a reading that fails is tried again every 5 min, and told once until it succeeds', async () => {
    const now: { listing: Listing | Error } = { listing: new Error('HTTP 500') };
    const { clock, readAtMs, changes, log } = watching(now, ['A']);
    await clock.advance(HOUR_MS + 600_000);
    now.listing = listingOf('A', 'B');
    await clock.advance(HOUR_MS + 300_000);

    const minutes = readAtMs.map((ms) => ms / 60_000);
    expect(minutes).toEqual([60, 65, 70, 75, 135]);
    expect(changes.map(({ listed }) => listed)).toEqual([['B']]);
    expect(log).toEqual([
      { level: 'warn', event: 'listing_failed', fields: { reason: 'HTTP 500' } },
      { level: 'info', event: 'listing_recovered', fields: {} },
    ]);
  });

  test('a listing without more than half of the symbols is not believed, unless the next one says so too', async () => {
    const now = { listing: listingOf('A') };
    const { clock, readAtMs, changes, log } = watching(now, ['A', 'B', 'C']);
    await clock.advance(HOUR_MS);
    expect(changes).toEqual([]);
    expect(log).toEqual([{ level: 'warn', event: 'listing_doubted', fields: { recorded: 3, missing: 2 } }]);

    await clock.advance(300_000);
    expect(changes).toEqual([{ symbols: ['A'], listed: [], delisted: ['B', 'C'], atMs: HOUR_MS + 300_000 }]);
    await clock.advance(HOUR_MS);
    expect(readAtMs.map((ms) => ms / 60_000)).toEqual([60, 65, 125]);
  });

  test('a doubtful listing that is put right changes nothing; a later one is doubted anew', async () => {
    const now = { listing: listingOf() };
    const { clock, changes, log } = watching(now, ['A', 'B']);
    await clock.advance(HOUR_MS);
    now.listing = listingOf('A', 'B');
    await clock.advance(300_000);
    now.listing = listingOf();
    await clock.advance(HOUR_MS);

    expect(changes).toEqual([]);
    expect(log.map(({ event }) => event)).toEqual(['listing_doubted', 'listing_doubted']);
  });

  test('half of them may go at once', async () => {
    const { clock, changes } = watching({ listing: listingOf('A') }, ['A', 'B']);
    await clock.advance(HOUR_MS);
    expect(changes.map(({ delisted }) => delisted)).toEqual([['B']]);
  });

  test('ends with its subscription', async () => {
    const { clock, readAtMs, subscription } = watching({ listing: listingOf('A') }, ['A']);
    await clock.advance(HOUR_MS);
    subscription.unsubscribe();
    await clock.advance(5 * HOUR_MS);
    expect(readAtMs).toHaveLength(1);
  });
});
