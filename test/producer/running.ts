/** A whole producer at the edge of whose process a test stands: the venue, the stream and the clock. */
import { Observable, ReplaySubject, type Subscriber } from 'rxjs';
import type { ConnectionSignal } from '../../producer/feed/connection.ts';
import { venueOf } from '../../producer/feed/venues.ts';
import { type ProducerConfig, type ProducerEdge, runProducer } from '../../producer/main.ts';
import { decodePack, type FeedEventRow, type OrderBookRow } from '../../producer/record.ts';
import type { Pack } from '../../producer/stream/packs.ts';
import type { ProducerProgress } from '../../producer/summary.ts';
import type { TextLevel } from './book/reference.ts';
import { frameText } from './samples.ts';
import { VirtualClock } from './virtual-clock.ts';

export const START_MS = Date.UTC(2026, 0, 1, 12);
export const CONFIG: ProducerConfig = {
  symbols: ['BTCUSDT', 'ETHUSDT'],
  shard: { index: 1, count: 1 },
  book: 'depth20',
  handOverMs: 23 * 3_600_000,
  everyMs: 0,
  rawLevels: false,
  lingerMs: 1_000,
  lanes: 2,
  queueMib: 32,
  wsUrl: 'ws://venue',
  restUrl: 'http://venue',
  info: { version: '1.0.0', stack: 'test', producer: 'producer-1' },
};

/** The REST side: every symbol asked about is listed. */
export function restSide(symbols: readonly string[]): typeof fetch {
  const listing = { symbols: symbols.map((symbol) => ({ symbol, status: 'TRADING' })) };
  return async (url) => {
    if (String(url).includes('exchangeInfo')) return Response.json(listing);
    return new Response(null, { status: 503 });
  };
}

export function running(config: Partial<ProducerConfig> = {}, edge: Partial<ProducerEdge> = {}) {
  const clock = new VirtualClock(START_MS);
  const stop = new ReplaySubject<string>(1);
  const stream: Pack[] = [];
  const urls: string[] = [];
  const progress: ProducerProgress[] = [];
  let socket: Subscriber<ConnectionSignal> | null = null;
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
      venue: venueOf('binance.us'),
      fetcher: restSide(config.symbols ?? CONFIG.symbols),
      checkStream: async () => {},
      store: null,
      openSpill: null,
      monotonicNow: () => clock.now(),
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
export function randomFrame(symbol: string, id: number) {
  const bids = Array.from({ length: 20 }, (_, i) => level(99.99 - i / 100));
  const asks = Array.from({ length: 20 }, (_, i) => level(100.01 + i / 100));
  return { bids, asks, text: frameText(symbol, id, bids, asks) };
}
