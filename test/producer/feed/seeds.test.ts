import { asyncScheduler, filter, firstValueFrom, take, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { RateLimit } from '../../../infra/local/exchange/rate-limit.ts';
import { startExchange } from '../../../infra/local/exchange.ts';
import { RestClient } from '../../../producer/feed/rest.ts';
import { Seeds } from '../../../producer/feed/seeds.ts';
import type { RestBook } from '../../../producer/feed/venue.ts';
import { venueOf } from '../../../producer/feed/venues.ts';
import { settle, VirtualClock } from '../virtual-clock.ts';
import {
  type Asked,
  bookOf,
  clientOf,
  fakeHost,
  good,
  type Logged,
  logInto,
  mostInAMinute,
  refusal,
} from './small-venue.ts';

const SYMBOLS = Array.from({ length: 256 }, (_, i) => `S${i}`);

/** Seeds whose host answers so; `came` lists the symbols whose seeds came, in order. */
function seedsOf(answer: (asked: Asked, index: number) => Response | Promise<Response>, delayMs = 100) {
  const clock = new VirtualClock();
  const { asked, fetcher } = fakeHost(clock, answer, delayMs);
  const log: Logged[] = [];
  const rest = clientOf(clock, fetcher);
  const seeds = new Seeds({ rest, scheduler: clock, random: () => 0.5, log: logInto(log) });
  const came: string[] = [];
  seeds.results.subscribe(({ symbol }) => came.push(symbol));
  return { clock, asked, log, seeds, came };
}

describe('seeds', () => {
  test('256 books at the start: in no minute more than 80 % of the weight is sent, and each comes exactly once', async () => {
    const { clock, asked, seeds, came } = seedsOf((one) => good(one));

    for (const symbol of SYMBOLS) seeds.request(symbol, 'lost');
    expect(seeds.pending).toBe(256);
    await clock.advance(14 * 60_000);

    expect([...came].sort()).toEqual([...SYMBOLS].sort());
    expect(asked).toHaveLength(256);
    expect(mostInAMinute(asked)).toBe(950);
    expect(seeds.pending).toBe(0);
  });

  test('a host that limits, bans, fails, hangs and breaks off costs time, never a seed, and never more than the share', async () => {
    const faults: readonly ((one: Asked) => Response | Promise<Response>)[] = [
      () => refusal(429, { 'retry-after': '20' }),
      () => refusal(429),
      () => refusal(418, { 'retry-after': '120' }),
      () => refusal(418, { 'retry-after': '1800' }),
      () => refusal(500),
      () => refusal(503, { 'retry-after': '5' }),
      () => new Response('<html>'),
      () => new Response('{"code":0}'),
      () => new Promise<Response>(() => {}),
      () => Promise.reject(new TypeError('fetch failed')),
      (one) => good(one, { 'x-mbx-used-weight-1m': '1100' }),
    ];
    let turn = 0;
    const answer = (one: Asked, index: number) => (index % 5 === 0 ? faults[turn++ % faults.length]!(one) : good(one));
    const { clock, asked, seeds, came } = seedsOf(answer);

    for (const symbol of SYMBOLS) seeds.request(symbol, 'lost');
    await clock.advance(8 * 3_600_000);

    expect(turn).toBeGreaterThan(faults.length * 3);
    expect([...came].sort()).toEqual([...SYMBOLS].sort());
    expect(mostInAMinute(asked)).toBeLessThanOrEqual(960);
  });

  test('a lost book goes before those that only drift, also one that drifted first', async () => {
    const { clock, seeds, came } = seedsOf((one) => good(one));

    for (const symbol of ['A', 'B', 'C', 'D', 'E']) seeds.request(symbol, 'drifted');
    seeds.request('F', 'lost');
    seeds.request('E', 'lost');
    seeds.request('E', 'drifted');
    await clock.advance(1_000);

    expect(came).toEqual(['A', 'B', 'C', 'E', 'F', 'D']);
  });

  test('while three seeds are on their way, an urgent request still finds a place', async () => {
    const clock = new VirtualClock();
    const { fetcher } = fakeHost(clock, (one) => (one.path === '/book' ? new Promise<Response>(() => {}) : good(one)));
    const rest = clientOf(clock, fetcher);
    const seeds = new Seeds({ rest, scheduler: clock, random: () => 0, log: () => {} });
    for (const symbol of SYMBOLS) seeds.request(symbol, 'lost');
    const id = rest.bookId('A');
    await clock.advance(0);
    expect(await id).toBe(7);
    seeds.close();
    rest.close();
  });

  test('never two of one symbol at once', async () => {
    const { clock, asked, seeds, came } = seedsOf((one) => good(one));

    seeds.request('A', 'lost');
    seeds.request('A', 'lost');
    await clock.advance(50);
    seeds.request('A', 'drifted');
    await clock.advance(1_000);
    expect([asked.length, came]).toEqual([1, ['A']]);

    seeds.request('A', 'lost');
    await clock.advance(1_000);
    expect([asked.length, came]).toEqual([2, ['A', 'A']]);
  });

  test('whoever is given a seed may ask for another at once', async () => {
    const { clock, asked, seeds } = seedsOf((one) => good(one));
    seeds.results.pipe(take(2)).subscribe(({ symbol }) => seeds.request(symbol, 'lost'));

    seeds.request('A', 'lost');
    await clock.advance(1_000);

    expect(asked.map(({ atMs }) => atMs)).toEqual([0, 100, 200]);
  });

  test('a failure is answered by longer and longer waits, and told once until the seed comes', async () => {
    const { clock, asked, log, seeds, came } = seedsOf((one, index) => (index < 8 ? refusal(500) : good(one)), 0);

    seeds.request('A', 'lost');
    await clock.advance(300_000);

    expect(came).toEqual(['A']);
    const waits = asked.slice(1).map(({ atMs }, i) => atMs - asked[i]!.atMs);
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    expect(log).toEqual([
      { level: 'warn', event: 'seed_failed', fields: { symbol: 'A', reason: 'small.example answers HTTP 500' } },
      { level: 'info', event: 'seed_recovered', fields: { symbol: 'A', failures: 8 } },
    ]);
  });

  test('a symbol that fails for days holds no other up', async () => {
    const { clock, seeds, came } = seedsOf((one) => (one.symbol === 'BAD' ? refusal(400) : good(one)));

    seeds.request('BAD', 'lost');
    await clock.advance(86_400_000 * 2);
    seeds.request('A', 'drifted');
    await clock.advance(100);

    expect(came).toEqual(['A']);
    expect(seeds.pending).toBe(1);
  });

  test('a cancelled symbol yields nothing: while it waits, is asked for, or backs off', async () => {
    const { clock, asked, seeds, came } = seedsOf((one) => (one.symbol === 'BAD' ? refusal(500) : good(one)));

    for (const symbol of ['A', 'BAD', 'B', 'C']) seeds.request(symbol, 'lost');
    seeds.cancel('C');
    await clock.advance(50);
    seeds.cancel('A');
    await clock.advance(100);
    seeds.cancel('BAD');
    seeds.cancel('unknown');
    await clock.advance(600_000);

    expect(came).toEqual(['B']);
    expect(asked.map(({ symbol }) => symbol)).toEqual(['A', 'BAD', 'B']);
    expect(seeds.pending).toBe(0);
  });

  test('asked for again after it was cancelled, the answer to the first request does not count', async () => {
    const ids = [1, 2];
    const { clock, asked, seeds } = seedsOf(() => Response.json({ book: bookOf(ids.shift()!) }));
    const books: RestBook[] = [];
    seeds.results.subscribe(({ book }) => books.push(book));

    seeds.request('A', 'lost');
    await clock.advance(50);
    seeds.cancel('A');
    seeds.request('A', 'lost');
    await clock.advance(1_000);

    expect(books).toEqual([bookOf(2)]);
    expect(asked.map(({ atMs }) => atMs)).toEqual([0, 100]);
  });

  test('after the end nothing comes and nothing is asked', async () => {
    const { clock, asked, seeds, came } = seedsOf((one) => good(one));
    let ended = false;
    seeds.results.subscribe({ complete: () => (ended = true) });
    for (const symbol of ['A', 'B', 'C', 'D']) seeds.request(symbol, 'lost');
    await clock.advance(50);

    seeds.close();
    seeds.request('E', 'lost');
    await clock.advance(600_000);

    expect([came, asked.length, seeds.pending, ended]).toEqual([[], 3, 0, true]);
  });
});

describe('producers behind one address', () => {
  test('leave each other weight: all books come, no request is refused, and none is ever banned', async () => {
    const clock = new VirtualClock(30_000);
    const limit = new RateLimit(1200);
    const statuses: number[] = [];
    const host = fakeHost(
      clock,
      (one) => {
        const { status, retryAfterS, usedWeight } = limit.take(one.weight, clock.now());
        statuses.push(status);
        const used = { 'x-mbx-used-weight-1m': String(usedWeight) };
        return status === 200 ? good(one, used) : refusal(status, { ...used, 'retry-after': String(retryAfterS) });
      },
      80,
    );
    const came: string[] = [];
    for (const part of [SYMBOLS.slice(0, 60), SYMBOLS.slice(60, 120)]) {
      const rest = clientOf(clock, host.fetcher);
      const seeds = new Seeds({ rest, scheduler: clock, random: () => 0.5, log: () => {} });
      seeds.results.subscribe(({ symbol }) => came.push(symbol));
      for (const symbol of part) seeds.request(symbol, 'lost');
    }
    await clock.advance(15 * 60_000);

    expect([...came].sort()).toEqual(SYMBOLS.slice(0, 120).sort());
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
  });
});

describe('seeds from the local exchange', () => {
  test('come for every symbol, also for those that it refused at first', async () => {
    const symbols = Array.from({ length: 27 }, (_, i) => `S${i}USDT`);
    const exchange = await startExchange({ symbols, weightAMinute: 2_000 });
    const statuses: number[] = [];
    const log: Logged[] = [];
    const rest = new RestClient({
      restUrl: exchange.restUrl,
      venue: { ...venueOf('local'), weightAMinute: 2_000 },
      fetcher: async (...request) => {
        const response = await fetch(...request);
        statuses.push(response.status);
        return response;
      },
      scheduler: asyncScheduler,
      random: () => 0,
      log: logInto(log),
    });
    const seeds = new Seeds({ rest, scheduler: asyncScheduler, random: () => 0, log: logInto(log) });
    try {
      exchange.faults.refuseWith = 503;
      const all = firstValueFrom(seeds.results.pipe(take(27), toArray()));
      const failed = firstValueFrom(seeds.results.pipe(filter(({ symbol }) => symbol === 'S0USDT')));
      for (const symbol of symbols.slice(0, 3)) seeds.request(symbol, 'lost');
      while (statuses.length < 3) await settle();
      exchange.faults.refuseWith = 0;
      for (const symbol of symbols.slice(3)) seeds.request(symbol, 'lost');

      const { lastUpdateId, bids, asks } = (await failed).book;
      expect([lastUpdateId, bids.length, asks.length].every((n) => n > 0)).toBe(true);
      expect(await rest.bookId('S0USDT')).toBeGreaterThanOrEqual(lastUpdateId);
      expect((await rest.listing()).symbols).toContainEqual({ symbol: 'S26USDT', status: 'TRADING' });
      expect((await all).map(({ symbol }) => symbol).sort()).toEqual([...symbols].sort());
      expect(statuses.filter((status) => status !== 200)).toEqual([503, 503, 503]);
      expect(log.filter(({ event }) => event === 'seed_recovered')).toHaveLength(3);
    } finally {
      seeds.close();
      rest.close();
      await exchange.close();
    }
  });
});
