/** What the feed signals of its connections, in the order in which it happened. */
import type { VenueMessage } from './venue.ts';

/**
 * A slot is a place for one connection and the symbols that it follows. A hand-over puts a new connection into a slot
 * while the old one still delivers, so a slot has two connections for a while, and is without only in an outage.
 */
export interface SlotPlan {
  /** Stable over the session: a slot keeps its number when its symbols change. */
  readonly slot: number;
  readonly symbols: readonly string[];
}

export type HandOverReason = 'life' | 'shutdown_notice' | 'silence' | 'symbols';

/** A hole between the last frame of one connection and the first of another; times are those of receipt, UTC epoch ms. */
export interface MissedFrames {
  readonly symbol: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly beforeId: number;
  readonly afterId: number;
}

interface SlotSignal {
  readonly slot: number;
  /** UTC epoch ms. */
  readonly atMs: number;
}

export type FeedSignal =
  /** The slot was without a connection and has one now. */
  | (SlotSignal & { readonly kind: 'opened'; readonly symbols: readonly string[] })
  /** An attempt to open a connection failed. */
  | (SlotSignal & { readonly kind: 'failed'; readonly reason: string })
  /** The slot has lost its only connection: an outage of its symbols begins. */
  | (SlotSignal & { readonly kind: 'closed'; readonly reason: string; readonly symbols: readonly string[] })
  /** A new connection has taken over and the old one is closed; both delivered for `overlapMs`. No outage. */
  | (SlotSignal & {
      readonly kind: 'handed_over';
      readonly reason: HandOverReason;
      readonly overlapMs: number;
      readonly symbols: readonly string[];
    })
  /** The old connection of a hand-over stalled or ended before the new one's first frames: neither brought what lay between. */
  | (SlotSignal & { readonly kind: 'missed'; readonly frames: readonly MissedFrames[] })
  /** The venue's REST side proves that these symbols moved while their connection brought nothing of them: an outage since. */
  | (SlotSignal & { readonly kind: 'silent'; readonly symbols: readonly string[] })
  /** One message; during a hand-over both connections' messages come, so a frame may come twice. */
  | (SlotSignal & { readonly kind: 'message'; readonly message: VenueMessage; readonly text: string });
