/**
 * Rules that every resource of a program keeps: those of Pulumi's AWS Guard that apply here, and the issue's own. In code,
 * because `@pulumi/awsguard` asks for another major of `@pulumi/aws` and runs in Pulumi's command line alone.
 */
import type { Properties } from './account.ts';
import type { Declared } from './mocks.ts';

export interface Rule {
  readonly rule: string;
  readonly type: string;
  readonly holds: (inputs: Properties, resource: Declared, all: readonly Declared[]) => boolean;
}

const BUCKET = 'aws:s3/bucket:Bucket';
const TASK = 'aws:ecs/taskDefinition:TaskDefinition';

/** Logical names of buckets without versions, with the reason. */
const WITHOUT_VERSIONS: Readonly<Record<string, string>> = {
  'lake-access': 'S3 writes each log object once.',
  'queries-results': 'Asking again makes the same result.',
};

/** Runtimes that Lambda supports, newest first: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html */
const CURRENT_RUNTIMES = ['nodejs24.x'];

/** Doors that nobody here needs: people, keys that do not expire, addresses that are reached from outside. */
const NEVER_DECLARED = [
  /^aws:iam\/(user|accessKey|group|policyAttachment|rolePolicyAttachment)/,
  /^aws:(lb|alb|apigateway|apigatewayv2|cloudfront)\//,
  /^aws:lambda\/(functionUrl|permission):/,
  /^aws:s3\/(bucketAcl|bucketWebsiteConfiguration|accountPublicAccessBlock):/,
  /^aws:ec2\/(eip|natGateway|instance|keyPair|securityGroupRule):/,
  /^aws:vpc\/securityGroup(Ingress|Egress)Rule:/,
];

const ofType = (all: readonly Declared[], type: string) => all.filter((resource) => resource.type === type);

/** The container definitions of a task. */
const containersOf = ({ containerDefinitions }: Properties): readonly Properties[] => JSON.parse(containerDefinitions);

/** A bucket's own configuration of a kind. */
function ofBucket(kind: string, { outputs }: Declared, all: readonly Declared[]): Properties | undefined {
  const type = `aws:s3/${kind[0]!.toLowerCase()}${kind.slice(1)}:${kind}`;
  return ofType(all, type).find(({ inputs }) => inputs['bucket'] === outputs['bucket'])?.inputs;
}

/** Whether a policy refuses everything that comes without TLS. */
function tlsOnly(policy: string | undefined): boolean {
  const statements: readonly Properties[] = policy === undefined ? [] : JSON.parse(policy).Statement;
  return statements.some(
    ({ Effect, Principal, Action, Condition }) =>
      Effect === 'Deny' &&
      Principal === '*' &&
      /^[a-z0-9]+:\*$/.test(Action) &&
      Condition.Bool['aws:SecureTransport'] === 'false',
  );
}

export const RULES: readonly Rule[] = [
  {
    rule: 'a bucket blocks public access in all four ways',
    type: BUCKET,
    holds: (_, bucket, all) => {
      const block = ofBucket('BucketPublicAccessBlock', bucket, all);
      return ['blockPublicAcls', 'blockPublicPolicy', 'ignorePublicAcls', 'restrictPublicBuckets'].every(
        (way) => block?.[way] === true,
      );
    },
  },
  {
    rule: 'a bucket knows no ACLs',
    type: BUCKET,
    holds: (_, bucket, all) =>
      ofBucket('BucketOwnershipControls', bucket, all)?.['rule'].objectOwnership === 'BucketOwnerEnforced',
  },
  {
    rule: 'a bucket refuses what comes without TLS',
    type: BUCKET,
    holds: (_, bucket, all) => tlsOnly(ofBucket('BucketPolicy', bucket, all)?.['policy']),
  },
  {
    rule: 'a bucket is encrypted',
    type: BUCKET,
    holds: (_, bucket, all) =>
      ['AES256', 'aws:kms'].includes(
        ofBucket('BucketServerSideEncryptionConfiguration', bucket, all)?.['rules'][0]
          .applyServerSideEncryptionByDefault.sseAlgorithm,
      ),
  },
  {
    rule: 'a bucket keeps versions, or has a reason not to',
    type: BUCKET,
    holds: (_, bucket, all) =>
      bucket.name in WITHOUT_VERSIONS !==
      (ofBucket('BucketVersioning', bucket, all)?.['versioningConfiguration'].status === 'Enabled'),
  },
  {
    rule: 'a bucket clears away uploads that were given up',
    type: BUCKET,
    holds: (_, bucket, all) =>
      ofBucket('BucketLifecycleConfiguration', bucket, all)?.['rules'].some(
        ({ status, filter, abortIncompleteMultipartUpload: abort }: Properties) =>
          status === 'Enabled' && Object.keys(filter).length === 0 && abort !== undefined,
      ) === true,
  },
  {
    rule: 'a Kinesis stream is encrypted',
    type: 'aws:kinesis/stream:Stream',
    holds: ({ encryptionType, kmsKeyId }) => encryptionType === 'KMS' && kmsKeyId !== undefined,
  },
  {
    rule: 'a delivery stream is encrypted: by itself, or by the Kinesis stream that it reads',
    type: 'aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream',
    holds: ({ kinesisSourceConfiguration, serverSideEncryption }) =>
      kinesisSourceConfiguration !== undefined || serverSideEncryption?.enabled === true,
  },
  {
    rule: 'a delivery stream logs its errors',
    type: 'aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream',
    holds: ({ extendedS3Configuration }) => extendedS3Configuration?.cloudwatchLoggingOptions?.enabled === true,
  },
  {
    rule: 'a table of DynamoDB is encrypted with a key of the account, can be set back, and is not deleted in one step',
    type: 'aws:dynamodb/table:Table',
    holds: ({ serverSideEncryption, pointInTimeRecovery, deletionProtectionEnabled }) =>
      serverSideEncryption?.enabled === true &&
      pointInTimeRecovery?.enabled === true &&
      deletionProtectionEnabled === true,
  },
  {
    rule: 'a queue is encrypted',
    type: 'aws:sqs/queue:Queue',
    holds: ({ sqsManagedSseEnabled, kmsMasterKeyId }) => sqsManagedSseEnabled === true || kmsMasterKeyId !== undefined,
  },
  {
    rule: 'a queue refuses what comes without TLS',
    type: 'aws:sqs/queue:Queue',
    holds: (_, { outputs }, all) =>
      ofType(all, 'aws:sqs/queuePolicy:QueuePolicy').some(
        ({ inputs }) => inputs['queueUrl'] === outputs['url'] && tlsOnly(inputs['policy']),
      ),
  },
  {
    rule: 'a topic is encrypted',
    type: 'aws:sns/topic:Topic',
    holds: ({ kmsMasterKeyId }) => kmsMasterKeyId !== undefined,
  },
  {
    rule: 'a key is rotated',
    type: 'aws:kms/key:Key',
    holds: ({ enableKeyRotation }) => enableKeyRotation === true,
  },
  {
    rule: 'a log group forgets',
    type: 'aws:cloudwatch/logGroup:LogGroup',
    holds: ({ retentionInDays }) => retentionInDays > 0 && retentionInDays <= 365,
  },
  {
    rule: 'a workgroup of Athena encrypts its results, whatever a client asks for',
    type: 'aws:athena/workgroup:Workgroup',
    holds: ({ configuration }) =>
      configuration?.enforceWorkgroupConfiguration === true &&
      configuration.resultConfiguration?.encryptionConfiguration !== undefined,
  },
  {
    rule: 'a security group lets nothing in, and out to TCP 443 and 9443 alone',
    type: 'aws:ec2/securityGroup:SecurityGroup',
    holds: ({ ingress, egress }) =>
      ingress?.length === 0 &&
      egress?.every(
        ({ protocol, fromPort, toPort }: Properties) =>
          protocol === 'tcp' && fromPort === toPort && [443, 9443].includes(fromPort),
      ) === true,
  },
  {
    rule: 'a default security group lets nothing in or out',
    type: 'aws:ec2/defaultSecurityGroup:DefaultSecurityGroup',
    holds: ({ ingress, egress }) => ingress?.length === 0 && egress?.length === 0,
  },
  {
    rule: 'a subnet gives out no public addresses unasked',
    type: 'aws:ec2/subnet:Subnet',
    holds: ({ mapPublicIpOnLaunch }) => mapPublicIpOnLaunch === false,
  },
  {
    rule: 'a Lambda runs on a current runtime',
    type: 'aws:lambda/function:Function',
    holds: ({ runtime }) => CURRENT_RUNTIMES.includes(runtime),
  },
  {
    rule: 'a Lambda logs into a group of the program',
    type: 'aws:lambda/function:Function',
    holds: ({ loggingConfig }) => loggingConfig?.logGroup !== undefined,
  },
  {
    rule: 'a container has no privileges, no capability and no writable root',
    type: TASK,
    holds: (inputs) =>
      containersOf(inputs).every(
        ({ privileged, readonlyRootFilesystem, linuxParameters }) =>
          privileged !== true &&
          readonlyRootFilesystem === true &&
          linuxParameters?.capabilities?.drop?.includes('ALL') &&
          linuxParameters.capabilities.add === undefined,
      ),
  },
  {
    rule: 'a container runs an image of an exact version',
    type: TASK,
    holds: (inputs) => containersOf(inputs).every(({ image }) => /:\d+\.\d+\.\d+[\w.-]*$|@sha256:/.test(image)),
  },
  {
    rule: 'a task has a network of its own',
    type: TASK,
    holds: ({ networkMode }) => networkMode === 'awsvpc',
  },
  {
    rule: 'nobody gets a shell in a task',
    type: 'aws:ecs/service:Service',
    holds: ({ enableExecuteCommand }) => enableExecuteCommand === false,
  },
  {
    rule: 'a role has no policy but its own, which the program lists',
    type: 'aws:iam/role:Role',
    holds: ({ managedPolicyArns, inlinePolicies }) => managedPolicyArns === undefined && inlinePolicies === undefined,
  },
];

/** What breaks a rule; empty: nothing. */
export function brokenRules(all: readonly Declared[]): readonly string[] {
  const broken = RULES.flatMap(({ rule, type, holds }) =>
    ofType(all, type)
      .filter((resource) => !holds(resource.inputs, resource, all))
      .map(({ name }) => `${type} ${name}: not so: ${rule}`),
  );
  const doors = all.filter(({ type }) => NEVER_DECLARED.some((never) => never.test(type)));
  return [...broken, ...doors.map(({ type, name }) => `${type} ${name}: never declared here`)];
}
