/**
 * The Binance dialect, spoken by more than one venue: stream names, addresses, and which messages and requests there
 * are. What differs between its venues (hosts, limits, weights) comes in as `BinanceTraits`.
 */
import type { BookMode } from '../config.ts';
import { messageReader, type StreamContent } from './binance-messages.ts';
import { bookIdRequest, bookRequest, listingRequest, type RestWeights, timeRequest } from './binance-rest.ts';
import type { Venue } from './venue.ts';

export interface BinanceTraits extends Pick<Venue, 'name' | 'hosts' | 'connectionLifeMs' | 'weightAMinute'> {
  readonly weights: RestWeights;
}

/** Frames of the best 20 levels, one each 100 ms. */
export function depth20Stream(symbol: string): string {
  return `${symbol.toLowerCase()}@depth20@100ms`;
}

/** Diffs, one each 100 ms. */
function diffStream(symbol: string): string {
  return `${symbol.toLowerCase()}@depth@100ms`;
}

/**
 * So that the streams' names fit a request line of 8 KB while a symbol has at most 24 characters; far below the venue's
 * 1,024 streams.
 */
const SYMBOLS_A_CONNECTION: Record<BookMode, number> = { depth20: 200, witness: 100, full: 200 };

const FRAMES: Record<BookMode, boolean> = { depth20: true, witness: true, full: false };
const DIFFS: Record<BookMode, boolean> = { depth20: false, witness: true, full: true };

export function binanceVenue({ weights, ...traits }: BinanceTraits): Venue {
  return {
    ...traits,
    symbolsAConnection: (book) => SYMBOLS_A_CONNECTION[book],
    streamUrl: (wsUrl, symbols, book) =>
      `${wsUrl.replace(/\/$/, '')}/stream?streams=${[...streamsOf(symbols, book).keys()].join('/')}`,
    reader: (symbols, book) => messageReader(streamsOf(symbols, book)),
    listing: () => listingRequest(weights.listing),
    book: (symbol) => bookRequest(symbol, weights.book),
    bookId: (symbol) => bookIdRequest(symbol, weights.bookId),
    time: () => timeRequest(weights.time),
  };
}

/** The streams of a connection, by name. */
function streamsOf(symbols: readonly string[], book: BookMode): Map<string, StreamContent> {
  const streams = new Map<string, StreamContent>();
  for (const symbol of symbols) {
    if (FRAMES[book]) streams.set(depth20Stream(symbol), { symbol, carries: 'frames' });
    if (DIFFS[book]) streams.set(diffStream(symbol), { symbol, carries: 'diffs' });
  }
  return streams;
}
