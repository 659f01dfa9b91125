/** That each rule can be broken: program.test.ts shows that the program keeps them all. */
import { describe, expect, test } from 'vitest';
import { created, type Properties } from './account.ts';
import type { Declared } from './mocks.ts';
import { permissionsOf, tooWide } from './permissions.ts';
import { brokenRules, RULES } from './policies.ts';

function declared(type: string, inputs: Properties, name = 'it'): Declared {
  return { type, name, inputs, outputs: created(type, name, inputs) };
}

const IT = 'it-a1b2c3d';
const TLS_ONLY = JSON.stringify({
  Statement: [
    { Effect: 'Deny', Principal: '*', Action: 's3:*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
  ],
});
const QUEUE_URL = created('aws:sqs/queue:Queue', 'it', {})['url'];

const BUCKET_PARTS: Readonly<Record<string, Properties>> = {
  BucketPublicAccessBlock: {
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
  },
  BucketOwnershipControls: { rule: { objectOwnership: 'BucketOwnerEnforced' } },
  BucketPolicy: { policy: TLS_ONLY },
  BucketServerSideEncryptionConfiguration: {
    rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }],
  },
  BucketVersioning: { versioningConfiguration: { status: 'Enabled' } },
  BucketLifecycleConfiguration: {
    rules: [{ status: 'Enabled', filter: {}, abortIncompleteMultipartUpload: { daysAfterInitiation: 7 } }],
  },
};

/** A bucket that keeps the rules, but for the parts that are given. */
function bucket(parts: Readonly<Record<string, Properties | null>> = {}, name = 'it'): readonly Declared[] {
  const all = Object.entries({ ...BUCKET_PARTS, ...parts }).filter(([, inputs]) => inputs !== null);
  return [
    declared('aws:s3/bucket:Bucket', {}, name),
    ...all.map(([kind, inputs]) =>
      declared(`aws:s3/${kind[0]!.toLowerCase()}${kind.slice(1)}:${kind}`, { bucket: `${name}-a1b2c3d`, ...inputs }),
    ),
  ];
}

const CONTAINER = {
  image: 'public.ecr.aws/docker/library/node:24.21.0-bookworm-slim',
  readonlyRootFilesystem: true,
  linuxParameters: { capabilities: { drop: ['ALL'] } },
};

/** A type with what keeps its rules, and changes that each break one. */
const CASES: readonly (readonly [type: string, good: Properties, ...broken: Properties[]])[] = [
  ['kinesis/stream:Stream', { encryptionType: 'KMS', kmsKeyId: 'alias/aws/kinesis' }, { encryptionType: 'NONE' }],
  [
    'kinesis/firehoseDeliveryStream:FirehoseDeliveryStream',
    {
      serverSideEncryption: { enabled: true },
      extendedS3Configuration: { cloudwatchLoggingOptions: { enabled: true } },
    },
    { serverSideEncryption: undefined },
    { extendedS3Configuration: {} },
  ],
  [
    'dynamodb/table:Table',
    {
      serverSideEncryption: { enabled: true },
      pointInTimeRecovery: { enabled: true },
      deletionProtectionEnabled: true,
    },
    { serverSideEncryption: { enabled: false } },
    { pointInTimeRecovery: undefined },
    { deletionProtectionEnabled: undefined },
  ],
  ['sns/topic:Topic', { kmsMasterKeyId: 'key' }, { kmsMasterKeyId: undefined }],
  ['kms/key:Key', { enableKeyRotation: true }, { enableKeyRotation: false }],
  ['cloudwatch/logGroup:LogGroup', { retentionInDays: 30 }, { retentionInDays: undefined }, { retentionInDays: 0 }],
  [
    'athena/workgroup:Workgroup',
    {
      configuration: {
        enforceWorkgroupConfiguration: true,
        resultConfiguration: { encryptionConfiguration: { encryptionOption: 'SSE_S3' } },
      },
    },
    { configuration: { enforceWorkgroupConfiguration: true, resultConfiguration: {} } },
    { configuration: undefined },
  ],
  [
    'ec2/securityGroup:SecurityGroup',
    { ingress: [], egress: [{ protocol: 'tcp', fromPort: 443, toPort: 443 }] },
    { ingress: [{ protocol: 'tcp', fromPort: 22, toPort: 22 }] },
    { ingress: undefined },
    { egress: [{ protocol: '-1', fromPort: 0, toPort: 0 }] },
    { egress: [{ protocol: 'tcp', fromPort: 443, toPort: 9443 }] },
  ],
  [
    'ec2/defaultSecurityGroup:DefaultSecurityGroup',
    { ingress: [], egress: [] },
    { ingress: undefined },
    { egress: [{ protocol: '-1' }] },
  ],
  ['ec2/subnet:Subnet', { mapPublicIpOnLaunch: false }, { mapPublicIpOnLaunch: true }],
  [
    'lambda/function:Function',
    { runtime: 'nodejs24.x', loggingConfig: { logGroup: 'group' } },
    { runtime: 'nodejs16.x' },
    { loggingConfig: undefined },
  ],
  [
    'ecs/taskDefinition:TaskDefinition',
    { networkMode: 'awsvpc', containerDefinitions: JSON.stringify([CONTAINER]) },
    { networkMode: 'host' },
    ...[
      { privileged: true },
      { readonlyRootFilesystem: false },
      { linuxParameters: {} },
      { linuxParameters: { capabilities: { drop: ['ALL'], add: ['SYS_PTRACE'] } } },
      { image: 'node:latest' },
      { image: 'node' },
    ].map((change) => ({ containerDefinitions: JSON.stringify([CONTAINER, { ...CONTAINER, ...change }]) })),
  ],
  ['ecs/service:Service', { enableExecuteCommand: false }, { enableExecuteCommand: true }],
  [
    'iam/role:Role',
    {},
    { managedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess'] },
    { inlinePolicies: [{}] },
  ],
];

describe('a rule', () => {
  const cases = CASES.map(([type, good, ...broken]) => ({ type, good, broken }));

  test.each(cases)('of $type is kept, and each break of it is told', ({ type, good, broken }) => {
    const told = (inputs: Properties) => brokenRules([declared(`aws:${type}`, inputs)]);

    expect(told(good)).toEqual([]);
    for (const change of broken) expect(told({ ...good, ...change }), JSON.stringify(change)).toHaveLength(1);
  });

  test.each(Object.keys(BUCKET_PARTS))('of a bucket without its %s is told', (kind) => {
    expect(brokenRules(bucket())).toEqual([]);
    expect(brokenRules(bucket({ [kind]: null }))).toHaveLength(1);
  });

  test('of a bucket is not kept by half', () => {
    const halves: Readonly<Record<string, Properties>> = {
      BucketPublicAccessBlock: { ...BUCKET_PARTS['BucketPublicAccessBlock'], restrictPublicBuckets: false },
      BucketOwnershipControls: { rule: { objectOwnership: 'ObjectWriter' } },
      BucketPolicy: { policy: TLS_ONLY.replace('Deny', 'Allow') },
      BucketVersioning: { versioningConfiguration: { status: 'Suspended' } },
      BucketLifecycleConfiguration: { rules: [{ status: 'Disabled', filter: {}, abortIncompleteMultipartUpload: {} }] },
    };
    for (const [kind, inputs] of Object.entries(halves)) {
      expect(brokenRules(bucket({ [kind]: inputs })), kind).toHaveLength(1);
    }
  });

  test('lets a bucket be without versions where that has its reason, and there alone', () => {
    expect(brokenRules(bucket({ BucketVersioning: null }, 'lake-access'))).toEqual([]);
    expect(brokenRules(bucket({}, 'lake-access'))).toHaveLength(1);
  });

  test('of a queue looks at its own policy', () => {
    const queue = declared('aws:sqs/queue:Queue', { sqsManagedSseEnabled: true });
    const policy = (queueUrl: string) => declared('aws:sqs/queuePolicy:QueuePolicy', { queueUrl, policy: TLS_ONLY });

    expect(brokenRules([queue, policy(QUEUE_URL)])).toEqual([]);
    expect(brokenRules([queue, policy(`${QUEUE_URL}-of-another`)])).toHaveLength(1);
    expect(brokenRules([{ ...queue, inputs: {} }, policy(QUEUE_URL)])).toHaveLength(1);
  });

  test.each([
    'aws:iam/accessKey:AccessKey',
    'aws:lambda/functionUrl:FunctionUrl',
    'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule',
    'aws:s3/bucketAcl:BucketAcl',
  ])('keeps %s out', (type) => {
    expect(brokenRules([declared(type, {})])).toEqual([`${type} it: never declared here`]);
  });

  test('has a case here', () => {
    const shown = new Set([...CASES.map(([type]) => `aws:${type}`), 'aws:s3/bucket:Bucket', 'aws:sqs/queue:Queue']);
    expect(RULES.filter(({ type }) => !shown.has(type))).toEqual([]);
  });
});

describe('a statement', () => {
  const OWN = { Effect: 'Allow', Action: ['s3:GetObject'], Resource: [`arn:aws:s3:::${IT}/producer/*`] };
  const judged = (statement: Properties, type = 'aws:iam/rolePolicy:RolePolicy') => {
    const policy = JSON.stringify({ Version: '2012-10-17', Statement: [{ Sid: 'It', ...statement }] });
    return permissionsOf([declared(type, { policy })]).flatMap(tooWide);
  };

  test('of listed actions on a named resource is narrow enough', () => {
    expect(judged(OWN)).toEqual([]);
  });

  test.each([
    ['the action * is more than one', { Action: '*' }],
    ['the action s3:* is more than one', { Action: ['s3:*'] }],
    ['the action s3:Get* is more than one', { Action: ['s3:Get*'] }],
    ['the resource * is more than the program', { Resource: '*' }],
    ['the resource arn:aws:s3:::* is more than the program', { Resource: ['arn:aws:s3:::*'] }],
    ['the resource arn:aws:sqs:*:*:it is more than the program', { Resource: ['arn:aws:sqs:*:*:it'] }],
    ['NotAction allows all but what it names', { NotAction: ['s3:DeleteObject'] }],
    ['everybody is let in', { Principal: '*', Condition: {} }],
    ['everybody is let in', { Principal: { AWS: '*' }, Condition: {} }],
    ['a service is let in on behalf of any account', { Principal: { Service: 's3.amazonaws.com' } }],
  ])('is told: %s', (problem, change) => {
    expect(judged({ ...OWN, ...change }).join()).toContain(problem);
  });

  test('that denies may be about everybody and everything', () => {
    expect(judged({ Effect: 'Deny', Action: 's3:*', Resource: '*', Principal: '*' })).toEqual([]);
  });

  test('is found wherever a document stands', () => {
    const document = JSON.stringify({ Version: '2012-10-17', Statement: [{ ...OWN, Action: '*' }] });
    expect(permissionsOf([declared('aws:x/y:Y', { deep: [{ down: document }] })])).toMatchObject([
      { holder: 'Y it', path: 'deep[].down', actions: ['*'] },
    ]);
  });
});
