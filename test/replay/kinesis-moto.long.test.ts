import { CreateStreamCommand, type KinesisClient, waitUntilStreamExists } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kinesisSource } from '../../infra/replay/kinesis-source.ts';
import { createKinesisClient } from '../../producer/stream/kinesis.ts';
import { type Moto, startMoto } from '../interop/moto.ts';
import { absent } from '../interop/python.ts';
import { EVERYTHING, keysOf, readAll, rowsOf, TestStream } from './kinesis-stream.ts';

describe.skipIf(absent !== null)(`the Kinesis of moto as the source of a replay ${absent ?? ''}`, () => {
  let moto: Moto;
  let client: KinesisClient;

  beforeAll(async () => {
    moto = await startMoto();
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    client = createKinesisClient({ endpoint: moto.endpoint, region: 'us-east-1', credentials });
    await client.send(new CreateStreamCommand({ StreamName: 'moto', ShardCount: 4 }));
    await waitUntilStreamExists({ client, maxWaitTime: 30 }, { StreamName: 'moto' });
  });
  afterAll(async () => {
    client.destroy();
    await moto.stop();
  });

  it('gives every pack once, from every shard', async () => {
    const stream = new TestStream('moto', client);
    await stream.putPacks(200, 20);
    const options = { client, stream: 'moto', lateMs: 0, follow: false, fanOut: false };
    const whole = await readAll(kinesisSource({ ...options, start: { kind: 'trim-horizon' } }));
    expect(keysOf(rowsOf(whole))).toEqual(keysOf(stream.rows));
    const selection = { ...EVERYTHING, fromMs: Date.now() - 5000 };
    const recent = await readAll(kinesisSource({ ...options, start: { kind: 'time' } }), { selection });
    expect(keysOf(rowsOf(recent))).toEqual(keysOf(stream.rows));
  });
});
