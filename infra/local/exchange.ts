/**
 * The local exchange: speaks Binance's market data protocol on 127.0.0.1 over a simulated order flow, or plays a
 * recording. Partial books, diffs and REST books agree with each other id by id.
 *
 * One timer, the beat, does everything that time brings: books, frames, pings, cuts. So times are met to within one
 * frame interval.
 */

import { type Clock, SYSTEM_CLOCK } from './clock.ts';
import { periodicCut, startBeat } from './exchange/beat.ts';
import { BINANCE_US_RULES, Connection, type ConnectionRules } from './exchange/connection.ts';
import { type Faults, NO_FAULTS } from './exchange/faults.ts';
import { Hub, type StreamTally } from './exchange/hub.ts';
import { listingOf } from './exchange/listing.ts';
import { Playback, scanRecording } from './exchange/playback.ts';
import { RateLimit } from './exchange/rate-limit.ts';
import { answerRest } from './exchange/rest.ts';
import { HOST, openServer } from './exchange/server.ts';
import { Simulation } from './exchange/simulation.ts';

export type { Clock } from './clock.ts';
export type { ConnectionRules } from './exchange/connection.ts';
export type { Faults } from './exchange/faults.ts';
export type { StreamTally } from './exchange/hub.ts';

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
  /** REST weight a minute. Default 1,200. */
  readonly weightAMinute?: number;
}

export interface Exchange {
  readonly port: number;
  /** `ws://127.0.0.1:PORT` */
  readonly wsUrl: string;
  /** `http://127.0.0.1:PORT` */
  readonly restUrl: string;
  /** Listed with status TRADING. */
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
  const { seed = 1, frameIntervalMs = 100, clock = SYSTEM_CLOCK, recording } = options;
  const faults: Faults = { ...NO_FAULTS, ...options.faults };
  const rules: ConnectionRules = { ...BINANCE_US_RULES, ...options.rules };
  const hub = new Hub(faults, seed);
  const connections = new Set<Connection>();

  const startMs = clock.now();
  const cut = () => {
    for (const connection of connections) connection.cut();
  };
  const drained = async () => {
    for (const connection of connections) await connection.drained();
  };

  const playback =
    recording === undefined
      ? null
      : new Playback({ contents: await scanRecording(recording.file), speed: recording.speed, clock, hub, drained });
  const source =
    playback ??
    new Simulation({
      symbols: options.symbols,
      seed,
      frameIntervalMs,
      startMs,
      publish: (message) => hub.publish(message),
    });
  hub.onChange = () => source.follow(hub.followed(), clock.now());

  const retired = (options.retired ?? []).map(listingOf);
  const limit = new RateLimit(options.weightAMinute ?? 1200);
  const server = await openServer({
    port: options.port ?? 0,
    refuseWith: () => faults.refuseWith,
    rest: (target) => answerRest(target, { source, retired, limit }, clock.now()),
    accept: (ws, socket, target) => {
      const connection = new Connection({ ws, socket, target, hub, faults, rules, now: () => clock.now() });
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
    cutInTime(nowMs);
  });

  return {
    port: server.port,
    wsUrl: `ws://${HOST}:${server.port}`,
    restUrl: `http://${HOST}:${server.port}`,
    symbols: source.listings.map(({ symbol }) => symbol),
    faults,
    sent: (symbol) => hub.tallies((stream) => stream.startsWith(`${symbol.toLowerCase()}@`)),
    connections: () => connections.size,
    recordingEnded: playback?.ended ?? new Promise(() => {}),
    cut,
    close: async () => {
      stopBeat();
      playback?.close();
      cut();
      await server.close();
    },
  };
}
