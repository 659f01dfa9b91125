/** Which symbols a session records: by pattern, of those that trade, within its shard; and how that changes. */
import { concatMap, defer, filter, from, type Observable, repeat, type SchedulerLike, timer } from 'rxjs';
import type { Shard } from '../config.ts';
import { DepthlakeError, reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { inShard } from './shard.ts';
import type { ListedSymbol, Listing } from './venue.ts';

const TRADING = 'TRADING';
const READ_EVERY_MS = 3_600_000;
/** The hour is up to a tenth longer or shorter, so that producers do not ask together. */
const JITTER = 0.1;
const READ_AGAIN_MS = 300_000;

interface Selection {
  /** Those that trade, in the order of the patterns, then of the listing. */
  readonly symbols: readonly string[];
  /** Names and patterns that nothing in the listing fits. */
  readonly unlisted: readonly string[];
  readonly notTrading: readonly NotTrading[];
}

/** A name or a pattern that something of the shard fits, but nothing that trades, in any shard. */
interface NotTrading {
  readonly name: string;
  /** What the venue says of all that fits: `BREAK`; `BREAK, HALT`. */
  readonly status: string;
}

/** @param patterns upper-case names, with `*` for any characters */
export function selectSymbols(
  patterns: readonly string[],
  listing: Listing,
  shard: Shard,
  venueName: string,
): Selection {
  const isOurs = ({ symbol }: ListedSymbol) => inShard(venueName, symbol, shard);
  const chosen = new Set<string>();
  const unlisted: string[] = [];
  const notTrading: NotTrading[] = [];
  for (const pattern of patterns) {
    const fits = matcherOf(pattern);
    const listed = listing.symbols.filter(({ symbol }) => fits(symbol));
    const trading = listed.filter(({ status }) => status === TRADING);
    for (const { symbol } of trading.filter(isOurs)) chosen.add(symbol);
    if (listed.length === 0) unlisted.push(pattern);
    else if (trading.length === 0 && listed.some(isOurs)) {
      notTrading.push({ name: pattern, status: [...new Set(listed.map(({ status }) => status))].join(', ') });
    }
  }
  return { symbols: [...chosen], unlisted, notTrading };
}

/**
 * The symbols that a session begins with: at least one. One that is listed and does not trade must not keep the others
 * from being recorded, or a restart in the meantime would record nothing; one that is not listed at all is a typo.
 * @throws DL_SYMBOL_UNKNOWN naming what the venue does not list, or, where none of the symbols trades, each with its
 * status; DL_SETTINGS where the shard holds none of the symbols
 */
export function firstSymbols(
  patterns: readonly string[],
  listing: Listing,
  shard: Shard,
  venueName: string,
): Pick<Selection, 'symbols' | 'notTrading'> {
  const { symbols, unlisted, notTrading } = selectSymbols(patterns, listing, shard, venueName);
  const reasons = [
    unlisted.length > 0 && `does not list ${unlisted.join(', ')}`,
    symbols.length === 0 && notTrading.length > 0 && `does not trade ${notTrading.map(withStatus).join(', ')}`,
  ].filter((reason) => reason !== false);
  if (reasons.length > 0) {
    const words = `${venueName} ${reasons.join(' and ')}; it lists ${listing.symbols.length} symbols`;
    throw new DepthlakeError('DL_SYMBOL_UNKNOWN', words);
  }
  if (symbols.length === 0) {
    const words = `--shard ${shard.index}/${shard.count}: none of the symbols chosen belongs to this shard`;
    throw new DepthlakeError('DL_SETTINGS', words);
  }
  return { symbols, notTrading };
}

export function withStatus({ name, status }: NotTrading): string {
  return `${name} (status ${status})`;
}

/** What another reading of the listing changed. */
export interface SymbolChange {
  readonly symbols: readonly string[];
  readonly listed: readonly string[];
  readonly delisted: readonly string[];
  /** When it was read, UTC epoch ms. */
  readonly atMs: number;
}

interface SymbolWatch {
  readonly patterns: readonly string[];
  readonly shard: Shard;
  readonly venueName: string;
  /** Those that are recorded at the beginning. */
  readonly symbols: readonly string[];
  readonly listing: () => Promise<Listing>;
  readonly scheduler: SchedulerLike;
  readonly random: () => number;
  readonly log: Log;
}

/**
 * Reads the listing about once an hour, and after 5 min again where that failed. A listing without more than half of
 * the recorded symbols is believed only when the next one says the same.
 */
export function symbolChanges(watch: SymbolWatch): Observable<SymbolChange> {
  const { scheduler, random } = watch;
  return defer(() => {
    const reading = new Reading(watch);
    const waitMs = () => (reading.settled ? READ_EVERY_MS * (1 + JITTER * (2 * random() - 1)) : READ_AGAIN_MS);
    return defer(() => timer(waitMs(), scheduler)).pipe(
      concatMap(() => from(reading.again())),
      repeat(),
      filter((change) => change !== null),
    );
  });
}

/** The symbols recorded, and what the last reading was worth. */
class Reading {
  readonly #watch: SymbolWatch;
  #symbols: readonly string[];
  #failing = false;
  #doubted = false;

  constructor(watch: SymbolWatch) {
    this.#watch = watch;
    this.#symbols = watch.symbols;
  }

  /** False: the next reading is to come soon. */
  get settled(): boolean {
    return !this.#failing && !this.#doubted;
  }

  /** @returns null where nothing changed, or is not believed */
  async again(): Promise<SymbolChange | null> {
    const { patterns, shard, venueName, listing, scheduler, log } = this.#watch;
    let read: Listing;
    try {
      read = await listing();
    } catch (error) {
      if (!this.#failing) log('warn', 'listing_failed', { reason: reasonOf(error) });
      this.#failing = true;
      return null;
    }
    if (this.#failing) log('info', 'listing_recovered');
    this.#failing = false;
    return this.#change(selectSymbols(patterns, read, shard, venueName).symbols, scheduler.now());
  }

  #change(now: readonly string[], atMs: number): SymbolChange | null {
    const listed = now.filter((symbol) => !this.#symbols.includes(symbol));
    const delisted = this.#symbols.filter((symbol) => !now.includes(symbol));
    const doubtful = delisted.length > this.#symbols.length / 2;
    if (doubtful && !this.#doubted) {
      this.#watch.log('warn', 'listing_doubted', { recorded: this.#symbols.length, missing: delisted.length });
      this.#doubted = true;
      return null;
    }
    this.#doubted = false;
    if (listed.length === 0 && delisted.length === 0) return null;
    this.#symbols = [...this.#symbols.filter((symbol) => !delisted.includes(symbol)), ...listed];
    return { symbols: this.#symbols, listed, delisted, atMs };
  }
}

export function matcherOf(pattern: string): (symbol: string) => boolean {
  if (!pattern.includes('*')) return (symbol) => symbol === pattern;
  const expression = new RegExp(`^${pattern.replaceAll(/\*+/g, '.*')}$`);
  return (symbol) => expression.test(symbol);
}
