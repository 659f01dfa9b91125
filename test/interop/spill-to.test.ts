/** A producer that ends while Kinesis is away puts what it spilled into a bucket: here moto's. */
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { decodePack, type TableRow } from '../../producer/record.ts';
import { createS3Client } from '../../producer/stream/s3.ts';
import { readSpill } from '../../producer/stream/spill-entry.ts';
import { startFaultyPipeline } from '../end-to-end/harness.ts';
import { bySymbol, lastTallies, readLake } from '../end-to-end/lake.ts';
import { until } from '../end-to-end/wait.ts';
import { startMoto } from './moto.ts';
import { absent } from './python.ts';

const BUCKET = 'depthlake-lake';
const SYMBOLS = ['BTCUSDT', 'ETHUSDT'];

test.skipIf(absent !== null)(
  `--spill-to: the lake and the bucket together hold every row of the session ${absent ?? ''}`,
  { timeout: 120_000 },
  async (context) => {
    const moto = await startMoto();
    context.onTestFinished(() => moto.stop());
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const client = createS3Client({ endpoint: moto.endpoint, region: 'us-east-1', credentials });
    context.onTestFinished(() => client.destroy());
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
    const pipeline = await startFaultyPipeline(context, {
      symbols: SYMBOLS,
      seed: 111,
      flags: [`--spill-to=s3://${BUCKET}/spill`],
      env: { AWS_ENDPOINT_URL_S3: moto.endpoint },
    });
    await until('rows are accepted', () => (pipeline.progress()?.rows ?? 0) > 20);
    pipeline.proxy.faults.failCalls = 1;
    await until('rows are on disk', () => (pipeline.progress()?.spilledRows ?? 0) > 20);

    const { summary, failure } = await pipeline.finish();

    expect(failure).toBeNull();
    expect(summary).toMatchObject({ lost: 0, spilled: 0 });
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: BUCKET }));
    const keys = Contents.map(({ Key }) => Key!);
    expect(keys.length).toBeGreaterThan(0);
    expect(keys.filter((key) => !key.startsWith(`spill/${summary.session_id}/`))).toEqual([]);
    const uploaded: TableRow[] = [];
    for (const Key of keys) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key }));
      for (const item of readSpill(Buffer.from(await Body!.transformToByteArray()))) {
        expect(item.kind).toBe('entry');
        if (item.kind === 'entry') uploaded.push(...decodePack(item.pack.data));
      }
    }
    const lake = await readLake(pipeline.folder);
    const rows = uploaded.flatMap(({ table, row }) => (table === 'order_book' ? [row] : []));
    const events = uploaded.flatMap(({ table, row }) => (table === 'feed_event' ? [row] : []));
    expect(rows.length).toBeGreaterThan(20);
    expect(events.map(({ kind }) => kind)).toContain('stopped');
    const tallies = lastTallies(events, summary.session_id);
    for (const [symbol, found] of bySymbol([...lake.rows, ...rows], summary.session_id)) {
      expect(found.length, symbol).toBe(tallies.get(symbol)!.lastSeq);
    }
  },
);
