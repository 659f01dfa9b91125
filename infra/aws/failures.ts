/** The queue of what did not reach its table, and the queue behind it for what could not be dealt with. */
import * as aws from '@pulumi/aws';
import {
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  jsonStringify,
  type Output,
} from '@pulumi/pulumi';
import { ERROR_PREFIX, QUARANTINE_PREFIX, SPILL_PREFIX } from './lake.ts';

/** SQS keeps a message 14 days at most. The data it points at stays in the lake for as long as nobody removes it. */
const RETENTION_SECONDS = 14 * 24 * 3_600;
/** The longest that one invocation of a Lambda takes; no one else gets the message meanwhile. */
const VISIBILITY_SECONDS = 900;
/** The longest that SQS lets a receiver wait: an empty queue then answers three times a minute, not ten times a second. */
const WAIT_SECONDS = 20;
/** A fault that passes has passed after five tries, an hour and a quarter at the most. */
const RECEIVES_MAX = 5;

export interface FailuresArgs {
  readonly lake: { readonly bucket: Input<string>; readonly arn: Input<string> };
}

/**
 * A message is one of
 * - an `Object Created` event of EventBridge (`detail.object.key`) of a new object in the lake: under `errors/`, records
 *   that Firehose or the transformer could not make files of; under `quarantine/`, what recovery could not read; under
 *   `spill/`, packs that an ended producer could not hand to Kinesis. Rows in them are in no table until recovered.
 * - the record of an asynchronous invocation of a Lambda that failed for good (`requestContext`, `requestPayload`,
 *   `responsePayload`), sent with the rights of the function's own role.
 *
 * S3 delivers at least once, in no promised order.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
 */
export class Failures extends ComponentResource {
  readonly queueArn: Output<string>;
  readonly queueUrl: Output<string>;
  readonly queueName: Output<string>;
  readonly deadLetterArn: Output<string>;
  readonly deadLetterName: Output<string>;

  constructor(name: string, args: FailuresArgs, opts?: ComponentResourceOptions) {
    super('depthlake:aws:Failures', name, {}, opts);
    const deadLetters = this.queue(`${name}-dead`);
    // A message keeps the time of its first sending: with equal retention it still has all but the time of its tries left.
    const queue = this.queue(name, {
      redrivePolicy: jsonStringify({ deadLetterTargetArn: deadLetters.arn, maxReceiveCount: RECEIVES_MAX }),
    });
    this.tlsOnly(`${name}-dead`, deadLetters);
    // By way of EventBridge: S3 itself would put a test event into the queue, which nothing but a person could tell from a
    // failure, and would let nothing else hear of its objects.
    new aws.s3.BucketNotification(name, { bucket: args.lake.bucket, eventbridge: true }, { parent: this });
    const rule = new aws.cloudwatch.EventRule(
      name,
      {
        description: 'Objects that hold rows which are in no table yet',
        eventPattern: jsonStringify({
          source: ['aws.s3'],
          'detail-type': ['Object Created'],
          detail: {
            bucket: { name: [args.lake.bucket] },
            object: { key: [ERROR_PREFIX, QUARANTINE_PREFIX, SPILL_PREFIX].map((prefix) => ({ prefix })) },
          },
        }),
      },
      { parent: this },
    );
    const policy = this.tlsOnly(name, queue, [fromRule(queue, rule)]);
    new aws.cloudwatch.EventTarget(
      name,
      { rule: rule.name, arn: queue.arn },
      // What came before the policy would be dropped.
      { parent: this, dependsOn: [policy] },
    );
    this.queueArn = queue.arn;
    this.queueUrl = queue.url;
    this.queueName = queue.name;
    this.deadLetterArn = deadLetters.arn;
    this.deadLetterName = deadLetters.name;
    this.registerOutputs({ queueUrl: this.queueUrl, deadLetterName: this.deadLetterName });
  }

  private queue(name: string, args: aws.sqs.QueueArgs = {}): aws.sqs.Queue {
    return new aws.sqs.Queue(
      name,
      {
        messageRetentionSeconds: RETENTION_SECONDS,
        visibilityTimeoutSeconds: VISIBILITY_SECONDS,
        receiveWaitTimeSeconds: WAIT_SECONDS,
        // With SQS's own keys: with KMS, EventBridge would need a key of ours that lets it in.
        // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
        sqsManagedSseEnabled: true,
        ...args,
      },
      { parent: this },
    );
  }

  private tlsOnly(name: string, queue: aws.sqs.Queue, allow: readonly object[] = []): aws.sqs.QueuePolicy {
    const deny = {
      Sid: 'TlsOnly',
      Effect: 'Deny',
      Principal: '*',
      Action: 'sqs:*',
      Resource: queue.arn,
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    };
    const policy = jsonStringify({ Version: '2012-10-17', Statement: [deny, ...allow] });
    return new aws.sqs.QueuePolicy(name, { queueUrl: queue.url, policy }, { parent: this });
  }
}

function fromRule(queue: aws.sqs.Queue, rule: aws.cloudwatch.EventRule): object {
  return {
    Sid: 'NewObjectsOfTheLake',
    Effect: 'Allow',
    Principal: { Service: 'events.amazonaws.com' },
    Action: 'sqs:SendMessage',
    Resource: queue.arn,
    Condition: { ArnEquals: { 'aws:SourceArn': rule.arn } },
  };
}
