/** A reader's calls to Kinesis. Each is given up after a time, and at once when the reader stops. */
import {
  GetRecordsCommand,
  type GetRecordsCommandOutput,
  GetShardIteratorCommand,
  type GetShardIteratorCommandInput,
  type KinesisClient,
  ListShardsCommand,
  type Shard,
} from '@aws-sdk/client-kinesis';
import type { Clock } from '../clock.ts';

/** A service that hangs keeps its connections open: without a time-out, a call to it never ends. */
export const CALL_TIMEOUT_MS = 10_000;

/** Where a shard's reading begins. */
export type Position = Pick<GetShardIteratorCommandInput, 'ShardIteratorType' | 'StartingSequenceNumber' | 'Timestamp'>;

export class KinesisCalls {
  readonly #client: KinesisClient;
  readonly #stream: string;
  readonly #clock: Clock;
  readonly #underWay = new Set<AbortController>();
  #stopped = false;

  constructor(client: KinesisClient, stream: string, clock: Clock) {
    this.#client = client;
    this.#stream = stream;
    this.#clock = clock;
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

  records(iterator: string | undefined): Promise<GetRecordsCommandOutput> {
    const command = new GetRecordsCommand({ ShardIterator: iterator, Limit: 10_000 });
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
    }, CALL_TIMEOUT_MS);
    try {
      return await send({ abortSignal: controller.signal });
    } catch (error) {
      throw late ? new Error(`no answer within ${CALL_TIMEOUT_MS / 1000} s`, { cause: error }) : error;
    } finally {
      this.#clock.clearTimeout(timer);
      this.#underWay.delete(controller);
    }
  }
}
