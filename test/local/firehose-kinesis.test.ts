import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { describe, expect, it } from 'vitest';
import { readStream, type SourceOptions } from '../../infra/local/firehose/kinesis-source.ts';
import { emptyStats, type SourceRecord } from '../../infra/local/firehose/record.ts';
import { echo, FakeClock, harness, type LambdaRequest, START_MS, settle } from './firehose-harness.ts';

interface FakeShard {
  readonly parents: string[];
  records: string[];
  closed: boolean;
}

/** The edge of the process: Kinesis as far as a reader sees it. An iterator is `<shard>|<position>`. */
class FakeKinesis {
  readonly shards = new Map<string, FakeShard>();
  readonly reads: { shard: string; at: number }[] = [];
  readonly iterators: Record<string, unknown>[] = [];
  readonly failures: Error[] = [];
  /** Takes all calls, or one kind of them, and answers none, as a process that is stopped and not dead. */
  hangs = false;
  hangsFor: string | null = null;
  readonly clock: FakeClock;

  constructor(clock: FakeClock) {
    this.clock = clock;
  }

  add(id: string, records: string[] = [], parents: string[] = []): FakeShard {
    const shard = { parents, records, closed: false };
    this.shards.set(id, shard);
    return shard;
  }

  get client(): KinesisClient {
    const send = (command: object, options?: { abortSignal: AbortSignal }) =>
      this.hangs || this.hangsFor === command.constructor.name
        ? endless(options?.abortSignal)
        : this.#send(command as never);
    return { send } as unknown as KinesisClient;
  }

  async #send(command: { input: Record<string, string> }) {
    const { input } = command;
    const { name } = command.constructor;
    if (name === 'ListShardsCommand') return { Shards: [...this.shards].map(listed) };
    if (name === 'GetShardIteratorCommand') {
      this.iterators.push(input);
      const { records } = this.shards.get(input.ShardId!)!;
      const after = records.findIndex((_, index) => `${index}` === input.StartingSequenceNumber);
      const position = input.ShardIteratorType === 'LATEST' ? records.length : after + 1;
      return { ShardIterator: `${input.ShardId}|${position}` };
    }
    const failure = this.failures.shift();
    if (failure) throw failure;
    const [id, position] = input.ShardIterator!.split('|') as [string, string];
    this.reads.push({ shard: id, at: this.clock.now() - START_MS });
    const { records, closed } = this.shards.get(id)!;
    const Records = records.slice(Number(position)).map((text, index) => ({
      Data: Buffer.from(text),
      PartitionKey: 'lane-1',
      SequenceNumber: `${Number(position) + index}`,
      ApproximateArrivalTimestamp: new Date(START_MS),
    }));
    const next = closed ? {} : { NextShardIterator: `${id}|${records.length}` };
    return { Records, MillisBehindLatest: 0, ...next };
  }
}

function endless(abortSignal?: AbortSignal): Promise<never> {
  return new Promise((_, reject) => abortSignal?.addEventListener('abort', () => reject(new Error('aborted'))));
}

function listed([ShardId, { parents, closed }]: [string, FakeShard]) {
  const [ParentShardId, AdjacentParentShardId] = parents;
  const SequenceNumberRange = { StartingSequenceNumber: '0', ...(closed ? { EndingSequenceNumber: '9' } : {}) };
  return { ShardId, ParentShardId, AdjacentParentShardId, SequenceNumberRange };
}

async function read(prepare: (kinesis: FakeKinesis) => void, options: Partial<SourceOptions> = {}) {
  const clock = new FakeClock();
  const kinesis = new FakeKinesis(clock);
  prepare(kinesis);
  const records: SourceRecord[] = [];
  const source = await readStream({
    client: kinesis.client,
    stream: 'depthlake',
    position: 'TRIM_HORIZON',
    clock,
    accept: (record) => records.push(record),
    room: async () => {},
    stats: emptyStats(),
    log: () => {},
    ...options,
  });
  const texts = () => records.map(({ data }) => data.toString());
  return { clock, kinesis, records, source, texts };
}

describe('reading from Kinesis', () => {
  it('asks each shard once a second', async () => {
    const { kinesis, clock, source } = await read((fake) => {
      fake.add('a');
      fake.add('b');
    });
    await clock.advance(2500);
    for (const shard of ['a', 'b']) {
      expect(kinesis.reads.filter((each) => each.shard === shard).map(({ at }) => at)).toEqual([0, 1000, 2000]);
    }
    await source.stop();
  });

  it('gives the metadata of each record', async () => {
    const { records, clock, source } = await read((fake) => fake.add('a', ['apple']));
    await clock.advance(0);
    expect(records).toEqual([
      {
        data: Buffer.from('apple'),
        arrivalMs: START_MS,
        metadata: {
          shardId: 'a',
          partitionKey: 'lane-1',
          sequenceNumber: '0',
          subsequenceNumber: '',
          approximateArrivalTimestamp: START_MS,
        },
      },
    ]);
    await source.stop();
  });

  it('begins at the latest record, and reads what is put after the stream is up', async () => {
    const { kinesis, clock, source, texts } = await read((fake) => fake.add('a', ['old']), { position: 'LATEST' });
    kinesis.shards.get('a')!.records.push('new');
    await clock.advance(1000);
    expect(texts()).toEqual(['new']);
    await source.stop();
  });

  it('begins at the latest record without the shards that were closed before, but with those that come', async () => {
    const { kinesis, clock, source, texts } = await read(
      (fake) => {
        fake.add('a', ['old']).closed = true;
        fake.add('b', ['old'], ['a']);
      },
      { position: 'LATEST' },
    );
    kinesis.shards.get('b')!.closed = true;
    kinesis.add('c', ['new'], ['b']);
    await clock.advance(1000);
    expect(texts()).toEqual(['new']);
    await source.stop();
  });

  it('reads both parents of a merged shard to their ends before the child', async () => {
    const { kinesis, clock, source, texts } = await read((fake) => {
      fake.add('a', ['a1']).closed = true;
      fake.add('b', ['b1']);
      fake.add('child', ['c1'], ['a', 'b']);
    });
    await clock.advance(3000);
    expect(texts()).toEqual(['a1', 'b1']);
    Object.assign(kinesis.shards.get('b')!, { records: ['b1', 'b2'], closed: true });
    await clock.advance(1000);
    expect(texts()).toEqual(['a1', 'b1', 'b2', 'c1']);
    await source.stop();
  });

  it('renews an expired iterator after the last record that it read', async () => {
    const { kinesis, clock, source, texts } = await read((fake) => fake.add('a', ['one', 'two']));
    await clock.advance(0);
    kinesis.failures.push(Object.assign(new Error('expired'), { name: 'ExpiredIteratorException' }));
    kinesis.shards.get('a')!.records.push('three');
    await clock.advance(2000);
    expect(kinesis.iterators.at(-1)).toMatchObject({
      ShardIteratorType: 'AFTER_SEQUENCE_NUMBER',
      StartingSequenceNumber: '1',
    });
    expect(texts()).toEqual(['one', 'two', 'three']);
    await source.stop();
  });

  it('renews an iterator that expired before its first record at the time of the start', async () => {
    const { kinesis, clock, source } = await read((fake) => fake.add('a'), { position: 'LATEST' });
    await clock.advance(0);
    kinesis.failures.push(Object.assign(new Error('expired'), { name: 'ExpiredIteratorException' }));
    await clock.advance(2000);
    expect(kinesis.iterators.at(-1)).toMatchObject({
      ShardIteratorType: 'AT_TIMESTAMP',
      Timestamp: new Date(START_MS),
    });
    await source.stop();
  });

  it('tries again after a failure, and gives up a drain when Kinesis is gone', async () => {
    const { kinesis, clock, source, texts } = await read((fake) => fake.add('a', ['one']));
    kinesis.failures.push(new Error('throttled'));
    await clock.advance(1000);
    expect(texts()).toEqual(['one']);
    kinesis.failures.push(...Array.from({ length: 20 }, () => new Error('gone')));
    const drained = expect(source.toTip()).rejects.toMatchObject({ code: 'DL_KINESIS_UNREACHABLE' });
    await clock.advance(5000);
    await drained;
    await source.stop();
  });

  it('gives up a drain within 21 s when Kinesis hangs and every call takes its 10 s', async () => {
    const stats = emptyStats();
    const { kinesis, clock, source } = await read((fake) => fake.add('a', ['one']), { stats });
    await clock.advance(0);
    kinesis.hangs = true;
    await clock.advance(5000);
    let failure: unknown = null;
    source.toTip().catch((error: unknown) => {
      failure = error;
    });
    await clock.advance(21_000);
    expect(failure).toMatchObject({
      code: 'DL_KINESIS_UNREACHABLE',
      message: 'a of depthlake cannot be read to its tip: no answer within 10 s',
    });
    expect(stats.readErrors).toBe(2);
    await source.stop();
  });

  it('reads on when Kinesis answers again after it hung', async () => {
    const { kinesis, clock, source, texts } = await read((fake) => fake.add('a', ['one']));
    await clock.advance(0);
    kinesis.hangs = true;
    kinesis.shards.get('a')!.records.push('two');
    await clock.advance(5000);
    kinesis.hangs = false;
    const drained = source.toTip();
    await clock.advance(10_000);
    await drained;
    expect(texts()).toEqual(['one', 'two']);
    await source.stop();
  });

  it('gives up a drain when the children of a shard cannot be had', async () => {
    const { kinesis, clock, source } = await read((fake) => fake.add('a', ['one']));
    await clock.advance(0);
    kinesis.shards.get('a')!.closed = true;
    await clock.advance(999);
    kinesis.hangsFor = 'ListShardsCommand';
    await clock.advance(1);
    const drained = expect(source.toTip()).rejects.toMatchObject({ code: 'DL_KINESIS_UNREACHABLE' });
    await clock.advance(21_000);
    await drained;
    await source.stop();
  });

  it('stops at once while a call hangs, and counts no failure for that', async () => {
    const stats = emptyStats();
    const { kinesis, clock, source } = await read((fake) => fake.add('a'), { stats });
    await clock.advance(0);
    kinesis.hangs = true;
    await clock.advance(1000);
    await source.stop();
    expect(stats.readErrors).toBe(0);
  });

  it('does not begin where Kinesis hangs', async () => {
    const clock = new FakeClock();
    const kinesis = new FakeKinesis(clock);
    kinesis.hangs = true;
    const rest = { accept: () => {}, room: async () => {}, stats: emptyStats(), log: () => {} };
    const started = readStream({ client: kinesis.client, stream: 'depthlake', position: 'LATEST', clock, ...rest });
    const refused = expect(started).rejects.toMatchObject({
      code: 'DL_KINESIS_UNREACHABLE',
      message: 'the shards of depthlake cannot be read: no answer within 10 s',
    });
    await clock.advance(10_000);
    await refused;
  });

  it('stops while too much is buffered', async () => {
    let makeRoom = () => {};
    const gate = new Promise<void>((resolve) => {
      makeRoom = resolve;
    });
    const { kinesis, clock, source } = await read((fake) => fake.add('a', ['one']), { room: () => gate });
    await clock.advance(10_000);
    expect(kinesis.reads).toEqual([]);
    makeRoom();
    await settle();
    expect(kinesis.reads).toHaveLength(1);
    await source.stop();
  });
});

describe('a delivery stream that reads from Kinesis', () => {
  const start = async (options: Parameters<typeof harness>[0] = {}) => {
    const kinesis = new FakeKinesis(new FakeClock());
    kinesis.add('shard-1', ['apple', 'bread']);
    const arn = 'arn:aws:kinesis:us-east-1:000000000000:stream/depthlake';
    const source = { client: kinesis.client, stream: 'depthlake', arn, position: 'TRIM_HORIZON' as const };
    return { kinesis, ...(await harness({ ...options, source })) };
  };

  it('refuses records that are put directly', async () => {
    const { put, stream } = await start();
    expect(() => put('apple')).toThrow(expect.objectContaining({ name: 'InvalidArgumentException' }));
    await stream.stop();
  });

  it('names its source and gives each record its Kinesis metadata', async () => {
    const requests: LambdaRequest[] = [];
    const { stream, clock } = await start({
      hints: { lambdaBufferMs: 0 },
      invoke: (request) => {
        requests.push(request);
        return echo(request);
      },
    });
    await clock.advance(0);
    expect(requests).toMatchObject([
      {
        sourceKinesisStreamArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/depthlake',
        records: [
          { kinesisRecordMetadata: { shardId: 'shard-1', partitionKey: 'lane-1', sequenceNumber: '0' } },
          { kinesisRecordMetadata: { shardId: 'shard-1', partitionKey: 'lane-1', sequenceNumber: '1' } },
        ],
      },
    ]);
    await stream.stop();
  });

  it('drains: reads to the tip, then delivers without waiting for the hints', async () => {
    const { kinesis, stream, clock, bucket } = await start();
    await settle();
    kinesis.shards.get('shard-1')!.records.push('cherry');
    const drained = stream.drain();
    await clock.advance(400);
    await drained;
    expect(bucket.texts('table/')).toEqual(['apple', 'bread', 'cherry']);
    await stream.stop();
  });

  it('drains more than it may buffer, without waiting for the hints', async () => {
    const { kinesis, stream, clock, bucket } = await start({ maxBufferedBytes: 10, hints: { s3BufferMs: 900_000 } });
    await clock.advance(0);
    kinesis.shards.get('shard-1')!.records.push('cherry juice', 'dates');
    const drained = stream.drain();
    await clock.advance(1000);
    await drained;
    expect(bucket.texts('table/')).toEqual(['apple', 'bread', 'cherry juice', 'dates']);
    await stream.stop();
  });

  it('reads no further while too much is buffered, and loses nothing', async () => {
    const { kinesis, stream, clock, bucket } = await start({
      maxBufferedBytes: 10,
      hints: { lambdaBufferMs: 0, s3BufferMs: 5000 },
    });
    await clock.advance(0);
    kinesis.shards.get('shard-1')!.records.push('cherry');
    await clock.advance(4000);
    expect(stream.stats).toMatchObject({ records: 2, bufferedBytes: 10 });
    await clock.advance(8000);
    expect(bucket.texts('table/')).toEqual(['apple', 'bread', 'cherry']);
    expect(stream.stats.bufferedBytes).toBe(0);
    await stream.stop();
  });
});
