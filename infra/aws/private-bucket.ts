/** A bucket that nobody outside the account reaches, whatever it is for. */
import * as aws from '@pulumi/aws';
import {
  type CustomResourceOptions,
  type Input,
  interpolate,
  jsonStringify,
  type Output,
  type Resource,
} from '@pulumi/pulumi';
import { NONCURRENT_DAYS } from './retention.ts';

export type LifecycleRule = aws.types.input.s3.BucketLifecycleConfigurationRule;

/** A writer that is still at work has its upload left alone: Firehose retries for a day, a sealing takes minutes. */
const UNFINISHED_UPLOAD_DAYS = 7;

export interface PrivateBucketArgs {
  /** Whether what is overwritten or deleted stays for a month. */
  readonly versioned: boolean;
  /**
   * What `pulumi destroy` does. `protected`: it refuses, and once the protection is taken away it leaves the bucket as it
   * is; `kept`: it leaves the bucket as it is; `emptied`: it deletes the bucket with all that is in it.
   */
  readonly atDestroy: 'protected' | 'kept' | 'emptied';
  /** Beside the rules that every bucket has. Without any rule that expires them, objects stay for ever. */
  readonly lifecycle?: readonly LifecycleRule[];
  /** What others may do, beside what their own policies allow: statements on the bucket's ARN. */
  readonly allow?: (arn: Output<string>) => readonly BucketStatement[];
}

/** A statement of a bucket's policy that lets a service of AWS in. */
export interface BucketStatement {
  readonly Sid: string;
  readonly Effect: 'Allow';
  readonly Principal: { readonly Service: string };
  readonly Action: readonly string[];
  readonly Resource: readonly Input<string>[];
  readonly Condition: Readonly<Record<string, Readonly<Record<string, Input<string>>>>>;
}

export interface PrivateBucket {
  /** Its name, known once its policy is in force: who writes to it waits for that. */
  readonly bucket: Output<string>;
  readonly arn: Output<string>;
}

/** Declares a bucket with public access blocked, ACLs off, encryption at rest and TLS on the way. */
export function privateBucket(name: string, args: PrivateBucketArgs, parent: Resource): PrivateBucket {
  const kept = args.atDestroy !== 'emptied';
  // A bucket that is left behind without its policy, its versions or its block of public access would be another bucket.
  const opts: CustomResourceOptions = { parent, retainOnDelete: kept };
  const bucket = new aws.s3.Bucket(
    name,
    { forceDestroy: args.atDestroy === 'emptied' },
    { ...opts, protect: args.atDestroy === 'protected' },
  );
  const publicAccess = new aws.s3.BucketPublicAccessBlock(
    name,
    {
      bucket: bucket.bucket,
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    },
    opts,
  );
  // Whoever writes an object, the account owns it, and ACLs decide nothing.
  const ownership = new aws.s3.BucketOwnershipControls(
    name,
    { bucket: bucket.bucket, rule: { objectOwnership: 'BucketOwnerEnforced' } },
    opts,
  );
  const policy = new aws.s3.BucketPolicy(
    name,
    { bucket: bucket.bucket, policy: policyOf(bucket, args.allow) },
    // S3 refuses a change of a bucket's configuration while another is under way (OperationAborted).
    { ...opts, dependsOn: [publicAccess, ownership] },
  );
  new aws.s3.BucketServerSideEncryptionConfiguration(
    name,
    {
      bucket: bucket.bucket,
      // With S3's own keys every reader of the lake needs rights on S3 alone, and no request is paid to KMS. Bucket keys
      // save requests to KMS: there are none.
      rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }],
    },
    opts,
  );
  const versioning = args.versioned
    ? [
        new aws.s3.BucketVersioning(
          name,
          { bucket: bucket.bucket, versioningConfiguration: { status: 'Enabled' } },
          opts,
        ),
      ]
    : [];
  new aws.s3.BucketLifecycleConfiguration(
    name,
    {
      bucket: bucket.bucket,
      // Smaller objects stay where they are: a transition is paid by the object, and the colder classes bill 128 KB for each.
      // https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
      transitionDefaultMinimumObjectSize: 'all_storage_classes_128K',
      rules: [leftovers(args.versioned), ...(args.lifecycle ?? [])],
    },
    { ...opts, dependsOn: versioning },
  );
  return { bucket: policy.bucket, arn: bucket.arn };
}

/** Takes away what no reader sees: nothing here touches the current version of an object. */
function leftovers(versioned: boolean): LifecycleRule {
  return {
    id: 'leftovers',
    status: 'Enabled',
    filter: {},
    abortIncompleteMultipartUpload: { daysAfterInitiation: UNFINISHED_UPLOAD_DAYS },
    ...(versioned && {
      noncurrentVersionExpiration: { noncurrentDays: NONCURRENT_DAYS },
      // A delete marker whose versions are all gone.
      expiration: { expiredObjectDeleteMarker: true },
    }),
  };
}

function policyOf(bucket: aws.s3.Bucket, allow: PrivateBucketArgs['allow']) {
  return jsonStringify({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'TlsOnly',
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: [bucket.arn, interpolate`${bucket.arn}/*`],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
      ...(allow?.(bucket.arn) ?? []),
    ],
  });
}
