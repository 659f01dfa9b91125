/** What observers of one symbol have in common: what they are told, what they are given, how they tell. */
import type { Counters } from '../../counters.ts';
import type { Log } from '../../log.ts';
import type { Gap } from '../continuity.ts';
import type { FeedEvent, Observation } from '../observation.ts';
import type { FirstMessage, Known, RestartGap, Restarts } from '../restarts.ts';
import type { MissedFrames } from '../signal.ts';
import type { Depth20Frame, Diff, RestBook } from '../venue.ts';

/** Follows one symbol's messages in one book mode. Times are UTC epoch ms. */
export interface SymbolObserver {
  take(message: Depth20Frame | Diff, atMs: number): void;
  /** When the last message came that counts as heard; null before the first. */
  readonly lastMs: number | null;
  /** The symbol's only connection was lost, or proved silent. @returns whether an outage begins that was none before */
  outage(): boolean;
  /** The old connection of a hand-over is closed: what it had not brought does not come. */
  handedOver(): void;
  /** Frames that neither connection of a hand-over brought. */
  missed(frames: MissedFrames): void;
  seed(book: RestBook, atMs: number): void;
  /** About once a second. */
  tick(nowMs: number): void;
  /** The end of the session, or of the symbol's listing. */
  end(atMs: number): void;
}

export interface SymbolContext {
  readonly symbol: string;
  readonly rawLevels: boolean;
  readonly counters: Counters;
  readonly restarts: Restarts;
  readonly log: Log;
  readonly emit: (observation: Observation) => void;
}

/** Where books to seed from are asked for; the answers come to `SymbolObserver.seed`. */
export interface SeedRequests {
  /** lost: there is no usable book; drifted: there is one, for a while. */
  request(symbol: string, urgency: 'lost' | 'drifted'): void;
  cancel(symbol: string): void;
}

export function emitEvent(context: SymbolContext, event: Omit<FeedEvent, 'symbol'>): void {
  context.emit({ kind: 'event', event: { symbol: context.symbol, ...event } });
}

export function emitGap(context: SymbolContext, gap: Gap): void {
  const { fromMs, toMs, beforeId, afterId, missed } = gap;
  const after = afterId === null ? { open: true } : { last_update_id_after: afterId };
  context.log('warn', 'gap', { symbol: context.symbol, ms: toMs - fromMs, ...(missed !== null && { missed }) });
  emitEvent(context, {
    timestamp_ms: toMs,
    kind: 'gap',
    from_ms: fromMs,
    to_ms: toMs,
    ...(missed !== null && { missed_updates: missed }),
    detail: { last_update_id_before: beforeId, ...after, bounds: 'exact' },
  });
}

/** The first message of the session or of a listing: a hole since the last state becomes an event, perhaps later. */
export function noteFirst(context: SymbolContext, message: FirstMessage): void {
  context.restarts.first(context.symbol, message, (gap) => emitRestartGap(context, gap));
}

/** The end: what is undecided is told now. @param last up to where the symbol is known; null: never heard */
export function noteEnd(context: SymbolContext, atMs: number, last: Known | null): void {
  context.restarts.end(context.symbol, atMs, last, (gap) => emitRestartGap(context, gap));
}

function emitRestartGap(context: SymbolContext, { before, sessionBefore, fromMs, toMs, afterId }: RestartGap): void {
  const after = afterId === null ? { open: true } : { last_update_id_after: afterId };
  const session = sessionBefore === null ? {} : { session_before: sessionBefore };
  const bounds = before.clean ? { bounds: 'exact' } : { bounds: 'outer' };
  const unknown = { bounds: 'unknown', reason: 'the clock was set back since the last recorded state' };
  context.log('warn', 'gap', {
    symbol: context.symbol,
    ...(fromMs !== null && { ms: toMs - fromMs }),
    ...session,
  });
  emitEvent(context, {
    timestamp_ms: toMs,
    kind: 'gap',
    ...(fromMs !== null && { from_ms: fromMs }),
    to_ms: toMs,
    detail: {
      last_update_id_before: before.lastUpdateId,
      ...after,
      ...session,
      ...(fromMs === null ? unknown : bounds),
    },
  });
}

/** The event of a restart of the venue's ids; times are those of the messages held until it was certain. */
export function emitIdsRestarted(
  context: SymbolContext,
  highestBefore: number,
  held: readonly { readonly id: number; readonly atMs: number }[],
): void {
  const first = held[0]!;
  const last = held.at(-1)!;
  const detail = { last_update_id_before: highestBefore, last_update_id_after: first.id, held: held.length };
  context.log('warn', 'ids_restarted', { symbol: context.symbol, ...detail });
  emitEvent(context, {
    timestamp_ms: last.atMs,
    kind: 'ids_restarted',
    from_ms: first.atMs,
    to_ms: last.atMs,
    detail,
  });
}
