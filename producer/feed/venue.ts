/**
 * A venue: everything that differs from exchange to exchange, behind one interface.
 *
 * To add a venue:
 *
 * 1. Gather the evidence. Captured messages of every kind that a connection can bring (frames, diffs, answers, errors,
 *    notices of an end), each with its source; the venue's protocol documents with their date; its limits: life of a
 *    connection, streams and bytes of a request line, messages and new connections a time, request weights and their
 *    budget, pings and the time for a pong.
 * 2. Name it in VENUES of ../config.ts, write `venues/<name>.ts`, and enter it in venues.ts. A venue that speaks the
 *    Binance dialect is one call of `binanceVenue` (binance.ts) with its hosts, limits and weights; any other implements
 *    `Venue` itself.
 * 3. Map its messages exactly: decimals through `parseUnits`, never through a double; ids as the venue counts them. A
 *    message that is not certainly a frame or a diff of a followed symbol is refused under a reason, never guessed.
 *    What the observers need of a venue: ids of one symbol's book that only rise; for `witness` and `full` diffs whose
 *    ids join without a hole, and a REST book that says at which id it stands.
 * 4. Show it by tests: the reader against the captured samples, each with its verdict, and against arbitrary text,
 *    which must never make it throw; the addresses within the limits at the most symbols a connection may follow; the
 *    REST answers; the book rebuilt from recorded diffs against the venue's own best bid and ask (`bookTicker`) at
 *    every shared id, price and quantity.
 */
import type { Level } from '../book/levels.ts';
import type { BookMode } from '../config.ts';

/** Levels that a depth20 frame shows on each side at the most; a shorter side is wholly visible. */
export const DEPTH20_LEVELS = 20;

export interface VenueHosts {
  readonly wsUrl: string;
  readonly restUrl: string;
}

/** One depth20 frame, its numbers exact, each side sorted, best level first. */
export interface Depth20Frame {
  readonly kind: 'frame';
  readonly symbol: string;
  readonly lastUpdateId: number;
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
}

/** One diff: the levels that changed, in any order; quantity 0 deletes a level. */
export interface Diff {
  readonly kind: 'diff';
  readonly symbol: string;
  /** The exchange's event time, UTC epoch ms. */
  readonly eventMs: number;
  /** The update ids that it holds, first to last, both included. */
  readonly firstId: number;
  readonly lastId: number;
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
}

export type RefusalReason =
  | 'not_json'
  | 'foreign_shape'
  | 'other_stream'
  | 'no_symbol'
  | 'bad_id'
  | 'bad_number'
  | 'bad_time'
  | 'unsorted'
  | 'too_many_levels';

export type VenueMessage =
  | Depth20Frame
  | Diff
  | { readonly kind: 'acknowledged' }
  | { readonly kind: 'venue_error'; readonly code: unknown; readonly message: string }
  | { readonly kind: 'shutdown_notice' }
  | { readonly kind: 'refused'; readonly reason: RefusalReason; readonly symbol: string | null };

/** A book as the REST side gives it, each side best level first. */
export interface RestBook {
  readonly lastUpdateId: number;
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
  /** Levels asked for on each side: a side that has fewer is wholly known. */
  readonly limit: number;
}

export interface ListedSymbol {
  readonly symbol: string;
  /** TRADING: it has a live book. */
  readonly status: string;
}

/** What the REST side says about the whole market. */
export interface Listing {
  readonly symbols: readonly ListedSymbol[];
  /** Request weight a minute that the venue grants, or null where it does not say. */
  readonly weightAMinute: number | null;
}

/** One kind of REST request: where, what it costs, how its answer reads. */
export interface RestRequest<T> {
  /** Path and query, to be appended to the REST host. */
  readonly path: string;
  /** Request weight. */
  readonly weight: number;
  /** @returns null for a body of foreign shape */
  readonly read: (body: unknown) => T | null;
}

export interface Venue {
  readonly name: string;
  /** null: has no hosts of its own; they must be given. */
  readonly hosts: VenueHosts | null;
  /** A connection is ended by the venue after this time. */
  readonly connectionLifeMs: number;
  /** Request weight a minute, where the venue's listing does not say another. */
  readonly weightAMinute: number;
  /** Symbols that one connection may follow in a book mode. */
  symbolsAConnection(book: BookMode): number;
  /** The address of a connection that follows the symbols. */
  streamUrl(wsUrl: string, symbols: readonly string[], book: BookMode): string;
  /** Reads the messages of such a connection. */
  reader(symbols: readonly string[], book: BookMode): (text: string) => VenueMessage;
  /** Which symbols there are. */
  listing(): RestRequest<Listing>;
  /** A book to seed from, as deep as the venue gives it. */
  book(symbol: string): RestRequest<RestBook>;
  /** The cheapest request that tells the id of a symbol's book. */
  bookId(symbol: string): RestRequest<number>;
  /** The venue's clock, UTC epoch ms. */
  time(): RestRequest<number>;
}
