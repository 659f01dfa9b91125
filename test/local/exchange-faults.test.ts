import { afterEach, describe, expect, it } from 'vitest';
import { type Exchange, type Faults, startExchange } from '../../infra/local/exchange.ts';
import { type Body, getJson, ManualClock, Subscriber } from './exchange-client.ts';

const FRAMES = 'btcusdt@depth20@100ms';
const DIFFS = 'btcusdt@depth@100ms';

const open: Exchange[] = [];
async function start(faults: Partial<Faults> = {}, seed = 1) {
  const clock = new ManualClock();
  const exchange = await startExchange({ symbols: ['BTCUSDT'], clock, faults, seed });
  open.push(exchange);
  const subscriber = await Subscriber.open(`${exchange.wsUrl}/stream?streams=${FRAMES}/${DIFFS}`);
  return { exchange, clock, subscriber };
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((exchange) => exchange.close()));
});

/** Every message of 20 s under a fault, in the order of arrival. */
async function record(faults: Partial<Faults>, seed = 1) {
  const { exchange, clock, subscriber } = await start(faults, seed);
  clock.advance(20_000);
  await subscriber.settled();
  return { texts: subscriber.texts, subscriber, sent: exchange.sent('BTCUSDT') };
}

/** The same without faults: what must arrive in any case. */
async function goodTexts(stream: string): Promise<string[]> {
  const { texts } = await record({});
  return texts.filter((text) => text.includes(stream));
}

const parses = (text: string) => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};
const isGoodPartial = ({ lastUpdateId, bids, asks }: Body) =>
  Number.isSafeInteger(lastUpdateId) &&
  bids.length === 20 &&
  asks?.length === 20 &&
  Number(bids[0]![0]) < Number(asks[0]![0]);

describe('faults of connections', () => {
  it('cut: every connection ends without a handshake, and a new one is welcome', async () => {
    const { exchange, subscriber } = await start();
    exchange.cut();
    expect(await subscriber.closed).toBe(1006);
    await Subscriber.open(`${exchange.wsUrl}/ws/${FRAMES}`);
    expect(exchange.connections()).toBe(1);
  });

  it('cutEveryMs: cuts again and again, from the moment it is switched on', async () => {
    const { exchange, clock, subscriber } = await start();
    clock.advance(60_000);
    exchange.faults.cutEveryMs = 2_000;
    clock.advance(2_000);
    await subscriber.settled();
    expect(subscriber.isClosed).toBe(false);
    clock.advance(100);
    expect(await subscriber.closed).toBe(1006);
    const second = await Subscriber.open(`${exchange.wsUrl}/ws/${FRAMES}`);
    clock.advance(2_000);
    expect(await second.closed).toBe(1006);
    exchange.faults.cutEveryMs = 0;
    const third = await Subscriber.open(`${exchange.wsUrl}/ws/${FRAMES}`);
    clock.advance(10_000);
    await third.settled();
    expect(third.isClosed).toBe(false);
  });

  it('refuseWith: answers upgrades and REST with that status, and says how long to wait where that is due', async () => {
    const { exchange } = await start();
    for (const [status, wait] of [
      [403, null],
      [418, '1'],
      [429, '1'],
      [451, null],
      [503, null],
    ] as const) {
      exchange.faults.refuseWith = status;
      await expect(Subscriber.open(`${exchange.wsUrl}/ws`)).rejects.toThrow(
        `HTTP ${status} retry-after ${wait ?? 'none'}`,
      );
      const answer = await getJson(`${exchange.restUrl}/api/v3/exchangeInfo`);
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([status, wait]);
    }
    exchange.faults.refuseWith = 0;
    expect((await getJson(`${exchange.restUrl}/api/v3/ping`)).status).toBe(200);
  });

  it('stall: frames stop, pings are answered; afterwards the ids show a gap in the diffs', async () => {
    const { exchange, clock, subscriber } = await start();
    clock.advance(1_000);
    exchange.faults.stall = true;
    clock.advance(1_000);
    await subscriber.settled();
    const before = subscriber.bodies(DIFFS);
    clock.advance(1_000);
    const pong = new Promise((resolve) => subscriber.socket.on('pong', resolve));
    subscriber.socket.ping();
    await pong;
    expect(subscriber.bodies(DIFFS).length).toBe(before.length);
    exchange.faults.stall = false;
    clock.advance(1_000);
    await subscriber.settled();
    expect(subscriber.bodies(DIFFS)[before.length]!.U).toBeGreaterThan(before.at(-1)!.u + 1);
  });

  it('mute: neither frames nor pongs nor pings, until it is switched off', async () => {
    const { exchange, clock, subscriber } = await start();
    exchange.faults.mute = true;
    clock.advance(200_000);
    let pongs = 0;
    subscriber.socket.on('pong', () => {
      pongs += 1;
    });
    subscriber.socket.ping();
    // A second connection's full round trip shows that the exchange had every chance to answer the first.
    await getJson(`${exchange.restUrl}/api/v3/ping`);
    expect([subscriber.texts, subscriber.pings, pongs]).toEqual([[], [], 0]);
    expect(subscriber.isClosed).toBe(false);
    exchange.faults.mute = false;
    clock.advance(1_000);
    await subscriber.settled();
    expect(pongs).toBe(1);
    expect(subscriber.bodies(FRAMES).length).toBeGreaterThan(5);
  });
});

describe('faults of messages', () => {
  it('skipDiffs: leaves out diffs, and only diffs', async () => {
    const { texts, subscriber, sent } = await record({ skipDiffs: 0.3 });
    const diffs = await goodTexts(DIFFS);
    const got = texts.filter((text) => text.includes(DIFFS));
    expect(got.length).toBe(diffs.length - sent[DIFFS]!.skipped);
    expect(sent[DIFFS]!.skipped).toBeGreaterThan(20);
    expect(diffs).toEqual(expect.arrayContaining(got));
    expect(subscriber.bodies(FRAMES).length).toBe(diffs.length);
  });

  it('repeatFrames: sends messages twice in a row', async () => {
    const { texts, sent } = await record({ repeatFrames: 0.3 });
    const frames = texts.filter((text) => text.includes(FRAMES));
    expect(frames.filter((text, i) => text !== frames[i - 1])).toEqual(await goodTexts(FRAMES));
    expect(sent[FRAMES]!.repeated).toBe(frames.length - new Set(frames).size);
    expect(sent[FRAMES]!.repeated).toBeGreaterThan(20);
  });

  it('lateFrames: brings every message, some of them behind later ones', async () => {
    const { exchange, clock, subscriber } = await start({ lateFrames: 0.3 });
    clock.advance(19_000);
    exchange.faults.lateFrames = 0;
    clock.advance(1_000);
    await subscriber.settled();
    const ids = subscriber.bodies(FRAMES).map((body) => body.lastUpdateId);
    const good = (await goodTexts(FRAMES)).map((text) => (JSON.parse(text) as { data: Body }).data.lastUpdateId);
    expect([...ids].sort((a, b) => a - b)).toEqual(good);
    const late = ids.filter((id, i) => ids.slice(0, i).some((earlier) => earlier > id));
    expect(late.length).toBe(exchange.sent('BTCUSDT')[FRAMES]!.late);
    expect(late.length).toBeGreaterThan(20);
  });

  it('malformedFrames: adds messages that cannot be read, of several kinds, beside all the good ones', async () => {
    const { texts, sent } = await record({ malformedFrames: 0.4 });
    const [frames, diffs] = [await goodTexts(FRAMES), await goodTexts(DIFFS)];
    const good = new Set([...frames, ...diffs]);
    expect(texts.filter((text) => good.has(text)).length).toBe(good.size);
    const extra = texts.filter((text) => !good.has(text));
    expect(extra.length).toBe(sent[FRAMES]!.injected + sent[DIFFS]!.injected);
    expect(extra.filter((text) => !parses(text)).length).toBeGreaterThan(10);
    const bodies = extra.filter((text) => parses(text) && text.includes(FRAMES)).map((text) => JSON.parse(text).data);
    expect(bodies.some(({ bids }: Body) => bids[0]![0] === '1e5')).toBe(true);
    expect(bodies.some(({ bids }: Body) => bids[0]![0]!.startsWith('-'))).toBe(true);
    expect(bodies.some(({ asks }: Body) => asks === null)).toBe(true);
    expect(bodies.some(({ lastUpdateId }: Body) => typeof lastUpdateId === 'string')).toBe(true);
  });

  it('foreignFrames: adds bodies of other products under the same stream name', async () => {
    const { subscriber } = await record({ foreignFrames: 0.4 });
    const good = await goodTexts(FRAMES);
    const foreign = subscriber.bodies(FRAMES).filter((body) => !('lastUpdateId' in body));
    expect(subscriber.bodies(FRAMES).length - foreign.length).toBe(good.length);
    expect(foreign.some((body) => 'pu' in body)).toBe(true);
    expect(foreign.some((body) => 'Q' in body)).toBe(true);
  });

  it('emptySide and crossedBook: add partial books with ids of their own, each before a good one', async () => {
    const { subscriber, sent } = await record({ emptySide: 0.3, crossedBook: 0.3 });
    const good = await goodTexts(FRAMES);
    const bodies = subscriber.bodies(FRAMES);
    const empty = bodies.filter(({ bids, asks }) => bids.length === 0 || asks.length === 0);
    const crossed = bodies.filter(
      ({ bids, asks }) => bids.length > 0 && asks.length > 0 && Number(bids[0]![0]) > Number(asks[0]![0]),
    );
    expect(new Set(empty.map(({ bids }) => bids.length))).toEqual(new Set([0, 20]));
    expect(crossed.length).toBeGreaterThan(20);
    expect(empty.length + crossed.length).toBe(sent[FRAMES]!.injected);
    const ids = bodies.map(({ lastUpdateId }) => lastUpdateId);
    expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
    expect(bodies.filter(isGoodPartial).map((data) => JSON.stringify({ stream: FRAMES, data }))).toEqual(good);
  });

  it('fall the same way for the same seed, and another way for another', async () => {
    const faults = { repeatFrames: 0.2, lateFrames: 0.2, malformedFrames: 0.2, skipDiffs: 0.2 };
    const first = await record(faults, 5);
    expect((await record(faults, 5)).texts).toEqual(first.texts);
    expect((await record(faults, 6)).texts).not.toEqual(first.texts);
  });
});
