/** A lake in somebody else's S3: moto's, and a server that breaks off in the middle of an object. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lakeSource } from '../../infra/replay/lake-source.ts';
import { openS3Store } from '../../infra/replay/s3-store.ts';
import { HOUR_MS } from '../../transformer/partition.ts';
import { MemoryLake, readAll, textsOf } from '../replay/lakes.ts';
import { feedEventAt, orderBookAt } from '../transformer/arbitrary-rows.ts';
import { type Moto, startMoto } from './moto.ts';
import { absent } from './python.ts';

const BUCKET = 'depthlake-lake';
const NOON = Date.UTC(2026, 8, 1, 12);

function clientOf(endpoint: string, maxAttempts = 5): S3Client {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  return new S3Client({ endpoint, region: 'us-east-1', credentials, forcePathStyle: true, maxAttempts });
}

/** Two hours of both tables, the first one sealed in part. */
function someLake(): MemoryLake {
  const lake = new MemoryLake();
  const at = (ms: number) => orderBookAt(NOON + ms, ms);
  const raw = [1, 2, 3, 4, 5].map((ms) => lake.putRaw('order_book', [at(ms), at(ms + 10)]));
  lake.seal('order_book', [1, 11, 2, 12].map(at), raw.slice(0, 2));
  lake.putRaw('order_book', [at(HOUR_MS)]);
  for (const hour of [0, 1]) lake.putRaw('feed_event', [feedEventAt(NOON + hour * HOUR_MS, hour + 1)]);
  lake.objects.set('errors/processing-failed/x', Buffer.from('{}'));
  return lake;
}

describe.skipIf(absent !== null)(`a lake in moto's S3 ${absent ?? ''}`, { timeout: 60_000 }, () => {
  let moto: Moto;
  let client: S3Client;
  beforeAll(async () => {
    moto = await startMoto();
    client = clientOf(moto.endpoint);
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  }, 90_000);
  afterAll(async () => {
    client?.destroy();
    await moto?.stop();
  });

  test('gives the rows that the same lake gives from memory, over as many pages as it takes', async () => {
    const lake = someLake();
    const twin = new MemoryLake();
    twin.putRaw('order_book', [orderBookAt(NOON + 999, 999)]);
    for (const [prefix, { objects }] of [
      ['a/b/', lake],
      ['a/bc/', twin],
      ['', twin],
    ] as const) {
      for (const [key, Body] of objects) {
        await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: prefix + key, Body }));
      }
    }
    const paged = clientOf(moto.endpoint);
    let pages = 0;
    paged.middlewareStack.add(
      (next, { commandName }) =>
        (args) => {
          const listing = commandName === 'ListObjectsV2Command';
          if (listing) pages += 1;
          return next(listing ? { ...args, input: { ...args.input, MaxKeys: 2 } as typeof args.input } : args);
        },
      { step: 'initialize' },
    );
    const expected = await readAll(lakeSource(lake, 'memory'));
    for (const prefix of ['a/b', '/a/b/']) {
      const given = await readAll(lakeSource(openS3Store(paged, BUCKET, prefix), 's3'));
      expect(given.problems).toEqual([]);
      expect(given.runs.map(({ position }) => position)).toEqual(expected.runs.map(({ position }) => position));
      expect(textsOf(given.rows)).toEqual(textsOf(expected.rows));
    }
    expect(pages).toBeGreaterThan(30);
    const root = await readAll(lakeSource(openS3Store(paged, BUCKET, ''), 's3'), { tables: new Set(['order_book']) });
    expect(root.rows.map(({ row }) => row.seq)).toEqual([999]);
    paged.destroy();
  });

  test('says so where there is no bucket, no lake in it, and no object', async () => {
    const none = lakeSource(openS3Store(client, 'no-such-bucket', ''), 's3://no-such-bucket/');
    await expect(readAll(none)).rejects.toMatchObject({
      code: 'DL_LAKE_MISSING',
      message: 'there is no bucket no-such-bucket',
    });
    const empty = lakeSource(openS3Store(client, BUCKET, 'elsewhere'), `s3://${BUCKET}/elsewhere`);
    await expect(readAll(empty)).rejects.toMatchObject({
      code: 'DL_LAKE_MISSING',
      message: expect.stringMatching(/^s3:\/\/depthlake-lake\/elsewhere holds no lake/),
    });
    await expect(openS3Store(client, BUCKET, '').get('gone')).rejects.toMatchObject({ code: 'DL_FILE_UNREADABLE' });
  });

  test('says so where S3 refuses', async () => {
    await fetch(`${moto.endpoint}/moto-api/reset-auth`, { method: 'POST', body: '0' });
    const refused = readAll(lakeSource(openS3Store(client, BUCKET, 'a/b'), 's3'));
    await expect(refused).rejects.toMatchObject({ code: 'DL_REPLAY_DENIED' });
  });
});

describe('an S3 that fails', () => {
  /** Breaks off the first answers in the middle of the object. */
  async function serverOf(body: Buffer, breaks: number) {
    let answers = 0;
    const server = createServer((_, response) => {
      answers += 1;
      response.writeHead(200, { 'content-length': body.length });
      if (answers > breaks) response.end(body);
      else response.write(body.subarray(0, body.length / 2), () => response.destroy());
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { server, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, answers: () => answers };
  }

  test('an object that breaks off is fetched again, three times at most', async (context) => {
    const body = Buffer.alloc(100_000, 'rows');
    for (const [breaks, answers] of [
      [0, 1],
      [2, 3],
    ] as const) {
      const { server, endpoint, ...so } = await serverOf(body, breaks);
      context.onTestFinished(() => void server.close());
      expect((await openS3Store(clientOf(endpoint), BUCKET, '').get('key')).equals(body)).toBe(true);
      expect(so.answers()).toBe(answers);
    }
    const { server, endpoint, answers } = await serverOf(body, 9);
    context.onTestFinished(() => void server.close());
    await expect(openS3Store(clientOf(endpoint), BUCKET, '').get('key')).rejects.toMatchObject({
      code: 'DL_REPLAY_UNREACHABLE',
      message: expect.stringMatching(/^S3 gives no answer for s3:\/\/depthlake-lake\/key: /),
    });
    expect(answers()).toBe(3);
  });

  test('that is not there is named as what cannot be reached', async () => {
    const { server, endpoint } = await serverOf(Buffer.of(1), 0);
    server.close();
    await once(server, 'close');
    const source = lakeSource(openS3Store(clientOf(endpoint, 1), BUCKET, ''), 's3');
    await expect(readAll(source)).rejects.toMatchObject({ code: 'DL_REPLAY_UNREACHABLE' });
  });
});
