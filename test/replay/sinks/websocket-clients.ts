/** A WebSocket sink on a clock that tests move, its clients, and rows with raw levels; all is closed after each test. */
import { setImmediate } from 'node:timers/promises';
import { afterEach } from 'vitest';
import {
  openWebSocketSink,
  type WebSocketSink,
  type WebSocketSinkOptions,
} from '../../../infra/replay/sinks/websocket.ts';
import type { OrderBookRow, TableRow } from '../../../producer/record.ts';
import { getJson, ManualClock, Subscriber, until } from '../../local/exchange-client.ts';
import { bookRow } from '../../producer/samples.ts';

export const FRAMES = 'btcusdt@depth20@100ms';

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((close) => close()));
});

export async function openSink(options: Partial<WebSocketSinkOptions> = {}) {
  const clock = new ManualClock();
  const lines: string[] = [];
  const abort = new AbortController();
  const sink = await openWebSocketSink({
    port: 0,
    symbols: [],
    wants: () => true,
    waits: false,
    signal: abort.signal,
    log: (line) => lines.push(line),
    clock,
    ...options,
  });
  open.push(() => sink.close());
  const follow = (...streams: string[]) =>
    Subscriber.open(`${sink.wsUrl}/stream?streams=${(streams.length > 0 ? streams : [FRAMES]).join('/')}`);
  const get = (path: string) => getJson(`${sink.restUrl}/api/v3/${path}`);
  return { sink, clock, lines, abort, follow, get };
}

/** A client that follows these streams before the replay begins. */
export async function begun(options: Partial<WebSocketSinkOptions> = {}, ...streams: string[]) {
  const opened = await openSink(options);
  const client = await opened.follow(...streams);
  opened.clock.advance(1_000);
  await opened.sink.ready;
  return { ...opened, client };
}

export const START_MS = Date.UTC(2026, 0, 1);

/** A row whose best levels tell which one it is. */
export function rawRow(id: number, extra: Partial<OrderBookRow> = {}): TableRow {
  const top_bids = Array.from({ length: 20 }, (_, i) => [100 - i / 100, id]);
  const top_asks = Array.from({ length: 20 }, (_, i) => [100.01 + i / 100, id]);
  return bookRow('BTCUSDT', id, START_MS + id * 100, { top_bids, top_asks, ...extra });
}

export function rawRows(first: number, last: number, extra: Partial<OrderBookRow> = {}): TableRow[] {
  return Array.from({ length: last - first + 1 }, (_, i) => rawRow(first + i, extra));
}

/** Their partial book has 14 KB. */
const HEAVY_SIDE = Array.from({ length: 20 }, () => [1e150, 1e150]);
export const HEAVY_LEVELS = { top_bids: HEAVY_SIDE, top_asks: HEAVY_SIDE };

/** What the client was sent of a combined stream, by id. */
export function ids(client: Subscriber, stream = FRAMES): number[] {
  return client.bodies(stream).map(({ lastUpdateId, u }) => lastUpdateId ?? u);
}

/** Whether the promise is still open once everything that can happen now has happened. */
export async function isOpen(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  promise.then(settle, settle);
  for (let turn = 0; turn < 50; turn++) await setImmediate();
  return !settled;
}

/** How many rows were sent when nothing moves any more. */
export async function stalledAt(sink: WebSocketSink): Promise<number> {
  for (let turns = 0, sent = -1; turns < 200; turns++) {
    await setImmediate();
    if (sink.counts.sent !== sent) turns = 0;
    sent = sink.counts.sent;
  }
  return sink.counts.sent;
}

/** Ends a client's connection, and waits until the sink has seen it: it takes a new one after the end of an old one. */
export async function cutOff(client: Subscriber, sink: WebSocketSink): Promise<void> {
  client.socket.terminate();
  await until(() => client.isClosed);
  const probe = await Subscriber.open(`${sink.wsUrl}/ws`);
  await probe.settled();
  probe.socket.terminate();
}
