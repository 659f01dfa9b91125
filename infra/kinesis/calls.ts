/** A reader's calls to Kinesis. Each is given up after a time, and at once when the reader stops. */
import {
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  type GetRecordsCommandOutput,
  GetShardIteratorCommand,
  type GetShardIteratorCommandInput,
  type KinesisClient,
  ListShardsCommand,
  type Shard,
  type StreamDescriptionSummary,
} from '@aws-sdk/client-kinesis';
import type { Clock } from '../local/clock.ts';

/** A service that hangs keeps its connections open: without a time-out, a call to it never ends. */
const CALL_TIMEOUT_MS = 10_000;

/** Where a shard's reading begins. */
export type Position = Pick<GetShardIteratorCommandInput, 'ShardIteratorType' | 'StartingSequenceNumber' | 'Timestamp'>;

export class KinesisCalls {
  readonly #client: KinesisClient;
  readonly #stream: string;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #underWay = new Set<AbortController>();
  #stopped = false;

  constructor(client: KinesisClient, stream: string, clock: Clock, timeoutMs = CALL_TIMEOUT_MS) {
    this.#client = client;
    this.#stream = stream;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  async summary(): Promise<StreamDescriptionSummary> {
    const command = new DescribeStreamSummaryCommand({ StreamName: this.#stream });
    return (await this.#call((options) => this.#client.send(command, options))).StreamDescriptionSummary!;
  }

  async shards(): Promise<Shard[]> {
    const shards: Shard[] = [];
    let next: string | undefined;
    do {
      const command = new ListShardsCommand(next ? { NextToken: next } : { StreamName: this.#stream });
      const answer = await this.#call((options) => this.#client.send(command, options));
      shards.push(...(answer.Shards ?? []));
      next = answer.NextToken;
    } while (next !== undefined);
    return shards;
  }

  async iterator(shardId: string, position: Position): Promise<string | undefined> {
    const command = new GetShardIteratorCommand({ StreamName: this.#stream, ShardId: shardId, ...position });
    return (await this.#call((options) => this.#client.send(command, options))).ShardIterator;
  }

  records(iterator: string | undefined, limit = 10_000): Promise<GetRecordsCommandOutput> {
    const command = new GetRecordsCommand({ ShardIterator: iterator, Limit: limit });
    return this.#call((options) => this.#client.send(command, options));
  }

  /** Ends the calls under way with an error, and every later one. */
  stop(): void {
    this.#stopped = true;
    for (const controller of this.#underWay) controller.abort();
  }

  async #call<T>(send: (options: { abortSignal: AbortSignal }) => Promise<T>): Promise<T> {
    if (this.#stopped) throw new Error('the reader has stopped');
    const controller = new AbortController();
    this.#underWay.add(controller);
    let late = false;
    const timer = this.#clock.setTimeout(() => {
      late = true;
      controller.abort();
    }, this.#timeoutMs);
    try {
      return await send({ abortSignal: controller.signal });
    } catch (error) {
      throw late ? new Error(`no answer within ${this.#timeoutMs / 1000} s`, { cause: error }) : error;
    } finally {
      this.#clock.clearTimeout(timer);
      this.#underWay.delete(controller);
    }
  }
}
