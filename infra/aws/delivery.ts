/** A delivery stream: packs through the transformer into the lake, one container file an object. */
import * as aws from '@pulumi/aws';
import {
  all,
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  interpolate,
  type Output,
} from '@pulumi/pulumi';
import { TABLE_NAMES, TABLES } from '../../producer/record.ts';
import { bufferSizeMb } from '../../transformer/buffer-size.ts';
import type { Codec } from '../../transformer/codec.ts';
import { ERROR_PREFIX_EXPRESSION, PREFIX_EXPRESSION } from '../../transformer/partition.ts';
import { createRole, type Statement } from './iam.ts';
import { ERROR_PREFIX } from './lake.ts';
import { LOG_DAYS } from './retention.ts';

/**
 * The least of both where partitioning is dynamic
 * (https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning.html). Each file has a partition of its own, so
 * nothing joins it while it waits: more could only delay.
 */
const S3_BUFFER_MB = 64;
const S3_BUFFER_SECONDS = 60;
/** How long Firehose tries again to deliver a partition; the service's default, and short beside the stream's 24 h. */
const PARTITION_RETRY_SECONDS = 300;

/** Where it writes, and nowhere else. */
const PREFIXES = [...TABLE_NAMES.map((table) => `${TABLES[table].folder}/`), ERROR_PREFIX];

/** What Firehose takes where a parameter of the processor is left out. */
const PROCESSOR_DEFAULTS: Readonly<Record<string, string>> = { BufferSizeInMBs: '1', BufferIntervalInSeconds: '60' };

export interface DeliveryArgs {
  /** null: packs are put into the delivery stream directly. */
  readonly source: { readonly streamArn: Output<string> } | null;
  readonly transformerArn: Input<string>;
  readonly bucket: { readonly name: Input<string>; readonly arn: Input<string> };
  readonly codec: Codec;
  readonly rawLevels: boolean;
  /** How long packs are collected for one invocation of the transformer, s. */
  readonly bufferSeconds: number;
}

export class Delivery extends ComponentResource {
  readonly name: Output<string>;
  readonly arn: Output<string>;
  /** Name. */
  readonly logGroup: Output<string>;

  constructor(name: string, args: DeliveryArgs, opts?: ComponentResourceOptions) {
    super('depthlake:aws:Delivery', name, {}, opts);
    const logGroup = new aws.cloudwatch.LogGroup(name, { retentionInDays: LOG_DAYS }, { parent: this });
    const logStream = new aws.cloudwatch.LogStream(name, { logGroupName: logGroup.name }, { parent: this });
    // The latest version, said outright: Firehose's own console writes it so, and the provider sees no difference then.
    const lambdaArn = interpolate`${args.transformerArn}:$LATEST`;
    const role = createRole(
      name,
      {
        service: 'firehose.amazonaws.com',
        description: `Delivers packs into the lake through the transformer (${name})`,
        statements: statementsOf(args, lambdaArn, logGroup, logStream),
        // Firehose gives the account for which it takes the role, so that it cannot be made to take it for another one:
        // https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#firehose-assume-role
        trustCondition: { StringEquals: { 'sts:ExternalId': accountOf(this) } },
      },
      this,
    );
    const stream = new aws.kinesis.FirehoseDeliveryStream(
      name,
      {
        destination: 'extended_s3',
        ...sourceOf(args, role.arn),
        extendedS3Configuration: {
          roleArn: role.arn,
          // The bucket's name is known once its policy is in force: nothing is delivered before.
          bucketArn: all([args.bucket.arn, args.bucket.name]).apply(([arn]) => arn),
          prefix: PREFIX_EXPRESSION,
          errorOutputPrefix: ERROR_PREFIX_EXPRESSION,
          fileExtension: '.avro',
          // Avro compresses its own blocks; around them nothing may change a byte.
          compressionFormat: 'UNCOMPRESSED',
          bufferingSize: S3_BUFFER_MB,
          bufferingInterval: S3_BUFFER_SECONDS,
          dynamicPartitioningConfiguration: { enabled: true, retryDuration: PARTITION_RETRY_SECONDS },
          processingConfiguration: {
            enabled: true,
            processors: [{ type: 'Lambda', parameters: parametersOf(args, lambdaArn) }],
          },
          // What cannot be transformed is under the error prefix with its bytes, and all the rest is in the lake.
          s3BackupMode: 'Disabled',
          cloudwatchLoggingOptions: { enabled: true, logGroupName: logGroup.name, logStreamName: logStream.name },
        },
      },
      // A new one would begin at the stream's latest record: what came before and was not yet delivered would be left out.
      { parent: this, protect: true },
    );
    this.name = stream.name;
    this.arn = stream.arn;
    this.logGroup = logGroup.name;
    this.registerOutputs({ name: this.name, arn: this.arn, logGroup: this.logGroup });
  }
}

function accountOf(parent: ComponentResource): Output<string> {
  return aws.getCallerIdentityOutput({}, { parent }).accountId;
}

/** A Kinesis stream is encrypted itself; what is put directly, Firehose keeps encrypted with a key of AWS's own. */
function sourceOf({ source }: DeliveryArgs, roleArn: Output<string>) {
  if (source === null) return { serverSideEncryption: { enabled: true, keyType: 'AWS_OWNED_CMK' } };
  return { kinesisSourceConfiguration: { kinesisStreamArn: source.streamArn, roleArn } };
}

/**
 * What is the service's default is left out, and so are the role and the number of retries, 3: the provider forgets
 * defaults, and would find a difference at every `pulumi up`
 * (https://github.com/hashicorp/terraform-provider-aws/issues/9827).
 */
function parametersOf({ codec, rawLevels, bufferSeconds }: DeliveryArgs, lambdaArn: Output<string>) {
  const hints = {
    BufferSizeInMBs: String(bufferSizeMb(codec, rawLevels)),
    BufferIntervalInSeconds: String(bufferSeconds),
  };
  const changed = Object.entries(hints).filter(([name, value]) => value !== PROCESSOR_DEFAULTS[name]);
  return [
    { parameterName: 'LambdaArn', parameterValue: lambdaArn },
    ...changed.map(([parameterName, parameterValue]) => ({ parameterName, parameterValue })),
  ];
}

/** What https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html asks for, and no other resource. */
function statementsOf(
  { source, transformerArn, bucket }: DeliveryArgs,
  lambdaArn: Output<string>,
  logGroup: aws.cloudwatch.LogGroup,
  logStream: aws.cloudwatch.LogStream,
): Statement[] {
  return [
    {
      sid: 'DeliverObjects',
      actions: ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject'],
      resources: PREFIXES.map((prefix) => interpolate`${bucket.arn}/${prefix}*`),
    },
    {
      sid: 'FindBucket',
      actions: ['s3:GetBucketLocation', 's3:ListBucket', 's3:ListBucketMultipartUploads'],
      resources: [bucket.arn],
    },
    {
      sid: 'Transform',
      actions: ['lambda:GetFunctionConfiguration', 'lambda:InvokeFunction'],
      resources: [transformerArn, lambdaArn],
    },
    {
      sid: 'Log',
      actions: ['logs:PutLogEvents'],
      resources: [interpolate`${logGroup.arn}:log-stream:${logStream.name}`],
    },
    ...(source === null
      ? []
      : [
          {
            sid: 'ReadStream',
            actions: ['kinesis:DescribeStream', 'kinesis:GetRecords', 'kinesis:GetShardIterator', 'kinesis:ListShards'],
            resources: [source.streamArn],
          },
        ]),
  ];
}
