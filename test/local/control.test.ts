import { DescribeDeliveryStreamCommand, FirehoseClient, ListDeliveryStreamsCommand } from '@aws-sdk/client-firehose';
import { GetCallerIdentityCommand, GetSessionTokenCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Control, startControl } from '../../infra/local/control.ts';
import { describeDeliveryStream } from '../../infra/local/firehose/description.ts';
import type { DeliveryStreamOptions } from '../../infra/local/firehose/options.ts';

const CREATED_MS = Date.UTC(2026, 8, 1, 12);
const OPTIONS: DeliveryStreamOptions = {
  name: 'depthlake',
  arn: 'arn:aws:firehose:us-east-1:000000000000:deliverystream/depthlake',
  lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:transformer',
  invoke: () => Promise.reject(new Error('not called')),
  bucket: {} as DeliveryStreamOptions['bucket'],
  hints: { lambdaBufferBytes: 1024 * 1024, lambdaBufferMs: 5_000, s3BufferMs: 0 },
  prefix: '!{partitionKeyFromLambda:table}/',
  errorPrefix: 'errors/!{firehose:error-output-type}/',
  fileExtension: '.avro',
  dynamicPartitioning: true,
  log: () => {},
  onFatal: () => {},
};

let control: Control;
let firehose: FirehoseClient;
let sts: STSClient;

beforeAll(async () => {
  control = await startControl({
    deliveryStreams: [describeDeliveryStream(OPTIONS, 'arn:aws:s3:::lake', CREATED_MS)],
    log: () => {},
  });
  const client = {
    endpoint: control.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  };
  firehose = new FirehoseClient(client);
  sts = new STSClient(client);
});

afterAll(async () => {
  firehose.destroy();
  sts.destroy();
  await control.stop();
});

describe('the local Firehose, asked what a delivery stream is', () => {
  const describeStream = async (name: string) => {
    const answer = await firehose.send(new DescribeDeliveryStreamCommand({ DeliveryStreamName: name }));
    return answer.DeliveryStreamDescription!;
  };

  it('tells what it was started with, in the SDK’s own types', async () => {
    const description = await describeStream('depthlake');

    expect(description).toMatchObject({
      DeliveryStreamARN: OPTIONS.arn,
      DeliveryStreamStatus: 'ACTIVE',
      DeliveryStreamType: 'DirectPut',
      CreateTimestamp: new Date(CREATED_MS),
      HasMoreDestinations: false,
    });
    expect(description.Destinations?.[0]?.ExtendedS3DestinationDescription).toMatchObject({
      BucketARN: 'arn:aws:s3:::lake',
      Prefix: OPTIONS.prefix,
      ErrorOutputPrefix: OPTIONS.errorPrefix,
      FileExtension: '.avro',
      CompressionFormat: 'UNCOMPRESSED',
      BufferingHints: { SizeInMBs: 64, IntervalInSeconds: 0 },
      DynamicPartitioningConfiguration: { Enabled: true },
      ProcessingConfiguration: {
        Enabled: true,
        Processors: [
          {
            Type: 'Lambda',
            Parameters: expect.arrayContaining([
              { ParameterName: 'LambdaArn', ParameterValue: OPTIONS.lambdaArn },
              { ParameterName: 'BufferIntervalInSeconds', ParameterValue: '5' },
            ]),
          },
        ],
      },
    });
  });

  it('names the Kinesis stream that it reads', () => {
    const arn = 'arn:aws:kinesis:us-east-1:000000000000:stream/depthlake';
    const source = { client: {} as never, stream: 'depthlake', arn };
    const description = describeDeliveryStream({ ...OPTIONS, source }, 'arn:aws:s3:::lake', CREATED_MS);

    expect(description.DeliveryStreamType).toBe('KinesisStreamAsSource');
    expect(description.Source?.KinesisStreamSourceDescription?.KinesisStreamARN).toBe(arn);
  });

  it('says that another one is not there', async () => {
    await expect(describeStream('other')).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: 'Firehose other under account 000000000000 not found.',
    });
  });

  it('refuses an operation that it does not know', async () => {
    await expect(firehose.send(new ListDeliveryStreamsCommand({}))).rejects.toMatchObject({
      name: 'UnknownOperationException',
    });
  });
});

describe('the local STS', () => {
  it('says who asks', async () => {
    expect(await sts.send(new GetCallerIdentityCommand({}))).toMatchObject({
      Account: '000000000000',
      Arn: 'arn:aws:iam::000000000000:user/local',
      UserId: 'local',
    });
  });

  it('refuses an action that it does not know', async () => {
    await expect(sts.send(new GetSessionTokenCommand({}))).rejects.toMatchObject({ name: 'InvalidAction' });
  });
});

describe('a request that no SDK sends', () => {
  it.each([
    ['a body that is no JSON', 'nonsense', 400, 'SerializationException'],
    ['null', 'null', 400, 'SerializationException'],
    ['a body beyond 64 KiB', 'x'.repeat(64 * 1024 + 1), 413, ''],
  ])('%s is refused', async (_what, body, status, words) => {
    const headers = { 'x-amz-target': 'Firehose_20150804.DescribeDeliveryStream' };
    const response = await fetch(control.endpoint, { method: 'POST', headers, body });

    expect(response.status).toBe(status);
    expect(await response.text()).toContain(words);
  });
});
