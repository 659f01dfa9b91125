import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kinesisClient, type LocalKinesis, startKinesis } from '../../infra/local/kinesis.ts';
import { type KinesisSourceOptions, kinesisSource } from '../../infra/replay/kinesis-source.ts';
import { type FaultProxy, startFaultProxy } from './kinesis-fault-proxy.ts';
import { EVERYTHING, keysOf, QUICK, readAll, rowsOf, TestStream } from './kinesis-stream.ts';

describe('a stream as the source of a replay', () => {
  let kinesis: LocalKinesis;
  let proxy: FaultProxy;
  let client: KinesisClient;
  let direct: KinesisClient;

  beforeAll(async () => {
    kinesis = await startKinesis({ streams: [{ name: 'empty', shards: 1 }], variables: QUICK, log: () => {} });
    proxy = await startFaultProxy(kinesis.endpoint);
    client = kinesisClient(proxy.endpoint);
    direct = kinesisClient(kinesis.endpoint);
  });
  afterAll(async () => {
    client?.destroy();
    direct?.destroy();
    await proxy?.close();
    await kinesis?.stop();
  });

  const source = (stream: string, more: Partial<KinesisSourceOptions> = {}) => {
    const start = { kind: 'trim-horizon' } as const;
    return kinesisSource({ client, stream, start, lateMs: 0, follow: false, fanOut: false, ...more });
  };

  /** 2,400 rows over 4 shards, with two splits and a merge in the middle. */
  const resharded = async (name: string) => {
    const stream = await TestStream.create(name, 4, direct);
    await stream.putPacks(40, 20);
    await stream.split(1);
    await stream.split(4);
    await stream.putPacks(40, 20);
    await stream.merge(0);
    await stream.putPacks(40, 20);
    return stream;
  };

  it('gives every pack once, across splits and a merge, whatever befalls the calls', async () => {
    const stream = await resharded('resharded');
    proxy.next('ListShards', { refuse: 'LimitExceededException' });
    proxy.next('GetShardIterator', 'pass', { refuse: 'ProvisionedThroughputExceededException' }, { cut: 'call' });
    proxy.next(
      'GetRecords',
      { refuse: 'ExpiredIteratorException' },
      { refuse: 'ProvisionedThroughputExceededException' },
      'pass',
      { refuse: 'ExpiredIteratorException' },
      { cut: 0 },
      { refuse: 'InternalFailureException', status: 500 },
      { cut: 'call' },
    );
    const items = await readAll(source('resharded'));
    expect(proxy.waiting).toBe(0);
    expect(keysOf(rowsOf(items))).toEqual(keysOf(stream.rows));
    expect(items.every(({ problem }) => problem === null)).toBe(true);
    // What one lane put comes in its order, over all the shards that its hash key was on.
    for (const lane of ['lane-0', 'lane-7', 'lane-15']) {
      const seqs = rowsOf(items).flatMap(({ row }) => (row.symbol === lane ? [row.seq] : []));
      expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    }
  });

  it('gives them as a registered consumer too, which is gone afterwards', async () => {
    const stream = await TestStream.create('fan-out', 1, direct);
    await stream.putPacks(10, 20);
    proxy.next('RegisterStreamConsumer', { cut: 0 });
    const items = await readAll(source('fan-out', { fanOut: true }));
    expect(proxy.waiting).toBe(0);
    expect(keysOf(rowsOf(items))).toEqual(keysOf(stream.rows));
    expect(await stream.consumers()).toEqual([]);
  });

  it('begins at a record, and at a time', async () => {
    const stream = await TestStream.create('begun', 2, direct);
    const numbers = await stream.putPacks(10, 1, { lanes: 1 });
    const [shardId] = (await readAll(source('begun'))).flatMap(({ run }) => run?.part ?? []);
    const start = { kind: 'sequence', shardId: shardId!, number: numbers[4]! } as const;
    expect(keysOf(rowsOf(await readAll(source('begun', { start }))))).toEqual(keysOf(stream.rows.slice(4)));
    const selection = { ...EVERYTHING, fromMs: Date.now() - 1000 };
    expect(rowsOf(await readAll(source('begun', { start: { kind: 'time' } }), { selection }))).toHaveLength(10);
  });

  it('names a stream that is not there', async () => {
    await expect(readAll(source('absent'))).rejects.toMatchObject({
      code: 'DL_STREAM_MISSING',
      message: 'there is no Kinesis stream "absent" in region us-east-1',
    });
  });
});
