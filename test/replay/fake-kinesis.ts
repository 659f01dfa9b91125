/** Kinesis as far as a replay sees it, at a clock that a test moves. An iterator is `<shard>|<index>`. */
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { encodeLine, encodePack, type TableRow } from '../../producer/record.ts';
import { FakeClock, START_MS } from '../local/firehose-harness.ts';
import { orderBookAt } from '../transformer/arbitrary-rows.ts';

interface FakeRecord {
  readonly number: string;
  readonly arrivedMs: number;
  readonly data: Uint8Array;
}

interface FakeShard {
  readonly parents: readonly string[];
  readonly records: FakeRecord[];
  closed: boolean;
}

interface Call {
  readonly name: string;
  readonly input: Record<string, unknown>;
  readonly atMs: number;
}

type Input = Record<string, string> & { Timestamp?: Date; Limit?: number };

export class FakeKinesis {
  readonly clock = new FakeClock();
  readonly calls: Call[] = [];
  retentionHours = 24;
  createdMs = 0;
  /** Records that one answer holds. */
  answerRecords = 10_000;
  /** Thrown by the next calls of a kind, or by all of them. */
  readonly failures = new Map<string, Error[]>();
  readonly outages = new Map<string, Error>();
  /** What a subscription sends. */
  onSubscribe: (shardId: string, signal: AbortSignal) => AsyncIterable<object> = () => {
    throw new Error('nobody expects a subscription');
  };
  /** What the next looks at the consumer find. */
  readonly statuses: string[] = [];
  readonly #shards = new Map<string, FakeShard>();
  #number = 8;

  get client(): KinesisClient {
    const send = async (command: object, options: { abortSignal: AbortSignal }) =>
      this.#answer(command as { input: Input }, options?.abortSignal);
    return { send, config: { region: async () => 'us-east-1' } } as unknown as KinesisClient;
  }

  add(id: string, parents: string[] = []): FakeShard {
    const shard = { parents, records: [], closed: false };
    this.#shards.set(id, shard);
    for (const parent of parents) this.#shards.get(parent)!.closed = true;
    return shard;
  }

  /** A pack of one row, whose time is that of its arrival. @returns its sequence number */
  put(id: string, arrivedMs: number): string {
    return this.putBytes(id, arrivedMs, packAt(arrivedMs, this.#number));
  }

  putBytes(id: string, arrivedMs: number, data: Uint8Array): string {
    this.#number += 1;
    this.#shards.get(id)!.records.push({ number: `${this.#number}`, arrivedMs, data });
    return `${this.#number}`;
  }

  /** The stream forgets a shard that is beyond retention. */
  drop(id: string): void {
    this.#shards.delete(id);
  }

  fail(name: string, ...errors: Error[]): void {
    this.failures.set(name, [...(this.failures.get(name) ?? []), ...errors]);
  }

  /** What the calls of a kind asked for. */
  asked(name: string): Record<string, unknown>[] {
    return this.calls.filter((call) => call.name === name).map((call) => call.input);
  }

  #answer(command: { input: Input }, signal: AbortSignal): unknown {
    const { input } = command;
    const name = command.constructor.name.replace('Command', '');
    this.calls.push({ name, input, atMs: this.clock.now() });
    const fault = this.failures.get(name)?.shift() ?? this.outages.get(name);
    if (fault !== undefined) throw fault;
    switch (name) {
      case 'DescribeStreamSummary':
        return { StreamDescriptionSummary: this.#summary() };
      case 'ListShards':
        return { Shards: [...this.#shards].map(listed) };
      case 'GetShardIterator':
        if (!this.#shards.has(input['ShardId']!)) throw failure('ResourceNotFoundException', 400);
        return { ShardIterator: `${input['ShardId']}|${this.#indexOf(input)}` };
      case 'GetRecords':
        return this.#records(input);
      case 'RegisterStreamConsumer':
      case 'DeregisterStreamConsumer':
        return {};
      case 'DescribeStreamConsumer':
        return { ConsumerDescription: { ConsumerARN: 'arn', ConsumerStatus: this.statuses.shift() ?? 'ACTIVE' } };
      case 'SubscribeToShard':
        return { EventStream: this.onSubscribe(input['ShardId']!, signal) };
      default:
        throw new Error(`no ${name} here`);
    }
  }

  #childrenOf(id: string): object[] {
    const children = [...this.#shards].filter(([, { parents }]) => parents.includes(id));
    return children.map(([ShardId, { parents }]) => ({ ShardId, ParentShards: parents }));
  }

  #summary() {
    return { RetentionPeriodHours: this.retentionHours, StreamCreationTimestamp: new Date(this.createdMs) };
  }

  #indexOf(input: Input): number {
    const { records } = this.#shards.get(input['ShardId']!)!;
    const at = (found: (record: FakeRecord) => boolean) => {
      const index = records.findIndex(found);
      return index < 0 ? records.length : index;
    };
    const number = Number(input['StartingSequenceNumber']);
    switch (input['ShardIteratorType']) {
      case 'LATEST':
        return records.length;
      case 'AT_TIMESTAMP':
        return at((record) => record.arrivedMs >= input.Timestamp!.getTime());
      case 'AT_SEQUENCE_NUMBER':
        return at((record) => Number(record.number) >= number);
      case 'AFTER_SEQUENCE_NUMBER':
        return at((record) => Number(record.number) > number);
      default:
        return 0;
    }
  }

  #records({ ShardIterator, Limit }: Input) {
    const [id, index] = ShardIterator!.split('|') as [string, string];
    const { records, closed } = this.#shards.get(id)!;
    const nowMs = this.clock.now();
    const there = records.slice(Number(index)).filter((record) => record.arrivedMs <= nowMs);
    const given = there.slice(0, Math.min(Limit!, this.answerRecords));
    const rest = there[given.length];
    const next = Number(index) + given.length;
    const ended = closed && rest === undefined;
    return {
      Records: given.map(({ number, arrivedMs, data }) => ({
        Data: data,
        SequenceNumber: number,
        ApproximateArrivalTimestamp: new Date(arrivedMs),
      })),
      MillisBehindLatest: rest === undefined ? 0 : nowMs - rest.arrivedMs,
      ...(ended ? { ChildShards: this.#childrenOf(id) } : { NextShardIterator: `${id}|${next}` }),
    };
  }
}

/** An event of a subscription that holds one pack a time, in ms since the clock's start. */
export function pushed(firstNumber: number, ...arrivedMs: number[]): object {
  const Records = arrivedMs.map((ms, index) => ({
    Data: packAt(START_MS + ms, firstNumber + index),
    SequenceNumber: `${firstNumber + index}`,
    ApproximateArrivalTimestamp: new Date(START_MS + ms),
  }));
  const ContinuationSequenceNumber = `${firstNumber + arrivedMs.length - 1}`;
  return { SubscribeToShardEvent: { Records, ContinuationSequenceNumber, MillisBehindLatest: 0 } };
}

function packAt(timestampMs: number, seq: number): Buffer {
  const row: TableRow = { table: 'order_book', row: orderBookAt(timestampMs, seq) };
  return encodePack([encodeLine(row)]);
}

export function failure(name: string, httpStatusCode?: number): Error {
  return Object.assign(new Error(`${name} it is`), { name, $metadata: { httpStatusCode } });
}

function listed([ShardId, { parents, closed }]: [string, FakeShard]) {
  const [ParentShardId, AdjacentParentShardId] = parents;
  const SequenceNumberRange = { StartingSequenceNumber: '0', ...(closed ? { EndingSequenceNumber: '9' } : {}) };
  return { ShardId, ParentShardId, AdjacentParentShardId, SequenceNumberRange };
}
