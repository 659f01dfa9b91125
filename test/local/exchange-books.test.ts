import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type Exchange, type ExchangeOptions, startExchange } from '../../infra/local/exchange.ts';
import { type Body, getJson, type Level, ManualClock, Subscriber } from './exchange-client.ts';

const open: Exchange[] = [];
async function start(options: Partial<ExchangeOptions> & { clock: ManualClock }): Promise<Exchange> {
  const exchange = await startExchange({ symbols: ['BTCUSDT', 'ETHUSDT'], ...options });
  open.push(exchange);
  return exchange;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((exchange) => exchange.close()));
});

/** A book as any user of the exchange would keep it, written here for itself. */
class Book {
  readonly bids = new Map<string, string>();
  readonly asks = new Map<string, string>();

  constructor(seed: Body) {
    for (const [price, quantity] of seed.bids) this.bids.set(price, quantity);
    for (const [price, quantity] of seed.asks) this.asks.set(price, quantity);
  }

  apply({ b, a }: Body): void {
    for (const [side, changes] of [
      [this.bids, b],
      [this.asks, a],
    ] as const) {
      for (const [price, quantity] of changes) {
        if (/^0\.0+$/.test(quantity)) side.delete(price);
        else side.set(price, quantity);
      }
    }
  }

  top(count: number): { bids: Level[]; asks: Level[] } {
    const sorted = (side: Map<string, string>) =>
      [...side]
        .map(([price, quantity]) => [price.padStart(24, '0'), [price, quantity] as Level] as const)
        .sort(byFirst);
    return {
      bids: sorted(this.bids).reverse().slice(0, count).map(second),
      asks: sorted(this.asks).slice(0, count).map(second),
    };
  }
}

const byFirst = (a: readonly [string, Level], b: readonly [string, Level]) => (a[0] < b[0] ? -1 : 1);
const second = ([, level]: readonly [string, Level]) => level;

const symbolNames = fc.constantFrom('BTCUSDT', 'ETHUSDT', 'DOGEUSD', 'ETHBTC', 'SHIBUSDT', 'QTUMUSDT', 'X', 'ZZZEUR');

describe('the books of the simulated exchange', () => {
  it('agree id by id: a REST book and the diffs after it give every partial book, and the next REST book', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), symbolNames, fc.integer({ min: 0, max: 400 }), async (seed, symbol, before) => {
        const clock = new ManualClock();
        const exchange = await start({ clock, seed, symbols: [symbol] });
        const name = symbol.toLowerCase();
        const streams = ['depth@100ms', 'depth20@100ms', 'depth5@100ms', 'bookTicker'].map((s) => `${name}@${s}`);
        clock.advance(before * 100);
        const subscriber = await Subscriber.open(`${exchange.wsUrl}/stream?streams=${streams.join('/')}`);
        const depth = `${exchange.restUrl}/api/v3/depth?symbol=${symbol}&limit=5000`;

        const seedBook = (await getJson(depth)).body;
        clock.advance(5_000);
        const middle = (await getJson(depth)).body;
        clock.advance(5_000);
        await subscriber.settled();

        const book = new Book(seedBook);
        const partials = new Map(subscriber.bodies(`${name}@depth20@100ms`).map((body) => [body.lastUpdateId, body]));
        const smalls = new Map(subscriber.bodies(`${name}@depth5@100ms`).map((body) => [body.lastUpdateId, body]));
        const bests = new Map(subscriber.bodies(`${name}@bookTicker`).map((body) => [body.u, body]));
        const diffs = subscriber.bodies(`${name}@depth@100ms`);
        expect(diffs.length).toBeGreaterThan(50);
        expect(partials.size).toBe(diffs.length);
        let id = seedBook.lastUpdateId;
        let best = JSON.stringify([seedBook.bids[0], seedBook.asks[0]].flat());
        let middleMet = middle.lastUpdateId === id;
        for (const diff of diffs) {
          expect(diff.U).toBe(id + 1);
          expect(diff.u).toBeGreaterThanOrEqual(diff.U + 2);
          id = diff.u;
          book.apply(diff);
          const { bids, asks } = book.top(20);
          expect(partials.get(id)).toEqual({ lastUpdateId: id, bids, asks });
          expect(smalls.get(id)).toEqual({ lastUpdateId: id, bids: bids.slice(0, 5), asks: asks.slice(0, 5) });
          const [[b, B], [a, A]] = [bids[0]!, asks[0]!];
          const before = best;
          best = JSON.stringify([b, B, a, A]);
          expect(bests.get(id)).toEqual(best === before ? undefined : { u: id, s: symbol, b, B, a, A });
          if (middle.lastUpdateId === id) {
            middleMet = true;
            expect(middle).toEqual({ lastUpdateId: id, ...book.top(5000) });
          }
        }
        expect(middleMet).toBe(true);
        expect(bests.size).toBeGreaterThan(0);
        expect((await getJson(depth)).body).toEqual({ lastUpdateId: id, ...book.top(5000) });
        await exchange.close();
      }),
      { numRuns: 10 },
    );
  }, 30_000);

  it('look like books: sorted, never crossed, hundreds of levels, decimals with 8 places, on the tick', async () => {
    const clock = new ManualClock();
    const exchange = await start({ clock });
    for (let minute = 0; minute < 5; minute++) {
      clock.advance(60_000);
      const { body } = await getJson(`${exchange.restUrl}/api/v3/depth?symbol=BTCUSDT&limit=5000`);
      for (const side of [body.bids, body.asks]) {
        expect(side.length).toBeGreaterThanOrEqual(150);
        expect(side.length).toBeLessThanOrEqual(350);
        for (const [price, quantity] of side) {
          expect(price).toMatch(/^\d+\.\d\d0{6}$/);
          expect(quantity).toMatch(/^\d+\.\d{8}$/);
          expect(Number(quantity)).toBeGreaterThan(0);
        }
      }
      const bids = body.bids.map(([price]) => Number(price));
      const asks = body.asks.map(([price]) => Number(price));
      expect(bids).toEqual([...new Set(bids)].sort((a, b) => b - a));
      expect(asks).toEqual([...new Set(asks)].sort((a, b) => a - b));
      expect(bids[0]).toBeLessThan(asks[0]!);
      expect(bids[0]).toBeGreaterThan(50_000);
      expect(asks[0]).toBeLessThan(70_000);
    }
  });

  it('are the same for the same seed and clock, and others for another seed', async () => {
    const booksOf = async (seed: number) => {
      const clock = new ManualClock();
      const exchange = await start({ clock, seed });
      clock.advance(2_000);
      return (await getJson(`${exchange.restUrl}/api/v3/depth?symbol=ETHUSDT&limit=5000`)).body;
    };
    expect(await booksOf(7)).toEqual(await booksOf(7));
    expect(await booksOf(7)).not.toEqual(await booksOf(8));
  });

  it('follow the slow streams as well: the diffs of a second give the partial book of that second', async () => {
    const clock = new ManualClock();
    const exchange = await start({ clock });
    const streams = 'btcusdt@depth/btcusdt@depth@1000ms/btcusdt@depth10@1000ms';
    const subscriber = await Subscriber.open(`${exchange.wsUrl}/stream?streams=${streams}`);
    const seed = (await getJson(`${exchange.restUrl}/api/v3/depth?symbol=BTCUSDT&limit=5000`)).body;
    clock.advance(10_000);
    await subscriber.settled();

    const book = new Book(seed);
    const diffs = subscriber.bodies('btcusdt@depth@1000ms');
    const partials = subscriber.bodies('btcusdt@depth10@1000ms');
    expect(diffs.length).toBe(10);
    expect(subscriber.bodies('btcusdt@depth')).toEqual(diffs);
    let id = seed.lastUpdateId;
    for (const [i, diff] of diffs.entries()) {
      expect(diff.U).toBe(id + 1);
      id = diff.u;
      book.apply(diff);
      expect(partials[i]).toEqual({ lastUpdateId: id, ...book.top(10) });
    }
  });

  it('merge intervals that were missed into one diff without a gap', async () => {
    const clock = new ManualClock();
    const exchange = await start({ clock });
    const subscriber = await Subscriber.open(`${exchange.wsUrl}/stream?streams=btcusdt@depth@100ms`);
    clock.advance(1_000);
    clock.jump(3_000);
    clock.advance(1_000);
    await subscriber.settled();
    const diffs = subscriber.bodies('btcusdt@depth@100ms');
    expect(diffs.length).toBeGreaterThan(10);
    for (let i = 1; i < diffs.length; i++) expect(diffs[i]!.U).toBe(diffs[i - 1]!.u + 1);
  });

  it('never repeat an id after a second start, however briefly the first one ran, and ids stay below 2^53', async () => {
    for (const ranMs of [1, 100, 60_000, 3_600_000]) {
      const clock = new ManualClock(Date.UTC(2026, 8, 1));
      const first = await start({ clock });
      const subscriber = await Subscriber.open(`${first.wsUrl}/stream?streams=btcusdt@depth20@100ms`);
      clock.advance(Math.min(ranMs, 60_000));
      clock.jump(ranMs - Math.min(ranMs, 60_000));
      const last = (await getJson(`${first.restUrl}/api/v3/depth?symbol=BTCUSDT`)).body.lastUpdateId;
      subscriber.socket.terminate();
      await first.close();
      const second = await start({ clock });
      const { body } = await getJson(`${second.restUrl}/api/v3/depth?symbol=BTCUSDT`);
      expect(body.lastUpdateId).toBeGreaterThan(last);
      expect(Number.isSafeInteger(body.lastUpdateId)).toBe(true);
    }
  });

  it('shows only part of the book where a limit asks for it', async () => {
    const exchange = await start({ clock: new ManualClock() });
    const depth = `${exchange.restUrl}/api/v3/depth?symbol=BTCUSDT`;
    expect((await getJson(depth)).body.bids.length).toBe(100);
    expect((await getJson(`${depth}&limit=7`)).body.asks.length).toBe(7);
  });
});
