import { NEVER, Observable, of, Subject, type Subscriber } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { ConnectionSignal } from '../../producer/feed/connection.ts';
import { type ProducerConfig, type ProducerEdge, type ProducerProgress, runProducer } from '../../producer/main.ts';
import { decodePack, type FeedEventRow, type OrderBookRow } from '../../producer/record.ts';
import type { Pack } from '../../producer/stream/packs.ts';
import type { PutOutcome } from '../../producer/stream/writer.ts';
import { differences, type ReferenceDepth, referenceDepth, type TextLevel } from './book/reference.ts';
import { frameText } from './samples.ts';
import { settle, VirtualClock } from './virtual-clock.ts';

const START_MS = Date.UTC(2026, 0, 1, 12);
const CONFIG: ProducerConfig = {
  venue: 'binance.us',
  symbols: ['BTCUSDT', 'ETHUSDT'],
  everyMs: 0,
  rawLevels: false,
  lingerMs: 1_000,
  lanes: 2,
  queueMib: 32,
  hosts: { wsUrl: 'ws://venue', restUrl: 'http://venue' },
};

/** A producer at the edge of whose process a test stands: the venue, the stream and the clock. */
function running(config: Partial<ProducerConfig> = {}, edge: Partial<ProducerEdge> = {}) {
  const clock = new VirtualClock(START_MS);
  const stop = new Subject<string>();
  const stream: Pack[] = [];
  const urls: string[] = [];
  const progress: ProducerProgress[] = [];
  let socket: Subscriber<ConnectionSignal> | null = null;
  const symbols = config.symbols ?? CONFIG.symbols;
  const signal = (given: { kind: 'opened' } | { kind: 'message'; text: string } | { kind: 'closed'; reason: string }) =>
    socket!.next({ ...given, atMs: clock.now() });

  const summary = runProducer(
    { ...CONFIG, ...config },
    {
      connect: (url) =>
        new Observable((subscriber) => {
          urls.push(url);
          socket = subscriber;
          signal({ kind: 'opened' });
        }),
      fetch: async () => Response.json({ symbols: symbols.map((symbol) => ({ symbol, status: 'TRADING' })) }),
      put: async (packs) => {
        stream.push(...packs);
        return packs.map(() => null);
      },
      scheduler: clock,
      random: () => 1,
      sessionId: 'session-1',
      log: () => {},
      stop,
      progress: (report) => progress.push(report),
      ...edge,
    },
  );
  summary.catch(() => {});
  const rows = () => stream.flatMap(({ data }) => decodePack(data));
  return {
    clock,
    stop,
    stream,
    urls,
    progress,
    summary,
    socket: () => socket,
    receive: (text: string) => signal({ kind: 'message', text }),
    cut: () => {
      signal({ kind: 'closed', reason: 'code 1006' });
      socket!.complete();
    },
    books: () => rows().flatMap(({ table, row }) => (table === 'order_book' ? [row as OrderBookRow] : [])),
    events: () =>
      rows()
        .flatMap(({ table, row }) => (table === 'feed_event' ? [row as FeedEventRow] : []))
        .sort((a, b) => a.seq - b.seq),
  };
}

function level(price: number): TextLevel {
  return [price.toFixed(2), (1 + Math.random() * 1e6).toFixed(8)];
}

/** A frame of random quantities: it does not compress. */
function randomFrame(symbol: string, id: number) {
  const bids = Array.from({ length: 20 }, (_, i) => level(99.99 - i / 100));
  const asks = Array.from({ length: 20 }, (_, i) => level(100.01 + i / 100));
  return { bids, asks, text: frameText(symbol, id, bids, asks) };
}

describe('a session of the producer', () => {
  test('brings every snapshot into the stream as it was, tallies each minute, and ends with stopped', async () => {
    const { clock, stop, receive, books, events, stream, urls, progress, summary } = running();
    await settle();
    const sent: { symbol: string; atMs: number; id: number; bids: TextLevel[]; asks: TextLevel[] }[] = [];
    for (let id = 1; id <= 1_300; id++) {
      const symbol = id % 3 === 0 ? 'ETHUSDT' : 'BTCUSDT';
      const frame = randomFrame(symbol, id);
      sent.push({ symbol, atMs: clock.now(), id, ...frame });
      receive(frame.text);
      await clock.advance(100);
    }
    receive('nonsense');
    receive(randomFrame('BTCUSDT', 1_300).text);

    stop.next('SIGTERM');
    const result = await summary;

    expect(urls).toEqual(['ws://venue/stream?streams=btcusdt@depth20@100ms/ethusdt@depth20@100ms']);
    for (const symbol of CONFIG.symbols) {
      const rows = books().filter((row) => row.symbol === symbol);
      const frames = sent.filter((frame) => frame.symbol === symbol);
      expect(rows.map(({ seq }) => seq)).toEqual(frames.map((_, i) => i + 1));
      for (const [i, frame] of frames.entries()) {
        const row = rows[i]!;
        expect([row.timestamp_ms, row.last_update_id, row.session_id, row.venue]).toEqual([
          frame.atMs,
          frame.id,
          'session-1',
          'binance.us',
        ]);
        const expected = referenceDepth(frame.bids, frame.asks) as ReferenceDepth;
        expect(differences(row as unknown as ReferenceDepth, expected)).toEqual([]);
      }
    }
    const told = events();
    expect(told.map(({ seq }) => seq)).toEqual(told.map((_, i) => i + 1));
    expect(told.map(({ kind }) => kind)).toEqual(['started', 'connected', ...Array(9).fill('tally'), 'stopped']);
    expect(told.slice(2, 8).map(({ timestamp_ms }) => timestamp_ms - START_MS)).toEqual([
      60_000, 60_000, 60_000, 120_000, 120_000, 120_000,
    ]);
    expect(told.slice(8, 11).map(({ symbol, last_seq }) => [symbol, last_seq])).toEqual([
      ['BTCUSDT', 867],
      ['ETHUSDT', 433],
      [null, null],
    ]);
    expect(told.at(-1)!.detail).toBe('{"reason":"SIGTERM"}');
    expect(result).toMatchObject({
      session_id: 'session-1',
      venue: 'binance.us',
      seconds: 130,
      frames: 1_302,
      snapshots: 1_300,
      rows: 1_300 + told.length,
      packs: stream.length,
      bytes: stream.reduce((sum, { data }) => sum + data.length, 0),
      retries: 0,
      lost: 0,
      objects: null,
      duplicates: null,
      discarded: { not_json: 1, repeat: 1 },
    });
    expect(progress.length).toBeGreaterThan(129);
    expect(progress.at(-1)).toMatchObject({ frames: 1_302, snapshots: 1_300, rows: result.rows, queuedRows: 0 });
  });

  test('goes on after a cut, tells of it, and keeps counting', async () => {
    const { clock, stop, receive, cut, books, events, urls, summary } = running();
    await settle();
    receive(frameText('BTCUSDT', 1));
    await clock.advance(200);

    cut();
    await clock.advance(500);
    receive(frameText('BTCUSDT', 2));
    stop.next('end');
    await summary;

    expect(urls).toHaveLength(2);
    expect(
      events()
        .map(({ kind }) => kind)
        .slice(0, 5),
    ).toEqual(['started', 'connected', 'disconnected', 'connected', 'gap']);
    expect(events()[4]).toMatchObject({ symbol: 'BTCUSDT', from_ms: START_MS, to_ms: START_MS + 700 });
    expect(books().map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test('samples where an interval is asked for, and gives what it holds at the end', async () => {
    const { clock, stop, receive, books, summary } = running({ everyMs: 1_000 });
    await settle();
    for (let id = 1; id <= 25; id++) {
      receive(frameText('BTCUSDT', id));
      await clock.advance(100);
    }

    stop.next('end');
    const result = await summary;

    expect(books().map(({ seq, last_update_id }) => [seq, last_update_id])).toEqual([
      [1, 10],
      [2, 20],
      [3, 25],
    ]);
    expect(result).toMatchObject({ frames: 25, snapshots: 3, discarded: { sampled: 22 } });
  });

  test('that is told to stop before it began still says started and stopped', async () => {
    const { events, summary } = running({}, { stop: of('SIGTERM') });

    await summary;

    expect(events().map(({ kind }) => kind)).toEqual(['started', 'tally', 'tally', 'tally', 'stopped']);
  });

  test('spreads more symbols than one request line takes over several connections', async () => {
    const symbols = Array.from({ length: 401 }, (_, i) => `S${i}USDT`);
    const { urls, stop, summary } = running({ symbols });
    await settle();

    stop.next('end');
    await summary;

    expect(urls.map((url) => url.split('/').length - 3)).toEqual([200, 200, 1]);
    expect(urls.join('/').match(/s\d+usdt@depth20@100ms/g)).toHaveLength(401);
  });
});

describe('a session that cannot begin', () => {
  test('fails where the venue does not list a symbol, without a connection', async () => {
    const { summary, urls } = running({}, { fetch: async () => Response.json({ symbols: [] }) });

    await expect(summary).rejects.toMatchObject({ code: 'DL_SYMBOL_UNKNOWN' });
    expect(urls).toEqual([]);
  });

  test('fails with what the connection failed with before the first message', async () => {
    const { summary, socket } = running();
    await settle();

    socket()!.error(new Error('the host answers HTTP 451'));

    await expect(summary).rejects.toThrow('the host answers HTTP 451');
  });
});

describe('a stream that does not answer', () => {
  /** Sends random frames for ten minutes' worth of a 1 MiB queue. */
  async function fill({ clock, receive }: ReturnType<typeof running>, frames: number): Promise<void> {
    for (let id = 1; id <= frames; id++) {
      receive(randomFrame('BTCUSDT', id).text);
      if (id % 10 === 0) await clock.advance(100);
    }
  }

  test('makes the queue refuse the newest at its bound; the numbers refused are named once it answers', async () => {
    const waiting: (() => void)[] = [];
    const stream: Pack[] = [];
    let answering = false;
    const put = (packs: readonly Pack[]) =>
      new Promise<PutOutcome[]>((resolve) => {
        const answer = () => {
          stream.push(...packs);
          resolve(packs.map(() => null));
        };
        if (answering) answer();
        else waiting.push(answer);
      });
    const session = running({ queueMib: 1, rawLevels: true }, { put });
    await settle();
    await fill(session, 3_000);

    answering = true;
    for (const answer of waiting) answer();
    await session.clock.advance(5_000);
    const heldBytes = stream.reduce((sum, { data }) => sum + data.length, 0);
    session.receive(randomFrame('BTCUSDT', 3_001).text);
    session.stop.next('end');
    const result = await session.summary;

    const rows = stream.flatMap(({ data }) => decodePack(data));
    const numbers = rows.flatMap(({ table, row }) => (table === 'order_book' ? [row.seq] : []));
    const refused = rows.flatMap(({ row }) =>
      'kind' in row && row.kind === 'refused' ? [JSON.parse(row.detail!)] : [],
    );
    // A pack that closes is compressed and makes some room again: there may be several ranges.
    expect(refused.length).toBeGreaterThan(0);
    const named = refused.flatMap(({ first_seq, last_seq }) =>
      Array.from({ length: last_seq - first_seq + 1 }, (_, i) => first_seq + i),
    );
    const all = [...numbers, ...named].sort((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: 3_001 }, (_, i) => i + 1));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(numbers.at(-1)).toBe(3_001);
    expect(result).toMatchObject({ frames: 3_001, lost: 0, discarded: { queue_full: named.length } });
    // The bound, and the pack that was open when it was reached.
    expect(heldBytes).toBeLessThan(1024 * 1024 + 300 * 1024);
    expect(heldBytes).toBeGreaterThan(512 * 1024);
  });

  test('for ever ends the session at the deadline, its rows counted as lost', async () => {
    const session = running({ queueMib: 1, rawLevels: true }, { put: () => new Promise(() => {}) });
    await settle();
    await fill(session, 3_000);
    const { clock, stop, summary, progress } = session;

    stop.next('end');
    await clock.advance(20_000);
    const result = await summary;

    expect(result.rows).toBe(0);
    // Beside the snapshots: started, connected, some refusals, three tallies, stopped.
    expect(result.lost - result.snapshots).toBeGreaterThanOrEqual(7);
    expect(result.lost - result.snapshots).toBeLessThan(50);
    expect(result.snapshots + result.discarded.queue_full!).toBe(3_000);
    expect(progress.at(-1)!.queuedRows).toBe(result.lost);
  });

  test('does not keep a failure from being told', async () => {
    const session = running({}, { put: () => new Promise(() => {}), stop: NEVER });
    await settle();

    session.socket()!.error(new Error('refused'));
    await session.clock.advance(20_000);

    await expect(session.summary).rejects.toThrow('refused');
  });
});
