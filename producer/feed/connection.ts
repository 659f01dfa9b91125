/**
 * One WebSocket connection as an Observable: it opens when subscribed to, closes when unsubscribed from, completes
 * when the connection ends, and fails where it could not be opened.
 *
 * The watchdog looks at the connection, never at one quiet symbol: silence of 17 s on a healthy stream is recorded, and
 * Binance.US pings every 3 minutes only. So the client pings, and any frame, ping or pong counts as life.
 */
import { Observable, type SchedulerLike } from 'rxjs';
import { WebSocket } from 'ws';
import { DepthlakeError, reasonOf } from '../errors.ts';
import { httpError } from './rest.ts';

export type ConnectionSignal =
  | { readonly kind: 'opened'; readonly atMs: number }
  | { readonly kind: 'message'; readonly atMs: number; readonly text: string }
  | { readonly kind: 'closed'; readonly atMs: number; readonly reason: string };

export interface ConnectionLimits {
  /** A connection without any sign of life for so long is given up. */
  readonly watchdogMs: number;
  /** How often the client asks for a sign of life; well below the watchdog and the venue's 5 messages a second. */
  readonly pingMs: number;
  readonly handshakeMs: number;
}

export const CONNECTION_LIMITS: ConnectionLimits = { watchdogMs: 60_000, pingMs: 20_000, handshakeMs: 15_000 };

/** The watchdog looks at the connection so many times for each ping. */
const TICKS_A_PING = 4;

/** The largest message read; a depth20 frame has 2 KB, a diff of 1,000 levels 40 KB. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

export function connection(
  url: string,
  scheduler: SchedulerLike,
  limits: ConnectionLimits = CONNECTION_LIMITS,
): Observable<ConnectionSignal> {
  return new Observable((subscriber) => {
    const { host } = new URL(url);
    const socket = new WebSocket(url, {
      handshakeTimeout: limits.handshakeMs,
      maxPayload: MAX_MESSAGE_BYTES,
      perMessageDeflate: false,
    });
    let opened = false;
    let fault: string | null = null;
    // Counted in ticks, not read from the clock: a clock that jumps must not end a healthy connection.
    const tickMs = limits.pingMs / TICKS_A_PING;
    let ticks = 0;
    let silentMs = 0;
    const alive = () => {
      silentMs = 0;
    };

    const heartbeat = scheduler.schedule(function () {
      ticks += 1;
      silentMs += tickMs;
      if (silentMs > limits.watchdogMs) {
        fault = `no frame, ping or pong for ${limits.watchdogMs / 1000} s`;
        socket.terminate();
        return;
      }
      if (ticks % TICKS_A_PING === 0 && socket.readyState === WebSocket.OPEN) socket.ping();
      this.schedule(undefined, tickMs);
    }, tickMs);

    socket.on('open', () => {
      opened = true;
      alive();
      subscriber.next({ kind: 'opened', atMs: scheduler.now() });
    });
    socket.on('ping', alive); // ws answers with the pong itself
    socket.on('pong', alive);
    socket.on('message', (data) => {
      alive();
      subscriber.next({ kind: 'message', atMs: scheduler.now(), text: data.toString() });
    });
    socket.on('unexpected-response', (_request, response) => {
      subscriber.error(httpError(host, response.statusCode ?? 0, response.headers['retry-after']));
      response.destroy();
    });
    socket.on('error', (error) => {
      if (opened) fault ??= reasonOf(error);
      else
        subscriber.error(new DepthlakeError('DL_VENUE_UNREACHABLE', `${host}: ${reasonOf(error)}`, { cause: error }));
    });
    socket.on('close', (code, reason) => {
      const words = fault ?? (reason.length > 0 ? `code ${code}: ${reason}` : `code ${code}`);
      subscriber.next({ kind: 'closed', atMs: scheduler.now(), reason: words });
      subscriber.complete();
    });

    return () => {
      heartbeat.unsubscribe();
      if (socket.readyState !== WebSocket.OPEN) return socket.terminate();
      // A polite close waits for the peer's answer; a peer that is gone must not hold the process.
      socket.close(1000);
      const last = setTimeout(() => socket.terminate(), 1_000);
      socket.on('close', () => clearTimeout(last));
    };
  });
}
