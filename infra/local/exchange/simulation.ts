/**
 * The simulated market: the order flow of every listed symbol, in steps of one frame interval.
 *
 * A symbol that nobody follows costs nothing: its book catches up when somebody asks for it, by ten seconds at the
 * most; what lies further back than that did not happen. Update ids begin at 1,000 a millisecond of the epoch and grow
 * more slowly than that, so the ids of a later start are always higher.
 */

import { type Listing, listingOf } from './listing.ts';
import { type Changes, Market } from './market.ts';
import { type MarketShape, USUAL_MARKET } from './order-flow.ts';
import { type Message, parseStreamName, type StreamName } from './protocol.ts';
import type { Source } from './source.ts';

/** A slow stream (`@1000ms`) has a message once in so many intervals. */
const SLOW = 10;
const IDS_A_MS = 1_000;
/** The streams that are made of every listed symbol where all is watched. */
const WATCHED = ['depth20@100ms', 'depth@100ms'];

/** A message of the simulated market, as it is before any fault. */
export interface Published extends Message {
  /** Upper case. */
  readonly symbol: string;
  readonly id: number;
  /** The first update id of a diff, else null. */
  readonly firstId: number | null;
  /** UTC epoch ms. */
  readonly atMs: number;
}

interface Stream extends StreamName {
  readonly name: string;
}

export interface SimulationOptions {
  readonly symbols: readonly string[];
  /** Listed with status BREAK. Default: none. */
  readonly retired?: readonly string[];
  readonly seed: number;
  readonly frameIntervalMs: number;
  readonly startMs: number;
  /** Default: the usual one. */
  readonly shape?: MarketShape;
  readonly publish: (message: Published) => void;
  /** Makes the fast depth streams of every listed symbol, followed or not. Default: only what is followed. */
  readonly watchAll?: boolean;
  /** Whether books of the past can be asked for: only then they are kept. Default: never. */
  readonly remembers?: () => boolean;
}

export class Simulation implements Source {
  readonly #options: Required<SimulationOptions>;
  readonly #listed: Map<string, Listing>;
  readonly #retired: Map<string, Listing>;
  readonly #markets = new Map<string, Market>();
  #names: readonly string[] = [];
  #followed = new Map<string, Stream[]>();
  #slowPeriod = 0;
  /** Of a symbol whose book is asked for the first time. */
  #firstId: number;

  constructor(options: SimulationOptions) {
    this.#options = { retired: [], shape: USUAL_MARKET, watchAll: false, remembers: () => false, ...options };
    this.#listed = this.#listings(this.#options.symbols);
    this.#retired = this.#listings(this.#options.retired);
    this.#firstId = Math.floor(options.startMs) * IDS_A_MS;
  }

  get listings(): readonly Listing[] {
    return [...this.#listed.values()];
  }

  get retired(): readonly Listing[] {
    return [...this.#retired.values()];
  }

  /** From now on the symbol trades; whoever follows its streams gets them. */
  list(symbol: string, nowMs: number): void {
    if (this.#listed.has(symbol)) return;
    this.#listed.set(symbol, listingOf(symbol, this.#options.shape.levels));
    this.#retired.delete(symbol);
    this.follow(this.#names, nowMs);
  }

  /** From now on the symbol has status BREAK: its streams are silent and its book cannot be had. */
  delist(symbol: string, nowMs: number): void {
    const listing = this.#listed.get(symbol);
    if (listing === undefined) return;
    this.#listed.delete(symbol);
    this.#retired.set(symbol, listing);
    this.follow(this.#names, nowMs);
  }

  /** The ids of every symbol begin again at a low number, and the books go on. */
  restartIds(): void {
    this.#firstId = 1;
    for (const market of this.#markets.values()) market.restartIds(this.#firstId);
  }

  /** From now on these streams are followed; those of unknown symbols and misspelled ones stay silent. */
  follow(names: readonly string[], nowMs: number): void {
    this.#names = names;
    const followed = new Map<string, Stream[]>();
    for (const name of new Set([...names, ...this.#watched()])) {
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
    const remembers = this.#options.remembers();
    for (const [symbol, streams] of this.#followed) {
      const market = this.#market(symbol, nowMs);
      if (market === undefined) continue;
      if (remembers) market.remember(nowMs);
      this.#publish(symbol, market, streams, slowDue, nowMs);
    }
  }

  depth(symbol: string, limit: number, nowMs: number, agoMs: number): string | null {
    const market = this.#market(symbol, nowMs);
    if (market === undefined) return null;
    if (!this.#followed.has(symbol)) market.restart();
    return (agoMs > 0 ? market.past(limit, nowMs - agoMs) : null) ?? market.partial(limit);
  }

  #listings(symbols: readonly string[]): Map<string, Listing> {
    return new Map(symbols.map((symbol) => [symbol, listingOf(symbol, this.#options.shape.levels)]));
  }

  #watched(): string[] {
    if (!this.#options.watchAll) return [];
    return [...this.#listed.keys()].flatMap((symbol) => WATCHED.map((name) => `${symbol.toLowerCase()}@${name}`));
  }

  #market(symbol: string, nowMs: number): Market | undefined {
    let market = this.#markets.get(symbol);
    const listing = this.#listed.get(symbol);
    if (listing === undefined) return undefined;
    if (market === undefined) {
      market = new Market(listing, this.#options.shape, this.#options.seed, this.#firstId);
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
    const id = market.lastUpdateId;
    for (const { name: stream, kind, levels, fast } of streams) {
      const changes = fast ? market.fast : market.slow;
      if (changes.afterId === id || !(fast || slowDue)) continue;
      const head = { stream, symbol, id, firstId: null, atMs: nowMs };
      if (kind === 'partial') this.#options.publish({ ...head, kind, body: market.partial(levels) });
      else if (kind === 'diff') {
        const firstId = changes.afterId + 1;
        this.#options.publish({ ...head, kind, firstId, body: diff(symbol, changes, id, nowMs) });
      } else if (best !== null) this.#options.publish({ ...head, kind: 'other', body: best });
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
