/** What the observation of a feed yields: snapshots, and events where the feed or a book changes its state. */
import type { DepthFields } from '../book/levels.ts';
import type { FeedEventRow } from '../record.ts';

/** A snapshot before it has its place in a session. */
export interface Snapshot extends DepthFields {
  readonly kind: 'snapshot';
  readonly symbol: string;
  readonly timestampMs: number;
  readonly receivedMs: number;
  readonly lastUpdateId: number;
  readonly verified: boolean | null;
  readonly topBids: number[][] | null;
  readonly topAsks: number[][] | null;
}

type EventFields = Omit<FeedEventRow, 'venue' | 'session_id' | 'seq' | 'detail'> & { detail: object | null };

/** A feed event before it has its place in a session; what it does not say is null. */
export type FeedEvent = Partial<EventFields> & Pick<EventFields, 'timestamp_ms' | 'kind'>;

export type Observation = Snapshot | { readonly kind: 'event'; readonly event: FeedEvent };
