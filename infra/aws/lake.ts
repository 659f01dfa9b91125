/** The bucket that holds the lake, and what becomes of its objects with time. */
import * as aws from '@pulumi/aws';
import { ComponentResource, type ComponentResourceOptions, interpolate, type Output } from '@pulumi/pulumi';
import { TABLE_NAMES, TABLES } from '../../producer/record.ts';
import { type BucketStatement, type LifecycleRule, type PrivateBucket, privateBucket } from './private-bucket.ts';
import { ACCESS_LOG_DAYS, SEALED_RAW_DAYS } from './retention.ts';
import type { Deployment } from './settings.ts';

/** What Firehose could not deliver. Nothing under these three prefixes expires: it is data that the tables lack. */
export const ERROR_PREFIX = 'errors/';
/** What recovery could not read. */
export const QUARANTINE_PREFIX = 'quarantine/';
/** Packs that a producer could not hand to Kinesis before it ended. */
export const SPILL_PREFIX = 'spill/';

/** The tag that sealing puts on a raw file once a sealed generation holds its rows: only with it does a raw file expire. */
export const SEALED_TAG = { key: 'depthlake-raw', value: 'sealed' } as const;

const SEALED_PREFIX = 'sealed/';
const ACCESS_LOG_PREFIX = 'lake/';

export type LakeArgs = Pick<Deployment, 'archiveAfterDays' | 'archiveClass' | 'accessLogs'>;

export class Lake extends ComponentResource {
  /** The bucket's name. */
  readonly bucket: Output<string>;
  readonly arn: Output<string>;

  constructor(name: string, args: LakeArgs, opts?: ComponentResourceOptions) {
    super('depthlake:aws:Lake', name, {}, opts);
    // Versions: what a mistake overwrites or deletes can be brought back for a month.
    const lifecycle = [...rawExpiry(), ...archive(args)];
    const lake = privateBucket(name, { versioned: true, atDestroy: 'protected', lifecycle }, this);
    if (args.accessLogs) this.logAccess(name, lake);
    this.bucket = lake.bucket;
    this.arn = lake.arn;
    this.registerOutputs({ bucket: this.bucket, arn: this.arn });
  }

  /** Who read and wrote what, in a bucket of its own: a log in the lake's bucket would log itself. */
  private logAccess(name: string, lake: PrivateBucket): void {
    const account = aws.getCallerIdentityOutput({}, { parent: this }).accountId;
    const writing = (arn: Output<string>): BucketStatement => ({
      Sid: 'AccessLogs',
      Effect: 'Allow',
      Principal: { Service: 'logging.s3.amazonaws.com' },
      Action: ['s3:PutObject'],
      Resource: [interpolate`${arn}/${ACCESS_LOG_PREFIX}*`],
      Condition: { ArnLike: { 'aws:SourceArn': lake.arn }, StringEquals: { 'aws:SourceAccount': account } },
    });
    const logs = privateBucket(
      `${name}-access`,
      {
        // S3 writes each log object once.
        versioned: false,
        // Who read the lake stays on record when the stack is gone; the log ends of itself.
        atDestroy: 'kept',
        lifecycle: [{ ...rule('access-logs'), filter: {}, expiration: { days: ACCESS_LOG_DAYS } }],
        allow: (arn) => [writing(arn)],
      },
      this,
    );
    new aws.s3.BucketLogging(
      name,
      {
        bucket: lake.bucket,
        targetBucket: logs.bucket,
        targetPrefix: ACCESS_LOG_PREFIX,
        // Keys by day of the request: a table over the log reads the days that it asks for.
        targetObjectKeyFormat: { partitionedPrefix: { partitionDateSource: 'EventTime' } },
      },
      { parent: this, retainOnDelete: true },
    );
  }
}

const rule = (id: string) => ({ id, status: 'Enabled' });

/**
 * Days count from the object's creation: what is sealed late expires within a day or so of being tagged. It stays as a
 * noncurrent version for a month more. Only raw prefixes are named: the tag alone takes nothing else away.
 */
function rawExpiry(): readonly LifecycleRule[] {
  return TABLE_NAMES.map((table) => ({
    ...rule(`raw-${table}`),
    filter: { and: { prefix: `${TABLES[table].folder}/`, tags: { [SEALED_TAG.key]: SEALED_TAG.value } } },
    expiration: { days: SEALED_RAW_DAYS },
  }));
}

/** Sealed hours move to a colder class; they never expire. Objects under 128 KB, manifests among them, stay. */
function archive({ archiveAfterDays: days, archiveClass: storageClass }: LakeArgs): readonly LifecycleRule[] {
  if (days === 0) return [];
  return [{ ...rule('archive'), filter: { prefix: SEALED_PREFIX }, transitions: [{ days, storageClass }] }];
}
