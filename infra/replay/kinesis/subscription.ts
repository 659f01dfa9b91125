/** Reads a shard with SubscribeToShard: enhanced fan-out. */
import {
  type KinesisClient,
  SubscribeToShardCommand,
  type SubscribeToShardEvent,
  type SubscribeToShardEventStream,
} from '@aws-sdk/client-kinesis';
import type { KinesisCalls } from '../../kinesis/calls.ts';
import { isClosed } from '../../kinesis/lineage.ts';
import { type Calling, Patience } from './failures.ts';
import { pause, within } from './pause.ts';
import { PollingReader } from './polling.ts';
import { childrenOf, type Progress, type ShardAnswer, type ShardReader } from './reader.ts';

/** One SubscribeToShard a second a shard and consumer (API reference). */
const SUBSCRIBE_EVERY_MS = 1000;
/** A subscription is never silent for so long: the Kinesis Client Library gives it up after as much. */
const SILENCE_MS = 35_000;
/** An event that is waited for so long has just been sent; one that comes at once may have waited for us. */
const LIVE_AFTER_MS = 100;
/** How often a shard that has nothing more is looked up. */
const LOOK_UP_EVERY_MS = 5000;

interface Subscriber {
  /** SubscribeToShard is HTTP/2 on AWS. */
  readonly client: KinesisClient;
  readonly consumerArn: string;
}

/** Takes an event when it is wanted; what the service pushes meanwhile waits in the connection, which holds it back. */
export class SubscriptionReader implements ShardReader {
  readonly #shardId: string;
  readonly #progress: Progress;
  readonly #subscriber: Subscriber;
  readonly #calls: KinesisCalls;
  readonly #calling: Calling;
  readonly #patience: Patience;
  #connection: AbortController | null = null;
  #events: AsyncIterator<SubscribeToShardEventStream> | null = null;
  /** UTC epoch ms. */
  #subscribedMs = Number.NEGATIVE_INFINITY;
  #lookedUpMs = Number.NEGATIVE_INFINITY;
  #rest: PollingReader | null = null;
  #closed = false;

  constructor(shardId: string, progress: Progress, subscriber: Subscriber, calls: KinesisCalls, calling: Calling) {
    this.#shardId = shardId;
    this.#progress = progress;
    this.#subscriber = subscriber;
    this.#calls = calls;
    this.#calling = calling;
    this.#patience = new Patience(`${shardId} of ${calling.stream}`, calling);
  }

  async next(): Promise<ShardAnswer> {
    for (;;) {
      if (this.#rest !== null) return this.#rest.next();
      try {
        const answer = await this.#read();
        this.#patience.answered();
        if (answer !== null) return answer;
      } catch (error) {
        this.#drop();
        if (this.#closed) throw error;
        await this.#patience.failed(error);
      }
    }
  }

  close(): void {
    this.#closed = true;
    this.#drop();
  }

  #drop(): void {
    this.#connection?.abort();
    this.#connection = null;
    this.#events = null;
  }

  /** @returns null where it has to be asked again */
  async #read(): Promise<ShardAnswer | null> {
    const { clock, signal } = this.#calling;
    this.#events ??= await this.#subscribe();
    const askedMs = clock.now();
    const { value, done } = await within(SILENCE_MS, this.#events.next(), clock, signal);
    if (done) {
      // After five minutes (API reference), or whenever the service likes.
      this.#drop();
      return null;
    }
    const sinceMs = clock.now() - askedMs >= LIVE_AFTER_MS ? askedMs : this.#subscribedMs;
    const answer = this.#answer(value.SubscribeToShardEvent!, sinceMs);
    return answer.tipMs !== null && (await this.#isClosed()) ? null : answer;
  }

  async #subscribe(): Promise<AsyncIterator<SubscribeToShardEventStream>> {
    const { clock, signal } = this.#calling;
    const { client, consumerArn } = this.#subscriber;
    await pause(Math.max(0, this.#subscribedMs + SUBSCRIBE_EVERY_MS - clock.now()), clock, signal);
    this.#subscribedMs = clock.now();
    const { ShardIteratorType, StartingSequenceNumber, Timestamp } = this.#progress.position(this.#subscribedMs);
    const command = new SubscribeToShardCommand({
      ConsumerARN: consumerArn,
      ShardId: this.#shardId,
      StartingPosition: { Type: ShardIteratorType, SequenceNumber: StartingSequenceNumber, Timestamp },
    });
    this.#connection = new AbortController();
    const answered = client.send(command, { abortSignal: this.#connection.signal });
    const { EventStream } = await within(SILENCE_MS, answered, clock, signal);
    return EventStream![Symbol.asyncIterator]();
  }

  /** @param sinceMs the event was sent after this, UTC epoch ms */
  #answer(event: SubscribeToShardEvent, sinceMs: number): ShardAnswer {
    const { Records: records = [], ContinuationSequenceNumber, MillisBehindLatest, ChildShards } = event;
    // At the end of a shard there is nothing to continue with.
    const ended = ChildShards !== undefined && ChildShards.length > 0;
    if (ContinuationSequenceNumber !== undefined) this.#progress.read(ContinuationSequenceNumber);
    const atTip = !ended && records.length === 0 && MillisBehindLatest === 0;
    if (ended) this.#drop();
    return { records, tipMs: atTip ? sinceMs : null, children: ended ? childrenOf(ChildShards) : null };
  }

  /**
   * The last event of a closed shard names its children. Where it was lost, and in kinesis-local 0.6, which sends none,
   * the listing tells; what is left is polled, because only GetRecords then says that the end is reached.
   */
  async #isClosed(): Promise<boolean> {
    const { clock } = this.#calling;
    if (clock.now() - this.#lookedUpMs < LOOK_UP_EVERY_MS) return false;
    this.#lookedUpMs = clock.now();
    const shard = (await this.#calls.shards()).find(({ ShardId }) => ShardId === this.#shardId);
    if (shard === undefined || !isClosed(shard)) return false;
    this.#drop();
    this.#rest = new PollingReader(this.#shardId, this.#progress, this.#calls, this.#calling);
    return true;
  }
}
