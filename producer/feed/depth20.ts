/**
 * From what a feed signals to what befell the books: snapshots, and events where the feed or a book changes its state.
 *
 * depth20 frames carry no proof of completeness: ids jump by any amount. So a hole is known only where a connection was
 * lost, and its `gap` says from when to when, not how much.
 */
import { concat, concatMap, defer, type Observable, type OperatorFunction } from 'rxjs';
import { toDouble } from '../book/decimal.ts';
import { type DepthFields, type Level, measureDepth, type UnusableBook } from '../book/levels.ts';
import type { Counters } from '../counters.ts';
import type { Log } from '../log.ts';
import type { FeedEventRow } from '../record.ts';
import { DEPTH20_LEVELS, type Depth20Frame, depth20Reader } from './binance.ts';
import type { FeedSignal } from './feed.ts';

/** A snapshot before it has its place in a session. */
export interface Snapshot extends DepthFields {
  readonly kind: 'snapshot';
  readonly symbol: string;
  readonly timestampMs: number;
  readonly receivedMs: number;
  readonly lastUpdateId: number;
  readonly topBids: number[][] | null;
  readonly topAsks: number[][] | null;
}

type EventFields = Omit<FeedEventRow, 'venue' | 'session_id' | 'seq' | 'detail'> & { detail: object | null };

/** A feed event before it has its place in a session; what it does not say is null. */
export type FeedEvent = Partial<EventFields> & Pick<EventFields, 'timestamp_ms' | 'kind'>;

export type Observation = Snapshot | { readonly kind: 'event'; readonly event: FeedEvent };

export interface Depth20Options {
  /** The symbols of each connection of the feed. */
  readonly connections: readonly (readonly string[])[];
  readonly rawLevels: boolean;
  readonly counters: Counters;
  /** UTC epoch ms. */
  readonly now: () => number;
  readonly log: Log;
}

export function observeDepth20(options: Depth20Options): OperatorFunction<FeedSignal, Observation> {
  return (signals: Observable<FeedSignal>) => {
    const connections = options.connections.map((symbols, index) => new ConnectionObserver(index, symbols, options));
    return concat(
      signals.pipe(concatMap((signal) => connections[signal.connection]!.observe(signal))),
      defer(() => connections.flatMap((connection) => connection.end(options.now()))),
    );
  };
}

/** What is remembered of a symbol: bounded, one entry a symbol. */
interface SymbolState {
  /** Of the last frame. */
  lastId: number | null;
  /** The last ids, newest first: a frame may come again after later ones. */
  recentIds: number[];
  /** When the last frame came, a repeat or not: until then the book is known. */
  lastMs: number;
  outage: boolean;
  unusable: { reason: UnusableBook; sinceMs: number } | null;
}

/** Ids by which a repeat is recognised, per symbol; at ten frames a second the last 1.6 s. */
const RECENT_IDS = 16;
/** How much of a refused frame the log shows; one frame a reason and connection. */
const SAMPLE_CHARACTERS = 200;

class ConnectionObserver {
  readonly #index: number;
  readonly #options: Depth20Options;
  readonly #read: ReturnType<typeof depth20Reader>;
  readonly #states: Map<string, SymbolState>;
  /** Reasons of refusal that the log has an example of. */
  readonly #told = new Set<string>();
  #open = false;

  constructor(index: number, symbols: readonly string[], options: Depth20Options) {
    this.#index = index;
    this.#options = options;
    this.#read = depth20Reader(symbols);
    this.#states = new Map(
      symbols.map((symbol) => [symbol, { lastId: null, recentIds: [], lastMs: 0, outage: false, unusable: null }]),
    );
  }

  observe(signal: FeedSignal): Observation[] {
    switch (signal.kind) {
      case 'opened':
        this.#open = true;
        return [this.#transition('connected', signal.atMs, { symbols: this.#states.size })];
      case 'failed':
        this.#options.log('warn', 'connect_failed', { connection: this.#index, reason: signal.reason });
        return [];
      case 'closed':
        if (!this.#open) return [];
        this.#open = false;
        for (const state of this.#states.values()) state.outage = state.lastId !== null;
        return [this.#transition('disconnected', signal.atMs, { reason: signal.reason })];
      case 'message':
        return this.#message(signal.text, signal.atMs);
    }
  }

  #transition(kind: 'connected' | 'disconnected', atMs: number, detail: object): Observation {
    this.#options.log(kind === 'connected' ? 'info' : 'warn', kind, { connection: this.#index, ...detail });
    return { kind: 'event', event: { timestamp_ms: atMs, kind, detail: { connection: this.#index, ...detail } } };
  }

  #message(text: string, atMs: number): Observation[] {
    const { counters, log } = this.#options;
    const message = this.#read(text);
    switch (message.kind) {
      case 'frame':
        return this.#frame(message, atMs);
      case 'refused':
        counters.of(message.symbol).frames += 1;
        counters.discard(message.symbol, message.reason);
        if (!this.#told.has(message.reason)) {
          this.#told.add(message.reason);
          const { reason, symbol } = message;
          log('warn', 'frame_refused', { reason, symbol, frame: text.slice(0, SAMPLE_CHARACTERS) });
        }
        return [];
      case 'venue_error':
        counters.venueErrors += 1;
        log('warn', 'venue_error', { code: message.code, message: message.message });
        return [];
      case 'shutdown_notice':
        log('warn', 'venue_shutdown_notice', { connection: this.#index });
        return [];
      case 'acknowledged':
        return [];
    }
  }

  #frame(frame: Depth20Frame, atMs: number): Observation[] {
    const { counters, rawLevels } = this.#options;
    const state = this.#states.get(frame.symbol)!;
    counters.of(frame.symbol).frames += 1;
    const observations: Observation[] = this.#endOfOutage(frame, state, atMs);
    state.lastMs = atMs;

    if (state.recentIds.includes(frame.lastUpdateId)) {
      counters.discard(frame.symbol, 'repeat');
      return observations;
    }
    state.lastId = frame.lastUpdateId;
    state.recentIds = [frame.lastUpdateId, ...state.recentIds.slice(0, RECENT_IDS - 1)];

    const depth = measureDepth({
      bids: frame.bids,
      asks: frame.asks,
      bidsWhole: frame.bids.length < DEPTH20_LEVELS,
      asksWhole: frame.asks.length < DEPTH20_LEVELS,
    });
    observations.push(...usability(frame.symbol, state, typeof depth === 'string' ? depth : null, atMs));
    if (typeof depth === 'string') {
      counters.discard(frame.symbol, depth);
      return observations;
    }
    observations.push({
      kind: 'snapshot',
      symbol: frame.symbol,
      timestampMs: atMs,
      receivedMs: atMs,
      lastUpdateId: frame.lastUpdateId,
      topBids: rawLevels ? frame.bids.map(rawLevel) : null,
      topAsks: rawLevels ? frame.asks.map(rawLevel) : null,
      ...depth,
    });
    return observations;
  }

  /** The first frame after an outage bounds the hole; the same id as before means that nothing was missed. */
  #endOfOutage(frame: Depth20Frame, state: SymbolState, atMs: number): Observation[] {
    if (!state.outage) return [];
    state.outage = false;
    if (frame.lastUpdateId === state.lastId) return [];
    return [this.#gap(frame.symbol, state, atMs, { last_update_id_after: frame.lastUpdateId })];
  }

  /** What is still missing when the session ends is missing until then at least. */
  end(atMs: number): Observation[] {
    const open = [...this.#states].filter(([, state]) => state.outage);
    return open.map(([symbol, state]) => this.#gap(symbol, state, atMs, { open: true }));
  }

  #gap(symbol: string, state: SymbolState, atMs: number, detail: object): Observation {
    this.#options.log('warn', 'gap', { symbol, ms: atMs - state.lastMs });
    const event: FeedEvent = {
      timestamp_ms: atMs,
      kind: 'gap',
      symbol,
      from_ms: state.lastMs,
      to_ms: atMs,
      detail: { last_update_id_before: state.lastId, ...detail },
    };
    return { kind: 'event', event };
  }
}

/** An event when a book begins to be unusable, when the reason changes, and when it is usable again. */
function usability(symbol: string, state: SymbolState, reason: UnusableBook | null, atMs: number): Observation[] {
  const before = state.unusable;
  if (reason === (before?.reason ?? null)) return [];
  const sinceMs = before?.sinceMs ?? atMs;
  state.unusable = reason === null ? null : { reason, sinceMs };
  const event: FeedEvent =
    reason === null
      ? {
          timestamp_ms: atMs,
          kind: 'book_usable',
          symbol,
          from_ms: sinceMs,
          to_ms: atMs,
          detail: { was: before?.reason },
        }
      : { timestamp_ms: atMs, kind: 'book_unusable', symbol, from_ms: sinceMs, detail: { reason } };
  return [{ kind: 'event', event }];
}

function rawLevel([price, quantity]: Level): number[] {
  return [toDouble(price), toDouble(quantity)];
}
