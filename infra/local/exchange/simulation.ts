/**
 * The simulated market: the order flow of every listed symbol, in steps of one frame interval.
 *
 * A symbol that nobody follows costs nothing: its book catches up when somebody asks for it, by at most
 * `MAX_CATCH_UP_STEPS`; what lies further back than that did not happen. Update ids begin at 1,000 a millisecond of
 * the epoch and grow more slowly than that, so the ids of a later start are always higher.
 */

import { type Listing, listingOf } from './listing.ts';
import { OrderFlow, type Recorder } from './order-flow.ts';
import { type Message, parseStreamName, type StreamName } from './protocol.ts';
import type { Source } from './source.ts';

/** Ten seconds at ten steps a second: some 5 ms of work a symbol, so that 256 at once hold nobody up. */
const MAX_CATCH_UP_STEPS = 100;
/** A slow stream (`@1000ms`) has a message once in so many intervals. */
const SLOW = 10;
const IDS_A_MS = 1_000;

interface Stream extends StreamName {
  readonly name: string;
}

/** The changes since the last diff of a cadence: the latest text of each level. */
class Changes {
  readonly bids = new Map<number, string>();
  readonly asks = new Map<number, string>();
  /** The last update id before them. */
  afterId: number;

  constructor(afterId: number) {
    this.afterId = afterId;
  }

  restart(afterId: number): void {
    this.bids.clear();
    this.asks.clear();
    this.afterId = afterId;
  }
}

/** One symbol: its book, and what its streams have not been told yet. */
class Market {
  readonly flow: OrderFlow;
  readonly fast: Changes;
  readonly slow: Changes;
  readonly #record: Recorder;
  #step = 0;
  #best = '';

  constructor(listing: Listing, seed: number, firstId: number) {
    this.flow = new OrderFlow(listing, seed, firstId);
    this.fast = new Changes(firstId);
    this.slow = new Changes(firstId);
    this.#record = (side, key, text) => {
      this.fast[side].set(key, text);
      this.slow[side].set(key, text);
    };
  }

  advance(step: number): void {
    this.#step = Math.max(this.#step, step - MAX_CATCH_UP_STEPS);
    for (; this.#step < step; this.#step++) this.flow.step(this.#record);
  }

  /** Forgets what nobody was there to be told. */
  restart(): void {
    this.fast.restart(this.flow.lastUpdateId);
    this.slow.restart(this.flow.lastUpdateId);
    this.#best = this.#currentBest();
  }

  partial(levels: number): string {
    const { bids, asks, lastUpdateId } = this.flow;
    return `{"lastUpdateId":${lastUpdateId},"bids":${bids.top(levels)},"asks":${asks.top(levels)}}`;
  }

  /** The best bid and ask as `bookTicker` has them, or null where they are as they were. */
  changedBest(symbol: string): string | null {
    const best = this.#currentBest();
    if (best === this.#best) return null;
    this.#best = best;
    const [[b, B], [a, A]] = JSON.parse(best) as [[string, string], [string, string]];
    return JSON.stringify({ u: this.flow.lastUpdateId, s: symbol, b, B, a, A });
  }

  #currentBest(): string {
    return `[${this.flow.bids.best()},${this.flow.asks.best()}]`;
  }
}

export interface SimulationOptions {
  readonly symbols: readonly string[];
  readonly seed: number;
  readonly frameIntervalMs: number;
  readonly startMs: number;
  readonly publish: (message: Message) => void;
}

export class Simulation implements Source {
  readonly listings: readonly Listing[];
  readonly #options: SimulationOptions;
  readonly #listed: ReadonlyMap<string, Listing>;
  readonly #markets = new Map<string, Market>();
  #followed = new Map<string, Stream[]>();
  #slowPeriod = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.listings = options.symbols.map(listingOf);
    this.#listed = new Map(this.listings.map((listing) => [listing.symbol, listing]));
  }

  /** From now on these streams are followed; those of unknown symbols and misspelled ones stay silent. */
  follow(names: readonly string[], nowMs: number): void {
    const followed = new Map<string, Stream[]>();
    for (const name of names) {
      const parsed = parseStreamName(name);
      if (parsed === null || !this.#listed.has(parsed.symbol)) continue;
      const streams = followed.get(parsed.symbol) ?? [];
      streams.push({ name, ...parsed });
      followed.set(parsed.symbol, streams);
      if (!this.#followed.has(parsed.symbol)) {
        // Told from here on: a first diff would otherwise carry everything since the book was last looked at.
        this.#market(parsed.symbol, nowMs)?.restart();
      }
    }
    this.#followed = followed;
  }

  beat(nowMs: number): void {
    const slowPeriod = Math.floor(this.#stepAt(nowMs) / SLOW);
    const slowDue = slowPeriod !== this.#slowPeriod;
    this.#slowPeriod = slowPeriod;
    for (const [symbol, streams] of this.#followed) {
      const market = this.#market(symbol, nowMs);
      if (market !== undefined) this.#publish(symbol, market, streams, slowDue, nowMs);
    }
  }

  depth(symbol: string, limit: number, nowMs: number): string | null {
    const market = this.#market(symbol, nowMs);
    if (market === undefined) return null;
    if (!this.#followed.has(symbol)) market.restart();
    return market.partial(limit);
  }

  #market(symbol: string, nowMs: number): Market | undefined {
    const { seed, startMs } = this.#options;
    let market = this.#markets.get(symbol);
    if (market === undefined) {
      const listing = this.#listed.get(symbol);
      if (listing === undefined) return undefined;
      market = new Market(listing, seed, Math.floor(startMs) * IDS_A_MS);
      this.#markets.set(symbol, market);
    }
    market.advance(this.#stepAt(nowMs));
    return market;
  }

  #stepAt(nowMs: number): number {
    return Math.floor((nowMs - this.#options.startMs) / this.#options.frameIntervalMs);
  }

  #publish(symbol: string, market: Market, streams: readonly Stream[], slowDue: boolean, nowMs: number): void {
    const best = market.changedBest(symbol);
    const id = market.flow.lastUpdateId;
    for (const { name, kind, levels, fast } of streams) {
      const changes = fast ? market.fast : market.slow;
      if (changes.afterId === id || !(fast || slowDue)) continue;
      if (kind === 'partial') this.#options.publish({ stream: name, kind, id, body: market.partial(levels) });
      else if (kind === 'diff')
        this.#options.publish({ stream: name, kind, id, body: diff(symbol, changes, id, nowMs) });
      else if (best !== null) this.#options.publish({ stream: name, kind: 'other', id, body: best });
    }
    market.fast.restart(id);
    if (slowDue) market.slow.restart(id);
  }
}

function diff(symbol: string, changes: Changes, id: number, nowMs: number): string {
  const head = `{"e":"depthUpdate","E":${Math.floor(nowMs)},"s":"${symbol}","U":${changes.afterId + 1},"u":${id}`;
  return `${head},"b":${levels(changes.bids)},"a":${levels(changes.asks)}}`;
}

/** Changed levels, best first. */
function levels(changes: ReadonlyMap<number, string>): string {
  const sorted = [...changes].sort(([a], [b]) => a - b);
  return `[${sorted.map(([, text]) => text).join(',')}]`;
}
