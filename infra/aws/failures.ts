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
 * - an S3 event (`Records[].s3.object.key`, percent-encoded) of a new object in the lake: under `errors/`, records that
 *   Firehose or the transformer could not make files of; under `quarantine/`, what recovery could not read; under
 *   `spill/`, packs that an ended producer could not hand to Kinesis. Rows in them are in no table until recovered.
 * - the record of an asynchronous invocation of a Lambda that failed for good (`requestContext`, `requestPayload`,
 *   `responsePayload`), sent with the rights of the function's own role.
 * - S3's test event (`"Event": "s3:TestEvent"`), once each time the notifications are set up: it means nothing.
 *
 * S3 delivers at least once, in no promised order.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
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
    const policy = this.tlsOnly(name, queue, [this.fromLake(queue, args.lake.arn)]);
    // A bucket has one set of notifications: whatever else is to hear of its objects belongs here.
    new aws.s3.BucketNotification(
      name,
      {
        bucket: args.lake.bucket,
        queues: [ERROR_PREFIX, QUARANTINE_PREFIX, SPILL_PREFIX].map((filterPrefix) => ({
          id: filterPrefix.slice(0, -1),
          queueArn: queue.arn,
          events: ['s3:ObjectCreated:*'],
          filterPrefix,
        })),
      },
      // S3 tries the queue when it is told of it.
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
        // S3 can write to a queue with SQS's own keys; with KMS it would need a key of ours that lets S3 in.
        // https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
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

  private fromLake(queue: aws.sqs.Queue, lakeArn: Input<string>): object {
    const account = aws.getCallerIdentityOutput({}, { parent: this }).accountId;
    return {
      Sid: 'NewObjectsOfTheLake',
      Effect: 'Allow',
      Principal: { Service: 's3.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Resource: queue.arn,
      // The account too: a bucket's name, and with it the ARN, can be another's after ours is deleted.
      Condition: { ArnEquals: { 'aws:SourceArn': lakeArn }, StringEquals: { 'aws:SourceAccount': account } },
    };
  }
}
