import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Exchange, startExchange } from '../../infra/local/exchange.ts';
import { type Body, getJson, ManualClock, Subscriber, until } from './exchange-client.ts';

const RECORDINGS = new URL('../../../shared/data/', import.meta.url).pathname;
const RECORDED = existsSync(RECORDINGS);
const REASON = RECORDED ? '' : ' (skipped: ../shared/data is absent)';

let folder: string;
const open: Exchange[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'depthlake-playback-'));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(async () => {
  await Promise.all(open.splice(0).map((exchange) => exchange.close()));
});

async function play(file: string, speed: number | 'max' = 'max', clock = new ManualClock()) {
  const exchange = await startExchange({ symbols: ['BTCUSDT'], clock, recording: { file, speed } });
  open.push(exchange);
  return { exchange, clock };
}

let files = 0;
async function write(content: string | Buffer): Promise<string> {
  const file = join(folder, `recording-${files++}`);
  await writeFile(file, content);
  return file;
}

const START_NS = 1_700_000_000_000_000_000n;
/** A line of a recording, so many ms after its begin. */
const line = (ms: number, text: string, source = '') => `${START_NS + BigInt(ms) * 1_000_000n} ${source}${text}`;
const partial = (id: number, symbol = 'btcusdt') =>
  `{"stream":"${symbol}@depth20@100ms","data":{"lastUpdateId":${id},"bids":[["1.5","2"]],"asks":[["1.6","3.10"]]}}`;
const diff = (first: number, last: number, bids: string, asks = '[]') =>
  `{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":${first},"u":${last},"b":${bids},"a":${asks}}}`;
const book = (id: number) => `{"lastUpdateId":${id},"bids":[["10.0","1"],["9.0","1"]],"asks":[["11.0","1"]]}`;
const FRAMES = 'stream?streams=btcusdt@depth20@100ms';

describe('a recording', () => {
  it('begins with the first subscriber and keeps the recorded times, divided by the speed', async () => {
    const file = await write([0, 1_000, 1_500].map((ms, i) => line(ms, partial(i + 1))).join('\n'));
    const { exchange, clock } = await play(file, 2);
    clock.advance(60_000);
    const subscriber = await Subscriber.open(`${exchange.wsUrl}/${FRAMES}`);
    const ids = () => subscriber.bodies('btcusdt@depth20@100ms').map((body) => body.lastUpdateId);
    const BEAT = 1;
    await until(() => ids().length === 1 && clock.timers === BEAT + 1);
    clock.advance(499);
    await subscriber.settled();
    expect(ids()).toEqual([1]);
    clock.advance(1);
    await until(() => clock.timers === BEAT + 1);
    await until(() => ids().length === 2);
    clock.advance(249);
    await subscriber.settled();
    expect(ids()).toEqual([1, 2]);
    clock.advance(1);
    await exchange.recordingEnded;
    await subscriber.settled();
    expect(ids()).toEqual([1, 2, 3]);
  });

  it('is played plain or gzip, bare or wrapped, every stream to those who follow it, verbatim', async () => {
    const trade = '{"stream":"btcusdt@trade","data":{"e":"trade", "p":"1.0"}}';
    const text = `${[line(0, partial(1)), line(1, trade), line(2, partial(2, 'ethusdt')), line(3, '{"result":null,"id":1}')].join('\n')}\n`;
    for (const content of [text, gzipSync(text), text.replaceAll('\n', '\r\n')]) {
      const { exchange } = await play(await write(content));
      expect(exchange.symbols).toEqual(['BTCUSDT', 'ETHUSDT']);
      const all = 'btcusdt@depth20@100ms/btcusdt@trade/ethusdt@depth20@100ms';
      const subscriber = await Subscriber.open(`${exchange.wsUrl}/stream?streams=${all}`);
      await exchange.recordingEnded;
      await subscriber.settled();
      expect(subscriber.texts).toEqual([partial(1), trade, partial(2, 'ethusdt')]);
      const { body } = await getJson(`${exchange.restUrl}/api/v3/exchangeInfo`);
      expect((body.symbols as { symbol: string }[]).map(({ symbol }) => symbol)).toEqual(['BTCUSDT', 'ETHUSDT']);
    }
    const { exchange } = await play(await write(text));
    const bare = await Subscriber.open(`${exchange.wsUrl}/ws/btcusdt@trade`);
    await exchange.recordingEnded;
    await bare.settled();
    expect(bare.texts).toEqual(['{"e":"trade", "p":"1.0"}']);
  });

  it('answers REST with its own book, from the moment on which it was recorded', async () => {
    const lines = [line(0, diff(5, 5, '[]')), line(1_000, book(7), 'rest BTCUSDT '), line(1_000, diff(8, 8, '[]'))];
    const { exchange, clock } = await play(await write(lines.join('\n')), 1);
    const subscriber = await Subscriber.open(`${exchange.wsUrl}/stream?streams=btcusdt@depth@100ms`);
    const depth = `${exchange.restUrl}/api/v3/depth?symbol=BTCUSDT`;
    await until(() => subscriber.texts.length === 1 && clock.timers === 2);
    expect((await getJson(depth)).status).toBe(503);
    clock.advance(1_000);
    await exchange.recordingEnded;
    expect((await getJson(depth)).body).toEqual(JSON.parse(book(7)));
    expect((await getJson(`${depth}&limit=1`)).body.bids).toEqual([['10.0', '1']]);
  });

  it('stays silent after its end, while pings go on', async () => {
    const { exchange, clock } = await play(await write(line(0, partial(1))));
    const subscriber = await Subscriber.open(`${exchange.wsUrl}/${FRAMES}`);
    await exchange.recordingEnded;
    clock.advance(180_000);
    await until(() => subscriber.pings.length === 1);
    await subscriber.settled();
    expect(subscriber.texts).toEqual([partial(1)]);
  });

  it('loses nothing on a subscriber that stops taking, however fast it is played', async () => {
    const filler = `"filler":"${'x'.repeat(100_000)}"`;
    const big = (id: number) => `{"stream":"btcusdt@depth20@100ms","data":{"lastUpdateId":${id},${filler}}}`;
    const file = await write(Array.from({ length: 600 }, (_, i) => line(i, big(i))).join('\n'));
    const { exchange } = await play(file);
    const subscriber = await Subscriber.open(`${exchange.wsUrl}/${FRAMES}`);
    let ended = false;
    void exchange.recordingEnded.then(() => {
      ended = true;
    });
    subscriber.socket.pause();
    for (let i = 0; i < 500; i++) await new Promise(setImmediate);
    expect([ended, exchange.connections()]).toEqual([false, 1]);
    subscriber.socket.resume();
    await exchange.recordingEnded;
    await subscriber.settled();
    expect(subscriber.bodies('btcusdt@depth20@100ms').map((body) => body.lastUpdateId)).toEqual(
      Array.from({ length: 600 }, (_, i) => i),
    );
  }, 30_000);

  it('ends with the exchange when that is closed half-way', async () => {
    const { exchange, clock } = await play(await write([line(0, partial(1)), line(9_000, partial(2))].join('\n')), 1);
    const subscriber = await Subscriber.open(`${exchange.wsUrl}/${FRAMES}`);
    await until(() => subscriber.texts.length === 1 && clock.timers === 2);
    await exchange.close();
    expect(clock.timers).toBe(0);
    await subscriber.closed;
  });

  it('brings its late messages before it ends', async () => {
    const { exchange } = await play(await write([1, 2, 3, 4].map((id) => line(id, partial(id))).join('\n')));
    exchange.faults.lateFrames = 1;
    const subscriber = await Subscriber.open(`${exchange.wsUrl}/${FRAMES}`);
    await exchange.recordingEnded;
    await subscriber.settled();
    expect(subscriber.texts.toSorted()).toEqual([1, 2, 3, 4].map((id) => partial(id)));
  });
});

describe('depth20 of a recording that has diffs only', () => {
  const idsOf = async (lines: string[]) => {
    const { exchange } = await play(await write(lines.map((text, i) => line(i, text)).join('\n')));
    const subscriber = await Subscriber.open(`${exchange.wsUrl}/${FRAMES}`);
    await exchange.recordingEnded;
    await subscriber.settled();
    return subscriber.bodies('btcusdt@depth20@100ms');
  };

  it('is one frame for each diff after the book, the diffs before it taken into account', async () => {
    const frames = await idsOf([
      diff(3, 5, '[["8.0","9"]]'),
      diff(6, 7, '[["10.0","2"]]'),
      book(5),
      diff(8, 8, '[["9.00","0.000"],["7.0","4"]]', '[["12.0","5"]]'),
    ]);
    const asks = [
      ['11.0', '1'],
      ['12.0', '5'],
    ];
    const bids = [
      ['10.0', '2'],
      ['7.0', '4'],
    ];
    expect(frames).toEqual([{ lastUpdateId: 8, bids, asks }]);
  });

  it('pauses after a gap until the next book', async () => {
    const lines = [book(5), diff(6, 6, '[]'), diff(8, 8, '[]'), diff(9, 9, '[]'), book(8), diff(10, 10, '[]')];
    expect((await idsOf(lines)).map((body) => body.lastUpdateId)).toEqual([6, 10]);
  });

  it('is not derived where the recording has its own', async () => {
    const frames = await idsOf([book(5), diff(6, 6, '[]'), partial(6)]);
    expect(frames).toEqual([(JSON.parse(partial(6)) as { data: Body }).data]);
  });

  it.skipIf(!RECORDED).each(['20210405_10sym', '20210417_10sym', '20210814_4sym', '20211012_4sym'])(
    `equals the frames derived elsewhere, value for value: us_%s${REASON}`,
    async (name) => {
      const expected = gunzipSync(await readFile(`${RECORDINGS}depth20-derived/us_${name}_depth20.gz`))
        .toString()
        .trimEnd()
        .split('\n')
        .map((text) => JSON.parse(text.slice(text.indexOf(' ') + 1)));
      const { exchange } = await play(`${RECORDINGS}binance-us-2021/us_${name}_lines.gz`);
      const streams = exchange.symbols.map((symbol) => `${symbol.toLowerCase()}@depth20@100ms`);
      const subscriber = await Subscriber.open(`${exchange.wsUrl}/stream?streams=${streams.join('/')}`);
      await exchange.recordingEnded;
      await subscriber.settled();
      expect(subscriber.texts.map((text) => JSON.parse(text))).toEqual(expected);
    },
  );
});

describe.skipIf(!RECORDED)(`the recordings of real exchanges${REASON}`, () => {
  it('are played line by line as they were recorded, REST line of BTCUSDT included', async () => {
    const file = `${RECORDINGS}binance-btcusdt-2024/btcusdt_20240808.gz`;
    const lines = gunzipSync(await readFile(file))
      .toString()
      .trimEnd()
      .split('\n');
    const texts = lines.map((text) => text.slice(text.indexOf(' ') + 1));
    const { exchange } = await play(file);
    const streams = 'btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade';
    const subscriber = await Subscriber.open(`${exchange.wsUrl}/stream?streams=${streams}`);
    await exchange.recordingEnded;
    await subscriber.settled();
    expect(subscriber.texts).toEqual(texts.filter((text) => text.startsWith('{"stream"')));
    const rest = texts.find((text) => text.startsWith('{"lastUpdateId"'))!;
    const { body } = await getJson(`${exchange.restUrl}/api/v3/depth?symbol=BTCUSDT&limit=5000`);
    expect(body).toEqual(JSON.parse(rest));
  }, 60_000);
});

describe('a file that is no recording', () => {
  it.each([
    ['a line without a time', `${line(0, partial(1))}\nhello`, 'line 2: does not begin with a receive time'],
    [
      'a message that is not JSON',
      `${line(0, partial(1))}\n\n${line(1, '{"stream":')}`,
      'line 3: the message is not JSON',
    ],
    ['a message that is no object', line(0, '17'), 'line 1: the message is not a JSON object'],
    ['a message without data', line(0, '{"stream":"a@b"}'), 'line 1: a combined message needs'],
    ['a REST line without a book', line(0, '{}', 'rest BTCUSDT '), 'line 1: a REST line holds no book'],
    ['a REST line with half a book', line(0, '{"lastUpdateId":1,"bids":[]}', 'rest BTCUSDT '), 'line 1: a book needs'],
    ['nothing to play', line(0, book(1), 'rest BTCUSDT '), 'nothing can be played'],
    ['nothing at all', '', 'nothing can be played'],
    [
      'a book of an unknown symbol',
      [line(0, partial(1)), line(1, partial(1, 'ethusdt')), line(2, book(1))].join('\n'),
      'line 3: a book without a symbol, in a recording of 2 symbols',
    ],
    ['a gzip cut short', gzipSync(line(0, partial(1))).subarray(0, 60), 'unexpected end of file'],
  ])('is refused with the line and the reason: %s', async (_what, content, reason) => {
    const file = await write(content);
    await expect(play(file)).rejects.toMatchObject({
      code: 'DL_RECORDING_INVALID',
      message: expect.stringContaining(reason),
    });
    await expect(play(file)).rejects.toThrow(file);
  });

  it('is told apart from a file that cannot be read', async () => {
    await expect(play(join(folder, 'absent'))).rejects.toMatchObject({ code: 'DL_FILE_UNREADABLE' });
    await expect(play(folder)).rejects.toMatchObject({ code: 'DL_FILE_UNREADABLE' });
  });
});
