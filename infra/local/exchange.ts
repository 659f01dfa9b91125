/**
 * The local exchange: speaks Binance's market data protocol on 127.0.0.1 over a simulated order flow, or plays a
 * recording. Partial books, diffs and REST books agree with each other id by id; an oracle tells a test what they are.
 *
 * One timer, the beat, does everything that time brings: books, frames, pings, cuts. So times are met to within one
 * frame interval.
 */

import { type Clock, SYSTEM_CLOCK } from './clock.ts';
import { periodicCut, startBeat } from './exchange/beat.ts';
import { BINANCE_US_RULES, Connection, type ConnectionRules } from './exchange/connection.ts';
import { type Faults, NO_FAULTS } from './exchange/faults.ts';
import { Hub, type StreamTally } from './exchange/hub.ts';
import { USUAL_MARKET } from './exchange/order-flow.ts';
import { Playback, scanRecording } from './exchange/playback.ts';
import type { Message } from './exchange/protocol.ts';
import { Random } from './exchange/random.ts';
import { RateLimit } from './exchange/rate-limit.ts';
import { answerRest } from './exchange/rest.ts';
import { RestFaults } from './exchange/rest-faults.ts';
import { HOST, openServer } from './exchange/server.ts';
import { type Published, Simulation } from './exchange/simulation.ts';

export type { Clock } from './clock.ts';
export type { ConnectionRules } from './exchange/connection.ts';
export type { Faults } from './exchange/faults.ts';
export type { StreamTally } from './exchange/hub.ts';
export type { Message } from './exchange/protocol.ts';
export type { Published } from './exchange/simulation.ts';

export interface ExchangeOptions {
  /** Listed with status TRADING, upper case; a recording lists its own instead. */
  readonly symbols: readonly string[];
  /** Listed with status BREAK. Default: none. */
  readonly retired?: readonly string[];
  /** Default 0: a free one. */
  readonly port?: number;
  /** The same seed, clock and requests give the same books. Default 1. */
  readonly seed?: number;
  /** Time between two messages of a `@100ms` stream; a tenth of that of a `@1000ms` stream. Default 100, at least 1. */
  readonly frameIntervalMs?: number;
  /** Plays this file instead of simulating; at any speed above 0 times the recorded one, or as fast as it is taken. */
  readonly recording?: { readonly file: string; readonly speed: number | 'max' };
  /** Default: the real one. */
  readonly clock?: Clock;
  readonly faults?: Partial<Faults>;
  /** Pings and life of connections; defaults of Binance.US. */
  readonly rules?: Partial<ConnectionRules>;
  /** REST weight a minute, as `exchangeInfo` says it. Default 1,200. */
  readonly weightAMinute?: number;
  /**
   * Levels that a REST book has on each side at the most. Default 5,000. A client that asks for more gets these without
   * a word, so it must ask for no more than this to know how far its book reaches.
   */
  readonly restLevels?: number;
  /**
   * Levels that a side of a simulated book holds at least; at most 7/3 of it. Default 150. A book deeper than a REST
   * answer (6,000 is deeper than 5,000) shows only a window of itself.
   */
  readonly bookLevels?: number;
  /**
   * How far a simulated price travels in each frame interval, as a fraction of it, one way for a hundred intervals or
   * so, up to a fifth away from where it began. Default 0: it only trembles. 0.0002 leaves a window of 1 % in 5 s.
   */
  readonly wanderlust?: number;
  /**
   * The oracle: takes every good message of the simulated market in the order of making, before any fault. With it the
   * `@depth20@100ms` and `@depth@100ms` streams of every listed symbol are made without a break, followed or not.
   */
  readonly onPublished?: (message: Published) => void;
  /** Takes every good message that is handed to at least one socket, late ones when they are. */
  readonly onSent?: (message: Message) => void;
}

export interface Exchange {
  readonly port: number;
  /** `ws://127.0.0.1:PORT` */
  readonly wsUrl: string;
  /** `http://127.0.0.1:PORT` */
  readonly restUrl: string;
  /** Listed with status TRADING now. */
  readonly symbols: readonly string[];
  /** May be changed at any time; takes effect within one frame interval. */
  readonly faults: Faults;
  /** What was handed to the sockets so far, by stream name of the symbol. */
  sent(symbol: string): Readonly<Record<string, Readonly<StreamTally>>>;
  /** Connections open now. */
  connections(): number;
  /**
   * Resolves when the last message of the recording was handed to the sockets; rejects with DL_RECORDING_INVALID or
   * DL_FILE_UNREADABLE where the file changed under way. Never settles without a recording, or when closed before.
   */
  readonly recordingEnded: Promise<void>;
  /** Cuts every connection now, without a closing handshake. */
  cut(): void;
  /** Says `serverShutdown` on every connection now, and cuts these connections after that time. */
  shutdownNotice(cutAfterMs: number): void;
  /** The symbol trades from now on. @throws RangeError where a recording is played, as the three below */
  list(symbol: string): void;
  /** The symbol has status BREAK from now on: its streams fall silent. */
  delist(symbol: string): void;
  /** A venue's restart: the ids of every symbol begin again at a low number, and the books go on. */
  restartIds(): void;
  /** The whole book as it is now, in the form of a REST book with all its levels; null for an unlisted symbol. */
  bookAt(symbol: string): string | null;
  /** Ends every connection and timer. */
  close(): Promise<void>;
}

/**
 * @throws DL_PORT_IN_USE; DL_FILE_UNREADABLE or DL_RECORDING_INVALID for the recording
 * @example
 * const exchange = await startExchange({ symbols: ['BTCUSDT'] });
 * const socket = new WebSocket(`${exchange.wsUrl}/stream?streams=btcusdt@depth20@100ms`);
 */
export async function startExchange(options: ExchangeOptions): Promise<Exchange> {
  const { seed = 1, frameIntervalMs = 100, clock = SYSTEM_CLOCK, recording, retired = [] } = options;
  const faults: Faults = { ...NO_FAULTS, ...options.faults };
  const rules: ConnectionRules = { ...BINANCE_US_RULES, ...options.rules };
  const hub = new Hub(faults, seed, options.onSent);
  const connections = new Set<Connection>();
  const lag = new Random(`${seed}:lag`);

  const startMs = clock.now();
  const cut = () => {
    for (const connection of connections) connection.cut();
  };
  const drained = async () => {
    for (const connection of connections) await connection.drained();
  };

  const source =
    recording === undefined
      ? simulationOf(options, { seed, frameIntervalMs, startMs, faults, hub })
      : new Playback({
          contents: await scanRecording(recording.file),
          retired,
          speed: recording.speed,
          clock,
          hub,
          drained,
        });
  hub.onChange = () => source.follow(hub.followed(), clock.now());
  hub.onChange();

  const rest = {
    source,
    limit: new RateLimit(options.weightAMinute ?? 1200),
    faults: new RestFaults(faults, seed),
    mostLevels: options.restLevels ?? 5000,
  };
  const server = await openServer({
    port: options.port ?? 0,
    refuseWith: () => faults.refuseWith,
    rest: (target) => answerRest(target, rest, clock.now()),
    now: () => clock.now(),
    accept: (ws, socket, target) => {
      const lagMs = lag.below(faults.lagMs + 1);
      const connection = new Connection({ ws, socket, target, hub, faults, rules, lagMs, now: () => clock.now() });
      connections.add(connection);
      ws.on('close', () => connections.delete(connection));
    },
  });

  const cutInTime = periodicCut(() => faults.cutEveryMs, cut);
  const stopBeat = startBeat(clock, startMs, frameIntervalMs, (nowMs) => {
    for (const connection of connections) connection.cork();
    source.beat(nowMs);
    for (const connection of connections) {
      connection.beat(nowMs);
      connection.uncork();
    }
    server.beat(nowMs);
    cutInTime(nowMs);
  });
  const simulation = () => {
    if (source instanceof Simulation) return source;
    throw new RangeError('a recording is played: its market is what it was');
  };

  return {
    port: server.port,
    wsUrl: `ws://${HOST}:${server.port}`,
    restUrl: `http://${HOST}:${server.port}`,
    get symbols() {
      return source.listings.map(({ symbol }) => symbol);
    },
    faults,
    sent: (symbol) => hub.tallies((stream) => stream.startsWith(`${symbol.toLowerCase()}@`)),
    connections: () => connections.size,
    recordingEnded: source instanceof Playback ? source.ended : new Promise(() => {}),
    cut,
    shutdownNotice: (cutAfterMs) => {
      for (const connection of connections) connection.shutDown(cutAfterMs);
    },
    list: (symbol) => simulation().list(symbol, clock.now()),
    delist: (symbol) => simulation().delist(symbol, clock.now()),
    restartIds: () => simulation().restartIds(),
    bookAt: (symbol) => simulation().depth(symbol, Number.POSITIVE_INFINITY, clock.now(), 0),
    close: async () => {
      stopBeat();
      if (source instanceof Playback) source.close();
      cut();
      await server.close();
    },
  };
}

interface SimulationParts {
  readonly seed: number;
  readonly frameIntervalMs: number;
  readonly startMs: number;
  readonly faults: Faults;
  readonly hub: Hub;
}

function simulationOf(options: ExchangeOptions, { seed, frameIntervalMs, startMs, faults, hub }: SimulationParts) {
  const { symbols, retired = [], onPublished } = options;
  const { bookLevels = USUAL_MARKET.levels, wanderlust = USUAL_MARKET.wanderlust } = options;
  return new Simulation({
    symbols,
    retired,
    seed,
    frameIntervalMs,
    startMs,
    shape: { levels: bookLevels, wanderlust },
    watchAll: onPublished !== undefined,
    remembers: () => faults.restStale > 0,
    publish: (message) => {
      onPublished?.(message);
      hub.publish(message);
    },
  });
}
