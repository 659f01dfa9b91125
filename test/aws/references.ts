/** Whether what a program declares fits together: each name and ARN in it is that of a resource that it declares. */
import type { Declared } from './mocks.ts';

/** What mocks append to a logical name: whoever says such a name means a declared resource. */
const PHYSICAL_NAME = /[\w-]+-a1b2c3d\b/g;
const PHYSICAL = /-a1b2c3d$/;
const ARN = /arn:aws[\w-]*:[\w:/.*$-]+/g;

/** ARNs of things that AWS has, or that need not exist. */
const FOREIGN_ARNS: readonly RegExp[] = [
  // The account itself, in the policy of a key.
  /^arn:aws:iam::\d{12}:root$/,
  // Of who calls, in conditions: whichever alarm, whichever task of the account.
  /^arn:aws:cloudwatch:[\w-]+:\d{12}:alarm:\*$/,
  /^arn:aws:ecs:[\w-]+:\d{12}:\*$/,
  // The account has one catalog.
  /^arn:aws:glue:[\w-]+:\d{12}:catalog$/,
];

/** What stands in a string where a value was taken for text before it was known, or is missing. */
const NO_VALUE = /undefined|\[object |Calling \[toString\]|Output<|\bNaN\b/;

/** `path [type, output]`: where the name, id or ARN of a resource stands alone, and whose it has to be. */
const REFERENCES: Readonly<Record<string, Readonly<Record<string, readonly [type: string, output: string]>>>> = {
  'aws:athena/namedQuery:NamedQuery': {
    workgroup: ['aws:athena/workgroup:Workgroup', 'name'],
    database: ['aws:glue/catalogDatabase:CatalogDatabase', 'name'],
  },
  'aws:cloudwatch/eventTarget:EventTarget': {
    rule: ['aws:cloudwatch/eventRule:EventRule', 'name'],
    arn: ['aws:sqs/queue:Queue', 'arn'],
  },
  'aws:cloudwatch/logStream:LogStream': { logGroupName: ['aws:cloudwatch/logGroup:LogGroup', 'name'] },
  'aws:cloudwatch/metricAlarm:MetricAlarm': {
    'alarmActions[]': ['aws:sns/topic:Topic', 'arn'],
    'okActions[]': ['aws:sns/topic:Topic', 'arn'],
    'dimensions.ClusterName': ['aws:ecs/cluster:Cluster', 'name'],
    'dimensions.ServiceName': ['aws:ecs/service:Service', 'name'],
    'dimensions.StreamName': ['aws:kinesis/stream:Stream', 'name'],
    'dimensions.DeliveryStreamName': ['aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream', 'name'],
    'dimensions.FunctionName': ['aws:lambda/function:Function', 'name'],
    'dimensions.QueueName': ['aws:sqs/queue:Queue', 'name'],
  },
  'aws:ec2/defaultSecurityGroup:DefaultSecurityGroup': { vpcId: ['aws:ec2/vpc:Vpc', 'id'] },
  'aws:ec2/internetGateway:InternetGateway': { vpcId: ['aws:ec2/vpc:Vpc', 'id'] },
  'aws:ec2/route:Route': {
    gatewayId: ['aws:ec2/internetGateway:InternetGateway', 'id'],
    routeTableId: ['aws:ec2/routeTable:RouteTable', 'id'],
  },
  'aws:ec2/routeTable:RouteTable': { vpcId: ['aws:ec2/vpc:Vpc', 'id'] },
  'aws:ec2/routeTableAssociation:RouteTableAssociation': {
    routeTableId: ['aws:ec2/routeTable:RouteTable', 'id'],
    subnetId: ['aws:ec2/subnet:Subnet', 'id'],
  },
  'aws:ec2/securityGroup:SecurityGroup': { vpcId: ['aws:ec2/vpc:Vpc', 'id'] },
  'aws:ec2/subnet:Subnet': { vpcId: ['aws:ec2/vpc:Vpc', 'id'] },
  'aws:ecs/service:Service': {
    cluster: ['aws:ecs/cluster:Cluster', 'arn'],
    taskDefinition: ['aws:ecs/taskDefinition:TaskDefinition', 'arn'],
    'networkConfiguration.securityGroups[]': ['aws:ec2/securityGroup:SecurityGroup', 'id'],
    'networkConfiguration.subnets[]': ['aws:ec2/subnet:Subnet', 'id'],
  },
  'aws:ecs/taskDefinition:TaskDefinition': {
    executionRoleArn: ['aws:iam/role:Role', 'arn'],
    taskRoleArn: ['aws:iam/role:Role', 'arn'],
  },
  'aws:glue/catalogTable:CatalogTable': { databaseName: ['aws:glue/catalogDatabase:CatalogDatabase', 'name'] },
  'aws:iam/rolePolicy:RolePolicy': { role: ['aws:iam/role:Role', 'name'] },
  'aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream': {
    'kinesisSourceConfiguration.kinesisStreamArn': ['aws:kinesis/stream:Stream', 'arn'],
    'kinesisSourceConfiguration.roleArn': ['aws:iam/role:Role', 'arn'],
    'extendedS3Configuration.bucketArn': ['aws:s3/bucket:Bucket', 'arn'],
    'extendedS3Configuration.roleArn': ['aws:iam/role:Role', 'arn'],
    'extendedS3Configuration.cloudwatchLoggingOptions.logGroupName': ['aws:cloudwatch/logGroup:LogGroup', 'name'],
    'extendedS3Configuration.cloudwatchLoggingOptions.logStreamName': ['aws:cloudwatch/logStream:LogStream', 'name'],
  },
  'aws:lambda/function:Function': {
    role: ['aws:iam/role:Role', 'arn'],
    'loggingConfig.logGroup': ['aws:cloudwatch/logGroup:LogGroup', 'name'],
    'environment.variables.DEPTHLAKE_BUCKET': ['aws:s3/bucket:Bucket', 'bucket'],
    'environment.variables.DEPTHLAKE_GLUE_DATABASE': ['aws:glue/catalogDatabase:CatalogDatabase', 'name'],
  },
  'aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig': {
    functionName: ['aws:lambda/function:Function', 'name'],
    'destinationConfig.onFailure.destination': ['aws:sqs/queue:Queue', 'arn'],
  },
  'aws:s3/bucketLogging:BucketLogging': {
    bucket: ['aws:s3/bucket:Bucket', 'bucket'],
    targetBucket: ['aws:s3/bucket:Bucket', 'bucket'],
  },
  'aws:sns/topic:Topic': { kmsMasterKeyId: ['aws:kms/key:Key', 'arn'] },
  'aws:sns/topicPolicy:TopicPolicy': { arn: ['aws:sns/topic:Topic', 'arn'] },
  'aws:sns/topicSubscription:TopicSubscription': { topic: ['aws:sns/topic:Topic', 'arn'] },
  'aws:sqs/queuePolicy:QueuePolicy': { queueUrl: ['aws:sqs/queue:Queue', 'url'] },
  ...Object.fromEntries(
    [
      'bucketLifecycleConfiguration:BucketLifecycleConfiguration',
      'bucketNotification:BucketNotification',
      'bucketObjectv2:BucketObjectv2',
      'bucketOwnershipControls:BucketOwnershipControls',
      'bucketPolicy:BucketPolicy',
      'bucketPublicAccessBlock:BucketPublicAccessBlock',
      'bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration',
      'bucketVersioning:BucketVersioning',
    ].map((type) => [`aws:s3/${type}`, { bucket: ['aws:s3/bucket:Bucket', 'bucket'] as const }]),
  ),
};

/** What does not fit; empty: all does. */
export function danglingReferences(declared: readonly Declared[]): readonly string[] {
  const known = knownOf(declared);
  return declared.flatMap((resource) =>
    leavesOf(resource.inputs).flatMap(({ path, value }) =>
      problemsOf(resource, path, value, known).map(
        (problem) => `${resource.type} ${resource.name} ${path}: ${problem}`,
      ),
    ),
  );
}

interface Known {
  readonly arns: readonly string[];
  readonly names: ReadonlySet<string>;
  /** `type output value` */
  readonly outputs: ReadonlySet<string>;
}

function knownOf(declared: readonly Declared[]): Known {
  const real = declared.filter(({ type }) => type.startsWith('aws:'));
  return {
    arns: real.map(({ outputs }) => outputs['arn']),
    names: new Set(real.flatMap(({ outputs }) => [outputs['name'], outputs['bucket']])),
    outputs: new Set(
      real.flatMap(({ type, outputs }) => Object.entries(outputs).map(([name, value]) => `${type} ${name} ${value}`)),
    ),
  };
}

function problemsOf({ type }: Declared, path: string, value: unknown, known: Known): string[] {
  if (value === null || value === undefined) return ['no value'];
  if (typeof value !== 'string') return [];
  const problems = NO_VALUE.test(value) ? [`"${NO_VALUE.exec(value)![0]}" in text`] : [];
  for (const [arn] of value.matchAll(ARN)) {
    if (!isKnown(arn, known) && !FOREIGN_ARNS.some((foreign) => foreign.test(arn))) problems.push(`${arn} is nobody's`);
  }
  for (const [name] of value.matchAll(PHYSICAL_NAME)) {
    if (!known.names.has(name)) problems.push(`nothing is named ${name}`);
  }
  const reference = REFERENCES[type]?.[path];
  if (reference === undefined && (known.names.has(value) || known.arns.includes(value)) && PHYSICAL.test(value)) {
    problems.push(`${value} is a resource's, and REFERENCES does not say of which type it has to be`);
  }
  if (reference !== undefined && !isGiven(value) && !known.outputs.has(`${reference.join(' ')} ${value}`)) {
    problems.push(`${value} is no ${reference.join(', ')}`);
  }
  return problems;
}

function isKnown(arn: string, { arns }: Known): boolean {
  return arns.some((known) => arn === known || arn.startsWith(`${known}/`) || arn.startsWith(`${known}:`));
}

/** Of a user's own VPC. */
function isGiven(value: string): boolean {
  return /^(vpc|subnet)-[0-9a-f]{8,17}$/.test(value);
}

/** Every value within; places in an array are `[]`. Bundles have none. */
export function leavesOf(value: unknown, path = ''): { readonly path: string; readonly value: unknown }[] {
  if (typeof value !== 'object' || value === null) return [{ path, value }];
  if ('__pulumiAsset' in value || '__pulumiArchive' in value) return [];
  if (Array.isArray(value)) return value.flatMap((one) => leavesOf(one, `${path}[]`));
  return Object.entries(value).flatMap(([key, one]) => leavesOf(one, path === '' ? key : `${path}.${key}`));
}
