/** Frames as a venue sent them, the rows recorded of them, and these replayed over WebSocket to clients of the venue. */
import { setTimeout as sleep } from 'node:timers/promises';
import { asyncScheduler, Subject, tap } from 'rxjs';
import { announcedSource } from '../../../infra/replay/announced-source.ts';
import { openWebSocketSink, type WebSocketSink } from '../../../infra/replay/sinks/websocket.ts';
import { connection } from '../../../producer/feed/connection.ts';
import { venueOf } from '../../../producer/feed/venues.ts';
import { runProducer } from '../../../producer/main.ts';
import { decodePack, type OrderBookRow, type TableRow } from '../../../producer/record.ts';
import { runReplay } from '../../../producer/replay/replay.ts';
import type { Selection, Source } from '../../../producer/replay/source.ts';
import { ManualClock } from '../../local/exchange-client.ts';
import { CONFIG, running } from '../../producer/running.ts';

export interface Frame {
  readonly symbol: string;
  /** The message of a combined stream. */
  readonly text: string;
}

export function symbolsOf(frames: readonly Frame[]): string[] {
  return [...new Set(frames.map(({ symbol }) => symbol))].sort();
}

/** The rows that a producer makes of the frames, with raw levels, received one each 10 ms. */
export async function recorded(frames: readonly Frame[]): Promise<TableRow[]> {
  const producer = running({ symbols: symbolsOf(frames), rawLevels: true });
  await producer.clock.advance(1_000);
  for (const { text } of frames) {
    producer.clock.pass(10);
    producer.receive(text);
  }
  producer.stop.next('no frame is left');
  await producer.clock.advance(1_000);
  await producer.summary;
  return producer.stream.flatMap(({ data }) => decodePack(data));
}

export type Recorder = ReturnType<typeof recorderOf>;

/** Depthlake's own producer on real sockets, pointed at the sink. */
export function recorderOf(symbols: string[], { wsUrl, restUrl }: WebSocketSink) {
  const stop = new Subject<string>();
  const rows: TableRow[] = [];
  let follows = () => {};
  const following = new Promise<void>((resolve) => {
    follows = resolve;
  });
  const ended = runProducer(
    { ...CONFIG, symbols, wsUrl, restUrl, rawLevels: true },
    {
      connect: (url) => connection(url, asyncScheduler).pipe(tap(({ kind }) => kind === 'opened' && follows())),
      venue: venueOf('local'),
      fetcher: fetch,
      checkStream: async () => {},
      store: null,
      openSpill: null,
      monotonicNow: () => performance.now(),
      put: async (packs) => {
        rows.push(...packs.flatMap(({ data }) => decodePack(data)));
        return packs.map(() => null);
      },
      scheduler: asyncScheduler,
      random: Math.random,
      sessionId: 'session-2',
      log: () => {},
      stop,
    },
  );
  ended.catch(() => {});
  return {
    /** Resolves when it follows its streams. */
    following,
    stop: async () => {
      stop.next('the replay is over');
      await ended;
      return rows;
    },
  };
}

const EVERYTHING: Selection = {
  fromMs: -Infinity,
  toMs: Infinity,
  tables: new Set(['order_book', 'feed_event'] as const),
  symbol: () => true,
};

/**
 * Replays the rows as fast as the clients take them.
 * @param join brings the clients when the sink waits for them
 * @param clock the sink's, which passes a second when `join` is done; null: the real one
 */
export async function replayed(
  rows: readonly TableRow[],
  join: (sink: WebSocketSink) => Promise<unknown>,
  clock: ManualClock | null = new ManualClock(),
) {
  const { signal } = new AbortController();
  const lines: string[] = [];
  const log = (line: string) => lines.push(line);
  const sink = await openWebSocketSink({
    port: 0,
    symbols: [],
    wants: () => true,
    waits: true,
    signal,
    log,
    ...(clock && { clock }),
  });
  const source = announcedSource(sourceOf(rows), sink, (line) => {
    log(line);
    void join(sink).then(() => clock?.advance(1_000));
  });
  const options = { source, selection: EVERYTHING, keepDuplicates: false, oneRowPerBook: true, strict: false };
  await runReplay({ ...options, speed: 'max', clock: REAL_TIME, signal, sink, checkpoint: null });
  return { counts: sink.counts, lines };
}

const REAL_TIME = { now: () => performance.now(), sleep: (ms: number) => sleep(ms) };

function sourceOf(rows: readonly TableRow[]): Source {
  return {
    async *read() {
      for (let at = 0; at < rows.length; at += 500) {
        const run = { rows: rows.slice(at, at + 500), part: '', position: String(at), taken: false };
        yield { run, problem: null, frontierMs: -Infinity };
      }
    },
  };
}

/** What the books were, without who received them when: by symbol, in order. */
export function booksOf(rows: readonly TableRow[]): Record<string, Partial<OrderBookRow>[]> {
  const books: Record<string, Partial<OrderBookRow>[]> = {};
  for (const { table, row } of rows) {
    if (table !== 'order_book') continue;
    const { timestamp_ms, received_ms, session_id, seq, venue, ...book } = row as OrderBookRow;
    books[book.symbol] ??= [];
    books[book.symbol]![seq - 1] = book;
  }
  return books;
}
