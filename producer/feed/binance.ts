/**
 * The Binance dialect: hosts, stream names, and what each message is.
 *
 * A message is a frame, something the venue says about the connection, or it is refused under a named reason. Nothing
 * is guessed: futures send another body under the same stream name, and a bare partial book names no symbol.
 */

import { parseUnits } from '../book/decimal.ts';
import type { Level } from '../book/levels.ts';
import type { VenueName } from '../config.ts';

/** Levels that a depth20 frame shows on each side at the most; a shorter side is wholly visible. */
export const DEPTH20_LEVELS = 20;

/** Symbols on one connection: their names must fit a request line of 8 KB, well below the venue's 1,024 streams. */
export const SYMBOLS_PER_CONNECTION = 200;

export interface VenueHosts {
  readonly wsUrl: string;
  readonly restUrl: string;
}

/** The venues' own hosts; the local exchange has none until it is started. */
export const HOSTS: Record<Exclude<VenueName, 'local'>, VenueHosts> = {
  'binance.us': { wsUrl: 'wss://stream.binance.us:9443', restUrl: 'https://api.binance.us' },
  'binance.com': { wsUrl: 'wss://stream.binance.com:9443', restUrl: 'https://api.binance.com' },
};

export function depth20Stream(symbol: string): string {
  return `${symbol.toLowerCase()}@depth20@100ms`;
}

/** The address of the combined stream of some symbols. */
export function combinedStreamUrl(wsUrl: string, symbols: readonly string[]): string {
  return `${wsUrl.replace(/\/$/, '')}/stream?streams=${symbols.map(depth20Stream).join('/')}`;
}

/** One depth20 frame, its numbers exact. */
export interface Depth20Frame {
  readonly kind: 'frame';
  readonly symbol: string;
  readonly lastUpdateId: number;
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
  | 'unsorted'
  | 'too_many_levels';

export type VenueMessage =
  | Depth20Frame
  | { readonly kind: 'acknowledged' }
  | { readonly kind: 'venue_error'; readonly code: unknown; readonly message: string }
  | { readonly kind: 'shutdown_notice' }
  | { readonly kind: 'refused'; readonly reason: RefusalReason; readonly symbol: string | null };

/** Reads the messages of a connection that follows the depth20 streams of `symbols`. */
export function depth20Reader(symbols: readonly string[]): (text: string) => VenueMessage {
  const symbolOf = new Map<unknown, string>(symbols.map((symbol) => [depth20Stream(symbol), symbol]));
  return (text) => {
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      return refused('not_json');
    }
    if (!isObject(message)) return refused('foreign_shape');
    if (!('stream' in message)) return readBare(message);
    const { stream, data } = message;
    if (stream === '!serverShutdown') return { kind: 'shutdown_notice' };
    const symbol = symbolOf.get(stream);
    if (symbol === undefined) return refused('other_stream');
    return readDepth20(symbol, data);
  };
}

/** Messages outside the combined form: answers, errors, notices; a bare book names no symbol. */
function readBare(message: Record<string, unknown>): VenueMessage {
  if (message.e === 'serverShutdown') return { kind: 'shutdown_notice' };
  if ('result' in message) return { kind: 'acknowledged' };
  const error = isObject(message.error) ? message.error : message;
  if ('code' in error && typeof error.msg === 'string') {
    return { kind: 'venue_error', code: error.code, message: error.msg };
  }
  return refused('lastUpdateId' in message ? 'no_symbol' : 'foreign_shape');
}

function readDepth20(symbol: string, body: unknown): VenueMessage {
  if (!isObject(body) || Object.keys(body).length !== 3 || !Array.isArray(body.bids) || !Array.isArray(body.asks)) {
    return refused('foreign_shape', symbol);
  }
  const id = body.lastUpdateId;
  if (typeof id !== 'number') return refused('foreign_shape', symbol);
  if (!Number.isSafeInteger(id) || id < 0) return refused('bad_id', symbol);
  const bids = readSide(body.bids, (price, before) => price < before);
  if (typeof bids === 'string') return refused(bids, symbol);
  const asks = readSide(body.asks, (price, before) => price > before);
  if (typeof asks === 'string') return refused(asks, symbol);
  return { kind: 'frame', symbol, lastUpdateId: id, bids, asks };
}

type InOrder = (price: Level[0], before: Level[0]) => boolean;

function readSide(side: readonly unknown[], inOrder: InOrder): Level[] | RefusalReason {
  if (side.length > DEPTH20_LEVELS) return 'too_many_levels';
  const levels: Level[] = [];
  for (const entry of side) {
    if (!Array.isArray(entry) || entry.length !== 2) return 'foreign_shape';
    if (typeof entry[0] !== 'string' || typeof entry[1] !== 'string') return 'foreign_shape';
    const price = parseUnits(entry[0]);
    const quantity = parseUnits(entry[1]);
    // A level of no quantity is none, and a price of 0 has no meaning: neither can stand in a partial book.
    if (price === null || quantity === null || price === 0 || quantity === 0) return 'bad_number';
    const before = levels.at(-1);
    if (before !== undefined && !inOrder(price, before[0])) return 'unsorted';
    levels.push([price, quantity]);
  }
  return levels;
}

function refused(reason: RefusalReason, symbol: string | null = null): VenueMessage {
  return { kind: 'refused', reason, symbol };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
