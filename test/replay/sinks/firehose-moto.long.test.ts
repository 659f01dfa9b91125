import { gunzipSync } from 'node:zlib';
import { CreateDeliveryStreamCommand, FirehoseClient } from '@aws-sdk/client-firehose';
import { CreateStreamCommand, DescribeStreamSummaryCommand } from '@aws-sdk/client-kinesis';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFirehoseSink } from '../../../infra/replay/sinks/firehose.ts';
import { decodePack, type TableRow } from '../../../producer/record.ts';
import { createKinesisClient } from '../../../producer/stream/kinesis.ts';
import { ERROR_PREFIX_EXPRESSION } from '../../../transformer/partition.ts';
import { type Moto, startMoto } from '../../interop/moto.ts';
import { absent } from '../../interop/python.ts';
import { orderBookAt } from '../../transformer/arbitrary-rows.ts';

const LAMBDA = 'arn:aws:lambda:us-east-1:123456789012:function:transformer';
const ROLE = 'arn:aws:iam::123456789012:role/firehose';
const NOON = Date.UTC(2024, 1, 29, 12);
const HOUR_MS = 3_600_000;

/** moto stores what is put as it is: it calls no Lambda. */
describe.skipIf(absent !== null)(`the Firehose of moto ${absent ?? ''}`, () => {
  let moto: Moto;
  let firehose: FirehoseClient;
  let s3: S3Client;

  beforeAll(async () => {
    moto = await startMoto();
    const access = {
      endpoint: moto.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    };
    firehose = new FirehoseClient({ ...access, maxAttempts: 1, requestHandler: new NodeHttpHandler() });
    s3 = new S3Client({ ...access, forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: 'lake' }));
    const kinesis = createKinesisClient(access);
    await kinesis.send(new CreateStreamCommand({ StreamName: 'depthlake', ShardCount: 1 }));
    const summary = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName: 'depthlake' }));
    kinesis.destroy();
    const KinesisStreamARN = summary.StreamDescriptionSummary!.StreamARN!;
    await create('backfill', {});
    await create('live', {
      DeliveryStreamType: 'KinesisStreamAsSource',
      KinesisStreamSourceConfiguration: { KinesisStreamARN, RoleARN: ROLE },
    });
  }, 60_000);

  afterAll(async () => {
    firehose?.destroy();
    s3?.destroy();
    await moto?.stop();
  });

  async function create(
    DeliveryStreamName: string,
    source: Pick<CreateDeliveryStreamCommand['input'], 'DeliveryStreamType' | 'KinesisStreamSourceConfiguration'>,
  ) {
    const Parameters = [
      { ParameterName: 'LambdaArn', ParameterValue: LAMBDA },
      { ParameterName: 'BufferSizeInMBs', ParameterValue: '1' },
    ] as const;
    const command = new CreateDeliveryStreamCommand({
      DeliveryStreamName,
      ...source,
      ExtendedS3DestinationConfiguration: {
        RoleARN: ROLE,
        BucketARN: 'arn:aws:s3:::lake',
        Prefix: 'put/',
        ErrorOutputPrefix: ERROR_PREFIX_EXPRESSION,
        BufferingHints: { SizeInMBs: 64, IntervalInSeconds: 60 },
        DynamicPartitioningConfiguration: { Enabled: true },
        ProcessingConfiguration: { Enabled: true, Processors: [{ Type: 'Lambda', Parameters: [...Parameters] }] },
      },
    });
    await firehose.send(command);
  }

  const open = (deliveryStream: string) =>
    openFirehoseSink({
      ...{ client: firehose, deliveryStream, backfill: undefined, partitionQuota: 500 },
      clock: { now: () => performance.now(), sleep: async () => {} },
      log: () => {},
    });

  it('takes the packs of a replay', async () => {
    const rows = Array.from({ length: 50 }, (_, i): TableRow => {
      return { table: 'order_book', row: orderBookAt(NOON + i * HOUR_MS, i + 1) };
    });
    const sink = await open('backfill');
    await sink.write(rows);
    expect(await sink.end()).toEqual({ writes: 1, state: null });

    // Each call is one object, its packs one behind the other with nothing between them, as gzip allows.
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: 'lake' }));
    const texts = await Promise.all(
      Contents.map(async ({ Key }) => {
        const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'lake', Key }));
        return gunzipSync(await Body!.transformToByteArray()).toString();
      }),
    );
    const put = decodePack(Buffer.from(texts.join('').replaceAll('}{', '}\n{')));
    expect(put.sort((a, b) => a.row.seq - b.row.seq)).toEqual(rows);
  });

  it('is asked which delivery stream takes direct puts, where the one given reads from Kinesis', async () => {
    await expect(open('live')).rejects.toMatchObject({
      code: 'DL_DELIVERY_STREAM_SOURCE',
      message:
        'the delivery stream "live" reads from a Kinesis stream, and refuses what is put into it; the one to put into is "backfill"',
    });
    await expect(open('absent')).rejects.toMatchObject({ code: 'DL_DELIVERY_STREAM_MISSING' });
  });
});
