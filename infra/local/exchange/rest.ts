/** The REST side: ping, time, exchangeInfo and depth, with the weights of Binance.US. */
import { decimal } from './listing.ts';
import type { RateLimit } from './rate-limit.ts';
import type { Hangup, RestFaults } from './rest-faults.ts';
import type { ListedSymbol, Source } from './source.ts';

export interface RestAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface RestContext {
  readonly source: Pick<Source, 'listings' | 'retired' | 'depth'>;
  readonly limit: RateLimit;
  readonly faults: RestFaults;
  /** Levels of a book at the most, whatever is asked for. */
  readonly mostLevels: number;
}

interface Reply {
  readonly status: number;
  readonly body: string;
}

const DEFAULT_LEVELS = 100;
const EXCHANGE_INFO_WEIGHT = 10;

/** Answers one GET request. `target` is path and query. */
export function answerRest(target: string, context: RestContext, nowMs: number): RestAnswer | Hangup {
  const misfortune = context.faults.befall();
  if (misfortune !== null) return misfortune;
  const { pathname, searchParams } = new URL(target, 'http://127.0.0.1');
  const verdict = context.limit.take(weightOf(pathname, searchParams), nowMs);
  const headers: Record<string, string> = { 'x-mbx-used-weight-1m': String(verdict.usedWeight) };
  if (verdict.status !== 200) {
    return {
      ...failure(verdict.status, -1003, 'Too many requests; use the WebSocket streams for live updates.'),
      headers: { ...headers, 'retry-after': String(verdict.retryAfterS) },
    };
  }
  return { ...route(pathname, searchParams, context, nowMs), headers };
}

function route(path: string, query: URLSearchParams, context: RestContext, nowMs: number): Reply {
  switch (path) {
    case '/api/v3/ping':
      return ok('{}');
    case '/api/v3/time':
      return ok(JSON.stringify({ serverTime: Math.floor(nowMs) }));
    case '/api/v3/exchangeInfo':
      return exchangeInfo(query, context, nowMs);
    case '/api/v3/depth':
      return depth(query, context, nowMs);
    default:
      return failure(404, -1000, 'Not found.');
  }
}

/** Binance.US: 1, 5, 10, 50 for up to 100, 500, 1,000, 5,000 levels. */
function weightOf(path: string, query: URLSearchParams): number {
  if (path === '/api/v3/exchangeInfo') return EXCHANGE_INFO_WEIGHT;
  if (path !== '/api/v3/depth') return 1;
  const levels = Number(query.get('limit') ?? DEFAULT_LEVELS);
  if (levels > 1000) return 50;
  if (levels > 500) return 10;
  return levels > 100 ? 5 : 1;
}

function depth(query: URLSearchParams, { source, faults, mostLevels }: RestContext, nowMs: number): Reply {
  const symbol = query.get('symbol');
  if (!symbol) {
    return failure(400, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.");
  }
  const limit = query.get('limit') ?? String(DEFAULT_LEVELS);
  if (!/^\d{1,9}$/.test(limit) || Number(limit) === 0) {
    return failure(400, -1100, "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.");
  }
  if (!source.listings.some((listing) => listing.symbol === symbol)) return failure(400, -1121, 'Invalid symbol.');
  const body = source.depth(symbol, Math.min(Number(limit), mostLevels), nowMs, faults.staleMs());
  return body === null ? failure(503, -1001, `The recording holds no book of ${symbol} up to now.`) : ok(body);
}

function exchangeInfo(query: URLSearchParams, { source, limit }: RestContext, nowMs: number): Reply {
  const listed = [
    ...source.listings.map((listing) => describe(listing, 'TRADING')),
    ...source.retired.map((listing) => describe(listing, 'BREAK')),
  ];
  const wanted = wantedSymbols(query);
  if (wanted === 'malformed') {
    return failure(400, -1100, "Illegal characters found in parameter 'symbols'; it is a JSON array of names.");
  }
  if (wanted?.some((name) => !listed.some(({ symbol }) => symbol === name))) {
    return failure(400, -1121, 'Invalid symbol.');
  }
  const symbols = wanted === null ? listed : listed.filter(({ symbol }) => wanted.includes(symbol));
  const times = { timezone: 'UTC', serverTime: Math.floor(nowMs) };
  const weight = { rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit: limit.weightAMinute };
  return ok(JSON.stringify({ ...times, rateLimits: [weight], exchangeFilters: [], symbols }));
}

/** The symbols that were asked for; null for all. */
function wantedSymbols(query: URLSearchParams): string[] | null | 'malformed' {
  const one = query.get('symbol');
  if (one !== null) return [one];
  const several = query.get('symbols');
  if (several === null) return null;
  try {
    const names: unknown = JSON.parse(several);
    return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : 'malformed';
  } catch {
    return 'malformed';
  }
}

function describe({ symbol, baseAsset, quoteAsset, tick }: ListedSymbol, status: 'TRADING' | 'BREAK') {
  const filters = [{ filterType: 'PRICE_FILTER', tickSize: decimal(tick) }];
  return { symbol, status, baseAsset, baseAssetPrecision: 8, quoteAsset, quotePrecision: 8, filters };
}

function ok(body: string): Reply {
  return { status: 200, body };
}

export function failure(status: number, code: number, msg: string): Reply {
  return { status, body: JSON.stringify({ code, msg }) };
}
