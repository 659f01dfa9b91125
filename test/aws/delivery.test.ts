/** From the Kinesis stream through the transformer into the lake: the stream, both delivery streams and the Lambda. */
import type { DeliveryStreamDescription, Processor } from '@aws-sdk/client-firehose';
import { output, runtime } from '@pulumi/pulumi';
import { beforeAll, describe, expect, it } from 'vitest';
import { Delivery } from '../../infra/aws/delivery.ts';
import { Stream, type StreamArgs } from '../../infra/aws/stream.ts';
import { Transformer } from '../../infra/aws/transformer.ts';
import { judgeDelivery } from '../../infra/doctor/delivery-stream.ts';
import { ACCOUNT, type Declared, declare, ofType, only, REGION } from './mocks.ts';

const BUCKET = 'lake-a1b2c3d';
const BUCKET_ARN = `arn:aws:s3:::${BUCKET}`;
const QUEUE_ARN = `arn:aws:sqs:${REGION}:${ACCOUNT}:failures`;
const TABLE_ARNS = ['catalog', 'database/d', 'table/d/order_book'].map(
  (rest) => `arn:aws:glue:${REGION}:${ACCOUNT}:${rest}`,
);
const FUNCTION_ARN = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:transformer-a1b2c3d`;
const STREAM_ARN = `arn:aws:kinesis:${REGION}:${ACCOUNT}:stream/stream-a1b2c3d`;

const DELIVERY_STREAM = 'aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream';
const STREAM = 'aws:kinesis/stream:Stream';
const FUNCTION = 'aws:lambda/function:Function';

interface Choices {
  readonly stream?: Partial<StreamArgs>;
  readonly codec?: 'deflate' | 'snappy' | 'null';
  readonly rawLevels?: boolean;
  readonly bufferSeconds?: number;
  readonly tracing?: boolean;
}

interface Path {
  readonly declared: readonly Declared[];
  /** Logical names of what may not be deleted, and of what stays in the account when it leaves the stack. */
  readonly protectedNames: readonly string[];
  readonly retainedNames: readonly string[];
}

/** As the program composes them. */
async function declarePath(choices: Choices = {}): Promise<Path> {
  const { codec = 'deflate', rawLevels = false, bufferSeconds = 60, tracing = false } = choices;
  const protectedNames: string[] = [];
  const retainedNames: string[] = [];
  const declared = await declare(() => {
    runtime.registerStackTransformation(({ type, name, props, opts }) => {
      if (type.startsWith('aws:') && opts.protect === true) protectedNames.push(name);
      if (type.startsWith('aws:') && 'retainOnDelete' in opts && opts.retainOnDelete === true) retainedNames.push(name);
      return { props, opts };
    });
    const stream = new Stream('stream', { mode: 'provisioned', shards: 2, retentionHours: 48, ...choices.stream });
    const transformer = new Transformer('transformer', {
      bundle: 'dist/transformer/index.mjs',
      codec,
      database: output('d'),
      tableArns: output(TABLE_ARNS),
      bucket: output(BUCKET),
      failuresArn: output(QUEUE_ARN),
      stack: 'depthlake-test',
      tracing,
    });
    const into = {
      transformerArn: transformer.arn,
      bucket: { name: output(BUCKET), arn: output(BUCKET_ARN) },
      codec,
      rawLevels,
      bufferSeconds,
    };
    new Delivery('delivery', { source: { streamArn: stream.arn }, ...into });
    new Delivery('backfill', { source: null, ...into });
  });
  return { declared, protectedNames, retainedNames };
}

interface Statement {
  readonly Sid: string;
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
}

/** A role's own statements by their names. */
function statementsOf(declared: readonly Declared[], name: string): Record<string, Statement> {
  const { Statement } = JSON.parse(only(declared, 'aws:iam/rolePolicy:RolePolicy', name).inputs['policy']);
  return Object.fromEntries((Statement as Statement[]).map((statement) => [statement.Sid, statement]));
}

function trustOf(declared: readonly Declared[], name: string) {
  return JSON.parse(only(declared, 'aws:iam/role:Role', name).inputs['assumeRolePolicy']).Statement;
}

let path: Path;
let declared: readonly Declared[];
beforeAll(async () => {
  path = await declarePath();
  declared = path.declared;
});

describe('the stream', () => {
  it('has its shards and its retention, and is encrypted with the key that AWS keeps for Kinesis', () => {
    expect(only(declared, STREAM).inputs).toEqual({
      streamModeDetails: { streamMode: 'PROVISIONED' },
      shardCount: 2,
      retentionPeriod: 48,
      encryptionType: 'KMS',
      kmsKeyId: 'alias/aws/kinesis',
      shardLevelMetrics: [],
    });
  });

  it('leaves the shards to AWS on demand: a number of them would be refused', async () => {
    const onDemand = await declarePath({ stream: { mode: 'on-demand' } });
    const { inputs } = only(onDemand.declared, STREAM);
    expect(inputs['streamModeDetails']).toEqual({ streamMode: 'ON_DEMAND' });
    expect(inputs).not.toHaveProperty('shardCount');
  });

  it('and the delivery streams cannot be deleted by an update; the stream survives the stack', () => {
    expect([...path.protectedNames].sort()).toEqual(['backfill', 'delivery', 'stream']);
    expect(path.retainedNames).toEqual(['stream']);
  });
});

describe('the delivery streams', () => {
  const destinationOf = (name: string, from = declared) =>
    only(from, DELIVERY_STREAM, name).inputs['extendedS3Configuration'];

  /** What `DescribeDeliveryStream` would answer. */
  function described(name: string): DeliveryStreamDescription {
    const { inputs, outputs } = only(declared, DELIVERY_STREAM, name);
    const s3 = inputs['extendedS3Configuration'];
    const source = inputs['kinesisSourceConfiguration'];
    const processors: Processor[] = s3.processingConfiguration.processors.map(
      ({
        type,
        parameters,
      }: {
        type: Processor['Type'];
        parameters: { parameterName: string; parameterValue: string }[];
      }) => ({
        Type: type,
        Parameters: parameters.map(({ parameterName, parameterValue }) => ({
          ParameterName: parameterName,
          ParameterValue: parameterValue,
        })),
      }),
    );
    return {
      DeliveryStreamName: outputs['name'],
      DeliveryStreamARN: outputs['arn'],
      DeliveryStreamStatus: 'ACTIVE',
      DeliveryStreamType: source === undefined ? 'DirectPut' : 'KinesisStreamAsSource',
      ...(source && { Source: { KinesisStreamSourceDescription: { KinesisStreamARN: source.kinesisStreamArn } } }),
      Destinations: [
        {
          DestinationId: 'destinationId-000000000001',
          ExtendedS3DestinationDescription: {
            RoleARN: s3.roleArn,
            BucketARN: s3.bucketArn,
            Prefix: s3.prefix,
            ErrorOutputPrefix: s3.errorOutputPrefix,
            FileExtension: s3.fileExtension,
            CompressionFormat: s3.compressionFormat,
            BufferingHints: { SizeInMBs: s3.bufferingSize, IntervalInSeconds: s3.bufferingInterval },
            EncryptionConfiguration: {},
            DynamicPartitioningConfiguration: { Enabled: s3.dynamicPartitioningConfiguration.enabled },
            ProcessingConfiguration: { Enabled: s3.processingConfiguration.enabled, Processors: processors },
          },
        },
      ],
      HasMoreDestinations: false,
      VersionId: '1',
    };
  }

  it.each([
    ['delivery', { stream: 'stream-a1b2c3d', streamArn: STREAM_ARN }],
    ['backfill', null],
  ])('deliver as the doctor wants it: %s', (name, source) => {
    const findings = judgeDelivery(described(name), { source, bucket: BUCKET });
    expect(findings.map(({ verdict }) => verdict)).toEqual(['ok', 'ok']);
  });

  it('differ in their source alone: the second takes what is put into it directly', () => {
    const { roleArn, cloudwatchLoggingOptions, ...shared } = destinationOf('delivery');
    expect(destinationOf('backfill')).toMatchObject(shared);
    expect(destinationOf('backfill').roleArn).not.toBe(roleArn);
    expect(destinationOf('backfill').cloudwatchLoggingOptions).not.toEqual(cloudwatchLoggingOptions);
  });

  it('are encrypted: one by its source, the other by Firehose, which refuses it for a Kinesis source', () => {
    const [fromKinesis, direct] = ['delivery', 'backfill'].map((name) => only(declared, DELIVERY_STREAM, name).inputs);
    expect(fromKinesis).not.toHaveProperty('serverSideEncryption');
    expect(direct).not.toHaveProperty('kinesisSourceConfiguration');
    expect(direct!['serverSideEncryption']).toEqual({ enabled: true, keyType: 'AWS_OWNED_CMK' });
  });

  it('buffer for S3 as little as dynamic partitioning allows, log, and keep no second copy', () => {
    const s3 = destinationOf('delivery');
    const [group, stream] = ['logGroup:LogGroup', 'logStream:LogStream'].map(
      (type) => only(declared, `aws:cloudwatch/${type}`, 'delivery').outputs['name'],
    );
    expect(s3).toMatchObject({ bufferingSize: 64, bufferingInterval: 60, s3BackupMode: 'Disabled' });
    expect(s3.cloudwatchLoggingOptions).toEqual({ enabled: true, logGroupName: group, logStreamName: stream });
    expect(only(declared, 'aws:cloudwatch/logGroup:LogGroup', 'delivery').inputs).toMatchObject({
      retentionInDays: 30,
    });
  });

  const parametersOf = ({ processingConfiguration }: ReturnType<typeof destinationOf>) =>
    Object.fromEntries(
      processingConfiguration.processors[0].parameters.map(
        ({ parameterName, parameterValue }: Record<string, string>) => [parameterName, parameterValue],
      ),
    );

  it('leave out what is the service’s default: said outright, it would be a difference at every update', () => {
    expect(parametersOf(destinationOf('delivery'))).toEqual({ LambdaArn: `${FUNCTION_ARN}:$LATEST` });
  });

  it('collect packs for as long as was set, and as many as the codec leaves room for', async () => {
    const other = await declarePath({ codec: 'null', rawLevels: true, bufferSeconds: 0 });
    for (const name of ['delivery', 'backfill']) {
      expect(parametersOf(destinationOf(name, other.declared))).toEqual({
        LambdaArn: `${FUNCTION_ARN}:$LATEST`,
        BufferSizeInMBs: '0.2',
        BufferIntervalInSeconds: '0',
      });
    }
  });

  it('may do what their own stream, prefixes, function and log need, and nothing else', () => {
    const { arn: logGroupArn } = only(declared, 'aws:cloudwatch/logGroup:LogGroup', 'delivery').outputs;
    const { name: logStream } = only(declared, 'aws:cloudwatch/logStream:LogStream', 'delivery').outputs;
    const statements = statementsOf(declared, 'delivery');
    expect(Object.values(statements).map(({ Action, Resource }) => [Action, Resource])).toEqual([
      [
        ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject'],
        ['orderbook', 'feed_event', 'errors'].map((prefix) => `${BUCKET_ARN}/${prefix}/*`),
      ],
      [['s3:GetBucketLocation', 's3:ListBucket', 's3:ListBucketMultipartUploads'], [BUCKET_ARN]],
      [
        ['lambda:GetFunctionConfiguration', 'lambda:InvokeFunction'],
        [FUNCTION_ARN, `${FUNCTION_ARN}:$LATEST`],
      ],
      [['logs:PutLogEvents'], [`${logGroupArn}:log-stream:${logStream}`]],
      [
        ['kinesis:DescribeStream', 'kinesis:GetRecords', 'kinesis:GetShardIterator', 'kinesis:ListShards'],
        [STREAM_ARN],
      ],
    ]);
    const { ReadStream: _, ...withoutStream } = statements;
    expect(Object.keys(statementsOf(declared, 'backfill'))).toEqual(Object.keys(withoutStream));
  });

  it('are created once their role may do all that: Firehose refuses them before', () => {
    const order = declared.map(({ type, name }) => `${type} ${name}`);
    for (const name of ['delivery', 'backfill']) {
      const policy = order.indexOf(`aws:iam/rolePolicy:RolePolicy ${name}`);
      expect(policy).toBeGreaterThan(-1);
      expect(order.indexOf(`${DELIVERY_STREAM} ${name}`)).toBeGreaterThan(policy);
    }
  });

  it.each(['delivery', 'backfill'])('give the role of %s to Firehose alone, for this account alone', (name) => {
    const { arn } = only(declared, 'aws:iam/role:Role', name).outputs;
    expect(destinationOf(name).roleArn).toBe(arn);
    expect(trustOf(declared, name)).toEqual([
      {
        Effect: 'Allow',
        Principal: { Service: 'firehose.amazonaws.com' },
        Action: 'sts:AssumeRole',
        Condition: { StringEquals: { 'sts:ExternalId': ACCOUNT } },
      },
    ]);
  });
});

describe('the transformer', () => {
  it('is the built file on Node 24 and arm64, told where the lake and the catalog are', () => {
    const { inputs } = only(declared, FUNCTION);
    expect(inputs).toMatchObject({
      runtime: 'nodejs24.x',
      architectures: ['arm64'],
      handler: 'index.handler',
      memorySize: 1024,
      timeout: 60,
      tracingConfig: { mode: 'PassThrough' },
      loggingConfig: { logFormat: 'Text' },
      environment: {
        variables: {
          DEPTHLAKE_CODEC: 'deflate',
          DEPTHLAKE_GLUE_DATABASE: 'd',
          DEPTHLAKE_BUCKET: BUCKET,
          DEPTHLAKE_STACK: 'depthlake-test',
        },
      },
    });
    expect(inputs).not.toHaveProperty('reservedConcurrentExecutions');
  });

  it('logs into a group of its own that forgets after 30 days', () => {
    const group = only(declared, 'aws:cloudwatch/logGroup:LogGroup', 'transformer');
    expect(group.inputs['retentionInDays']).toBe(30);
    expect(only(declared, FUNCTION).inputs['loggingConfig'].logGroup).toBe(group.outputs['name']);
  });

  it('sends what failed for good without a caller who waits to the queue of failures', () => {
    const config = only(declared, 'aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig').inputs;
    expect(config).toMatchObject({
      functionName: only(declared, FUNCTION).outputs['name'],
      destinationConfig: { onFailure: { destination: QUEUE_ARN } },
    });
  });

  it('may log, create partitions and report failures, and nothing else', () => {
    const { arn } = only(declared, 'aws:cloudwatch/logGroup:LogGroup', 'transformer').outputs;
    expect(
      Object.values(statementsOf(declared, 'transformer')).map(({ Action, Resource }) => [Action, Resource]),
    ).toEqual([
      [['logs:CreateLogStream', 'logs:PutLogEvents'], [`${arn}:*`]],
      [['glue:BatchCreatePartition'], TABLE_ARNS],
      [['sqs:SendMessage'], [QUEUE_ARN]],
    ]);
  });

  it('may write traces where they were asked for', async () => {
    const traced = await declarePath({ tracing: true });
    expect(only(traced.declared, FUNCTION).inputs['tracingConfig']).toEqual({ mode: 'Active' });
    expect(statementsOf(traced.declared, 'transformer')['Trace']).toMatchObject({
      Action: ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'],
    });
  });

  it('is in effect at once: nothing declares a version or an alias that would lag behind', () => {
    expect(ofType(declared, 'aws:lambda/alias:Alias')).toEqual([]);
    expect(only(declared, FUNCTION).inputs).not.toHaveProperty('publish');
  });
});
