import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ResourceOptions, runtime } from '@pulumi/pulumi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Artifacts } from '../../infra/aws/artifacts.ts';
import { Failures } from '../../infra/aws/failures.ts';
import { FeedState } from '../../infra/aws/feed-state.ts';
import { Lake, type LakeArgs, SEALED_TAG } from '../../infra/aws/lake.ts';
import { readDeployment } from '../../infra/aws/settings.ts';
import { tagEverything } from '../../infra/aws/tags.ts';
import { TABLE_NAMES, TABLES } from '../../producer/record.ts';
import { ERROR_PREFIX_EXPRESSION } from '../../transformer/partition.ts';
import { ACCOUNT, type Declared, declare, ofType, only, REGION } from './mocks.ts';

const LIFECYCLE = 'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration';
const POLICY = 'aws:s3/bucketPolicy:BucketPolicy';
const HARDENING = [
  'aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock',
  'aws:s3/bucketOwnershipControls:BucketOwnershipControls',
  'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration',
  POLICY,
  LIFECYCLE,
];

const BUNDLE = 'console.log("the producer");\n';
const BUNDLE_HASH = '7f6b9426';

const folder = mkdtempSync(join(tmpdir(), 'depthlake-artifacts-'));
const producerBundle = join(folder, 'index.mjs');
writeFileSync(producerBundle, BUNDLE);
afterAll(() => rmSync(folder, { recursive: true }));

const LAKE: LakeArgs = { archiveAfterDays: 7, archiveClass: 'GLACIER_IR', accessLogs: true };

/** Options by `<type> <name>`: mocks do not see them. */
async function declared(args: LakeArgs): Promise<{ all: readonly Declared[]; options: Map<string, ResourceOptions> }> {
  const options = new Map<string, ResourceOptions>();
  const all = await declare(() => {
    tagEverything({ project: 'depthlake', stack: 'test' });
    runtime.registerStackTransformation(({ type, name, opts }) => {
      options.set(`${type} ${name}`, opts);
      return undefined;
    });
    const lake = new Lake('lake', args);
    new Artifacts('artifacts', { producerBundle });
    new FeedState('state');
    new Failures('failures', { lake });
  });
  return { all, options };
}

let all: readonly Declared[];
let options: Map<string, ResourceOptions>;
beforeAll(async () => {
  ({ all, options } = await declared(LAKE));
});

/** Resources are registered in no fixed order. */
const names = (type: string, of = all) =>
  ofType(of, type)
    .map(({ name }) => name)
    .sort();
const rules = (name: string, of = all) => only(of, LIFECYCLE, name).inputs['rules'];
const statements = (type: string, name: string) => JSON.parse(only(all, type, name).inputs['policy']).Statement;
const optionsOf = (type: string, name: string) => options.get(`${type} ${name}`)!;

describe('a private bucket', () => {
  const NAMES = ['artifacts', 'lake', 'lake-access'];

  it.each(HARDENING)('has a %s of its own', (type) => {
    expect(names(type)).toEqual(NAMES);
    for (const name of NAMES) expect(only(all, type, name).inputs['bucket']).toBe(`${name}-a1b2c3d`);
  });

  it('is open to nobody outside the account', () => {
    for (const { inputs } of ofType(all, HARDENING[0]!)) {
      expect(inputs).toMatchObject({
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
      });
    }
    for (const { inputs } of ofType(all, HARDENING[1]!)) {
      expect(inputs['rule']).toEqual({ objectOwnership: 'BucketOwnerEnforced' });
    }
  });

  it('refuses every request without TLS', () => {
    for (const name of NAMES) {
      const arn = only(all, 'aws:s3/bucket:Bucket', name).outputs['arn'];
      expect(statements(POLICY, name)[0]).toEqual({
        Sid: 'TlsOnly',
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: [arn, `${arn}/*`],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      });
    }
  });

  it('lets in nobody by its own policy, but for S3’s log writer into the access log', () => {
    expect(statements(POLICY, 'lake')).toHaveLength(1);
    expect(statements(POLICY, 'artifacts')).toHaveLength(1);
    expect(statements(POLICY, 'lake-access').slice(1)).toEqual([
      {
        Sid: 'AccessLogs',
        Effect: 'Allow',
        Principal: { Service: 'logging.s3.amazonaws.com' },
        Action: ['s3:PutObject'],
        Resource: ['arn:aws:s3:::lake-access-a1b2c3d/lake/*'],
        Condition: {
          ArnLike: { 'aws:SourceArn': 'arn:aws:s3:::lake-a1b2c3d' },
          StringEquals: { 'aws:SourceAccount': ACCOUNT },
        },
      },
    ]);
  });

  it('is encrypted with S3’s own keys', () => {
    for (const { inputs } of ofType(all, HARDENING[2]!)) {
      expect(inputs['rules']).toEqual([{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }]);
    }
  });

  it('has its policy set after the block of public access and the ownership: S3 refuses changes at the same time', () => {
    expect(optionsOf(POLICY, 'lake').dependsOn).toHaveLength(2);
  });
});

describe('the lake', () => {
  it('cannot be destroyed by mistake, and keeps its hardening when it is left behind', () => {
    expect(only(all, 'aws:s3/bucket:Bucket', 'lake').inputs['forceDestroy']).toBe(false);
    expect(optionsOf('aws:s3/bucket:Bucket', 'lake')).toMatchObject({ protect: true, retainOnDelete: true });
    for (const type of [...HARDENING, 'aws:s3/bucketVersioning:BucketVersioning']) {
      expect(optionsOf(type, 'lake')).toMatchObject({ retainOnDelete: true });
    }
  });

  it('is versioned, and what was overwritten or deleted stays for 30 days', () => {
    const { inputs } = only(all, 'aws:s3/bucketVersioning:BucketVersioning', 'lake');
    expect(inputs['versioningConfiguration']).toEqual({ status: 'Enabled' });
    expect(rules('lake')[0]).toEqual({
      id: 'leftovers',
      status: 'Enabled',
      filter: {},
      abortIncompleteMultipartUpload: { daysAfterInitiation: 7 },
      noncurrentVersionExpiration: { noncurrentDays: 30 },
      expiration: { expiredObjectDeleteMarker: true },
    });
  });

  it('moves sealed hours to the archive class, and objects too small for it nowhere', () => {
    expect(rules('lake').filter((rule: { transitions?: unknown }) => rule.transitions !== undefined)).toEqual([
      {
        id: 'archive',
        status: 'Enabled',
        filter: { prefix: 'sealed/' },
        transitions: [{ days: 7, storageClass: 'GLACIER_IR' }],
      },
    ]);
    expect(only(all, LIFECYCLE, 'lake').inputs['transitionDefaultMinimumObjectSize']).toBe('all_storage_classes_128K');
  });

  it('lets raw files expire that sealing has tagged, and nothing else', () => {
    const expiring = rules('lake').filter((rule: { expiration?: { days?: number } }) => rule.expiration?.days);
    expect(expiring).toEqual(
      TABLE_NAMES.map((table) => ({
        id: `raw-${table}`,
        status: 'Enabled',
        filter: { and: { prefix: `${TABLES[table].folder}/`, tags: { [SEALED_TAG.key]: SEALED_TAG.value } } },
        expiration: { days: 7 },
      })),
    );
    expect(expiring).toHaveLength(2);
  });

  it('has its requests logged into a bucket that empties itself and outlives the stack', () => {
    expect(only(all, 'aws:s3/bucketLogging:BucketLogging').inputs).toEqual({
      bucket: 'lake-a1b2c3d',
      targetBucket: 'lake-access-a1b2c3d',
      targetPrefix: 'lake/',
      targetObjectKeyFormat: { partitionedPrefix: { partitionDateSource: 'EventTime' } },
    });
    expect(rules('lake-access')).toEqual([
      {
        id: 'leftovers',
        status: 'Enabled',
        filter: {},
        abortIncompleteMultipartUpload: { daysAfterInitiation: 7 },
      },
      { id: 'access-logs', status: 'Enabled', filter: {}, expiration: { days: 90 } },
    ]);
    expect(optionsOf('aws:s3/bucket:Bucket', 'lake-access')).toMatchObject({ protect: false, retainOnDelete: true });
  });

  it.each(['STANDARD_IA', 'ONEZONE_IA'])('is not to move to %s before S3 does so, at 30 days', (archiveClass) => {
    const read = (archiveAfterDays: string) =>
      readDeployment((key) => ({ symbols: 'BTCUSDT', archiveClass, archiveAfterDays })[key]);

    const problem = `archiveAfterDays 29: S3 moves objects to ${archiveClass} after 30 days or more`;
    expect(() => read('29')).toThrow(problem);
    expect(read('30').archiveAfterDays).toBe(30);
    expect(read('0').archiveAfterDays).toBe(0);
  });

  it('has neither an access log nor an archive where the settings ask for none', async () => {
    const { all: plain } = await declared({ ...LAKE, archiveAfterDays: 0, accessLogs: false });

    expect(names('aws:s3/bucket:Bucket', plain)).toEqual(['artifacts', 'lake']);
    expect(ofType(plain, 'aws:s3/bucketLogging:BucketLogging')).toEqual([]);
    expect(rules('lake', plain).map((rule: { id: string }) => rule.id)).toEqual([
      'leftovers',
      'raw-order_book',
      'raw-feed_event',
    ]);
  });
});

describe('the artifacts', () => {
  const OBJECT = 'aws:s3/bucketObjectv2:BucketObjectv2';

  it('hold the producer under the hash of its content', async () => {
    const { inputs } = only(all, OBJECT);
    expect(inputs).toMatchObject({ bucket: 'artifacts-a1b2c3d', contentType: 'text/javascript' });
    expect(inputs['sourceHash']).toMatch(new RegExp(`^${BUNDLE_HASH}[0-9a-f]{56}$`));
    expect(inputs['key']).toBe(`producer/${inputs['sourceHash']}.mjs`);
    expect(await inputs['source'].path).toBe(producerBundle);
  });

  it('keep an earlier bundle for the tasks that run it, and let none expire', () => {
    expect(optionsOf(OBJECT, 'artifacts-producer')).toMatchObject({ retainOnDelete: true });
    expect(rules('artifacts').map((rule: { id: string }) => rule.id)).toEqual(['leftovers']);
  });

  it('go with the stack', () => {
    expect(only(all, 'aws:s3/bucket:Bucket', 'artifacts').inputs['forceDestroy']).toBe(true);
    expect(optionsOf('aws:s3/bucket:Bucket', 'artifacts')).toMatchObject({ protect: false, retainOnDelete: false });
  });
});

describe('the table of the feed state', () => {
  it('is paid by the request, encrypted, and can be set back to any second', () => {
    expect(only(all, 'aws:dynamodb/table:Table').inputs).toMatchObject({
      billingMode: 'PAY_PER_REQUEST',
      pointInTimeRecovery: { enabled: true },
      serverSideEncryption: { enabled: true },
    });
  });

  it('cannot be destroyed by mistake', () => {
    expect(only(all, 'aws:dynamodb/table:Table').inputs['deletionProtectionEnabled']).toBe(true);
    expect(optionsOf('aws:dynamodb/table:Table', 'state')).toMatchObject({ protect: true, retainOnDelete: true });
  });
});

describe('the failure path', () => {
  const QUEUE = 'aws:sqs/queue:Queue';
  const QUEUE_POLICY = 'aws:sqs/queuePolicy:QueuePolicy';
  const arn = (name: string) => `arn:aws:sqs:${REGION}:${ACCOUNT}:${name}-a1b2c3d`;

  it('is two encrypted queues that keep messages for as long as SQS can', () => {
    expect(names(QUEUE)).toEqual(['failures', 'failures-dead']);
    for (const { inputs } of ofType(all, QUEUE)) {
      expect(inputs).toMatchObject({ sqsManagedSseEnabled: true, messageRetentionSeconds: 1_209_600 });
    }
  });

  it('puts a message aside that was received five times', () => {
    expect(JSON.parse(only(all, QUEUE, 'failures').inputs['redrivePolicy'])).toEqual({
      deadLetterTargetArn: arn('failures-dead'),
      maxReceiveCount: 5,
    });
    expect(only(all, QUEUE, 'failures-dead').inputs['redrivePolicy']).toBeUndefined();
  });

  it('hears of every new object that is outside the tables', () => {
    expect(only(all, 'aws:s3/bucketNotification:BucketNotification').inputs).toEqual({
      bucket: 'lake-a1b2c3d',
      eventbridge: true,
    });
    const pattern = JSON.parse(only(all, 'aws:cloudwatch/eventRule:EventRule').inputs['eventPattern']);
    expect(pattern).toEqual({
      source: ['aws.s3'],
      'detail-type': ['Object Created'],
      detail: {
        bucket: { name: ['lake-a1b2c3d'] },
        object: { key: [{ prefix: 'errors/' }, { prefix: 'quarantine/' }, { prefix: 'spill/' }] },
      },
    });
    expect(ERROR_PREFIX_EXPRESSION.startsWith(pattern.detail.object.key[0].prefix)).toBe(true);
    expect(only(all, 'aws:cloudwatch/eventTarget:EventTarget').inputs).toEqual({
      rule: 'failures-a1b2c3d',
      arn: arn('failures'),
    });
  });

  it('is told of them only once its policy lets them in', () => {
    const { dependsOn } = optionsOf('aws:cloudwatch/eventTarget:EventTarget', 'failures');
    expect(dependsOn).toEqual([expect.objectContaining({ __pulumiType: QUEUE_POLICY, __name: 'failures' })]);
  });

  it('takes messages from the rule of this lake alone, and over TLS alone', () => {
    const denied = (name: string) => ({
      Sid: 'TlsOnly',
      Effect: 'Deny',
      Principal: '*',
      Action: 'sqs:*',
      Resource: arn(name),
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    });
    expect(statements(QUEUE_POLICY, 'failures')).toEqual([
      denied('failures'),
      {
        Sid: 'NewObjectsOfTheLake',
        Effect: 'Allow',
        Principal: { Service: 'events.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: arn('failures'),
        Condition: { ArnEquals: { 'aws:SourceArn': `arn:aws:events:${REGION}:${ACCOUNT}:rule/failures-a1b2c3d` } },
      },
    ]);
    expect(statements(QUEUE_POLICY, 'failures-dead')).toEqual([denied('failures-dead')]);
  });
});
