/** A shard that is being read: its records in order, and how far it has come. */
import type { _Record, Shard } from '@aws-sdk/client-kinesis';
import type { ShardAnswer, ShardReader } from './reader.ts';

/**
 * Holds one answer and the one after it, which is fetched meanwhile: at most 2 × 10 MB, the most that GetRecords returns
 * (API reference). An event of a subscription is smaller.
 */
export class OpenShard {
  readonly shardId: string;
  readonly #reader: ShardReader;
  #records: readonly _Record[] = [];
  #taken = 0;
  #reachedMs: number;
  #children: readonly Shard[] | null = null;
  #isAtTip = false;
  #next: Promise<ShardAnswer> | null = null;

  /** @param reachedMs none of its records arrived before, UTC epoch ms */
  constructor(shardId: string, reader: ShardReader, reachedMs: number) {
    this.shardId = shardId;
    this.#reader = reader;
    this.#reachedMs = reachedMs;
    this.#ask();
  }

  /** The record whose turn it is, or undefined: none is here. */
  get head(): _Record | undefined {
    return this.#records[this.#taken];
  }

  /** No record after those taken arrived before, UTC epoch ms. */
  get reachedMs(): number {
    return Math.max(this.#reachedMs, this.head === undefined ? Number.NEGATIVE_INFINITY : arrivalOf(this.head));
  }

  /** Those that follow it where it is closed and every record of it is taken, else null. */
  get children(): readonly Shard[] | null {
    return this.head === undefined ? this.#children : null;
  }

  /** The newest answer found nothing more. */
  get isAtTip(): boolean {
    return this.#isAtTip;
  }

  take(): _Record {
    const record = this.head!;
    this.#taken += 1;
    this.#reachedMs = Math.max(this.#reachedMs, arrivalOf(record));
    return record;
  }

  /** Settles with the next answer; may be called when nothing is left of the one before, and the shard is not ended. */
  async advance(): Promise<void> {
    const { records, tipMs, children } = await this.#next!;
    this.#records = records;
    this.#taken = 0;
    this.#children = children;
    this.#isAtTip = tipMs !== null;
    if (tipMs !== null) this.#reachedMs = Math.max(this.#reachedMs, tipMs);
    if (children === null) this.#ask();
  }

  close(): void {
    this.#reader.close();
  }

  #ask(): void {
    this.#next = this.#reader.next();
    // A failure is met by `advance`; nobody may be waiting when it happens.
    this.#next.catch(() => {});
  }
}

export function arrivalOf(record: _Record): number {
  return record.ApproximateArrivalTimestamp!.getTime();
}
