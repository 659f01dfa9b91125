import {
  DescribeDeliveryStreamCommand,
  FirehoseClient,
  ListDeliveryStreamsCommand,
  type ListDeliveryStreamsCommandInput,
  ListTagsForDeliveryStreamCommand,
  PutRecordBatchCommand,
  PutRecordCommand,
} from '@aws-sdk/client-firehose';
import { GetCallerIdentityCommand, GetSessionTokenCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Control, startControl } from '../../infra/local/control.ts';
import { describeDeliveryStream } from '../../infra/local/firehose/description.ts';
import { type DeliveryStreamOptions, MIB } from '../../infra/local/firehose/options.ts';
import { FirehoseError } from '../../infra/local/firehose/record.ts';
import { type Harness, harness } from './firehose-harness.ts';

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

const SOURCE = {
  client: {} as never,
  stream: 'depthlake',
  arn: 'arn:aws:kinesis:us-east-1:000000000000:stream/depthlake',
};

let control: Control;
let direct: Harness;
let firehose: FirehoseClient;
let sts: STSClient;

beforeAll(async () => {
  direct = await harness({ maxBufferedBytes: 8 * MIB });
  const served = (options: DeliveryStreamOptions, putRecordBatch = direct.stream.putRecordBatch) => ({
    description: describeDeliveryStream(options, 'arn:aws:s3:::lake', CREATED_MS),
    putRecordBatch,
  });
  const refusing = () => {
    throw new FirehoseError('InvalidArgumentException', 'This operation is not permitted');
  };
  control = await startControl({
    deliveryStreams: [
      served(OPTIONS),
      served({ ...OPTIONS, name: 'from-kinesis', source: SOURCE }, refusing),
      served({ ...OPTIONS, name: 'backfill' }),
    ],
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

  it('names the Kinesis stream that it reads', async () => {
    const description = await describeStream('from-kinesis');

    expect(description.DeliveryStreamType).toBe('KinesisStreamAsSource');
    expect(description.Source?.KinesisStreamSourceDescription?.KinesisStreamARN).toBe(SOURCE.arn);
  });

  it('says that another one is not there', async () => {
    await expect(describeStream('other')).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: 'Firehose other under account 000000000000 not found.',
    });
  });

  it('refuses an operation that it does not know', async () => {
    const unknown = new ListTagsForDeliveryStreamCommand({ DeliveryStreamName: 'depthlake' });
    await expect(firehose.send(unknown)).rejects.toMatchObject({ name: 'UnknownOperationException' });
  });

  it('lists its delivery streams by name, all or those of a type, a page at a time', async () => {
    const list = async (input: ListDeliveryStreamsCommandInput) => {
      const { DeliveryStreamNames, HasMoreDeliveryStreams } = await firehose.send(
        new ListDeliveryStreamsCommand(input),
      );
      return [DeliveryStreamNames, HasMoreDeliveryStreams];
    };

    expect(await list({})).toEqual([['backfill', 'depthlake', 'from-kinesis'], false]);
    expect(await list({ DeliveryStreamType: 'KinesisStreamAsSource' })).toEqual([['from-kinesis'], false]);
    expect(await list({ DeliveryStreamType: 'DirectPut', Limit: 1 })).toEqual([['backfill'], true]);
    const rest = { DeliveryStreamType: 'DirectPut', Limit: 1, ExclusiveStartDeliveryStreamName: 'backfill' } as const;
    expect(await list(rest)).toEqual([['depthlake'], false]);
    await expect(list({ Limit: 0 })).rejects.toMatchObject({ name: 'InvalidArgumentException' });
  });
});

describe('the local Firehose, given records', () => {
  const record = (text: string | Uint8Array) => ({ Data: Buffer.from(text) });
  const putBatch = (Records: { Data: Uint8Array }[], DeliveryStreamName = 'depthlake') =>
    firehose.send(new PutRecordBatchCommand({ DeliveryStreamName, Records }));

  it('delivers them, byte for byte', async () => {
    const bytes = new Uint8Array(256).map((_, i) => i);
    const one = await firehose.send(new PutRecordCommand({ DeliveryStreamName: 'depthlake', Record: record(bytes) }));
    const two = await putBatch([record('apple'), record('banana')]);
    await direct.stream.drain();

    expect([...direct.bucket.objects.values()]).toEqual([bytes, 'apple', 'banana'].map((each) => record(each).Data));
    expect(one.RecordId).toEqual(expect.any(String));
    expect(two).toMatchObject({ FailedPutCount: 0, RequestResponses: [expect.anything(), expect.anything()] });
  });

  it('takes the service’s 4 MiB in a call and no more, and asks to slow down while it holds too much', async () => {
    const kib = (count: number) => record(new Uint8Array(count * 1024));

    expect(await putBatch([1000, 1000, 1000, 1000, 96].map(kib))).toMatchObject({ FailedPutCount: 0 });
    await expect(putBatch([1000, 1000, 1000, 1000, 97].map(kib))).rejects.toMatchObject({
      name: 'InvalidArgumentException',
    });
    await putBatch([1000, 1000, 1000, 1000, 96].map(kib));
    await expect(putBatch([record('x')])).rejects.toMatchObject({
      name: 'ServiceUnavailableException',
      message: 'Slow down.',
      $metadata: expect.objectContaining({ httpStatusCode: 503 }),
    });
    await direct.stream.drain();
    expect(await putBatch([record('x')])).toMatchObject({ FailedPutCount: 0 });
  });

  it('refuses them where the records come from Kinesis, and where no such stream is', async () => {
    await expect(putBatch([record('x')], 'from-kinesis')).rejects.toMatchObject({ name: 'InvalidArgumentException' });
    await expect(putBatch([record('x')], 'other')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
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
    ['records that are none', '{"DeliveryStreamName":"depthlake","Records":[null]}', 400, 'SerializationException'],
    ['a body beyond 6 MiB', 'x'.repeat(6 * MIB + 1), 413, ''],
  ])('%s is refused', async (_what, body, status, words) => {
    const headers = { 'x-amz-target': 'Firehose_20150804.PutRecordBatch' };
    const response = await fetch(control.endpoint, { method: 'POST', headers, body });

    expect(response.status).toBe(status);
    expect(await response.text()).toContain(words);
  });
});
