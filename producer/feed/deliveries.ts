/**
 * What one connection has delivered, stream by stream: by it a hand-over knows when the old connection may close.
 *
 * A new connection delivers everything from its first message of a stream on. So nothing is lost once the new one has
 * delivered where the old one moved, and the old one has delivered everything before the first message of the new one.
 */
import type { MissedFrames } from './signal.ts';
import type { Depth20Frame, Diff } from './venue.ts';

export type BookMessage = Depth20Frame | Diff;

interface Span {
  /** What was delivered before this connection's first message of the stream ended at or before this id. */
  readonly fromId: number;
  /** When that message came, UTC epoch ms. */
  readonly fromMs: number;
  /** The highest id delivered, and when. */
  toId: number;
  toMs: number;
  /** Whether anything was delivered since `mark()`. */
  moved: boolean;
}

type Streams = Record<BookMessage['kind'], Map<string, Span>>;

/** Bounded: two entries a symbol. */
export class Deliveries {
  readonly streams: Streams = { frame: new Map(), diff: new Map() };

  take(message: BookMessage, atMs: number): void {
    const spans = this.streams[message.kind];
    const toId = idOf(message);
    const span = spans.get(message.symbol);
    if (span === undefined) {
      const fromId = message.kind === 'diff' ? message.firstId - 1 : toId;
      spans.set(message.symbol, { fromId, fromMs: atMs, toId, toMs: atMs, moved: true });
      return;
    }
    if (toId > span.toId) {
      span.toId = toId;
      span.toMs = atMs;
    }
    span.moved = true;
  }

  /** From here on `moved` is told anew. */
  mark(): void {
    for (const spans of Object.values(this.streams)) for (const span of spans.values()) span.moved = false;
  }
}

/** The book's id after a message. */
export function idOf(message: BookMessage): number {
  return message.kind === 'diff' ? message.lastId : message.lastUpdateId;
}

/** Those of `symbols` of which something could be lost if the connection of `before` closed now. */
export function outstanding(before: Deliveries, after: Deliveries, symbols: Iterable<string>): string[] {
  return [...symbols].filter((symbol) =>
    (['frame', 'diff'] as const).some((kind) => {
      const left = before.streams[kind].get(symbol);
      const right = after.streams[kind].get(symbol);
      if (right === undefined) return left?.moved === true;
      return left === undefined || left.toId < right.fromId;
    }),
  );
}

/** Those of `symbols` of which the connection of `before` may have lost something that the other has yet to follow. */
export function unfollowed(before: Deliveries, after: Deliveries, symbols: Iterable<string>): string[] {
  return [...symbols].filter((symbol) =>
    (['frame', 'diff'] as const).some((kind) => before.streams[kind].has(symbol) && !after.streams[kind].has(symbol)),
  );
}

/**
 * Between which frames of `symbols` neither connection may have brought everything: the connection of `before` did not
 * come as far as the other began. Diffs need no such proof, their ids join.
 */
export function missedBetween(before: Deliveries, after: Deliveries, symbols: Iterable<string>): MissedFrames[] {
  return [...symbols].flatMap((symbol) => {
    const left = before.streams.frame.get(symbol);
    const right = after.streams.frame.get(symbol);
    if (left === undefined || right === undefined || left.toId >= right.fromId) return [];
    return [{ symbol, fromMs: left.toMs, toMs: right.fromMs, beforeId: left.toId, afterId: right.fromId }];
  });
}
