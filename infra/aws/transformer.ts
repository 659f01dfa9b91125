/** The Lambda that makes container files of packs. Firehose calls it, and waits for what it answers. */
import * as aws from '@pulumi/aws';
import {
  asset,
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  interpolate,
  type Output,
} from '@pulumi/pulumi';
import type { Codec } from '../../transformer/codec.ts';
import { createRole, type Statement } from './iam.ts';
import { LOG_DAYS } from './retention.ts';

/**
 * MB: about three times what the largest batch takes at its peak (test/bench/RESULTS.md, Transformer on Lambda). Lambda gives
 * CPU in proportion, a whole one at 1,769 MB (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html); as
 * the transformer computes nearly all of its time, more memory makes it as much faster as dearer, and no cheaper.
 */
const MEMORY_MB = 1024;
/**
 * s. Many times the slowest batch and the 5 s that it waits for Glue at most; a call that hangs is made again long before
 * Firehose itself gives up, after 5 minutes (https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html).
 */
const TIMEOUT_SECONDS = 60;
/** Of an asynchronous invocation, which only people make: one that failed twice is worth a look, not a third try. */
const ASYNC_RETRIES = 1;

export interface TransformerArgs {
  /** Path of the built file. */
  readonly bundle: string;
  readonly codec: Codec;
  /** Glue database of the tables. */
  readonly database: Input<string>;
  /** Of the catalog, the database and its tables. */
  readonly tableArns: Output<string[]>;
  /** Name of the lake's bucket, for the locations of partitions. */
  readonly bucket: Input<string>;
  /** Of the queue for failed asynchronous invocations. */
  readonly failuresArn: Input<string>;
  /** Name that its figures carry. */
  readonly stack: string;
  readonly tracing: boolean;
}

export class Transformer extends ComponentResource {
  readonly arn: Output<string>;
  readonly functionName: Output<string>;
  /** Name. */
  readonly logGroup: Output<string>;
  readonly timeoutSeconds = TIMEOUT_SECONDS;

  constructor(name: string, args: TransformerArgs, opts?: ComponentResourceOptions) {
    super('depthlake:aws:Transformer', name, {}, opts);
    const logGroup = new aws.cloudwatch.LogGroup(name, { retentionInDays: LOG_DAYS }, { parent: this });
    const role = createRole(
      name,
      {
        service: 'lambda.amazonaws.com',
        description: `Makes container files of packs and registers their hours (${name})`,
        statements: statementsOf(args, logGroup),
      },
      this,
    );
    const lambda = new aws.lambda.Function(
      name,
      {
        runtime: 'nodejs24.x',
        // Cheaper by a fifth for the same GB-seconds (https://aws.amazon.com/lambda/pricing/); the bundle is JavaScript alone.
        architectures: ['arm64'],
        // Without its source map: errors carry a code and a reason, and reading the map would lengthen each cold start.
        code: new asset.AssetArchive({ 'index.mjs': new asset.FileAsset(args.bundle) }),
        handler: 'index.handler',
        role: role.arn,
        memorySize: MEMORY_MB,
        timeout: TIMEOUT_SECONDS,
        // Not reserved: Firehose itself keeps to five calls a shard, and a limit would only turn load into throttles.
        environment: {
          variables: {
            DEPTHLAKE_CODEC: args.codec,
            DEPTHLAKE_GLUE_DATABASE: args.database,
            DEPTHLAKE_BUCKET: args.bucket,
            DEPTHLAKE_STACK: args.stack,
          },
        },
        // Text leaves lines as they are written: the transformer writes JSON itself, and the figures must be bare JSON.
        loggingConfig: { logFormat: 'Text', logGroup: logGroup.name },
        // Off by default: a trace of a call that Firehose makes tells little beyond the duration, and is billed.
        tracingConfig: { mode: args.tracing ? 'Active' : 'PassThrough' },
      },
      { parent: this },
    );
    // Firehose calls synchronously and deals with failures itself; this is for what is invoked by hand.
    new aws.lambda.FunctionEventInvokeConfig(
      name,
      {
        functionName: lambda.name,
        maximumRetryAttempts: ASYNC_RETRIES,
        destinationConfig: { onFailure: { destination: args.failuresArn } },
      },
      { parent: this },
    );
    this.arn = lambda.arn;
    this.functionName = lambda.name;
    this.logGroup = logGroup.name;
    this.registerOutputs({ arn: this.arn, functionName: this.functionName, logGroup: this.logGroup });
  }
}

function statementsOf({ tableArns, failuresArn, tracing }: TransformerArgs, logGroup: aws.cloudwatch.LogGroup) {
  const statements: Statement[] = [
    {
      sid: 'Log',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [interpolate`${logGroup.arn}:*`],
    },
    { sid: 'RegisterHours', actions: ['glue:BatchCreatePartition'], resources: tableArns },
    { sid: 'KeepFailures', actions: ['sqs:SendMessage'], resources: [failuresArn] },
  ];
  if (!tracing) return statements;
  return [
    ...statements,
    {
      sid: 'Trace',
      actions: ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'],
      resources: ['*'],
      reason:
        'X-Ray has no resources for traces: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html',
    },
  ];
}
