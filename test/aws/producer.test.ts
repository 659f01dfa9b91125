/** The network and the producer's services as they are declared. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { output, runtime } from '@pulumi/pulumi';
import { describe, expect, test } from 'vitest';
import { Network } from '../../infra/aws/network.ts';
import { Producer } from '../../infra/aws/producer.ts';
import { readDeployment } from '../../infra/aws/settings.ts';
import { ACCOUNT, type Declared, declare, ofType, only, REGION, STACK } from './mocks.ts';

const SERVICE = 'aws:ecs/service:Service';
const TASK = 'aws:ecs/taskDefinition:TaskDefinition';
const GROUP = 'aws:ec2/securityGroup:SecurityGroup';

const LAKE = 'arn:aws:s3:::lake';
const ARTIFACTS = 'arn:aws:s3:::artifacts';
const STREAM = `arn:aws:kinesis:${REGION}:${ACCOUNT}:stream/stream`;
const TABLE = `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/state`;

/** What each resource waits for beside its inputs: names by name. */
type Waits = ReadonlyMap<string, readonly string[]>;

interface Deployed {
  readonly declared: readonly Declared[];
  readonly waits: Waits;
  readonly producer: {
    cluster: string;
    logGroup: string;
    services: { name: string; producer: string; shard: number }[];
  };
  readonly subnetIds: readonly string[];
}

async function deploy(config: Record<string, string> = {}): Promise<Deployed> {
  const settings = readDeployment((key) => config[key]);
  const waits = new Map<string, string[]>();
  const seen: { producer?: Deployed['producer']; subnetIds?: string[] } = {};
  const declared = await declare(() => {
    const names = new Map<unknown, string>();
    runtime.registerStackTransformation(({ resource, name, type, opts }) => {
      names.set(resource, `${type} ${name}`);
      const dependencies = [opts.dependsOn ?? []].flat();
      waits.set(
        `${type} ${name}`,
        dependencies.map((each) => names.get(each) ?? 'unknown'),
      );
      return undefined;
    });
    const network = new Network('network', settings);
    const producer = new Producer('producer', {
      settings,
      stack: STACK,
      network,
      stream: { name: 'stream', arn: STREAM },
      state: { table: 'state', arn: TABLE },
      lake: { bucket: 'lake', arn: LAKE },
      artifacts: { bucket: 'artifacts', arn: ARTIFACTS, producerKey: 'producer/0123.mjs' },
    });
    output({ cluster: producer.cluster, logGroup: producer.logGroup, services: producer.services }).apply((values) => {
      seen.producer = values as unknown as Deployed['producer'];
    });
    network.subnetIds.apply((ids) => {
      seen.subnetIds = ids;
    });
  });
  return { declared, waits, producer: seen.producer!, subnetIds: seen.subnetIds! };
}

// biome-ignore lint/suspicious/noExplicitAny: documents of IAM and ECS
const documentOf = (text: string): any => JSON.parse(text);

function statementsOf(declared: readonly Declared[], policy: string) {
  const { Statement } = documentOf(only(declared, 'aws:iam/rolePolicy:RolePolicy', policy).inputs['policy']);
  return Statement as { Sid: string; Effect: string; Action: string[]; Resource: string[] }[];
}

const plain = await deploy();
const redundant = await deploy({ symbols: 'all', shardsOfSymbols: '2', redundancy: '2', book: 'full' });
const given = await deploy({ vpcId: 'vpc-0a1b2c3d', subnetIds: 'subnet-00000001,subnet-00000002' });

describe('the network', () => {
  test('is two public subnets in two zones, with the internet gateway as the only way out and no NAT', () => {
    const { declared } = plain;
    const subnets = ofType(declared, 'aws:ec2/subnet:Subnet');

    expect(only(declared, 'aws:ec2/vpc:Vpc').inputs).toEqual({
      cidrBlock: '10.95.0.0/24',
      enableDnsSupport: true,
      enableDnsHostnames: true,
    });
    expect(subnets.map(({ inputs }) => [inputs['cidrBlock'], inputs['availabilityZone']])).toEqual([
      ['10.95.0.0/25', `${REGION}a`],
      ['10.95.0.128/25', `${REGION}b`],
    ]);
    expect(subnets.map(({ inputs }) => inputs['mapPublicIpOnLaunch'])).toEqual([false, false]);
    const routes = only(declared, 'aws:ec2/routeTable:RouteTable').outputs['id'];
    expect(only(declared, 'aws:ec2/route:Route').inputs).toEqual({
      routeTableId: routes,
      destinationCidrBlock: '0.0.0.0/0',
      gatewayId: only(declared, 'aws:ec2/internetGateway:InternetGateway').outputs['id'],
    });
    const associations = ofType(declared, 'aws:ec2/routeTableAssociation:RouteTableAssociation');
    expect(associations.map(({ inputs }) => [inputs['subnetId'], inputs['routeTableId']])).toEqual(
      subnets.map(({ outputs }) => [outputs['id'], routes]),
    );
    expect(plain.subnetIds).toEqual(subnets.map(({ outputs }) => outputs['id']));
    expect(declared.filter(({ type }) => /natGateway|eip|vpcEndpoint/i.test(type))).toEqual([]);
  });

  test('closes the default security group', () => {
    const { inputs } = only(plain.declared, 'aws:ec2/defaultSecurityGroup:DefaultSecurityGroup');

    expect(inputs).toMatchObject({ ingress: [], egress: [] });
  });

  test('lets nothing in to a task, and out to TCP 443 and 9443 alone', () => {
    const { ingress, egress } = only(plain.declared, GROUP).inputs;

    expect(ingress).toEqual([]);
    expect(egress).toEqual(
      [443, 9443].map((port) => ({
        description: `TCP ${port}`,
        protocol: 'tcp',
        fromPort: port,
        toPort: port,
        cidrBlocks: ['0.0.0.0/0'],
      })),
    );
  });

  test('of a given VPC is its subnets, with nothing added but the security group', () => {
    const added = given.declared.filter(({ type }) => type.startsWith('aws:ec2/'));

    expect(added.map(({ type }) => type)).toEqual([GROUP]);
    expect(added[0]!.inputs['vpcId']).toBe('vpc-0a1b2c3d');
    expect(added[0]!.inputs['egress']).toEqual(only(plain.declared, GROUP).inputs['egress']);
    expect(only(given.declared, SERVICE).inputs['networkConfiguration'].subnets).toEqual([
      'subnet-00000001',
      'subnet-00000002',
    ]);
  });
});

describe('a producer’s service', () => {
  test('runs one task on Fargate, with a public address and in the tasks’ security group', () => {
    const { inputs } = only(plain.declared, SERVICE, 'producer-1a');

    expect(inputs).toMatchObject({
      cluster: only(plain.declared, 'aws:ecs/cluster:Cluster').outputs['arn'],
      taskDefinition: only(plain.declared, TASK, 'producer-1a').outputs['arn'],
      launchType: 'FARGATE',
      desiredCount: 1,
      enableExecuteCommand: false,
      propagateTags: 'SERVICE',
      networkConfiguration: {
        assignPublicIp: true,
        subnets: plain.subnetIds,
        securityGroups: [only(plain.declared, GROUP).outputs['id']],
      },
    });
  });

  test('is replaced by one that delivers before the old one ends; one that fails is taken back, and the update says so', () => {
    expect(only(plain.declared, SERVICE).inputs).toMatchObject({
      deploymentMinimumHealthyPercent: 100,
      deploymentMaximumPercent: 200,
      deploymentConfiguration: { strategy: 'ROLLING' },
      deploymentCircuitBreaker: { enable: true, rollback: true },
      waitForSteadyState: true,
      availabilityZoneRebalancing: 'DISABLED',
    });
  });

  test('of whole books runs beside the next one until that one’s books are seeded', () => {
    const { deploymentConfiguration } = only(redundant.declared, SERVICE, 'producer-1a').inputs;

    expect(deploymentConfiguration).toEqual({ strategy: 'BLUE_GREEN', bakeTimeInMinutes: '10' });
  });

  test('waits for the way out and for its policies', () => {
    expect(plain.waits.get(`${SERVICE} producer-1a`)).toEqual([
      'depthlake:aws:Network network',
      'depthlake:aws:ProducerRoles producer',
    ]);
  });

  test('has a fixed name nowhere', () => {
    for (const { type, inputs } of plain.declared) {
      if (type !== TASK) expect(inputs, type).not.toHaveProperty('name');
    }
  });
});

describe('two producers of each shard', () => {
  test('are a service each, with a task definition each', () => {
    const names = ['1a', '1b', '2a', '2b'].map((id) => `producer-${id}`);

    expect(
      ofType(redundant.declared, SERVICE)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(names);
    const environments = ofType(redundant.declared, TASK).map(({ inputs }) => {
      const [, { environment }] = documentOf(inputs['containerDefinitions']);
      const of = (name: string) => environment.find((each: { name: string }) => each.name === name).value;
      return [of('DEPTHLAKE_PRODUCER'), of('DEPTHLAKE_SHARD')];
    });
    expect(environments.sort()).toEqual([
      ['producer-1a', '1/2'],
      ['producer-1b', '1/2'],
      ['producer-2a', '2/2'],
      ['producer-2b', '2/2'],
    ]);
  });

  test('are never replaced at once: the second waits for the first', () => {
    const waitsFor = (id: string) =>
      redundant.waits.get(`${SERVICE} producer-${id}`)!.filter((name) => name.startsWith(SERVICE));

    expect(['1a', '1b', '2a', '2b'].map(waitsFor)).toEqual([
      [],
      [`${SERVICE} producer-1a`],
      [],
      [`${SERVICE} producer-2a`],
    ]);
  });

  test('lie in different subnets', () => {
    const subnetsOf = (id: string) =>
      only(redundant.declared, SERVICE, `producer-${id}`).inputs['networkConfiguration'].subnets;
    const [first, second] = redundant.subnetIds;

    expect(['1a', '1b', '2a', '2b'].map(subnetsOf)).toEqual([[first], [second], [first], [second]]);
  });

  test('are told to whoever watches them', () => {
    const { services, cluster, logGroup } = redundant.producer;

    expect(services.map(({ producer, shard }) => [producer, shard])).toEqual([
      ['producer-1a', 1],
      ['producer-1b', 1],
      ['producer-2a', 2],
      ['producer-2b', 2],
    ]);
    expect(services.map(({ name }) => name)).toEqual(
      services.map(({ producer }) => only(redundant.declared, SERVICE, producer).outputs['name']),
    );
    expect(cluster).toBe(only(redundant.declared, 'aws:ecs/cluster:Cluster').outputs['name']);
    expect(logGroup).toBe(only(redundant.declared, 'aws:cloudwatch/logGroup:LogGroup').outputs['name']);
  });
});

describe('a task', () => {
  test('is for Fargate on arm64, of the size that the settings need', () => {
    expect(only(plain.declared, TASK).inputs).toMatchObject({
      family: 'depthlake-test-producer-1a',
      requiresCompatibilities: ['FARGATE'],
      networkMode: 'awsvpc',
      runtimePlatform: { operatingSystemFamily: 'LINUX', cpuArchitecture: 'ARM64' },
      cpu: '256',
      memory: '512',
      volumes: [{ name: 'bundle' }, { name: 'work' }],
    });
    expect(only(redundant.declared, TASK, 'producer-1a').inputs).toMatchObject({ cpu: '256', memory: '512' });
  });

  test('writes to the stream, the table, the lake and the log of this deployment', () => {
    const [bundle, producer] = documentOf(only(plain.declared, TASK).inputs['containerDefinitions']);
    const log = only(plain.declared, 'aws:cloudwatch/logGroup:LogGroup');

    expect(producer.environment).toEqual(
      expect.arrayContaining([
        { name: 'DEPTHLAKE_STREAM', value: 'stream' },
        { name: 'DEPTHLAKE_STATE', value: 'dynamodb:state' },
        { name: 'DEPTHLAKE_SPILL_TO', value: 's3://lake/spill/' },
        { name: 'DEPTHLAKE_STACK', value: STACK },
        { name: 'AWS_REGION', value: REGION },
      ]),
    );
    expect(bundle.command[0]).toContain('s3://artifacts/producer/0123.mjs');
    expect(producer.logConfiguration.options['awslogs-group']).toBe(log.outputs['name']);
    expect(log.inputs['retentionInDays']).toBe(30);
  });
});

describe('the roles', () => {
  test('are taken by tasks of this account and region alone', () => {
    for (const role of ofType(plain.declared, 'aws:iam/role:Role')) {
      expect(documentOf(role.inputs['assumeRolePolicy']).Statement, role.name).toEqual([
        {
          Effect: 'Allow',
          Principal: { Service: 'ecs-tasks.amazonaws.com' },
          Action: 'sts:AssumeRole',
          Condition: {
            StringEquals: { 'aws:SourceAccount': ACCOUNT },
            ArnLike: { 'aws:SourceArn': `arn:aws:ecs:${REGION}:${ACCOUNT}:*` },
          },
        },
      ]);
    }
  });

  test('each have their own place in the task', () => {
    const { inputs } = only(plain.declared, TASK);

    expect(inputs['executionRoleArn']).toBe(
      only(plain.declared, 'aws:iam/role:Role', 'producer-execution').outputs['arn'],
    );
    expect(inputs['taskRoleArn']).toBe(only(plain.declared, 'aws:iam/role:Role', 'producer-task').outputs['arn']);
  });

  test('let ECS write the log and nothing else', () => {
    const log = only(plain.declared, 'aws:cloudwatch/logGroup:LogGroup').outputs['arn'];

    expect(statementsOf(plain.declared, 'producer-execution')).toEqual([
      {
        Sid: 'Log',
        Effect: 'Allow',
        Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        Resource: [`${log}:*`],
      },
    ]);
  });

  test('let the producer make the calls that its code makes, each on its own resource, and bring the bundle', () => {
    const allowed = statementsOf(plain.declared, 'producer-task').flatMap(({ Action, Resource }) =>
      Action.map((action) => `${action} ${Resource.join()}`),
    );
    const resources: Readonly<Record<string, string>> = {
      kinesis: STREAM,
      dynamodb: TABLE,
      s3: `${LAKE}/spill/*`,
    };
    const called = callsOf('producer').map(({ service, call }) => `${service}:${call} ${resources[service]}`);

    expect(called).toHaveLength(6);
    expect(allowed.sort()).toEqual([...called, `s3:GetObject ${ARTIFACTS}/producer/*`].sort());
  });
});

/** The calls to AWS that the code of a folder can make: the SDK's commands that it imports. */
function callsOf(folder: string): readonly { readonly service: string; readonly call: string }[] {
  const root = fileURLToPath(new URL(`../../${folder}`, import.meta.url));
  const calls = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const source = readFileSync(`${root}/${file}`, 'utf8');
      return [...source.matchAll(/import \{([^}]*)\} from '@aws-sdk\/client-([a-z0-9-]+)'/g)].flatMap(
        ([, names, service]) =>
          [...names!.matchAll(/\b(\w+)Command\b/g)].map(([, call]) => ({ service: service!, call: call! })),
      );
    });
  return [...new Map(calls.map((each) => [`${each.service}:${each.call}`, each])).values()];
}
