/**
 * What each message of a Binance connection is: a frame, a diff, something the venue says about the connection, or it
 * is refused under a named reason. Nothing is guessed: futures send another body under the same stream name, and a bare
 * partial book names no symbol. Fields beside the known ones are ignored: venues add some, and their books go on.
 */
import { parseUnits } from '../book/decimal.ts';
import type { Level } from '../book/levels.ts';
import { DEPTH20_LEVELS, type RefusalReason, type VenueMessage } from './venue.ts';

/** What a stream of a connection carries. */
export interface StreamContent {
  readonly symbol: string;
  readonly carries: 'frames' | 'diffs';
}

/** Reads the messages of a connection that follows `streams`, by name. */
export function messageReader(streams: ReadonlyMap<unknown, StreamContent>): (text: string) => VenueMessage {
  return (text) => {
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      return refused('not_json');
    }
    if (!isObject(message)) return refused('foreign_shape');
    if (!('stream' in message)) return readBare(message);
    if (message.stream === '!serverShutdown') return { kind: 'shutdown_notice' };
    const content = streams.get(message.stream);
    if (content === undefined) return refused('other_stream');
    const { symbol, carries } = content;
    return carries === 'diffs' ? readDiff(symbol, message.data) : readDepth20(symbol, message.data);
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

/** Futures name the event in a partial book, spot does not. */
function readDepth20(symbol: string, body: unknown): VenueMessage {
  if (!isObject(body) || body.e !== undefined || !Array.isArray(body.bids) || !Array.isArray(body.asks)) {
    return refused('foreign_shape', symbol);
  }
  const id = body.lastUpdateId;
  if (typeof id !== 'number') return refused('foreign_shape', symbol);
  if (!isId(id)) return refused('bad_id', symbol);
  const bids = readSide(body.bids, falling, DEPTH20_LEVELS);
  if (typeof bids === 'string') return refused(bids, symbol);
  const asks = readSide(body.asks, rising, DEPTH20_LEVELS);
  if (typeof asks === 'string') return refused(asks, symbol);
  return { kind: 'frame', symbol, lastUpdateId: id, bids, asks };
}

/** The diffs of futures have a transaction time `T` and the last id before them, `pu`; spot's have neither. */
function readDiff(symbol: string, body: unknown): VenueMessage {
  if (!isObject(body) || body.e !== 'depthUpdate' || body.pu !== undefined || body.T !== undefined) {
    return refused('foreign_shape', symbol);
  }
  const { E: eventMs, s: named, U: firstId, u: lastId, b, a } = body;
  if (eventMs === undefined) return refused('foreign_shape', symbol);
  if (typeof named !== 'string' || !Array.isArray(b) || !Array.isArray(a)) return refused('foreign_shape', symbol);
  if (typeof firstId !== 'number' || typeof lastId !== 'number') return refused('foreign_shape', symbol);
  if (named !== symbol) return refused('other_stream', symbol);
  if (!isId(firstId) || !isId(lastId) || firstId > lastId) return refused('bad_id', symbol);
  if (typeof eventMs !== 'number' || !Number.isSafeInteger(eventMs) || eventMs <= 0) return refused('bad_time', symbol);
  const bids = readChanges(b);
  if (typeof bids === 'string') return refused(bids, symbol);
  const asks = readChanges(a);
  if (typeof asks === 'string') return refused(asks, symbol);
  return { kind: 'diff', symbol, eventMs, firstId, lastId, bids, asks };
}

export function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

export type InOrder = (price: Level[0], before: Level[0]) => boolean;
/** The order of bids, the order of asks. */
export const falling: InOrder = (price, before) => price < before;
export const rising: InOrder = (price, before) => price > before;

/** One side of a book, best level first. */
export function readSide(side: readonly unknown[], inOrder: InOrder, most: number): Level[] | RefusalReason {
  if (side.length > most) return 'too_many_levels';
  const levels: Level[] = [];
  for (const entry of side) {
    const level = readLevel(entry);
    if (typeof level === 'string') return level;
    // A level of no quantity is none: it cannot stand in a book.
    if (level[1] === 0) return 'bad_number';
    const before = levels.at(-1);
    if (before !== undefined && !inOrder(level[0], before[0])) return 'unsorted';
    levels.push(level);
  }
  return levels;
}

/** One side of a diff: in any order, a quantity of 0 deletes, and of a price given twice the later counts. */
function readChanges(side: readonly unknown[]): Level[] | RefusalReason {
  const levels: Level[] = [];
  for (const entry of side) {
    const level = readLevel(entry);
    if (typeof level === 'string') return level;
    levels.push(level);
  }
  return levels;
}

function readLevel(entry: unknown): Level | RefusalReason {
  if (!Array.isArray(entry) || entry.length !== 2) return 'foreign_shape';
  if (typeof entry[0] !== 'string' || typeof entry[1] !== 'string') return 'foreign_shape';
  const price = parseUnits(entry[0]);
  const quantity = parseUnits(entry[1]);
  // A price of 0 has no meaning.
  if (price === null || quantity === null || price === 0) return 'bad_number';
  return [price, quantity];
}

function refused(reason: RefusalReason, symbol: string | null = null): VenueMessage {
  return { kind: 'refused', reason, symbol };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
