/** What befalls a whole venue: listings, restarts, lag, silence; and the oracle that sees through it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Published } from '../../infra/local/exchange.ts';
import type { Body } from './exchange-client.ts';
import { DIFFS, FRAMES, start } from './exchange-running.ts';

async function statuses(get: (path: string) => Promise<{ body: Body }>) {
  const { symbols } = (await get('exchangeInfo')).body as unknown as { symbols: { symbol: string; status: string }[] };
  return Object.fromEntries(symbols.map(({ symbol, status }) => [symbol, status]));
}

describe('a symbol', () => {
  it('that is delisted has status BREAK, no book and silent streams; listed again it goes on with higher ids', async () => {
    const { exchange, clock, follow, get } = await start();
    const subscriber = await follow();
    clock.advance(2_000);
    exchange.delist('BTCUSDT');
    await subscriber.settled();
    const before = subscriber.bodies(FRAMES);
    expect(before.length).toBeGreaterThan(10);
    expect([await statuses(get), exchange.symbols]).toEqual([{ BTCUSDT: 'BREAK' }, []]);
    expect((await get('depth?symbol=BTCUSDT')).body).toMatchObject({ code: -1121 });
    expect(exchange.bookAt('BTCUSDT')).toBeNull();
    clock.advance(2_000);
    await subscriber.settled();
    expect(subscriber.bodies(FRAMES).length).toBe(before.length);
    exchange.list('BTCUSDT');
    clock.advance(2_000);
    await subscriber.settled();
    expect(await statuses(get)).toEqual({ BTCUSDT: 'TRADING' });
    expect(subscriber.bodies(FRAMES)[before.length]!.lastUpdateId).toBeGreaterThan(before.at(-1)!.lastUpdateId);
  });

  it('that is listed while streams of that name are followed already begins to be sent', async () => {
    const { exchange, clock, follow, get } = await start({ retired: ['NEWUSDT'] });
    const subscriber = await follow('newusdt@depth20@100ms');
    clock.advance(1_000);
    expect(await statuses(get)).toEqual({ BTCUSDT: 'TRADING', NEWUSDT: 'BREAK' });
    exchange.list('NEWUSDT');
    clock.advance(1_000);
    await subscriber.settled();
    expect(subscriber.bodies('newusdt@depth20@100ms').length).toBeGreaterThan(5);
    expect(await statuses(get)).toEqual({ BTCUSDT: 'TRADING', NEWUSDT: 'TRADING' });
  });
});

describe('a venue', () => {
  it('that restarts begins its ids again at a low number, and its books go on', async () => {
    const { exchange, clock, follow, book } = await start();
    const subscriber = await follow();
    clock.advance(2_000);
    const before = await book();
    exchange.restartIds();
    const after = await book();
    expect(after).toEqual({ ...before, lastUpdateId: 1 });
    clock.advance(2_000);
    await subscriber.settled();
    const diffs = subscriber.bodies(DIFFS);
    const fresh = diffs.findIndex(({ u }) => u < 1_000_000);
    expect(diffs[fresh - 1]!.u).toBe(before.lastUpdateId);
    expect(diffs[fresh]!.U).toBe(2);
    for (let i = fresh + 1; i < diffs.length; i++) expect(diffs[i]!.U).toBe(diffs[i - 1]!.u + 1);
    expect((await book()).lastUpdateId).toBe(diffs.at(-1)!.u);
  });

  it('that shuts down says so on every connection and cuts these after the time given, and no later ones', async () => {
    const { exchange, clock, follow } = await start();
    const old = await follow();
    clock.advance(1_000);
    exchange.shutdownNotice(5_000);
    const next = await follow();
    clock.advance(4_900);
    await old.settled();
    expect(old.bodies('!serverShutdown')).toEqual([{ e: 'serverShutdown', E: clock.now() - 4_900 }]);
    clock.advance(200);
    expect(await old.closed).toBe(1006);
    clock.advance(5_000);
    await next.settled();
    expect([next.isClosed, next.bodies('!serverShutdown')]).toEqual([false, []]);
  });

  it('whose market is a recording cannot be changed', async ({ onTestFinished }) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'depthlake-venue-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = path.join(folder, 'recording');
    writeFileSync(file, `1 {"stream":"${FRAMES}","data":{"lastUpdateId":1,"bids":[],"asks":[]}}\n`);
    const { exchange } = await start({ recording: { file, speed: 1 } });
    for (const change of [() => exchange.list('ETHUSDT'), () => exchange.delist('BTCUSDT'), exchange.restartIds]) {
      expect(change).toThrow(RangeError);
    }
  });
});

describe('faults of connections', () => {
  it('lagMs: each new connection is late by a time of its own, in order and without loss', async () => {
    const { exchange, clock, follow } = await start();
    const prompt = await follow();
    exchange.faults.lagMs = 3_000;
    const late = await follow();
    const later = await follow();
    clock.advance(5_000);
    for (const each of [prompt, late, later]) await each.settled();
    const counts = [prompt, late, later].map(({ texts }) => texts.length);
    expect(new Set(counts).size).toBe(3);
    expect(prompt.texts.slice(0, counts[1])).toEqual(late.texts);
    exchange.faults.stall = true;
    clock.advance(3_000);
    for (const each of [late, later]) {
      await each.settled();
      expect(each.texts).toEqual(prompt.texts);
    }
  });

  it('silentStreams: a subscription is acknowledged and stays silent on its connection; a new one may not', async () => {
    const { exchange, clock, follow } = await start({ faults: { silentStreams: 1 } });
    const silent = await follow(FRAMES);
    expect(await silent.request({ method: 'SUBSCRIBE', params: [DIFFS], id: 1 })).toEqual({ result: null, id: 1 });
    exchange.faults.silentStreams = 0;
    const lively = await follow();
    clock.advance(2_000);
    await silent.settled();
    await lively.settled();
    expect(silent.texts).toEqual([]);
    expect(lively.bodies(FRAMES).length).toBeGreaterThan(10);
    expect(await silent.request({ method: 'LIST_SUBSCRIPTIONS', id: 2 })).toEqual({ result: [FRAMES, DIFFS], id: 2 });
  });

  it('skipFrames: leaves out partial books, and no diffs', async () => {
    const { exchange, clock, follow } = await start({ faults: { skipFrames: 0.3 } });
    const subscriber = await follow();
    clock.advance(20_000);
    await subscriber.settled();
    const { skipped } = exchange.sent('BTCUSDT')[FRAMES]!;
    expect(skipped).toBeGreaterThan(20);
    expect(subscriber.bodies(FRAMES).length).toBe(subscriber.bodies(DIFFS).length - skipped);
    expect(exchange.sent('BTCUSDT')[DIFFS]!.skipped).toBe(0);
  });
});

describe('a deep book', () => {
  it('has thousands of levels, of which REST shows a window only', async () => {
    const { exchange, clock, book } = await start({ bookLevels: 6_000, restLevels: 1_000 });
    clock.advance(1_000);
    const whole = JSON.parse(exchange.bookAt('BTCUSDT')!) as Body;
    const seen = await book();
    for (const side of ['bids', 'asks'] as const) {
      expect(whole[side].length).toBeGreaterThanOrEqual(6_000);
      expect(whole[side].length).toBeLessThanOrEqual(14_000);
      expect(seen[side]).toEqual(whole[side].slice(0, 1_000));
    }
  });

  it('with wanderlust leaves the window of its seed within seconds, and stays uncrossed within its region', async () => {
    const { clock, book, follow } = await start({ wanderlust: 0.0002, restLevels: 50 });
    await follow();
    const seed = await book();
    clock.advance(20_000);
    const prices: number[] = [];
    for (let i = 0; i < 60; i++) {
      clock.advance(10_000);
      const { bids, asks } = await book();
      expect(Number(bids[0]![0])).toBeLessThan(Number(asks[0]![0]));
      prices.push(Number(bids[0]![0]));
    }
    const [lowest, highest] = [Number(seed.bids.at(-1)![0]), Number(seed.asks.at(-1)![0])];
    expect(prices.filter((price) => price < lowest || price > highest).length).toBeGreaterThan(30);
    expect(Math.min(...prices)).toBeGreaterThan(60_000 * 0.79);
    expect(Math.max(...prices)).toBeLessThan(60_000 * 1.21);
  });
});

describe('the oracle', () => {
  it('tells every frame and diff before any fault, without a break, whether anybody follows or not', async () => {
    const published: Published[] = [];
    const { exchange, clock, follow } = await start({
      onPublished: (message) => published.push(message),
      faults: { skipDiffs: 0.3, skipFrames: 0.3, lateFrames: 0.3, malformedFrames: 0.3 },
    });
    clock.advance(3_000);
    const subscriber = await follow();
    clock.advance(3_000);
    exchange.faults.stall = true;
    clock.advance(3_000);
    await subscriber.settled();
    const diffs = published.filter(({ kind }) => kind === 'diff');
    const frames = published.filter(({ kind }) => kind === 'partial');
    expect(diffs.length).toBeGreaterThan(70);
    expect(frames.map(({ id }) => id)).toEqual(diffs.map(({ id }) => id));
    for (let i = 1; i < diffs.length; i++) expect(diffs[i]!.firstId).toBe(diffs[i - 1]!.id + 1);
    for (const { kind, id, firstId, symbol, atMs, body } of published) {
      const told = JSON.parse(body) as Body;
      expect(symbol).toBe('BTCUSDT');
      if (kind === 'diff') expect([told.U, told.u, told.E]).toEqual([firstId, id, atMs]);
      else expect([told.lastUpdateId, firstId]).toEqual([id, null]);
    }
    const good = new Set(published.map(({ body }) => body));
    expect(subscriber.bodies(DIFFS).some((body) => good.has(JSON.stringify(body)))).toBe(true);
    expect((JSON.parse(exchange.bookAt('BTCUSDT')!) as Body).lastUpdateId).toBe(diffs.at(-1)!.id);
  });
});
