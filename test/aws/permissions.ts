/** Who may do what: every policy document of a program, and the rules that each statement keeps. */
import type { Declared } from './mocks.ts';
import { leavesOf } from './references.ts';

export interface Permission {
  /** `type name`: the resource that has the document, and where in it. */
  readonly holder: string;
  readonly path: string;
  readonly sid: string;
  readonly effect: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly principal: unknown;
  readonly condition: unknown;
  /** Keys that IAM knows and nobody here needs: they allow all but what they name. */
  readonly inverted: readonly string[];
}

/** Documents are found by what they are, not by where they stand: none is overlooked. */
export function permissionsOf(declared: readonly Declared[]): readonly Permission[] {
  return declared.flatMap((resource) =>
    leavesOf(resource.inputs).flatMap(({ path, value }) =>
      typeof value === 'string' && value.includes('"Statement"') ? statementsOf(resource, path, value) : [],
    ),
  );
}

function statementsOf({ type, name }: Declared, path: string, document: string): Permission[] {
  const { Version, Statement } = JSON.parse(document);
  if (Version !== '2012-10-17') throw new Error(`${type} ${name}: policy of version ${Version}`);
  return Statement.map((statement: Record<string, string | string[]>) => ({
    holder: `${type.split(':').at(-1)} ${name}`,
    path,
    sid: statement['Sid'] ?? '',
    effect: statement['Effect'],
    actions: [statement['Action'] ?? []].flat(),
    resources: [statement['Resource'] ?? []].flat(),
    principal: statement['Principal'],
    condition: statement['Condition'],
    inverted: Object.keys(statement).filter((key) => key.startsWith('Not')),
  }));
}

const TRUST = ['sts:AssumeRole'];
const LOG = ['logs:CreateLogStream', 'logs:PutLogEvents'];
const DELIVER = {
  DeliverObjects: ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject'],
  FindBucket: ['s3:GetBucketLocation', 's3:ListBucket', 's3:ListBucketMultipartUploads'],
  Transform: ['lambda:GetFunctionConfiguration', 'lambda:InvokeFunction'],
  Log: ['logs:PutLogEvents'],
};
/** Who may do what by which statement, with everything that can be had. */
export const ALLOWED: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  'Role transformer': { '': TRUST },
  'Role delivery': { '': TRUST },
  'Role backfill': { '': TRUST },
  'Role producer-execution': { '': TRUST },
  'Role producer-task': { '': TRUST },
  'RolePolicy transformer': {
    Log: LOG,
    RegisterHours: ['glue:BatchCreatePartition'],
    KeepFailures: ['sqs:SendMessage'],
    Trace: ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'],
  },
  'RolePolicy delivery': {
    ...DELIVER,
    ReadStream: ['kinesis:DescribeStream', 'kinesis:GetRecords', 'kinesis:GetShardIterator', 'kinesis:ListShards'],
  },
  'RolePolicy backfill': DELIVER,
  'RolePolicy producer-execution': { Log: LOG },
  'RolePolicy producer-task': {
    Stream: ['kinesis:DescribeStreamSummary', 'kinesis:PutRecords'],
    State: ['dynamodb:BatchGetItem', 'dynamodb:DescribeTable', 'dynamodb:UpdateItem'],
    Spill: ['s3:PutObject'],
    Bundle: ['s3:GetObject'],
  },
  'BucketPolicy lake-access': { AccessLogs: ['s3:PutObject'] },
  'QueuePolicy failures': { NewObjectsOfTheLake: ['sqs:SendMessage'] },
  'TopicPolicy alarms-notifications': { PublishAlarms: ['sns:Publish'] },
  'Key alarms-notifications': {
    AdministerKey: [
      'kms:CancelKeyDeletion',
      'kms:DescribeKey',
      'kms:DisableKey',
      'kms:DisableKeyRotation',
      'kms:EnableKey',
      'kms:EnableKeyRotation',
      'kms:GetKeyPolicy',
      'kms:GetKeyRotationStatus',
      'kms:ListKeyPolicies',
      'kms:ListResourceTags',
      'kms:PutKeyPolicy',
      'kms:ScheduleKeyDeletion',
      'kms:TagResource',
      'kms:UntagResource',
      'kms:UpdateKeyDescription',
    ],
    EncryptAlarms: ['kms:Decrypt', 'kms:GenerateDataKey'],
  },
};

/** Statements that have no finer resource than `*`, by holder and name. */
export const WITHOUT_RESOURCE: Readonly<Record<string, string>> = {
  'RolePolicy transformer Trace':
    'X-Ray has no resources for traces: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html',
  'Key alarms-notifications AdministerKey':
    'In the policy of a key `*` is that key: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html',
  'Key alarms-notifications EncryptAlarms': 'As above.',
};

/** What a statement allows beyond what is named; empty: nothing. */
export function tooWide(permission: Permission): readonly string[] {
  const { holder, sid, effect, actions, resources, principal, condition, inverted } = permission;
  const problems = inverted.map((key) => `${key} allows all but what it names`);
  if (effect === 'Deny') return problems;
  if (actions.length === 0) problems.push('no action');
  for (const action of actions) {
    if (!/^[a-z0-9-]+:[A-Za-z0-9]+$/.test(action)) problems.push(`the action ${action} is more than one`);
  }
  const reason = WITHOUT_RESOURCE[`${holder} ${sid}`];
  for (const resource of resources) {
    if (resource === '*' && reason !== undefined) continue;
    // What comes behind the name may vary: keys under a prefix, log streams of a group.
    if (!/^arn:aws:[a-z0-9-]+:[^*]*[/:]\*?[^*]*$/.test(resource) || /^arn:aws:s3:::\*/.test(resource)) {
      problems.push(`the resource ${resource} is more than the program's`);
    }
  }
  if (JSON.stringify(principal)?.includes('*')) problems.push('everybody is let in');
  if (principal !== undefined && condition === undefined && !isOwn(principal)) {
    problems.push('a service is let in on behalf of any account');
  }
  return problems.map((problem) => `${holder} ${sid}: ${problem}`);
}

/**
 * The account itself; and Lambda, which takes a role for functions of the role's own account alone.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
 */
function isOwn(principal: unknown): boolean {
  const { AWS, Service } = principal as { AWS?: string; Service?: string };
  return Service === 'lambda.amazonaws.com' || /^arn:aws:iam::\d{12}:root$/.test(AWS ?? '');
}
