import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kinesisClient, type LocalKinesis, startKinesis } from '../../infra/local/kinesis.ts';
import { type KinesisSourceOptions, kinesisSource } from '../../infra/replay/kinesis-source.ts';
import { keysOf, QUICK, readAll, rowsOf, TestStream } from './kinesis-stream.ts';

describe('a stream as a source', () => {
  let kinesis: LocalKinesis;
  let client: KinesisClient;

  beforeAll(async () => {
    kinesis = await startKinesis({ streams: [{ name: 'empty', shards: 1 }], variables: QUICK, log: () => {} });
    client = kinesisClient(kinesis.endpoint);
  });
  afterAll(async () => {
    client?.destroy();
    await kinesis?.stop();
  });

  const source = (stream: string, more: Partial<KinesisSourceOptions> = {}) =>
    kinesisSource({
      client,
      stream,
      start: { kind: 'trim-horizon' },
      lateMs: 0,
      follow: false,
      fanOut: false,
      ...more,
    });

  it('gives every pack of every shard once, across splits and a merge, in the order of arrival', async () => {
    const stream = await TestStream.create('resharded', 4, client);
    await stream.putPacks(60, 20);
    await stream.split(1);
    await stream.putPacks(60, 20);
    await stream.split(3);
    await stream.merge(0);
    await stream.putPacks(60, 20);
    const items = await readAll(source('resharded'));
    expect(keysOf(rowsOf(items))).toEqual(keysOf(stream.rows));
  });

  it('gives them as a registered consumer too, which is gone afterwards', async () => {
    const stream = await TestStream.create('fan-out', 2, client);
    await stream.putPacks(60, 20);
    await stream.split(1);
    await stream.putPacks(60, 20);
    const t = Date.now();
    const items = await readAll(source('fan-out', { fanOut: true, log: console.log }));
    console.log('took', Date.now() - t);
    expect(keysOf(rowsOf(items))).toEqual(keysOf(stream.rows));
    expect(await stream.consumers()).toEqual([]);
  });
});
