/** One subscriber's connection: its streams, its requests, pings, and the limits that end it. */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { DelayLine } from './delay-line.ts';
import type { Faults } from './faults.ts';
import type { Hub } from './hub.ts';
import { answer, type Target, wrap } from './protocol.ts';

/** How connections are kept and ended; the defaults are those of Binance.US. */
export interface ConnectionRules {
  /** Time between two pings of the server. Default 3 min. */
  readonly pingEveryMs: number;
  /** A connection whose pong does not come within this time is closed. Default 10 min. */
  readonly pongWithinMs: number;
  /** A connection is closed after this time. Default 24 h. */
  readonly lifeMs: number;
  /** `serverShutdown` is sent so long before that, as Binance.com does; 0, the default: it is not sent. */
  readonly shutdownNoticeMs: number;
}

export const BINANCE_US_RULES: ConnectionRules = {
  pingEveryMs: 180_000,
  pongWithinMs: 600_000,
  lifeMs: 86_400_000,
  shutdownNoticeMs: 0,
};

export interface ConnectionParts {
  readonly ws: WebSocket;
  readonly socket: Socket;
  readonly target: Target;
  readonly hub: Hub;
  readonly faults: Faults;
  readonly rules: ConnectionRules;
  /** How long messages of streams are on their way. */
  readonly lagMs: number;
  /** UTC epoch ms. */
  readonly now: () => number;
}

/** Requests, pings and pongs that a client may send within a second. */
const MESSAGES_A_SECOND = 5;
/** A subscriber that lets more than this wait in its socket is disconnected. */
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024;
const POLICY_VIOLATION = 1008;
const GOING_AWAY = 1001;
/** The payload of the ping that asks whether everything before it was taken. */
const TAKEN = 'taken';

export class Connection {
  readonly wrapped: boolean;
  readonly #ws: WebSocket;
  readonly #socket: Socket;
  readonly #hub: Hub;
  readonly #faults: Faults;
  readonly #rules: ConnectionRules;
  readonly #now: () => number;
  readonly #openedMs: number;
  readonly #line: DelayLine;
  readonly #streams = new Set<string>();
  /** When the latest messages came in, at most `MESSAGES_A_SECOND`. */
  readonly #incomingMs: number[] = [];
  #pingedMs: number;
  /** Since when a pong is due; null while none is. */
  #pongDueMs: number | null = null;
  #noticed = false;
  /** When the connection is cut whatever its age; null: never. */
  #cutMs: number | null = null;

  constructor({ ws, socket, target, hub, faults, rules, lagMs, now }: ConnectionParts) {
    this.wrapped = target.wrapped;
    this.#ws = ws;
    this.#socket = socket;
    this.#hub = hub;
    this.#faults = faults;
    this.#rules = rules;
    this.#now = now;
    this.#openedMs = now();
    this.#line = new DelayLine(lagMs, (bytes) => this.#write(bytes));
    this.#pingedMs = this.#openedMs;
    ws.on('message', (data) => this.#incoming(now(), () => this.#request(data.toString())));
    ws.on('ping', (data) => this.#incoming(now(), () => ws.pong(data)));
    ws.on('pong', () =>
      this.#incoming(now(), () => {
        this.#pongDueMs = null;
      }),
    );
    ws.on('close', () => this.#remove([...this.#streams]));
    // A broken socket is reported by 'close' as well; a frame against the protocol ends the connection.
    ws.on('error', () => ws.terminate());
    this.#add(target.streams);
  }

  /** Whether more waits in the socket than its buffer is meant to hold (64 KiB, before Node 22 16 KiB). */
  get isBehind(): boolean {
    return this.#socket.writableNeedDrain && !this.#socket.destroyed;
  }

  /** Resolves when the system has taken over what was sent, or the subscriber is gone. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      if (!this.isBehind) {
        resolve();
        return;
      }
      const done = () => {
        this.#socket.off('drain', done);
        this.#socket.off('close', done);
        resolve();
      };
      this.#socket.on('drain', done);
      this.#socket.on('close', done);
    });
  }

  /** Resolves when the subscriber has read everything that was sent, or is gone: at the latest when a pong is overdue. */
  taken(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#ws.readyState !== this.#ws.OPEN) {
        resolve();
        return;
      }
      this.#ws.on('pong', (data) => data.toString() === TAKEN && resolve());
      this.#ws.on('close', () => resolve());
      this.#pongDueMs ??= this.#now();
      this.#ws.ping(TAKEN);
    });
  }

  /** A message of a stream. */
  send(bytes: Buffer): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    this.#line.send(bytes, this.#now());
    if (this.#line.size > MAX_BUFFERED_BYTES) this.#ws.terminate();
  }

  /** Holds back what is sent until `uncork`, so that all messages of an interval leave in one write. */
  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  /** What time brings: pings, a pong that did not come, the end of the connection's life. */
  beat(nowMs: number): void {
    if (this.#faults.mute !== this.#ws.isPaused) {
      if (this.#faults.mute) this.#ws.pause();
      else this.#ws.resume();
    }
    if (this.#faults.mute) return;
    this.#line.beat(nowMs);
    const { pingEveryMs, pongWithinMs, lifeMs, shutdownNoticeMs } = this.#rules;
    const ageMs = nowMs - this.#openedMs;
    const cutDue = this.#cutMs !== null && nowMs >= this.#cutMs;
    if (cutDue) {
      this.cut();
    } else if (this.#pongDueMs !== null && nowMs - this.#pongDueMs >= pongWithinMs) {
      this.cut();
    } else if (ageMs >= lifeMs) {
      this.#ws.close(GOING_AWAY);
    } else {
      if (shutdownNoticeMs > 0 && ageMs >= lifeMs - shutdownNoticeMs) this.#notice(nowMs);
      if (nowMs - this.#pingedMs >= pingEveryMs) this.#ping(nowMs);
    }
  }

  /** Ends the connection at once, without a closing handshake. */
  cut(): void {
    this.#ws.terminate();
  }

  /** Says `serverShutdown` now, and cuts the connection after this time. */
  shutDown(cutAfterMs: number): void {
    this.#notice(this.#now());
    this.#cutMs = this.#now() + cutAfterMs;
  }

  /** Says `serverShutdown` and goodbye; resolves when the subscriber has answered, or after 30 s (the bound of ws). */
  leave(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#ws.readyState === this.#ws.CLOSED) {
        resolve();
        return;
      }
      this.#ws.on('close', () => resolve());
      this.#notice(this.#now());
      this.#ws.close(GOING_AWAY);
    });
  }

  #write(bytes: Buffer): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    this.#ws.send(bytes, { binary: false });
    if (this.#ws.bufferedAmount > MAX_BUFFERED_BYTES) this.#ws.terminate();
  }

  #ping(nowMs: number): void {
    this.#pingedMs = nowMs;
    this.#pongDueMs ??= nowMs;
    this.#ws.ping(String(nowMs));
  }

  #notice(nowMs: number): void {
    if (this.#noticed) return;
    this.#noticed = true;
    const body = JSON.stringify({ e: 'serverShutdown', E: nowMs });
    this.#write(Buffer.from(this.wrapped ? wrap('!serverShutdown', body) : body));
  }

  #incoming(nowMs: number, handle: () => void): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    const fifthLastMs = this.#incomingMs.length === MESSAGES_A_SECOND ? this.#incomingMs.shift()! : null;
    this.#incomingMs.push(nowMs);
    if (fifthLastMs !== null && nowMs - fifthLastMs < 1000) this.#ws.close(POLICY_VIOLATION, 'Too many requests');
    else handle();
  }

  #request(text: string): void {
    const reply = answer(text, {
      list: () => [...this.#streams],
      add: (streams) => this.#add(streams),
      remove: (streams) => this.#remove(streams),
    });
    this.#write(Buffer.from(reply));
  }

  #add(streams: readonly string[]): void {
    for (const stream of streams) this.#streams.add(stream);
    this.#hub.subscribe(this, streams);
  }

  #remove(streams: readonly string[]): void {
    for (const stream of streams) this.#streams.delete(stream);
    this.#hub.unsubscribe(this, streams);
  }
}
