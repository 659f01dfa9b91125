/** Streams of the local Kinesis, with packs in them, whose shards are split and merged. */

import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  type KinesisClient,
  ListShardsCommand,
  ListStreamConsumersCommand,
  MergeShardsCommand,
  PutRecordsCommand,
  type Shard,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis';
import { isClosed } from '../../infra/kinesis/lineage.ts';
import { encodeLine, encodePack, type TableRow } from '../../producer/record.ts';
import type { ResumePoint, Selection, Source, SourceItem } from '../../producer/replay/source.ts';
import { orderBookAt } from '../transformer/arbitrary-rows.ts';

/** What the local Kinesis takes its time for, it does at once. */
export const QUICK = Object.fromEntries(
  ['CREATE_STREAM', 'REGISTER_STREAM_CONSUMER', 'DEREGISTER_STREAM_CONSUMER', 'MERGE_SHARDS', 'SPLIT_SHARD'].map(
    (name) => [`${name}_DURATION`, '10ms'],
  ),
);

export class TestStream {
  readonly name: string;
  readonly #client: KinesisClient;
  /** The last seq of each lane. */
  readonly #seqs = new Map<string, number>();
  /** The rows of every pack that was put. */
  readonly rows: TableRow[] = [];

  constructor(name: string, client: KinesisClient) {
    this.name = name;
    this.#client = client;
  }

  static async create(name: string, shards: number, client: KinesisClient): Promise<TestStream> {
    await client.send(new CreateStreamCommand({ StreamName: name, ShardCount: shards }));
    const stream = new TestStream(name, client);
    await stream.#settled();
    return stream;
  }

  /** Packs of rows of one symbol a lane, with event times that rise by a millisecond. @returns sequence numbers */
  async putPacks(packs: number, rowsEach: number, { lanes = 16, fromMs = Date.now() } = {}): Promise<string[]> {
    let timeMs = fromMs;
    const entries = Array.from({ length: packs }, (_, index) => {
      const lane = `lane-${index % lanes}`;
      const rows = Array.from({ length: rowsEach }, (): TableRow => {
        const seq = (this.#seqs.get(lane) ?? 0) + 1;
        this.#seqs.set(lane, seq);
        timeMs += 1;
        return { table: 'order_book', row: orderBookAt(timeMs, seq, { symbol: lane, session_id: this.name }) };
      });
      this.rows.push(...rows);
      return { PartitionKey: lane, Data: encodePack(rows.map(encodeLine)) };
    });
    const numbers: string[] = [];
    for (let at = 0; at < entries.length; at += 500) numbers.push(...(await this.put(entries.slice(at, at + 500))));
    return numbers;
  }

  async put(Records: { PartitionKey: string; Data: Uint8Array }[]): Promise<string[]> {
    const answer = await this.#client.send(new PutRecordsCommand({ StreamName: this.name, Records }));
    if (answer.FailedRecordCount) throw new Error('the local Kinesis refuses a record');
    return answer.Records!.map((entry) => entry.SequenceNumber!);
  }

  async shards(): Promise<Shard[]> {
    return (await this.#client.send(new ListShardsCommand({ StreamName: this.name }))).Shards!;
  }

  /** Their names, once none is on its way out. */
  async consumers(): Promise<string[]> {
    const summary = await this.#client.send(new DescribeStreamSummaryCommand({ StreamName: this.name }));
    const command = new ListStreamConsumersCommand({ StreamARN: summary.StreamDescriptionSummary!.StreamARN });
    for (;;) {
      const consumers = (await this.#client.send(command)).Consumers!;
      const names = consumers.map((consumer) => consumer.ConsumerName!);
      if (consumers.every((consumer) => consumer.ConsumerStatus !== 'DELETING')) return names;
      await sleep(20);
    }
  }

  async openShards(): Promise<Shard[]> {
    const shards = (await this.shards()).filter((shard) => !isClosed(shard));
    return shards.sort(
      (a, b) =>
        Number(BigInt(a.HashKeyRange!.StartingHashKey!) - BigInt(b.HashKeyRange!.StartingHashKey!) > 0n) * 2 - 1,
    );
  }

  /** Splits an open shard in the middle; they count along the hash keys. */
  async split(index: number): Promise<void> {
    const { ShardId, HashKeyRange } = (await this.openShards())[index]!;
    const middle = (BigInt(HashKeyRange!.StartingHashKey!) + BigInt(HashKeyRange!.EndingHashKey!)) / 2n;
    const NewStartingHashKey = middle.toString();
    await this.#client.send(
      new SplitShardCommand({ StreamName: this.name, ShardToSplit: ShardId, NewStartingHashKey }),
    );
    await this.#settled();
  }

  /** Merges an open shard with the next one. */
  async merge(index: number): Promise<void> {
    const [first, second] = (await this.openShards()).slice(index);
    const ids = { ShardToMerge: first!.ShardId, AdjacentShardToMerge: second!.ShardId };
    await this.#client.send(new MergeShardsCommand({ StreamName: this.name, ...ids }));
    await this.#settled();
  }

  async #settled(): Promise<void> {
    for (;;) {
      const answer = await this.#client.send(new DescribeStreamSummaryCommand({ StreamName: this.name }));
      if (answer.StreamDescriptionSummary?.StreamStatus === 'ACTIVE') return;
      await sleep(5);
    }
  }
}

export const EVERYTHING: Selection = {
  fromMs: Number.NEGATIVE_INFINITY,
  toMs: Number.POSITIVE_INFINITY,
  tables: new Set(['order_book', 'feed_event']),
  symbol: () => true,
};

/** Reads until the source ends, or `until` says that it is enough. */
export async function readAll(
  source: Source,
  {
    selection = EVERYTHING,
    resume = null,
    signal = new AbortController().signal,
    until = () => false,
  }: {
    selection?: Selection;
    resume?: ResumePoint | null;
    signal?: AbortSignal;
    until?: (items: readonly SourceItem[]) => boolean;
  } = {},
): Promise<SourceItem[]> {
  const items: SourceItem[] = [];
  for await (const item of source.read(selection, resume, signal)) {
    items.push(item);
    if (until(items)) break;
  }
  return items;
}

export function rowsOf(items: readonly SourceItem[]): TableRow[] {
  return items.flatMap((item) => item.run?.rows ?? []);
}

/** What a row is known by, for comparing sets of them. */
export function keysOf(rows: readonly TableRow[]): string[] {
  return rows.map(({ row }) => `${row.symbol} ${row.seq} ${row.timestamp_ms}`).sort();
}
