/** How many resources of which type `pulumi up` makes. */

/** With the defaults; without the components. */
export const OF_THE_DEFAULTS: Readonly<Record<string, number>> = {
  'athena/namedQuery': 11,
  'athena/workgroup': 1,
  'cloudwatch/dashboard': 1,
  'cloudwatch/eventRule': 1,
  'cloudwatch/eventTarget': 1,
  'cloudwatch/logGroup': 4,
  'cloudwatch/logStream': 2,
  'cloudwatch/metricAlarm': 19,
  'dynamodb/table': 1,
  'ec2/defaultSecurityGroup': 1,
  'ec2/internetGateway': 1,
  'ec2/route': 1,
  'ec2/routeTable': 1,
  'ec2/routeTableAssociation': 2,
  'ec2/securityGroup': 1,
  'ec2/subnet': 2,
  'ec2/vpc': 1,
  'ecs/cluster': 1,
  'ecs/service': 1,
  'ecs/taskDefinition': 1,
  'glue/catalogDatabase': 1,
  'glue/catalogTable': 5,
  'iam/role': 5,
  'iam/rolePolicy': 5,
  'kinesis/firehoseDeliveryStream': 2,
  'kinesis/stream': 1,
  'lambda/function': 1,
  'lambda/functionEventInvokeConfig': 1,
  's3/bucket': 3,
  's3/bucketLifecycleConfiguration': 3,
  's3/bucketNotification': 1,
  's3/bucketObjectv2': 1,
  's3/bucketOwnershipControls': 3,
  's3/bucketPolicy': 3,
  's3/bucketPublicAccessBlock': 3,
  's3/bucketServerSideEncryptionConfiguration': 3,
  's3/bucketVersioning': 2,
  'sqs/queue': 2,
  'sqs/queuePolicy': 2,
};
const A_PRODUCER = { 'cloudwatch/metricAlarm': 6, 'ecs/service': 1, 'ecs/taskDefinition': 1 };
const OWN_VPC = {
  'ec2/defaultSecurityGroup': -1,
  'ec2/internetGateway': -1,
  'ec2/route': -1,
  'ec2/routeTable': -1,
  'ec2/routeTableAssociation': -2,
  'ec2/subnet': -2,
  'ec2/vpc': -1,
};
const ACCESS_LOG = {
  's3/bucket': 1,
  's3/bucketLifecycleConfiguration': 1,
  's3/bucketLogging': 1,
  's3/bucketOwnershipControls': 1,
  's3/bucketPolicy': 1,
  's3/bucketPublicAccessBlock': 1,
  's3/bucketServerSideEncryptionConfiguration': 1,
};
const E_MAIL = { 'kms/key': 1, 'sns/topic': 1, 'sns/topicPolicy': 1, 'sns/topicSubscription': 1 };
/** More or fewer than with the defaults; the settings that are not here change no number. */
export const CHANGES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  // The lag of the feed.
  book: { 'cloudwatch/metricAlarm': 1 },
  shardsOfSymbols: A_PRODUCER,
  redundancy: A_PRODUCER,
  alarmEmail: E_MAIL,
  vpcId: OWN_VPC,
  subnetIds: OWN_VPC,
  accessLogs: ACCESS_LOG,
  // Two shards of symbols, two producers each.
  everything: {
    ...OWN_VPC,
    ...ACCESS_LOG,
    ...E_MAIL,
    'cloudwatch/metricAlarm': 3 * 6 + 4,
    'ecs/service': 3,
    'ecs/taskDefinition': 3,
  },
};
