import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RateBudget } from '../../../producer/feed/rate-budget.ts';
import type { RestBook } from '../../../producer/feed/venue.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { type Asked, bookOf, clientOf, fakeHost, good, mostInAMinute, refusal, smallVenue } from './small-venue.ts';

const LISTED = { symbols: [{ symbol: 'BTCUSDT', status: 'TRADING' }] };

describe('the budget of weight', () => {
  test('whatever is asked when, no rolling minute sees more than 80 % of the weight, and everything is sent', async () => {
    const requests = fc.array(
      fc.record({ afterMs: fc.nat(20_000), weight: fc.integer({ min: 1, max: 50 }), urgent: fc.boolean() }),
      { minLength: 1, maxLength: 80 },
    );
    await fc.assert(
      fc.asyncProperty(requests, fc.integer({ min: 63, max: 600 }), async (asks, granted) => {
        const clock = new VirtualClock();
        const budget = new RateBudget(granted, clock);
        const sent: Asked[] = [];
        for (const { afterMs, weight, urgent } of asks) {
          await clock.advance(afterMs);
          void budget.turn(weight, urgent ? 'urgent' : 'normal', async () => {
            sent.push({ atMs: clock.now(), path: '', symbol: null, weight });
          });
        }
        await clock.advance(asks.length * 60_000);

        expect(sent).toHaveLength(asks.length);
        expect(mostInAMinute(sent)).toBeLessThanOrEqual(granted * 0.8);
      }),
      { numRuns: 40 },
    );
  });

  test('at most four requests are under way', async () => {
    const clock = new VirtualClock();
    const { asked, fetcher } = fakeHost(clock, (one) => good(one), 100);
    const rest = clientOf(clock, fetcher);
    const answers = Promise.all(Array.from({ length: 10 }, () => rest.bookId('BTCUSDT')));

    await clock.advance(300);

    expect(await answers).toHaveLength(10);
    expect(asked.map(({ atMs }) => atMs)).toEqual([0, 0, 0, 0, 100, 100, 100, 100, 200, 200]);
  });

  test('an urgent request goes before the books that wait for weight', async () => {
    const clock = new VirtualClock();
    const { asked, fetcher } = fakeHost(clock, (one) => good(one));
    const rest = clientOf(clock, fetcher);
    const books = Promise.all(Array.from({ length: 25 }, (_, i) => rest.book(`S${i}`)));
    await clock.advance(1_000);
    const id = rest.bookId('BTCUSDT');
    await clock.advance(60_000);

    expect(await id).toBe(7);
    expect(await books).toHaveLength(25);
    expect(asked.slice(18, 21).map(({ atMs, path }) => [atMs, path])).toEqual([
      [0, '/book'],
      [1_000, '/id'],
      [60_000, '/book'],
    ]);
  });

  test('a listing that grants another weight is believed from then on', async () => {
    const clock = new VirtualClock();
    const { asked, fetcher } = fakeHost(clock, (one) =>
      one.path === '/listing'
        ? new Response(JSON.stringify({ listing: { ...LISTED, weightAMinute: 200 } }))
        : good(one),
    );
    const rest = clientOf(clock, fetcher);
    const listed = rest.listing();
    await clock.advance(0);
    const books = Promise.all(Array.from({ length: 6 }, () => rest.book('BTCUSDT')));
    await clock.advance(180_000);

    expect((await listed).weightAMinute).toBe(200);
    expect(await books).toHaveLength(6);
    expect(mostInAMinute(asked)).toBe(160);
  });

  test('a request heavier than the whole share goes alone, instead of never', async () => {
    const clock = new VirtualClock();
    const { asked, fetcher } = fakeHost(clock, (one) => good(one));
    const rest = clientOf(clock, fetcher, { venue: smallVenue(40) });
    const answers = Promise.all([rest.timeMs(), rest.book('A'), rest.book('B'), rest.timeMs()]);

    await clock.advance(300_000);

    expect(await answers).toEqual([1_000, bookOf(7), bookOf(7), 1_000]);
    expect(asked.map(({ atMs, weight }) => [atMs, weight])).toEqual([
      [0, 1],
      [0, 1],
      [60_000, 50],
      [120_000, 50],
    ]);
  });

  test('what others behind the same address use, as the venue counts it, is left to them for a minute', async () => {
    const clock = new VirtualClock();
    const { asked, fetcher } = fakeHost(clock, (one, index) =>
      good(one, index === 0 ? { 'x-mbx-used-weight-1m': '900' } : {}),
    );
    const rest = clientOf(clock, fetcher);
    const first = rest.timeMs();
    await clock.advance(0);
    const books = Promise.all([rest.book('A'), rest.book('B')]);
    await clock.advance(60_000);

    await first;
    expect(await books).toHaveLength(2);
    expect(asked.map(({ atMs, path }) => [atMs, path])).toEqual([
      [0, '/time'],
      [0, '/book'],
      [60_000, '/book'],
    ]);
  });

  test('a count that our own requests explain holds nothing back', async () => {
    const clock = new VirtualClock();
    let used = 0;
    const { asked, fetcher } = fakeHost(clock, (one) => {
      used += one.weight;
      return good(one, { 'x-mbx-used-weight-1m': String(used) });
    });
    const rest = clientOf(clock, fetcher);
    const books = Promise.all(Array.from({ length: 19 }, () => rest.book('A')));
    await clock.advance(0);

    expect(await books).toHaveLength(19);
    expect(asked.every(({ atMs }) => atMs === 0)).toBe(true);
  });

  test.each([
    ['the minute of what was sent', (one: Asked) => good(one), 20],
    ['what others use', (one: Asked) => good(one, { 'x-mbx-used-weight-1m': '1100' }), 2],
    ['a pause', () => refusal(429, { 'retry-after': '30' }), 2],
  ])('a clock that is set back by a day makes %s no longer', async (_, first, count) => {
    const clock = new VirtualClock(86_400_000 * 2);
    let setBackMs = 0;
    const scheduler = { now: () => clock.now() - setBackMs, schedule: clock.schedule.bind(clock) };
    const { fetcher } = fakeHost(clock, (one, index) => (index === 0 ? first(one) : good(one)));
    const rest = clientOf(scheduler, fetcher);
    const books: RestBook[] = [];
    const ask = () => rest.book('A').then((book) => books.push(book));
    void ask();
    await clock.advance(1_000);
    const more = Promise.all(Array.from({ length: count - 1 }, ask));
    await clock.advance(1_000);
    expect(books.length).toBeLessThan(count);
    setBackMs = 86_400_000;
    await clock.advance(118_000);

    expect(await more).toHaveLength(count - 1);
    expect(books).toHaveLength(count);
  });
});
