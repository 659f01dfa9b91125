/**
 * From what a feed signals to what befell the books: snapshots, and events where the feed or a book changes its state.
 * Each symbol has an observer of its own, one kind for each book mode.
 */
import { interval, Observable, type OperatorFunction, type SchedulerLike } from 'rxjs';
import type { BookMode } from '../config.ts';
import type { Counters } from '../counters.ts';
import type { Log } from '../log.ts';
import type { Observation } from './observation.ts';
import { Depth20Observer } from './observers/depth20.ts';
import { FullObserver } from './observers/full.ts';
import type { SeedRequests, SymbolContext, SymbolObserver } from './observers/symbol.ts';
import { WitnessObserver } from './observers/witness.ts';
import type { Restarts } from './restarts.ts';
import type { FeedSignal } from './signal.ts';
import type { RestBook, VenueMessage } from './venue.ts';

/** Where books to seed from are asked for, and where they come. */
export interface SeedSource extends SeedRequests {
  readonly results: Observable<{ readonly symbol: string; readonly book: RestBook }>;
}

export interface ObserveOptions {
  readonly book: BookMode;
  /** Fill `topBids` and `topAsks`. */
  readonly rawLevels: boolean;
  /** Not asked for anything in book mode depth20. */
  readonly seeds: SeedSource;
  readonly restarts: Restarts;
  /** Symbols that are not followed any more: what is known of them is dropped. */
  readonly delisted: Observable<readonly string[]>;
  readonly counters: Counters;
  readonly log: Log;
  /** UTC epoch ms. */
  readonly scheduler: SchedulerLike;
}

const TICK_MS = 1_000;
/** How much of a refused frame the log shows; one frame a reason. */
const SAMPLE_CHARACTERS = 200;

export function observe(options: ObserveOptions): OperatorFunction<FeedSignal, Observation> {
  return (signals) =>
    new Observable((subscriber) => {
      const { scheduler, seeds, delisted } = options;
      const observer = new FeedObserver(options, (observation) => subscriber.next(observation));
      subscriber.add(seeds.results.subscribe(({ symbol, book }) => observer.seed(symbol, book, scheduler.now())));
      subscriber.add(delisted.subscribe((symbols) => observer.drop(symbols, scheduler.now())));
      subscriber.add(interval(TICK_MS, scheduler).subscribe(() => observer.tick(scheduler.now())));
      subscriber.add(
        signals.subscribe({
          next: (signal) => observer.take(signal),
          error: (error) => subscriber.error(error),
          complete() {
            observer.end(scheduler.now());
            subscriber.complete();
          },
        }),
      );
    });
}

class FeedObserver {
  readonly #options: ObserveOptions;
  readonly #emit: (observation: Observation) => void;
  /** One a symbol, from its first mention on until it is in no slot any more. */
  readonly #observers = new Map<string, SymbolObserver>();
  /** The symbols that each slot follows. */
  readonly #slots = new Map<number, readonly string[]>();
  /** Slots that have a connection. */
  readonly #open = new Set<number>();
  /** Symbols of which it was said that they are silent from the beginning. */
  readonly #neverHeard = new Set<string>();
  /** Reasons of refusal that the log has an example of. */
  readonly #told = new Set<string>();

  constructor(options: ObserveOptions, emit: (observation: Observation) => void) {
    this.#options = options;
    this.#emit = emit;
  }

  take(signal: FeedSignal): void {
    const { slot, atMs } = signal;
    switch (signal.kind) {
      case 'opened':
        this.#open.add(slot);
        this.#assign(slot, signal.symbols, atMs);
        this.#transition('connected', slot, atMs, { symbols: signal.symbols.length });
        return;
      case 'failed':
        this.#options.log('warn', 'connect_failed', { connection: slot, reason: signal.reason });
        return;
      case 'closed':
        if (!this.#open.delete(slot)) return;
        for (const symbol of signal.symbols) this.#of(symbol).outage();
        this.#transition('disconnected', slot, atMs, { reason: signal.reason });
        return;
      case 'handed_over': {
        const { reason, overlapMs, symbols } = signal;
        for (const symbol of symbols) this.#of(symbol).handedOver();
        this.#assign(slot, symbols, atMs);
        this.#transition('handed_over', slot, atMs, { reason, overlap_ms: overlapMs, symbols: symbols.length });
        return;
      }
      case 'missed':
        for (const frames of signal.frames) this.#of(frames.symbol).missed(frames);
        return;
      case 'silent':
        for (const symbol of signal.symbols) this.#silent(symbol, slot, atMs);
        return;
      case 'message':
        this.#message(signal.message, signal.text, slot, atMs);
        return;
    }
  }

  seed(symbol: string, book: RestBook, atMs: number): void {
    this.#observers.get(symbol)?.seed(book, atMs);
  }

  tick(nowMs: number): void {
    for (const observer of this.#observers.values()) observer.tick(nowMs);
  }

  drop(symbols: readonly string[], atMs: number): void {
    for (const symbol of symbols) {
      this.#observers.get(symbol)?.end(atMs);
      this.#observers.delete(symbol);
    }
  }

  end(atMs: number): void {
    this.drop([...this.#observers.keys()], atMs);
  }

  #of(symbol: string): SymbolObserver {
    let observer = this.#observers.get(symbol);
    if (observer === undefined) {
      observer = observerOf({ ...this.#options, symbol, emit: this.#emit }, this.#options);
      this.#observers.set(symbol, observer);
    }
    return observer;
  }

  /** What a slot no longer follows and no other does ends here. */
  #assign(slot: number, symbols: readonly string[], atMs: number): void {
    const before = this.#slots.get(slot) ?? [];
    this.#slots.set(slot, symbols);
    for (const symbol of symbols) this.#of(symbol);
    const followed = before.length === 0 ? null : new Set([...this.#slots.values()].flat());
    this.drop(
      before.filter((symbol) => !followed?.has(symbol)),
      atMs,
    );
  }

  #silent(symbol: string, slot: number, atMs: number): void {
    const observer = this.#of(symbol);
    const { lastMs } = observer;
    const begins = observer.outage();
    if (lastMs === null ? this.#neverHeard.has(symbol) : !begins) return;
    if (lastMs === null) this.#neverHeard.add(symbol);
    this.#options.log('warn', 'silent', { symbol, connection: slot });
    this.#emit({
      kind: 'event',
      event: {
        timestamp_ms: atMs,
        kind: 'silent',
        symbol,
        ...(lastMs !== null && { from_ms: lastMs }),
        detail: { connection: slot },
      },
    });
  }

  #transition(kind: 'connected' | 'disconnected' | 'handed_over', slot: number, atMs: number, more: object): void {
    const detail = { connection: slot, ...more };
    this.#options.log(kind === 'disconnected' ? 'warn' : 'info', kind, detail);
    this.#emit({ kind: 'event', event: { timestamp_ms: atMs, kind, detail } });
  }

  #message(message: VenueMessage, text: string, slot: number, atMs: number): void {
    const { counters, log } = this.#options;
    switch (message.kind) {
      case 'frame':
      case 'diff':
        this.#of(message.symbol).take(message, atMs);
        return;
      case 'refused':
        counters.of(message.symbol).frames += 1;
        counters.discard(message.symbol, message.reason);
        if (!this.#told.has(message.reason)) {
          this.#told.add(message.reason);
          const { reason, symbol } = message;
          log('warn', 'frame_refused', { reason, symbol, frame: text.slice(0, SAMPLE_CHARACTERS) });
        }
        return;
      case 'venue_error':
        counters.venueErrors += 1;
        log('warn', 'venue_error', { code: message.code, message: message.message });
        return;
      case 'shutdown_notice':
        log('warn', 'venue_shutdown_notice', { connection: slot });
        return;
      case 'acknowledged':
        return;
    }
  }
}

function observerOf(context: SymbolContext, { book, seeds }: ObserveOptions): SymbolObserver {
  switch (book) {
    case 'depth20':
      return new Depth20Observer(context);
    case 'witness':
      return new WitnessObserver(context, seeds);
    case 'full':
      return new FullObserver(context, seeds);
  }
}
