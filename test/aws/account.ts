/** An account in which everything succeeds: what AWS would answer a program. */

export const ACCOUNT = '123456789012';
export const REGION = 'us-east-1';

// biome-ignore lint/suspicious/noExplicitAny: tests look into properties of every kind of resource
export type Properties = Readonly<Record<string, any>>;

/** Physical names are unlike logical ones, so that a test notices where one was taken for the other. */
const physical = (name: string) => `${name}-a1b2c3d`;

/** The part of an ARN behind the account, by type of resource; what has none here gets a general one. */
const ARNS: Readonly<Record<string, (name: string) => string>> = {
  'aws:s3/bucket:Bucket': (name) => `arn:aws:s3:::${name}`,
  'aws:kinesis/stream:Stream': (name) => arn('kinesis', `stream/${name}`),
  'aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream': (name) => arn('firehose', `deliverystream/${name}`),
  'aws:lambda/function:Function': (name) => arn('lambda', `function:${name}`),
  'aws:iam/role:Role': (name) => `arn:aws:iam::${ACCOUNT}:role/${name}`,
  'aws:cloudwatch/logGroup:LogGroup': (name) => arn('logs', `log-group:${name}`),
  'aws:cloudwatch/eventRule:EventRule': (name) => arn('events', `rule/${name}`),
  'aws:dynamodb/table:Table': (name) => arn('dynamodb', `table/${name}`),
  'aws:sqs/queue:Queue': (name) => arn('sqs', name),
  'aws:sns/topic:Topic': (name) => arn('sns', name),
  'aws:glue/catalogDatabase:CatalogDatabase': (name) => arn('glue', `database/${name}`),
  'aws:ecs/cluster:Cluster': (name) => arn('ecs', `cluster/${name}`),
  'aws:athena/workgroup:Workgroup': (name) => arn('athena', `workgroup/${name}`),
};

function arn(service: string, rest: string): string {
  return `arn:aws:${service}:${REGION}:${ACCOUNT}:${rest}`;
}

const ANSWERS: Readonly<Record<string, Record<string, unknown>>> = {
  'aws:index/getCallerIdentity:getCallerIdentity': { accountId: ACCOUNT, arn: `arn:aws:iam::${ACCOUNT}:user/test` },
  'aws:index/getRegion:getRegion': { region: REGION, id: REGION },
  'aws:index/getPartition:getPartition': { partition: 'aws', dnsSuffix: 'amazonaws.com' },
  'aws:index/getAvailabilityZones:getAvailabilityZones': { names: ['a', 'b', 'c'].map((zone) => `${REGION}${zone}`) },
};

/** A resource's properties once it is there: its inputs, and what AWS adds. */
export function created(type: string, name: string, inputs: Properties): Properties {
  const given = inputs['name'] ?? inputs['bucket'] ?? physical(name);
  const own = ARNS[type]?.(given) ?? arn('unknown', `${type.split(':').at(-1)}/${given}`);
  return { name: given, id: given, arn: own, ...inputs, ...added(type, given, own) };
}

function added(type: string, given: string, own: string): Properties {
  const url = `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${given}`;
  if (type === 'aws:s3/bucket:Bucket') return { bucket: given };
  if (type === 'aws:sqs/queue:Queue') return { url, id: url };
  if (type === 'aws:iam/role:Role') return { uniqueId: `AROA-${given}` };
  return type === 'aws:sns/topic:Topic' ? { id: own } : {};
}

/** What a call like `getRegion` answers. */
export function answered(token: string, inputs: Properties): Properties {
  return { ...inputs, ...ANSWERS[token] };
}
