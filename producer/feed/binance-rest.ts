/** The REST requests of the Binance dialect, and how their answers read. */
import { falling, isId, isObject, readSide, rising } from './binance-messages.ts';
import type { ListedSymbol, Listing, RestBook, RestRequest } from './venue.ts';

/** Request weights, which differ from venue to venue. */
export interface RestWeights {
  readonly listing: number;
  readonly time: number;
  /** Of a book of 5,000 levels a side. */
  readonly book: number;
  /** Of a book of 5 levels a side. */
  readonly bookId: number;
}

/** The deepest book the venue gives. */
const BOOK_LEVELS = 5_000;
const ID_LEVELS = 5;

export function listingRequest(weight: number): RestRequest<Listing> {
  return { path: '/api/v3/exchangeInfo', weight, read: readListing };
}

export function bookRequest(symbol: string, weight: number): RestRequest<RestBook> {
  return { path: depthPath(symbol, BOOK_LEVELS), weight, read: readBook };
}

export function bookIdRequest(symbol: string, weight: number): RestRequest<number> {
  return { path: depthPath(symbol, ID_LEVELS), weight, read: (body) => readId(body) };
}

export function timeRequest(weight: number): RestRequest<number> {
  return { path: '/api/v3/time', weight, read: readTime };
}

function depthPath(symbol: string, levels: number): string {
  return `/api/v3/depth?symbol=${encodeURIComponent(symbol)}&limit=${levels}`;
}

function readBook(body: unknown): RestBook | null {
  const lastUpdateId = readId(body);
  if (lastUpdateId === null) return null;
  const { bids: b, asks: a } = body as Record<string, unknown>;
  if (!Array.isArray(b) || !Array.isArray(a)) return null;
  const bids = readSide(b, falling, BOOK_LEVELS);
  const asks = readSide(a, rising, BOOK_LEVELS);
  if (typeof bids === 'string' || typeof asks === 'string') return null;
  return { lastUpdateId, bids, asks, limit: BOOK_LEVELS };
}

function readId(body: unknown): number | null {
  return isObject(body) && isId(body.lastUpdateId) ? body.lastUpdateId : null;
}

function readTime(body: unknown): number | null {
  return isObject(body) && isId(body.serverTime) ? body.serverTime : null;
}

/** Entries of foreign shape are no symbols. */
function readListing(body: unknown): Listing | null {
  if (!isObject(body) || !Array.isArray(body.symbols)) return null;
  const symbols = body.symbols.flatMap((entry: unknown): ListedSymbol[] => {
    if (!isObject(entry) || typeof entry.symbol !== 'string' || typeof entry.status !== 'string') return [];
    return [{ symbol: entry.symbol, status: entry.status }];
  });
  return { symbols, weightAMinute: Array.isArray(body.rateLimits) ? weightAMinuteOf(body.rateLimits) : null };
}

function weightAMinuteOf(limits: readonly unknown[]): number | null {
  for (const entry of limits) {
    if (!isObject(entry) || entry.rateLimitType !== 'REQUEST_WEIGHT') continue;
    if (entry.interval !== 'MINUTE' || entry.intervalNum !== 1) continue;
    if (isId(entry.limit) && entry.limit > 0) return entry.limit;
  }
  return null;
}
