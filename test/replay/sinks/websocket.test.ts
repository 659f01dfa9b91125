import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { announcedSource } from '../../../infra/replay/announced-source.ts';
import { decimalText } from '../../../infra/replay/sinks/websocket/decimal-text.ts';
import { openWebSocketSink } from '../../../infra/replay/sinks/websocket.ts';
import { parseUnits, toDouble } from '../../../producer/book/decimal.ts';
import type { TableRow } from '../../../producer/record.ts';
import type { Selection, Source, SourceItem } from '../../../producer/replay/source.ts';
import { Subscriber, until } from '../../local/exchange-client.ts';
import { bookRow, eventRow } from '../../producer/samples.ts';
import {
  begun,
  cutOff,
  FRAMES,
  HEAVY_LEVELS,
  ids,
  isOpen,
  openSink,
  rawRow,
  rawRows,
  START_MS,
  stalledAt,
} from './websocket-clients.ts';

describe('what a client is sent', () => {
  it('is the partial book as the venue writes it, wrapped or bare', async () => {
    const { sink, client } = await begun();
    const bare = await Subscriber.open(`${sink.wsUrl}/ws/${FRAMES}`);
    const top_bids = [
      [58_823.1, 0.00000001],
      [58_823, 12],
    ];
    await sink.write([rawRow(7, { top_bids, top_asks: [[58_823.11, 123_456.789]] })]);
    await Promise.all([client.settled(), bare.settled()]);
    const body =
      '{"lastUpdateId":7,"bids":[["58823.10000000","0.00000001"],["58823.00000000","12.00000000"]],"asks":[["58823.11000000","123456.78900000"]]}';
    expect(bare.texts).toEqual([body]);
    expect(client.texts).toEqual([`{"stream":"${FRAMES}","data":${body}}`]);
  });

  it('has the best 5 and 10 of the same levels', async () => {
    const { sink, client } = await begun({}, FRAMES, 'btcusdt@depth5@100ms', 'btcusdt@depth10@100ms');
    await sink.write([rawRow(1)]);
    await client.settled();
    const [whole] = client.bodies(FRAMES);
    expect([whole!.bids.length, whole!.asks.length]).toEqual([20, 20]);
    for (const levels of [5, 10]) {
      const [prefix] = client.bodies(`btcusdt@depth${levels}@100ms`);
      const expected = { lastUpdateId: 1, bids: whole!.bids.slice(0, levels), asks: whole!.asks.slice(0, levels) };
      expect(prefix).toEqual(expected);
    }
  });

  it('is every row at 100 ms, and the first of each second of event time at 1000 ms', async () => {
    const slow = ['btcusdt@depth20', 'btcusdt@depth5@1000ms'];
    const { sink, client } = await begun({}, FRAMES, ...slow);
    await sink.write(rawRows(3, 31));
    await client.settled();
    expect(ids(client)).toEqual(Array.from({ length: 29 }, (_, i) => i + 3));
    for (const stream of slow) expect(ids(client, stream)).toEqual([3, 10, 20, 30]);
  });

  it('is the best price and quantity of each side where one of them changed', async () => {
    const ticker = 'btcusdt@bookTicker';
    const { sink, client } = await begun({}, ticker);
    const book = (id: number, bid: number[], ask: number[]) =>
      rawRow(id, { top_bids: [bid, [1, id]], top_asks: [ask, [1_000, id]] });
    await sink.write([
      book(1, [99, 1], [101, 2]),
      book(2, [99, 1], [101, 2]),
      book(3, [99, 1], [101, 2.5]),
      book(4, [99, 1], [101, 2.5]),
      book(5, [98.5, 1], [101, 2.5]),
    ]);
    await client.settled();
    expect(ids(client, ticker)).toEqual([1, 3, 5]);
    expect(client.bodies(ticker)[1]).toEqual({
      u: 3,
      s: 'BTCUSDT',
      b: '99.00000000',
      B: '1.00000000',
      a: '101.00000000',
      A: '2.50000000',
    });
  });

  it('comes from when it subscribed to when it unsubscribed, on one connection as on another', async () => {
    const { sink, client } = await begun();
    await sink.write(rawRows(1, 2));
    const late = await Subscriber.open(`${sink.wsUrl}/ws`);
    const request = (method: string) => late.request({ method, params: [FRAMES], id: 1 });
    expect(await request('SUBSCRIBE')).toEqual({ result: null, id: 1 });
    expect(await request('LIST_SUBSCRIPTIONS')).toEqual({ result: [FRAMES], id: 1 });
    await sink.write(rawRows(3, 4));
    await request('UNSUBSCRIBE');
    await sink.write(rawRows(5, 6));
    await Promise.all([client.settled(), late.settled()]);
    expect(ids(client)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(late.texts.map((text) => JSON.parse(text).lastUpdateId)).toEqual([3, 4]);
  });

  it('is pinged every three minutes, and cut where it has not answered for ten', async () => {
    const { sink, clock } = await openSink();
    const silent = await Subscriber.open(`${sink.wsUrl}/ws/${FRAMES}`, { autoPong: false });
    const answering = await Subscriber.open(`${sink.wsUrl}/ws/${FRAMES}`);
    for (let pings = 1; pings <= 4; pings++) {
      clock.advance(180_000);
      await until(() => answering.pings.length === pings && silent.pings.length === pings);
      await answering.settled();
    }
    clock.advance(60_000);
    await silent.closed;
    expect(answering.isClosed).toBe(false);
  });
});

describe('what cannot be sent', () => {
  it('is a diff: the subscription is acknowledged, stays silent, and the user is told once', async () => {
    const { sink, client, lines } = await begun({}, FRAMES, 'btcusdt@depth@100ms', 'ethusdt@depth');
    await sink.write(rawRows(1, 2));
    await client.settled();
    expect(client.texts.length).toBe(2);
    expect(lines).toEqual([
      'a client follows btcusdt@depth@100ms, which stays silent: diffs cannot be made of snapshots',
    ]);
  });

  it('is a stream of another kind, or of a symbol that --symbols leaves out', async () => {
    const { lines } = await begun(
      { wants: (symbol) => symbol === 'BTCUSDT' },
      FRAMES,
      'btcusdt@trade',
      'ethusdt@depth5',
    );
    expect(lines).toEqual([
      expect.stringContaining('a client follows btcusdt@trade, which stays silent: a replay has partial books'),
      'a client follows ethusdt@depth5, which stays silent: --symbols leaves ETHUSDT out',
    ]);
  });

  it('is a row without raw levels: said once a symbol, counted, and the others are sent', async () => {
    const { sink, client, lines } = await begun();
    await sink.write([bookRow('BTCUSDT', 1, START_MS), bookRow('BTCUSDT', 2, START_MS), rawRow(3)]);
    await client.settled();
    expect(ids(client)).toEqual([3]);
    expect(lines).toEqual([
      'BTCUSDT: rows without top_bids and top_asks cannot be sent: they were recorded without --raw-levels',
    ]);
    expect(sink.counts).toEqual({ sent: 1, feed_events: 0, without_raw_levels: 2, other_venue: 0 });
    expect(await sink.end()).toEqual({ writes: 1, state: null });
  });

  it('is a whole replay without raw levels, which fails at its end', async () => {
    const { sink } = await begun();
    await sink.write([bookRow('BTCUSDT', 1, START_MS), bookRow('ETHUSDT', 1, START_MS), eventRow(null, 1, START_MS)]);
    await expect(sink.end()).rejects.toMatchObject({
      code: 'DL_RAW_LEVELS_MISSING',
      message: 'none of the 2 rows has top_bids and top_asks, so nothing could be sent',
    });
  });

  it('is a feed event, which is counted', async () => {
    const { sink, client } = await begun();
    await sink.write([eventRow('BTCUSDT', 1, START_MS), eventRow(null, 2, START_MS)]);
    await client.settled();
    expect([client.texts, sink.counts.feed_events]).toEqual([[], 2]);
    await sink.end();
  });

  it('is a second venue’s book of a symbol: the stream stays that of the first', async () => {
    const { sink, client, lines } = await begun();
    await sink.write([
      rawRow(1),
      rawRow(900, { venue: 'binance.com' }),
      rawRow(2),
      rawRow(901, { venue: 'binance.com' }),
    ]);
    await client.settled();
    expect([ids(client), sink.counts.other_venue]).toEqual([[1, 2], 2]);
    expect(lines).toEqual([
      'BTCUSDT: rows of binance.com are not sent, those of binance.us are: a stream’s name does not tell the venue',
    ]);
  });

  it('does not fill the terminal: after twenty lines the user is told that there is more', async () => {
    const { sink, lines } = await begun();
    await sink.write(Array.from({ length: 256 }, (_, i) => bookRow(`SYMBOL${i}`, 1, START_MS)));
    expect([lines.length, lines.at(-1)]).toEqual([21, 'further notes of this kind are left out']);
  });
});

describe('when a replay begins', () => {
  it('is a second after the last of the first subscriptions, so that none of them misses a row', async () => {
    const { sink, clock, follow } = await openSink();
    clock.advance(60_000);
    const client = await follow();
    clock.advance(900);
    await client.request({ method: 'SUBSCRIBE', params: ['ethusdt@bookTicker'], id: 1 });
    clock.advance(900);
    expect(await isOpen(sink.ready)).toBe(true);
    clock.advance(100);
    await sink.ready;
  });

  it('is ten seconds after the first one at the latest', async () => {
    const { sink, clock, follow } = await openSink();
    const client = await follow();
    for (let i = 0; i < 11; i++) {
      clock.advance(900);
      await client.request({ method: 'SUBSCRIBE', params: [`symbol${i}@depth20`], id: 1 });
    }
    expect(await isOpen(sink.ready)).toBe(true);
    clock.advance(100);
    await sink.ready;
  });

  it('is not before somebody follows a stream that there is', async () => {
    const { sink, clock, follow } = await openSink({ wants: (symbol) => symbol !== 'ETHUSDT' });
    const client = await follow('btcusdt@depth@100ms', 'btcusdt@trade', 'ethusdt@depth20@100ms');
    clock.advance(60_000);
    const gone = await follow();
    await cutOff(gone, sink);
    clock.advance(60_000);
    expect(await isOpen(sink.ready)).toBe(true);
    await client.request({ method: 'SUBSCRIBE', params: [FRAMES], id: 1 });
    clock.advance(1_000);
    await sink.ready;
  });

  it('is never, where it is given up: nothing is accepted then', async () => {
    const { sink, abort } = await openSink({ waits: true });
    const write = sink.write([rawRow(1)]);
    expect(await isOpen(write)).toBe(true);
    abort.abort();
    await Promise.all([sink.ready, write]);
    expect(await sink.end()).toEqual({ writes: 0, state: null });
  });
});

describe('back-pressure', () => {
  const MANY = 1_500;
  /** More than the system's own buffers take over (some 10 MB). */
  const heavy = () => rawRows(1, MANY, HEAVY_LEVELS);

  it('holds the replay where a client does not read, and loses nothing', async () => {
    const { sink, client } = await begun();
    client.socket.pause();
    const write = sink.write(heavy());
    expect(await stalledAt(sink)).toBeLessThan(MANY);
    expect((await sink.accepted()).writes).toBe(0);
    client.socket.resume();
    await write;
    await client.settled();
    expect(ids(client)).toEqual(Array.from({ length: MANY }, (_, i) => i + 1));
    expect((await sink.accepted()).writes).toBe(1);
  });

  it('ends with the client that held it, and the others lose nothing', async () => {
    const { sink, client, follow } = await begun();
    const other = await follow();
    client.socket.pause();
    const write = sink.write(heavy());
    expect(await stalledAt(sink)).toBeLessThan(MANY);
    client.socket.terminate();
    await write;
    await other.settled();
    expect(ids(other).length).toBe(MANY);
  });

  it('ends when the replay is given up: a client that does not read is cut after a second', async () => {
    const { sink, client, clock, abort } = await begun();
    client.socket.pause();
    const write = sink.write(heavy());
    expect(await stalledAt(sink)).toBeLessThan(MANY);
    abort.abort();
    clock.advance(999);
    expect(await isOpen(write)).toBe(true);
    clock.advance(1);
    await write;
    expect(await sink.end()).toEqual({ writes: 0, state: null });
  });

  it('does not keep a client that reads from what was ready when the replay is given up', async () => {
    const { sink, client, abort } = await begun();
    await sink.write(rawRows(1, 2));
    abort.abort();
    await sink.write(rawRows(3, 4));
    expect(await sink.end()).toEqual({ writes: 2, state: null });
    expect([await client.closed, ids(client)]).toEqual([1001, [1, 2, 3, 4]]);
  });

  it.each([
    [true, 'waits for one, at the clients’ own pace'],
    [false, 'goes on, as an exchange would'],
  ])('without any client, with waits %s, %s', async (waits) => {
    const { sink, client, lines, follow } = await begun({ waits });
    await sink.write([rawRow(1)]);
    await cutOff(client, sink);
    const write = sink.write([rawRow(2)]);
    expect(await isOpen(write)).toBe(waits);
    expect(lines).toEqual(waits ? ['no client follows a stream any more: the replay waits for one'] : []);
    const next = await follow();
    await write;
    await sink.write([rawRow(3)]);
    await next.settled();
    expect(ids(next)).toEqual(waits ? [2, 3] : [3]);
  });
});

describe('the end', () => {
  it('comes when everything was read, with a notice and 1001', async () => {
    const { sink, client } = await begun();
    client.socket.pause();
    await sink.write(rawRows(1, 20));
    const ended = sink.end();
    expect(await isOpen(ended)).toBe(true);
    client.socket.resume();
    expect(await ended).toEqual({ writes: 1, state: null });
    expect(await client.closed).toBe(1001);
    expect(ids(client).length).toBe(20);
    expect(client.texts.at(-1)).toMatch(/^\{"stream":"!serverShutdown","data":\{"e":"serverShutdown","E":\d+\}\}$/);
    await expect(Subscriber.open(sink.wsUrl)).rejects.toThrow('ECONNREFUSED');
  });

  it('does not wait for a client longer than it may owe a pong', async () => {
    const { sink, client, clock } = await begun();
    client.socket.pause();
    await sink.write([rawRow(1)]);
    const ended = sink.end();
    clock.advance(599_000);
    expect(await isOpen(ended)).toBe(true);
    clock.advance(1_000);
    await ended;
  });

  it('comes a second after the replay is given up, at the latest', async () => {
    const { sink, client, clock, abort } = await begun();
    client.socket.pause();
    await sink.write([rawRow(1)]);
    const ended = sink.end();
    abort.abort();
    clock.advance(999);
    expect(await isOpen(ended)).toBe(true);
    clock.advance(1);
    await ended;
    expect(clock.timers).toBe(0);
  });

  it('leaves no timer and no connection, also where it comes early', async () => {
    const { sink, client, clock } = await begun();
    await sink.close();
    await client.closed;
    expect(clock.timers).toBe(0);
    await sink.close();
  });
});

describe('REST beside it', () => {
  it('lists the symbols asked for, announced or seen', async () => {
    const { sink, get } = await openSink({ symbols: ['ETHUSDT'] });
    sink.list(['SOLUSDT']);
    await sink.write([rawRow(1)]);
    const { body } = await get('exchangeInfo');
    const listed = body.symbols as { symbol: string; status: string; filters: unknown }[];
    expect(listed.map(({ symbol, status }) => [symbol, status])).toEqual([
      ['ETHUSDT', 'TRADING'],
      ['SOLUSDT', 'TRADING'],
      ['BTCUSDT', 'TRADING'],
    ]);
    expect(listed[0]!.filters).toEqual([{ filterType: 'PRICE_FILTER', tickSize: '0.00000001' }]);
    expect((await get('exchangeInfo?symbol=XRPUSDT')).body).toEqual({ code: -1121, msg: 'Invalid symbol.' });
  });

  it('answers depth from the latest row, and not before the first', async () => {
    const { sink, get } = await openSink({ symbols: ['BTCUSDT'] });
    expect((await get('depth?symbol=BTCUSDT')).status).toBe(503);
    await sink.write(rawRows(1, 2));
    const { body } = await get('depth?symbol=BTCUSDT&limit=1');
    expect(body).toEqual({
      lastUpdateId: 2,
      bids: [['100.00000000', '2.00000000']],
      asks: [['100.01000000', '2.00000000']],
    });
    expect((await get('depth?symbol=BTCUSDT&limit=5000')).body.bids.length).toBe(20);
  });

  it('answers ping and time', async () => {
    const { clock, get } = await openSink();
    expect((await get('ping')).body).toEqual({});
    expect((await get('time')).body).toEqual({ serverTime: clock.now() });
  });

  it('needs its port for itself', async () => {
    const { sink } = await openSink();
    const port = Number(new URL(sink.wsUrl).port);
    const signal = new AbortController().signal;
    const taken = openWebSocketSink({ port, symbols: [], wants: () => true, waits: false, signal, log: () => {} });
    await expect(taken).rejects.toMatchObject({
      code: 'DL_PORT_IN_USE',
      message: expect.stringContaining(`cannot listen on 127.0.0.1:${port}`),
    });
  });
});

describe('a source whose symbols are announced', () => {
  const run = (rows: TableRow[]) => ({ rows, part: '', position: '', taken: false });
  const row = (symbol: string, atMs: number) => bookRow(symbol, 1, START_MS + atMs);
  const EVERYTHING: Selection = {
    fromMs: START_MS,
    toMs: START_MS + 100_000,
    tables: new Set(['order_book', 'feed_event']),
    symbol: (symbol) => symbol !== 'XRPUSDT',
  };

  async function announce(items: SourceItem[]) {
    const listed = new Set<string>();
    const passed: SourceItem[] = [];
    const lines: string[] = [];
    let begin = () => {};
    const ready = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const sink = {
      wsUrl: 'ws://here',
      ready,
      list: (symbols: Iterable<string>) => [...symbols].map((each) => listed.add(each)),
    };
    let read = 0;
    const source: Source = {
      async *read() {
        for (const item of items) {
          read += 1;
          yield item;
        }
      },
    };
    const announced = announcedSource(source, sink, (line) => lines.push(line));
    const done = (async () => {
      for await (const item of announced.read(EVERYTHING, null, new AbortController().signal)) passed.push(item);
    })();
    await isOpen(done);
    return { listed, passed, lines, begin, done, read: () => read };
  }

  const item = (frontierMs: number, ...rows: TableRow[]): SourceItem => ({
    run: rows.length === 0 ? null : run(rows),
    problem: null,
    frontierMs: START_MS + frontierMs,
  });

  it('tells those of its first two seconds before it waits for a client, and others when they come', async () => {
    const items = [
      item(-1),
      item(0, row('BTCUSDT', 0), row('XRPUSDT', 0), row('OLDUSDT', -1), eventRow('SOLUSDT', 1, START_MS)),
      item(1_999, row('ETHUSDT', 900)),
      item(2_000),
      item(3_000, row('ADAUSDT', 3_000)),
    ];
    const { listed, passed, lines, begin, done, read } = await announce(items);
    expect([...listed]).toEqual(['BTCUSDT', 'ETHUSDT']);
    expect([passed, read()]).toEqual([items.slice(0, 1), 4]);
    expect(lines).toEqual([
      'none of the first 2 rows has top_bids and top_asks: recorded without --raw-levels, they cannot be sent',
      'ws://here: the replay begins when a client follows a stream; 2 symbols so far',
    ]);
    begin();
    await done;
    expect(passed).toEqual(items);
    expect([...listed]).toEqual(['BTCUSDT', 'ETHUSDT', 'ADAUSDT']);
    expect(lines.length).toBe(2);
  });

  it('tells those of its first 5,000 rows, where the source is not certain of its time, or all where it has fewer', async () => {
    const rows = rawRows(1, 2_500, { timestamp_ms: START_MS });
    const long = [1, 2, 3].map(() => item(-Infinity, ...rows));
    const read = await announce(long);
    expect([read.read(), read.lines.length]).toEqual([2, 1]);
    read.begin();
    await read.done;
    expect(read.passed).toEqual(long);

    const short = await announce(long.slice(0, 1));
    expect([short.passed.length, short.lines.length]).toEqual([0, 1]);
    short.begin();
    await short.done;
    expect(short.passed).toEqual(long.slice(0, 1));
  });

  it('keeps nothing in memory before the first row that is wanted', async () => {
    const before = [item(-1), item(500, row('XRPUSDT', 0)), item(2_500, row('OLDUSDT', -1), row('XRPUSDT', 2_000))];
    const { passed, lines, begin, done } = await announce([...before, item(3_000, row('BTCUSDT', 3_000))]);
    expect(passed).toEqual(before);
    expect(lines.at(-1)).toBe('ws://here: the replay begins when a client follows a stream; 1 symbol so far');
    begin();
    await done;
    expect(passed.length).toBe(4);
  });

  it('does not wait for clients where nothing is to be sent', async () => {
    const { done, passed, lines } = await announce([item(0), item(Infinity, eventRow(null, 1, START_MS))]);
    await done;
    expect([passed.length, lines]).toEqual([2, []]);
  });
});

describe('a price or quantity', () => {
  /** The text with all its 8 places. */
  const padded = (units: bigint) => {
    const digits = String(units).padStart(9, '0');
    return `${digits.slice(0, -8)}.${digits.slice(-8)}`;
  };
  const double = (units: bigint) => toDouble(parseUnits(padded(units))!);

  it('comes back as the decimal it was made of, below 67,108,864', () => {
    const units = fc.oneof(
      fc.bigInt({ min: 0n, max: 2n ** 26n * 10n ** 8n - 1n }),
      fc.bigInt({ min: 2n ** 26n * 10n ** 8n - 1_000_000n, max: 2n ** 26n * 10n ** 8n - 1n }),
      fc
        .tuple(fc.bigInt({ min: 0n, max: 10n ** 7n }), fc.integer({ min: 0, max: 8 }))
        .map(([n, e]) => n * 10n ** BigInt(e)),
    );
    fc.assert(
      fc.property(units, (value) => {
        expect(decimalText(double(value))).toBe(padded(value));
      }),
      { numRuns: 1_000 },
    );
  });

  it('comes back as the decimal it was made of where that has at most 15 significant digits, whatever its size', () => {
    const units = fc
      .tuple(fc.bigInt({ min: 1n, max: 10n ** 15n - 1n }), fc.integer({ min: 0, max: 20 }))
      .map(([digits, zeros]) => digits * 10n ** BigInt(zeros));
    fc.assert(
      fc.property(units, (value) => {
        expect(decimalText(double(value))).toBe(padded(value));
      }),
      { numRuns: 1_000 },
    );
    expect([1e21, 1.5e22, 123e25].map(decimalText)).toEqual([
      '1000000000000000000000.00000000',
      '15000000000000000000000.00000000',
      '1230000000000000000000000000.00000000',
    ]);
  });

  it('reads as the same double, whatever its size', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 35n }), (value) => {
        const text = decimalText(double(value));
        expect(text).toMatch(/^\d+\.\d{8}$/);
        expect(Number(text)).toBe(double(value));
      }),
      { numRuns: 1_000 },
    );
  });
});
