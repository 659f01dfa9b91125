/** How far one shard has been read, and how its reading fares. */
import { type _Record, ShardIteratorType } from '@aws-sdk/client-kinesis';
import { reasonOf } from '../../../producer/errors.ts';
import type { Position } from '../../kinesis/calls.ts';
import type { SourceRecord } from './record.ts';

/** Failures in a row after which a drain gives up, about two seconds of them ... */
const DRAIN_MAX_FAILURES = 10;
/** ... or so long without an answer, where each failure is a call that hangs. */
const DRAIN_PATIENCE_MS = 10_000;

/** All times are UTC epoch ms. */
export class ShardReading {
  readonly shardId: string;
  iterator: string | undefined;
  /** The words of the newest failure. */
  failure = '';
  /** The newest call of `toTip` before which a request began that found nothing more. */
  tipOf = 0;
  readonly #type: 'LATEST' | 'TRIM_HORIZON';
  readonly #sinceMs: number;
  #lastSequence: string | null = null;
  #failures = 0;
  #answeredMs: number;

  constructor(shardId: string, type: 'LATEST' | 'TRIM_HORIZON', nowMs: number) {
    this.shardId = shardId;
    this.#type = type;
    this.#sinceMs = nowMs;
    this.#answeredMs = nowMs;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Where a further iterator has to begin: after the last record read. */
  position(nowMs: number): Position {
    if (this.#lastSequence !== null) {
      return {
        ShardIteratorType: ShardIteratorType.AFTER_SEQUENCE_NUMBER,
        StartingSequenceNumber: this.#lastSequence,
      };
    }
    // An iterator at LATEST that expired before it met a record: what came since is still wanted.
    if (this.#type === 'LATEST' && nowMs > this.#sinceMs) {
      return { ShardIteratorType: ShardIteratorType.AT_TIMESTAMP, Timestamp: new Date(this.#sinceMs) };
    }
    return { ShardIteratorType: this.#type };
  }

  /** A record of this shard, from now on read. */
  take(record: _Record, nowMs: number): SourceRecord {
    const sequenceNumber = record.SequenceNumber!;
    const arrivalMs = record.ApproximateArrivalTimestamp?.getTime() ?? nowMs;
    this.#lastSequence = sequenceNumber;
    return {
      data: Buffer.from(record.Data!),
      arrivalMs,
      metadata: {
        shardId: this.shardId,
        partitionKey: record.PartitionKey!,
        sequenceNumber,
        subsequenceNumber: '',
        approximateArrivalTimestamp: arrivalMs,
      },
    };
  }

  answered(nowMs: number): void {
    this.#failures = 0;
    this.#answeredMs = nowMs;
  }

  failed(error: unknown): void {
    this.#failures += 1;
    this.failure = reasonOf(error);
    if ((error as Error).name === 'ExpiredIteratorException') this.iterator = undefined;
  }

  /** Whether a drain that began at `drainingSinceMs` waits for it in vain. */
  isLost(nowMs: number, drainingSinceMs: number): boolean {
    const unansweredMs = nowMs - Math.max(this.#answeredMs, drainingSinceMs);
    return this.#failures >= DRAIN_MAX_FAILURES || (this.#failures > 0 && unansweredMs >= DRAIN_PATIENCE_MS);
  }
}
