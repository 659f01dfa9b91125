/**
 * Rows as the venue's messages: partial books and best prices for whoever follows them, the last book of each symbol
 * for REST, and which symbols there are.
 */
import type { OrderBookRow, TableRow } from '../../../../producer/record.ts';
import { type Listing, listingOf } from '../../../local/exchange/listing.ts';
import { type Message, parseStreamName, type StreamName } from '../../../local/exchange/protocol.ts';
import type { ListedSymbol } from '../../../local/exchange/source.ts';
import { decimalText } from './decimal-text.ts';
import type { Notes } from './notes.ts';

const RAW_LEVELS = 20;
/** Between two messages of a `@1000ms` stream, of event time. */
const SLOW_MS = 1_000;
/** The recording does not tell the tick: a price may have any of the 8 places. Units of 1e-8. */
const TICK: Pick<Listing, 'tick'> = { tick: 1 };

interface MarketOptions {
  /** Listed from the beginning; others from when they are known. */
  readonly symbols: readonly string[];
  /** Whether the replay may have rows of a symbol. */
  readonly wants: (symbol: string) => boolean;
  readonly publish: (message: Message) => void;
  readonly notes: Notes;
}

/** What became of the rows. */
export interface MarketCounts {
  /** Rows that became messages where somebody followed their streams. */
  sent: number;
  /** Rows of `feed_event`: the venue's protocol has nothing like them. */
  feed_events: number;
  without_raw_levels: number;
  /** Rows of a symbol of which another venue's rows are sent: a stream's name does not tell the venue. */
  other_venue: number;
}

interface Followed extends StreamName {
  readonly stream: string;
}

/** A row that has its raw levels. */
type Book = OrderBookRow & { readonly top_bids: number[][]; readonly top_asks: number[][] };

export class ReplayedMarket {
  readonly retired: readonly ListedSymbol[] = [];
  readonly counts: MarketCounts = { sent: 0, feed_events: 0, without_raw_levels: 0, other_venue: 0 };
  readonly #options: MarketOptions;
  readonly #listed = new Map<string, ListedSymbol>();
  readonly #venues = new Map<string, string>();
  readonly #books = new Map<string, Book>();
  #followed = new Map<string, Followed[]>();

  constructor(options: MarketOptions) {
    this.#options = options;
    this.list(options.symbols);
  }

  get listings(): readonly ListedSymbol[] {
    return [...this.#listed.values()];
  }

  /** From now on these symbols are listed. */
  list(symbols: Iterable<string>): void {
    for (const symbol of symbols) {
      if (!this.#listed.has(symbol)) this.#listed.set(symbol, { ...listingOf(symbol, RAW_LEVELS), ...TICK });
    }
  }

  /** @returns how many of these streams the replay can send; the others stay silent */
  follow(streams: readonly string[]): number {
    this.#followed = new Map();
    let served = 0;
    for (const stream of streams) {
      const name = parseStreamName(stream);
      if (name === null || name.kind === 'diff' || !this.#options.wants(name.symbol)) {
        this.#noteSilent(stream, name);
        continue;
      }
      this.#followed.set(name.symbol, [...(this.#followed.get(name.symbol) ?? []), { stream, ...name }]);
      served += 1;
    }
    return served;
  }

  /** Sends what the row says to whoever follows it. */
  take({ table, row }: TableRow): void {
    if (table === 'feed_event') {
      this.counts.feed_events += 1;
      return;
    }
    const { symbol } = row;
    if (!this.#venues.has(symbol)) this.#venues.set(symbol, row.venue);
    if (this.#venues.get(symbol) !== row.venue) this.#leaveOutVenue(row);
    else if (!hasRawLevels(row)) this.#leaveOutBare(row);
    else this.#send(row);
  }

  /** The body of `/api/v3/depth`, of the symbol's latest row; null before its first. */
  depth(symbol: string, limit: number): string | null {
    const book = this.#books.get(symbol);
    return book === undefined ? null : partial(book, limit);
  }

  #send(book: Book): void {
    this.list([book.symbol]);
    const before = this.#books.get(book.symbol);
    this.#books.set(book.symbol, book);
    this.counts.sent += 1;
    const streams = this.#followed.get(book.symbol);
    if (streams === undefined) return;
    const slowDue = before === undefined || second(book) > second(before);
    const id = book.last_update_id;
    for (const { stream, kind, levels, fast } of streams) {
      if (!(fast || slowDue)) continue;
      if (kind === 'partial') this.#options.publish({ stream, kind, id, body: partial(book, levels) });
      else if (hasOtherBest(book, before)) this.#options.publish({ stream, kind: 'other', id, body: ticker(book) });
    }
  }

  #leaveOutVenue({ symbol, venue }: OrderBookRow): void {
    this.counts.other_venue += 1;
    const sent = this.#venues.get(symbol);
    this.#options.notes.once(
      `venue ${symbol} ${venue}`,
      `${symbol}: rows of ${venue} are not sent, those of ${sent} are: a stream’s name does not tell the venue`,
    );
  }

  #leaveOutBare({ symbol }: OrderBookRow): void {
    this.counts.without_raw_levels += 1;
    this.#options.notes.once(
      `bare ${symbol}`,
      `${symbol}: rows without top_bids and top_asks cannot be sent: they were recorded without --raw-levels`,
    );
  }

  #noteSilent(stream: string, name: StreamName | null): void {
    const reason =
      name === null
        ? 'a replay has partial books (<symbol>@depth20@100ms) and <symbol>@bookTicker'
        : name.kind === 'diff'
          ? 'diffs cannot be made of snapshots'
          : `--symbols leaves ${name.symbol} out`;
    const key = name === null || name.kind !== 'diff' ? stream : 'diff';
    this.#options.notes.once(`silent ${key}`, `a client follows ${stream}, which stays silent: ${reason}`);
  }
}

function hasRawLevels(row: OrderBookRow): row is Book {
  return row.top_bids !== null && row.top_asks !== null;
}

function second({ timestamp_ms }: Book): number {
  return Math.floor(timestamp_ms / SLOW_MS);
}

/** The venue sends `bookTicker` when the best price or quantity of a side is another. */
function hasOtherBest(book: Book, before: Book | undefined): boolean {
  const [bid, ask] = [book.top_bids[0], book.top_asks[0]];
  if (bid === undefined || ask === undefined) return false;
  if (before === undefined) return true;
  return !isSameLevel(bid, before.top_bids[0]) || !isSameLevel(ask, before.top_asks[0]);
}

function isSameLevel(level: readonly number[], before: readonly number[] | undefined): boolean {
  return before !== undefined && level[0] === before[0] && level[1] === before[1];
}

function partial({ last_update_id, top_bids, top_asks }: Book, levels: number): string {
  return `{"lastUpdateId":${last_update_id},"bids":${side(top_bids, levels)},"asks":${side(top_asks, levels)}}`;
}

function side(levels: readonly (readonly number[])[], most: number): string {
  return `[${levels.slice(0, most).map(levelText).join(',')}]`;
}

function levelText(level: readonly number[]): string {
  const { price, quantity } = texts(level);
  return `["${price}","${quantity}"]`;
}

function ticker({ last_update_id: u, symbol: s, top_bids, top_asks }: Book): string {
  const bid = texts(top_bids[0]!);
  const ask = texts(top_asks[0]!);
  return JSON.stringify({ u, s, b: bid.price, B: bid.quantity, a: ask.price, A: ask.quantity });
}

function texts([price, quantity]: readonly number[]): { readonly price: string; readonly quantity: string } {
  return { price: decimalText(price!), quantity: decimalText(quantity!) };
}
