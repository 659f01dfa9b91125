import { describe, expect, it } from 'vitest';
import { NO_FAULTS } from '../../infra/local/exchange/faults.ts';
import { RestFaults } from '../../infra/local/exchange/rest-faults.ts';
import { type Body, until } from './exchange-client.ts';
import { DIFFS, start } from './exchange-running.ts';

describe('faults of REST', () => {
  it('restThrottles: answers 429 with a second to wait, whatever weight was used', async () => {
    const { exchange, get } = await start({ faults: { restThrottles: 1 } });
    const { status, headers, body } = await get('time');
    expect([status, headers.get('retry-after'), body.code]).toEqual([429, '1', -1003]);
    exchange.faults.restThrottles = 0;
    expect((await get('time')).headers.get('x-mbx-used-weight-1m')).toBe('1');
  });

  it('restFailures: answers 500 or 502, cuts, or hangs for 20 s and then cuts', async () => {
    const faults = { ...NO_FAULTS, restFailures: 1 };
    const drawn = new RestFaults(faults, 1);
    const misfortunes = Array.from({ length: 40 }, () => drawn.befall());
    const hangs = misfortunes.filter((each) => each !== null && 'afterMs' in each && each.afterMs > 0).length;
    expect(hangs).toBeGreaterThan(2);

    const { exchange, clock, follow } = await start({ faults, seed: 1 });
    const outcomes: string[] = [];
    const requests = misfortunes.map(async () => {
      const request = fetch(`${exchange.restUrl}/api/v3/ping`);
      outcomes.push(
        await request.then(
          async (response) => `${response.status} ${(await response.text()).slice(0, 1)}`,
          () => 'cut',
        ),
      );
    });
    await until(() => outcomes.length === 40 - hangs);
    expect([...new Set(outcomes)].sort()).toEqual(['500 {', '502 <', 'cut']);
    const bystander = await follow();
    clock.advance(19_800);
    await bystander.settled();
    expect(outcomes.length).toBe(40 - hangs);
    clock.advance(300);
    await Promise.all(requests);
    expect(outcomes.slice(40 - hangs)).toEqual(Array(hangs).fill('cut'));
  });

  it('restStale: a depth answer is the book of some seconds ago, older than the first diff of a new subscriber', async () => {
    const { exchange, clock, follow, book } = await start({ faults: { restStale: 1 } });
    await follow();
    clock.advance(10_000);
    const fresh = await follow(DIFFS);
    clock.advance(300);
    await fresh.settled();
    const stale = await book();
    expect(stale.lastUpdateId).toBeLessThan(fresh.bodies(DIFFS)[0]!.U - 1);
    expect(stale.bids.length).toBeGreaterThan(100);
    exchange.faults.restStale = 0;
    expect((await book()).lastUpdateId).toBe(fresh.bodies(DIFFS).at(-1)!.u);
  });

  it('restStale: the older book is the one that was', async () => {
    const { exchange, clock, follow, book } = await start({ faults: { restStale: 1 } });
    const published = new Map<number, string>();
    await follow();
    for (let i = 0; i < 60; i++) {
      clock.advance(100);
      const body = exchange.bookAt('BTCUSDT')!;
      published.set((JSON.parse(body) as Body).lastUpdateId, body);
    }
    for (let i = 0; i < 10; i++) {
      const stale = await book();
      expect(stale).toEqual(JSON.parse(published.get(stale.lastUpdateId)!));
    }
  });
});

it('exchangeInfo says what weight a minute is granted', async () => {
  const { get } = await start({ weightAMinute: 1_000_000 });
  expect((await get('exchangeInfo')).body.rateLimits).toEqual([
    { rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit: 1_000_000 },
  ]);
});
