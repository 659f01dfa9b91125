import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { type Exchange, type ExchangeOptions, startExchange } from '../../infra/local/exchange.ts';
import { getJson, ManualClock, Subscriber, until } from './exchange-client.ts';

const open: Exchange[] = [];
async function start(options: Partial<ExchangeOptions> = {}): Promise<{ exchange: Exchange; clock: ManualClock }> {
  const clock = new ManualClock();
  const exchange = await startExchange({ symbols: ['BTCUSDT', 'ETHUSDT'], clock, ...options });
  open.push(exchange);
  return { exchange, clock };
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((exchange) => exchange.close()));
});

const FRAMES = 'btcusdt@depth20@100ms';
const HOUR_MS = 3_600_000;

describe('streams', () => {
  it('come bare on /ws and wrapped with their name on /stream', async () => {
    const { exchange, clock } = await start();
    const bare = await Subscriber.open(`${exchange.wsUrl}/ws/${FRAMES}`);
    const wrapped = await Subscriber.open(`${exchange.wsUrl}/stream?streams=${FRAMES}/ethusdt@depth20@100ms`);
    clock.advance(1_000);
    await bare.settled();
    await wrapped.settled();
    expect(bare.texts.length).toBeGreaterThan(5);
    for (const text of bare.texts) expect(Object.keys(JSON.parse(text))).toEqual(['lastUpdateId', 'bids', 'asks']);
    expect(wrapped.bodies(FRAMES).map((body) => JSON.stringify(body))).toEqual(bare.texts);
    expect(wrapped.bodies('ethusdt@depth20@100ms').length).toBeGreaterThan(5);
    const first = JSON.parse(bare.texts[0]!);
    expect([first.bids.length, first.asks.length]).toEqual([20, 20]);
  });

  it('may be named with %40 for @; an address that cannot be decoded is only a stream that does not exist', async () => {
    const { exchange, clock } = await start();
    const encoded = await Subscriber.open(`${exchange.wsUrl}/ws/btcusdt%40depth20%40100ms`);
    const broken = await Subscriber.open(`${exchange.wsUrl}/ws/%zz`);
    clock.advance(1_000);
    await encoded.settled();
    await broken.settled();
    expect(encoded.texts.length).toBeGreaterThan(5);
    expect(broken.texts).toEqual([]);
  });

  it('carry event time, symbol and ids in diffs', async () => {
    const { exchange, clock } = await start();
    const subscriber = await Subscriber.open(`${exchange.wsUrl}/ws/btcusdt@depth@100ms`);
    const startMs = clock.now();
    clock.advance(1_000);
    await subscriber.settled();
    const diffs = subscriber.texts.map((text) => JSON.parse(text));
    expect(Object.keys(diffs[0])).toEqual(['e', 'E', 's', 'U', 'u', 'b', 'a']);
    expect(diffs.every((diff) => diff.e === 'depthUpdate' && diff.s === 'BTCUSDT')).toBe(true);
    expect(diffs.every((diff) => diff.E > startMs && (diff.E - startMs) % 100 === 0)).toBe(true);
  });

  it('can be subscribed to, listed and unsubscribed from on an open connection', async () => {
    const { exchange, clock } = await start();
    const subscriber = await Subscriber.open(`${exchange.wsUrl}/stream`);
    expect(await subscriber.request({ method: 'SUBSCRIBE', params: [FRAMES], id: 1 })).toEqual({ result: null, id: 1 });
    expect(await subscriber.request({ method: 'LIST_SUBSCRIPTIONS', id: 2 })).toEqual({ result: [FRAMES], id: 2 });
    clock.advance(1_000);
    expect(await subscriber.request({ method: 'UNSUBSCRIBE', params: [FRAMES], id: 'x' })).toEqual({
      result: null,
      id: 'x',
    });
    const before = subscriber.bodies(FRAMES).length;
    expect(before).toBeGreaterThan(5);
    clock.advance(1_000);
    await subscriber.settled();
    expect(subscriber.bodies(FRAMES).length).toBe(before);
  });

  it('that do not exist are acknowledged and stay silent', async () => {
    const { exchange, clock } = await start({ retired: ['BTCUSD4'] });
    const subscriber = await Subscriber.open(`${exchange.wsUrl}/stream?streams=BTCUSDT@depth20@100ms`);
    const params = ['nosuch@depth20@100ms', 'btcusdt@depth20@50ms', 'btcusdt@dept', 'btcusd4@depth20@100ms', ''];
    expect(await subscriber.request({ method: 'SUBSCRIBE', params, id: 1 })).toEqual({ result: null, id: 1 });
    clock.advance(3_000);
    await subscriber.settled();
    expect(subscriber.texts).toEqual([]);
  });

  it('answer requests that make no sense with a code and a message', async () => {
    const { exchange, clock } = await start();
    const subscriber = await Subscriber.open(`${exchange.wsUrl}/ws`);
    expect(await subscriber.request('{')).toMatchObject({ code: 3 });
    expect(await subscriber.request({ method: 'SUBSCRIBE', params: [], id: -1 })).toMatchObject({ code: 2 });
    expect(await subscriber.request({ method: 'DANCE', id: 4 })).toMatchObject({ error: { code: 2 }, id: 4 });
    expect(await subscriber.request({ method: 'SUBSCRIBE', id: 5 })).toMatchObject({ error: { code: 2 }, id: 5 });
    clock.advance(1_000);
    const params = Array.from({ length: 1025 }, (_, i) => `s${i}@depth`);
    expect(await subscriber.request({ method: 'SUBSCRIBE', params, id: 6 })).toMatchObject({
      error: { code: 2 },
      id: 6,
    });
    expect(await subscriber.request({ method: 'LIST_SUBSCRIPTIONS', id: 7 })).toEqual({ result: [], id: 7 });
  });

  it('take 1,024 names in an address, and refuse one more', async () => {
    const { exchange } = await start();
    const names = Array.from({ length: 1025 }, (_, i) => `symbol${i}usdt@depth20@100ms`);
    const url = `${exchange.wsUrl}/stream?streams=`;
    const subscriber = await Subscriber.open(url + names.slice(1).join('/'));
    subscriber.socket.terminate();
    await expect(Subscriber.open(url + names.join('/'))).rejects.toThrow('HTTP 400');
    await expect(Subscriber.open(`${exchange.wsUrl}/elsewhere`)).rejects.toThrow('HTTP 404');
  });
});

describe('a connection', () => {
  it('is pinged every 3 minutes and lives on while it answers', async () => {
    const { exchange, clock } = await start({ frameIntervalMs: 10_000 });
    const subscriber = await Subscriber.open(`${exchange.wsUrl}/ws`);
    for (let ping = 1; ping <= 8; ping++) {
      clock.advance(180_000);
      await until(() => subscriber.pings.length === ping);
      await subscriber.settled();
    }
    expect(subscriber.isClosed).toBe(false);
  });

  it('is closed when no pong comes within 10 minutes', async () => {
    const { exchange, clock } = await start({ frameIntervalMs: 10_000 });
    const subscriber = await Subscriber.open(`${exchange.wsUrl}/ws`, { autoPong: false });
    clock.advance(180_000 + 590_000);
    await subscriber.settled();
    expect(subscriber.pings.length).toBeGreaterThan(0);
    expect(subscriber.isClosed).toBe(false);
    clock.advance(10_000);
    await subscriber.closed;
    expect(exchange.connections()).toBe(0);
  });

  it('gets its own pings copied back', async () => {
    const { exchange } = await start();
    const subscriber = await Subscriber.open(`${exchange.wsUrl}/ws`);
    const pong = new Promise((resolve) => subscriber.socket.on('pong', (data) => resolve(data.toString())));
    subscriber.socket.ping('payload');
    expect(await pong).toBe('payload');
  });

  it('is closed after 24 hours, without notice as on Binance.US', async () => {
    const { exchange, clock } = await start({ frameIntervalMs: 60_000, rules: { pingEveryMs: 48 * HOUR_MS } });
    const subscriber = await Subscriber.open(`${exchange.wsUrl}/ws`);
    clock.advance(24 * HOUR_MS - 60_000);
    await subscriber.settled();
    expect(subscriber.isClosed).toBe(false);
    clock.advance(60_000);
    expect(await subscriber.closed).toBe(1001);
    expect(subscriber.texts).toEqual([]);
  });

  it('is told before with serverShutdown, bare or wrapped, where Binance.com is asked for', async () => {
    const rules = { lifeMs: 60_000, shutdownNoticeMs: 5_000 };
    const { exchange, clock } = await start({ rules });
    const bare = await Subscriber.open(`${exchange.wsUrl}/ws`);
    const wrapped = await Subscriber.open(`${exchange.wsUrl}/stream`);
    clock.advance(60_000);
    await Promise.all([bare.closed, wrapped.closed]);
    const notice = { e: 'serverShutdown', E: clock.now() - 5_000 };
    expect(bare.texts.map((text) => JSON.parse(text))).toEqual([notice]);
    expect(wrapped.texts.map((text) => JSON.parse(text))).toEqual([{ stream: '!serverShutdown', data: notice }]);
  });

  it('may send five messages a second, and is closed for the sixth', async () => {
    const { exchange, clock } = await start();
    const subscriber = await Subscriber.open(`${exchange.wsUrl}/ws`);
    for (let i = 0; i < 5; i++) await subscriber.settled();
    clock.advance(1_000);
    for (let i = 0; i < 5; i++) await subscriber.settled();
    expect(subscriber.isClosed).toBe(false);
    subscriber.socket.ping();
    expect(await subscriber.closed).toBe(1008);
  });

  it('is ended when it does not take what it is sent', async () => {
    const symbols = Array.from({ length: 200 }, (_, i) => `S${i}USDT`);
    const { exchange, clock } = await start({ symbols });
    const streams = symbols.map((symbol) => `${symbol.toLowerCase()}@depth20@100ms`).join('/');
    const subscriber = await Subscriber.open(`${exchange.wsUrl}/stream?streams=${streams}`);
    subscriber.socket.pause();
    for (let beats = 0; exchange.connections() > 0 && beats < 300; beats++) {
      clock.advance(100);
      await new Promise(setImmediate);
    }
    expect(exchange.connections()).toBe(0);
  }, 30_000);
});

describe('REST', () => {
  it('answers ping, time and the symbols with their status', async () => {
    const { exchange, clock } = await start({ retired: ['BTCUSD4'] });
    const api = `${exchange.restUrl}/api/v3`;
    expect((await getJson(`${api}/ping`)).body).toEqual({});
    expect((await getJson(`${api}/time`)).body).toEqual({ serverTime: clock.now() });
    const all = (await getJson(`${api}/exchangeInfo`)).body.symbols as { symbol: string; status: string }[];
    expect(all.map(({ symbol, status }) => [symbol, status])).toEqual([
      ['BTCUSDT', 'TRADING'],
      ['ETHUSDT', 'TRADING'],
      ['BTCUSD4', 'BREAK'],
    ]);
    expect((await getJson(`${api}/exchangeInfo?symbol=ETHUSDT`)).body.symbols).toMatchObject([
      { symbol: 'ETHUSDT', baseAsset: 'ETH', quoteAsset: 'USDT' },
    ]);
    const two = encodeURIComponent('["BTCUSDT","BTCUSD4"]');
    expect((await getJson(`${api}/exchangeInfo?symbols=${two}`)).body.symbols).toHaveLength(2);
  });

  it('refuses what it does not know with the codes of Binance', async () => {
    const { exchange } = await start();
    const api = `${exchange.restUrl}/api/v3`;
    for (const path of ['depth?symbol=NOPE', 'exchangeInfo?symbol=NOPE', 'exchangeInfo?symbols=%5B%22NOPE%22%5D']) {
      const { status, body } = await getJson(`${api}/${path}`);
      expect([status, body]).toEqual([400, { code: -1121, msg: 'Invalid symbol.' }]);
    }
    expect(await getJson(`${api}/depth`)).toMatchObject({ status: 400, body: { code: -1102 } });
    expect(await getJson(`${api}/depth?symbol=BTCUSDT&limit=many`)).toMatchObject({
      status: 400,
      body: { code: -1100 },
    });
    expect(await getJson(`${api}/exchangeInfo?symbols=BTC`)).toMatchObject({ status: 400, body: { code: -1100 } });
    expect(await getJson(`${api}/klines`)).toMatchObject({ status: 404 });
  });

  it('counts weights, answers 429 with a time to wait beyond the limit, and 418 to who goes on', async () => {
    const { exchange, clock } = await start({ weightAMinute: 66 });
    const depth = (limit: number) => getJson(`${exchange.restUrl}/api/v3/depth?symbol=BTCUSDT&limit=${limit}`);
    const used = [];
    for (const limit of [100, 500, 1000, 5000]) used.push((await depth(limit)).headers.get('x-mbx-used-weight-1m'));
    expect(used).toEqual(['1', '6', '16', '66']);
    const refused = await depth(100);
    expect(refused).toMatchObject({ status: 429, body: { code: -1003 } });
    const waitS = Number(refused.headers.get('retry-after'));
    expect(waitS).toBe(60 - Math.floor((clock.now() % 60_000) / 1000));
    clock.advance(waitS * 1000);
    expect((await depth(5000)).status).toBe(200);
    const statuses = [];
    for (let i = 0; i < 12; i++) statuses.push((await depth(5000)).status);
    expect(statuses).toEqual([...Array(10).fill(429), 418, 418]);
    clock.advance(119_000);
    expect((await depth(100)).headers.get('retry-after')).toBe('1');
    clock.advance(1_000);
    expect((await depth(100)).status).toBe(200);
  });
});

describe('the service', () => {
  it('says so when its port is in use', async () => {
    const { exchange } = await start();
    await expect(start({ port: exchange.port })).rejects.toMatchObject({
      code: 'DL_PORT_IN_USE',
      message: expect.stringContaining(`127.0.0.1:${exchange.port}`),
    });
  });

  it('is reached on 127.0.0.1 and on no other address of the machine', async () => {
    const { exchange } = await start();
    const others = Object.values(networkInterfaces())
      .flat()
      .filter((address) => address !== undefined && address.family === 'IPv4' && address.address !== '127.0.0.1')
      .map((address) => address!.address);
    const reach = (host: string) =>
      new Promise<boolean>((resolve) => {
        const socket = connect({ host, port: exchange.port }, () => resolve(true));
        socket.on('error', () => resolve(false));
        socket.on('close', () => resolve(false));
        socket.on('connect', () => socket.destroy());
        socket.setTimeout(1_000, () => socket.destroy());
      });
    expect(await reach('127.0.0.1')).toBe(true);
    // 127.0.0.2 is loopback too: a listener on every interface would answer there.
    for (const host of ['127.0.0.2', '::1', ...others]) expect([host, await reach(host)]).toEqual([host, false]);
  });

  it('leaves no timer, connection or listener behind when it is closed', async () => {
    const { exchange, clock } = await start();
    const subscribers = await Promise.all([1, 2].map(() => Subscriber.open(`${exchange.wsUrl}/ws/${FRAMES}`)));
    clock.advance(500);
    expect(clock.timers).toBe(1);
    await exchange.close();
    await Promise.all(subscribers.map(({ closed }) => closed));
    expect(clock.timers).toBe(0);
    const heir: Server = createServer();
    await new Promise<void>((resolve, reject) => {
      heir.on('error', reject);
      heir.listen(exchange.port, '127.0.0.1', resolve);
    });
    await new Promise((resolve) => heir.close(resolve));
  });

  it('says what it sent', async () => {
    const { exchange, clock } = await start();
    expect(exchange.sent('BTCUSDT')).toEqual({});
    const one = await Subscriber.open(`${exchange.wsUrl}/stream?streams=${FRAMES}`);
    const two = await Subscriber.open(`${exchange.wsUrl}/stream?streams=${FRAMES}`);
    clock.advance(2_000);
    await one.settled();
    await two.settled();
    const bodies = one.bodies(FRAMES);
    expect(two.bodies(FRAMES)).toEqual(bodies);
    expect(exchange.sent('BTCUSDT')[FRAMES]).toMatchObject({
      messages: bodies.length,
      deliveries: 2 * bodies.length,
      lastId: bodies.at(-1)!.lastUpdateId,
      injected: 0,
    });
    expect(exchange.sent('ETHUSDT')).toEqual({});
  });
});
