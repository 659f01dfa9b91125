/**
 * A WebSocket server on 127.0.0.1 that speaks Binance's market data protocol, so that a client of the venue can be
 * pointed at recorded data. It is made of the local exchange's parts; its market is what the replay writes.
 *
 * Every row of `order_book` that has its raw levels becomes a message of each stream of its symbol that somebody
 * follows: `@depth5`, `@depth10` and `@depth20` at `@100ms` (each row) or `@1000ms` (the first row of each second of
 * event time), and `@bookTicker` (where the best level changed). A client gets what comes from when it followed.
 * `/api/v3/depth` answers from the latest row; `/api/v3/time` is the time of today, and no message has one.
 *
 * Back-pressure: a client that has more waiting than its socket's buffer is meant to hold holds the replay up, and none
 * loses anything. It is given up when it answers no ping for 10 min, as on the venue.
 */
import { DepthlakeError } from '../../../producer/errors.ts';
import type { TableRow } from '../../../producer/record.ts';
import type { Accepted, Sink } from '../../../producer/replay/sink.ts';
import { type Clock, SYSTEM_CLOCK } from '../../local/clock.ts';
import { startBeat } from '../../local/exchange/beat.ts';
import { BINANCE_US_RULES, Connection, type ConnectionRules } from '../../local/exchange/connection.ts';
import { NO_FAULTS } from '../../local/exchange/faults.ts';
import { Hub } from '../../local/exchange/hub.ts';
import { RateLimit } from '../../local/exchange/rate-limit.ts';
import { answerRest } from '../../local/exchange/rest.ts';
import { RestFaults } from '../../local/exchange/rest-faults.ts';
import { HOST, openServer, type RunningServer } from '../../local/exchange/server.ts';
import { Audience } from './websocket/audience.ts';
import { type MarketCounts, ReplayedMarket } from './websocket/market.ts';
import { Notes } from './websocket/notes.ts';

export interface WebSocketSinkOptions {
  /** 0: a free one. */
  readonly port: number;
  /** Symbols that are listed from the beginning; the others from their first row, or from when `list` names them. */
  readonly symbols: readonly string[];
  /** Whether the replay may have rows of a symbol; the streams of others stay silent. */
  readonly wants: (symbol: string) => boolean;
  /**
   * Whether rows wait while no client follows a stream, as with `--speed max`, where the clients' pace is the only one.
   * False: they pass, as on an exchange.
   */
  readonly waits: boolean;
  /** Gives the replay up: nothing waits for clients any more, and what they were not sent is not accepted. */
  readonly signal: AbortSignal;
  /** Takes what the user is to know, at most some 20 lines a replay, and one each time that the replay waits. */
  readonly log: (line: string) => void;
  /** Default: the real one. */
  readonly clock?: Clock;
}

export interface WebSocketSink extends Sink {
  /** `ws://127.0.0.1:PORT` */
  readonly wsUrl: string;
  /** `http://127.0.0.1:PORT` */
  readonly restUrl: string;
  /**
   * Resolves a second after the last of the first clients' subscriptions: a replay begins then, so that they miss
   * nothing; or when the signal ends the wait.
   */
  readonly ready: Promise<void>;
  readonly counts: Readonly<MarketCounts>;
  /** From now on these symbols are listed. */
  list(symbols: Iterable<string>): void;
}

/** A connection lives as long as the replay: cutting it after 24 h, as the venue does, would lose rows. */
const RULES: ConnectionRules = { ...BINANCE_US_RULES, lifeMs: Number.POSITIVE_INFINITY };
/** Of pings and overdue pongs. */
const BEAT_MS = 1_000;
/** As Binance.com has it. */
const WEIGHT_A_MINUTE = 6_000;
/** How long clients may take to go when the replay is given up. */
const CUT_AFTER_MS = 1_000;
/** Draws no faults. */
const SEED = 0;

/** @throws DL_PORT_IN_USE */
export async function openWebSocketSink(options: WebSocketSinkOptions): Promise<WebSocketSink> {
  const { port, symbols, wants, log, clock = SYSTEM_CLOCK } = options;
  const hub = new Hub(NO_FAULTS, SEED);
  const publish = hub.publish.bind(hub);
  const market = new ReplayedMarket({ symbols, wants, publish, notes: new Notes(log) });
  const audience = new Audience(clock);
  hub.onChange = () => audience.changed(market.follow(hub.followed()));

  const connections = new Set<Connection>();
  const limit = new RateLimit(WEIGHT_A_MINUTE);
  const faults = new RestFaults(NO_FAULTS, SEED);
  const rest = { source: market, limit, faults, mostLevels: Number.POSITIVE_INFINITY };
  const now = () => clock.now();
  const server = await openServer({
    port,
    refuseWith: () => 0,
    rest: (target) => answerRest(target, rest, now()),
    now,
    accept: (ws, socket, target) => {
      const connection = new Connection({ ws, socket, target, hub, faults: NO_FAULTS, rules: RULES, lagMs: 0, now });
      connections.add(connection);
      ws.on('close', () => connections.delete(connection));
    },
  });
  const stopBeat = startBeat(clock, now(), BEAT_MS, (nowMs) => {
    for (const connection of connections) connection.beat(nowMs);
  });
  return new ReplayServer({ ...options, clock, market, audience, connections, server, stopBeat });
}

interface ReplayServerParts extends Pick<WebSocketSinkOptions, 'waits' | 'signal' | 'log'> {
  readonly clock: Clock;
  readonly market: ReplayedMarket;
  readonly audience: Audience;
  readonly connections: ReadonlySet<Connection>;
  readonly server: RunningServer;
  readonly stopBeat: () => void;
}

class ReplayServer implements WebSocketSink {
  readonly wsUrl: string;
  readonly restUrl: string;
  readonly #parts: ReplayServerParts;
  #writes = 0;
  #cutTimer: unknown = null;
  #ending = false;
  /** Whether a client was cut that had not taken everything. */
  #cutShort = false;
  #closed: Promise<void> | null = null;

  constructor(parts: ReplayServerParts) {
    const { server, signal } = parts;
    this.wsUrl = `ws://${HOST}:${server.port}`;
    this.restUrl = `http://${HOST}:${server.port}`;
    this.#parts = parts;
    if (signal.aborted) this.#giveUp();
    else signal.addEventListener('abort', this.#giveUp, { once: true });
  }

  get ready(): Promise<void> {
    return this.#parts.audience.ready;
  }

  get counts(): Readonly<MarketCounts> {
    return this.#parts.market.counts;
  }

  list(symbols: Iterable<string>): void {
    this.#parts.market.list(symbols);
  }

  async write(rows: readonly TableRow[]): Promise<void> {
    const { audience, market, waits } = this.#parts;
    let next = 0;
    while (next < rows.length) {
      if (waits && !audience.isPresent) {
        await this.#present();
        if (!audience.isPresent) return;
      }
      this.#cork();
      do market.take(rows[next++]!);
      while (next < rows.length && !this.#isBehind());
      this.#uncork();
      if (audience.isOver) this.#cutSoon();
      await this.#drained();
    }
    if (!this.#cutShort) this.#writes += 1;
  }

  async accepted(): Promise<Accepted> {
    return { writes: this.#writes, state: null };
  }

  /** @throws DL_RAW_LEVELS_MISSING where there were rows of `order_book` and none of them could be sent for that */
  async end(): Promise<Accepted> {
    const { audience, connections } = this.#parts;
    this.#ending = true;
    if (audience.isOver) this.#cutSoon();
    else await Promise.all([...connections].map((connection) => connection.taken()));
    await Promise.all([...connections].map((connection) => connection.leave()));
    await this.close();
    const { sent, without_raw_levels } = this.counts;
    if (sent === 0 && without_raw_levels > 0) {
      const message = `none of the ${without_raw_levels} rows has top_bids and top_asks, so nothing could be sent`;
      throw new DepthlakeError('DL_RAW_LEVELS_MISSING', message);
    }
    return this.accepted();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { audience, connections, server, signal, clock, stopBeat } = this.#parts;
    signal.removeEventListener('abort', this.#giveUp);
    clock.clearTimeout(this.#cutTimer);
    audience.end();
    stopBeat();
    for (const connection of connections) connection.cut();
    await server.close();
  }

  readonly #giveUp = (): void => {
    this.#parts.audience.end();
    this.#cutSoon();
  };

  /** Nobody waits for a client any more that does not take what it is sent, or does not answer the goodbye. */
  #cutSoon(): void {
    this.#cutTimer ??= this.#parts.clock.setTimeout(() => {
      this.#cutTimer = null;
      if (this.#isBehind()) this.#cutShort = true;
      for (const connection of this.#parts.connections) if (this.#ending || connection.isBehind) connection.cut();
    }, CUT_AFTER_MS);
  }

  async #present(): Promise<void> {
    const { audience, log } = this.#parts;
    await audience.ready;
    if (!audience.isPresent && !audience.isOver) log('no client follows a stream any more: the replay waits for one');
    await audience.present();
  }

  #isBehind(): boolean {
    for (const connection of this.#parts.connections) if (connection.isBehind) return true;
    return false;
  }

  async #drained(): Promise<void> {
    for (const connection of this.#parts.connections) await connection.drained();
  }

  /** What is written to many streams of a client leaves in one write. */
  #cork(): void {
    for (const connection of this.#parts.connections) connection.cork();
  }

  #uncork(): void {
    for (const connection of this.#parts.connections) connection.uncork();
  }
}
