/** What a replay sees of one shard, however its records are fetched. */
import { type _Record, type ChildShard, type Shard, ShardIteratorType } from '@aws-sdk/client-kinesis';
import type { Position } from '../../kinesis/calls.ts';

export interface ShardAnswer {
  /** In the order of the shard; at most 10 MB of them. */
  readonly records: readonly _Record[];
  /** The shard held nothing more, UTC epoch ms; null where it may have. */
  readonly tipMs: number | null;
  /** Those that follow the shard where it is closed and these were its last records, else null. */
  readonly children: readonly Shard[] | null;
}

export interface ShardReader {
  /**
   * The answer that follows the one before; asked for one at a time.
   * @throws DL_REPLAY_UNREACHABLE, DL_REPLAY_DENIED, DL_STREAM_MISSING
   */
  next(): Promise<ShardAnswer>;
  close(): void;
}

/** How far a shard is read: where an iterator or a subscription has to begin. */
export class Progress {
  readonly #start: Position;
  readonly #sinceMs: number;
  #last: string | null = null;

  constructor(start: Position, nowMs: number) {
    this.#start = start;
    this.#sinceMs = nowMs;
  }

  /** @param sequenceNumber of the last record read, or any before the next one */
  read(sequenceNumber: string): void {
    this.#last = sequenceNumber;
  }

  position(nowMs: number): Position {
    if (this.#last !== null) {
      return { ShardIteratorType: ShardIteratorType.AFTER_SEQUENCE_NUMBER, StartingSequenceNumber: this.#last };
    }
    // Of a reading that began at the latest record and has met none yet: what came since is still wanted.
    if (this.#start.ShardIteratorType === ShardIteratorType.LATEST && nowMs > this.#sinceMs)
      return atTime(this.#sinceMs);
    return this.#start;
  }
}

export function atTime(ms: number): Position {
  return { ShardIteratorType: ShardIteratorType.AT_TIMESTAMP, Timestamp: new Date(ms) };
}

/** As ListShards would list them, with fewer words. */
export function childrenOf(children: readonly ChildShard[] | undefined): Shard[] {
  return (children ?? []).map(({ ShardId, ParentShards = [], HashKeyRange }) => {
    const [ParentShardId, AdjacentParentShardId] = ParentShards;
    return { ShardId, ParentShardId, AdjacentParentShardId, HashKeyRange, SequenceNumberRange: undefined };
  });
}
