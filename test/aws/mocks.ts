/** Pulumi's own mocks: a program runs against them as against an account in which everything succeeds. */
import * as pulumi from '@pulumi/pulumi';

export const ACCOUNT = '123456789012';
export const REGION = 'us-east-1';
export const PROJECT = 'depthlake';
export const STACK = 'test';

// biome-ignore lint/suspicious/noExplicitAny: tests look into properties of every kind of resource
type Properties = Readonly<Record<string, any>>;

/** A resource as the program declared it, with the outputs that AWS would add. */
export interface Declared {
  /** `aws:s3/bucket:Bucket` */
  readonly type: string;
  /** The logical name. */
  readonly name: string;
  readonly inputs: Properties;
  readonly outputs: Properties;
}

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

const CALLS: Readonly<Record<string, Record<string, unknown>>> = {
  'aws:index/getCallerIdentity:getCallerIdentity': { accountId: ACCOUNT, arn: `arn:aws:iam::${ACCOUNT}:user/test` },
  'aws:index/getRegion:getRegion': { region: REGION, id: REGION },
  'aws:index/getPartition:getPartition': { partition: 'aws', dnsSuffix: 'amazonaws.com' },
  'aws:index/getAvailabilityZones:getAvailabilityZones': { names: ['a', 'b', 'c'].map((zone) => `${REGION}${zone}`) },
};

/** Runs a program against mocks. @returns what it declared, components too, in the order of registration */
export async function declare(program: () => Promise<unknown> | unknown): Promise<readonly Declared[]> {
  const declared: Declared[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        const given = inputs['name'] ?? inputs['bucket'] ?? physical(name);
        const own = ARNS[type]?.(given) ?? arn('unknown', `${type.split(':').at(-1)}/${given}`);
        const outputs = { name: given, id: given, arn: own, ...inputs };
        if (type === 'aws:s3/bucket:Bucket') Object.assign(outputs, { bucket: given });
        if (type === 'aws:sqs/queue:Queue') {
          outputs.url = `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${given}`;
          outputs.id = outputs.url;
        }
        if (['aws:iam/role:Role', 'aws:sns/topic:Topic'].includes(type)) outputs.uniqueId = `AROA-${given}`;
        if (type === 'aws:sns/topic:Topic') outputs.id = own;
        declared.push({ type, name, inputs, outputs });
        return { id: outputs.id, state: outputs };
      },
      call: ({ token, inputs }) => ({ ...inputs, ...CALLS[token] }),
    },
    PROJECT,
    STACK,
    false,
  );
  // Outputs settle in rounds: the program's own end is not yet theirs.
  await pulumi.runtime.runInPulumiStack(async () => {
    await program();
    return {};
  });
  await pulumi.runtime.disconnect();
  return declared;
}

/** Of one type, in their order. */
export function ofType(declared: readonly Declared[], type: string): readonly Declared[] {
  return declared.filter((resource) => resource.type === type);
}

/** The only one of its type, or of its type and logical name. */
export function only(declared: readonly Declared[], type: string, name?: string): Declared {
  const found = ofType(declared, type).filter((resource) => name === undefined || resource.name === name);
  if (found.length !== 1) throw new Error(`${found.length} resources of ${type} ${name ?? ''}`);
  return found[0]!;
}
