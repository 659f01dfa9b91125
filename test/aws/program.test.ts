/** The whole program, for the defaults, for each setting with another value, and for everything at once. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { environmentOf } from '../../infra/commands/stack-outputs.ts';
import { FEED_SETTINGS, readSettings } from '../../producer/config.ts';
import { ERROR_PREFIX_EXPRESSION } from '../../transformer/partition.ts';
import type { Properties } from './account.ts';
import { CHANGES, OF_THE_DEFAULTS } from './inventory.ts';
import { forcingValues, IRREPLACEABLE, replacedBetween } from './irreplaceable.ts';
import { ACCOUNT, ofType, only, PROJECT, REGION, STACK } from './mocks.ts';
import { ALLOWED, permissionsOf, tooWide, WITHOUT_RESOURCE } from './permissions.ts';
import { brokenRules } from './policies.ts';
import { danglingReferences } from './references.ts';
import { type Config, type Deployed, type Deployment, deployed, EVERYTHING, OTHER_VALUES } from './whole-program.ts';

const CONFIGS: Readonly<Record<string, Config>> = { default: {}, ...OTHER_VALUES, everything: EVERYTHING };
const NAMES = Object.keys(CONFIGS);

const deployments = new Map<string, Deployment>();
beforeAll(async () => {
  for (const [name, config] of Object.entries(CONFIGS)) deployments.set(name, await deployed(config));
}, 300_000);

const resources = (name = 'default') => deployments.get(name)!.resources;
const ofAws = (name?: string) => resources(name).filter(({ type }) => type.startsWith('aws:'));
const outputOf = (type: string, name: string, output = 'name', of = 'default') =>
  only(resources(of), type, name).outputs[output];

/** How many there are of each type. */
function counts(of: readonly Deployed[]): Readonly<Record<string, number>> {
  const types = of.map(({ type }) => type.replace(/^aws:/, '').replace(/:.*/, '')).sort();
  return Object.fromEntries(types.map((type) => [type, types.filter((other) => other === type).length]));
}

describe('what `pulumi up` makes', () => {
  test('is so many of each with the defaults', () => {
    expect(counts(ofAws())).toEqual(OF_THE_DEFAULTS);
  });

  test.each(NAMES)('differs from that as %s says', (name) => {
    const now = counts(ofAws(name));
    const types = Object.keys({ ...OF_THE_DEFAULTS, ...now });
    const changed = types.map((type) => [type, (now[type] ?? 0) - (OF_THE_DEFAULTS[type] ?? 0)] as const);

    expect(Object.fromEntries(changed.filter(([, change]) => change !== 0))).toEqual(CHANGES[name] ?? {});
  });

  test.each(NAMES)('fits together: %s', (name) => {
    expect(danglingReferences(resources(name))).toEqual([]);
  });

  test.each(NAMES)('lies in a component, which is the only one of its name: %s', (name) => {
    const urns = resources(name).map(({ urn }) => urn);

    expect(new Set(urns).size).toBe(urns.length);
    for (const { urn } of ofAws(name)) expect(urn).toMatch(/::depthlake:aws:\w+(\$depthlake:aws:\w+)*\$aws:/);
  });

  test('has a name of its own making where AWS or SQL needs one, and there alone', () => {
    const named = ofAws('everything').flatMap(({ type, name, inputs }) => {
      const of =
        type === 'aws:s3/bucket:Bucket'
          ? ['bucket', 'bucketPrefix']
          : ['name', 'namePrefix', 'dashboardName', 'family'];
      return of.filter((property) => property in inputs).map((property) => `${name}: ${inputs[property]}`);
    });

    expect(named.sort()).toEqual([
      // SQL says these.
      'catalog-feed_event: feed_event',
      'catalog-order_book: order_book',
      'catalog: depthlake_test',
      // Dashboards are named, and Pulumi makes no names for them; two stacks have two.
      'dashboard: depthlake-test',
      // Revisions count up in a family; it is no resource.
      'producer-1a: depthlake-test-producer-1a',
      'producer-1b: depthlake-test-producer-1b',
      'producer-2a: depthlake-test-producer-2a',
      'producer-2b: depthlake-test-producer-2b',
      'queries-feed_event_decoded: feed_event_decoded',
      'queries-order_book_best: order_book_best',
      'queries-order_book_decoded: order_book_decoded',
    ]);
  });
});

describe('the components are put together', () => {
  const environmentOf = (producer: string, of?: string): Properties => {
    const task = only(resources(of), 'aws:ecs/taskDefinition:TaskDefinition', producer);
    const [, container] = JSON.parse(task.inputs['containerDefinitions']);
    return Object.fromEntries(container.environment.map(({ name, value }: Properties) => [name, value]));
  };
  const locations = () =>
    ofType(resources(), 'aws:glue/catalogTable:CatalogTable').flatMap(
      ({ inputs }) => inputs['storageDescriptor'].location ?? [],
    );

  test('a producer writes to the stream, the state and the lake of the stack', () => {
    expect(environmentOf('producer-1a')).toMatchObject({
      DEPTHLAKE_STREAM: outputOf('aws:kinesis/stream:Stream', 'stream'),
      DEPTHLAKE_STATE: `dynamodb:${outputOf('aws:dynamodb/table:Table', 'feed-state')}`,
      DEPTHLAKE_SPILL_TO: `s3://${outputOf('aws:s3/bucket:Bucket', 'lake', 'bucket')}/spill/`,
    });
  });

  test('a task takes the bundle that is deployed', () => {
    const bundle = only(resources(), 'aws:s3/bucketObjectv2:BucketObjectv2').inputs;
    const { containerDefinitions } = only(resources(), 'aws:ecs/taskDefinition:TaskDefinition').inputs;

    expect(containerDefinitions).toContain(`s3://${bundle['bucket']}/${bundle['key']}`);
  });

  test('the delivery stream reads the producers’ stream, and both go through the transformer into the lake', () => {
    const type = 'aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream';
    const delivery = only(resources(), type, 'delivery').inputs;

    expect(delivery['kinesisSourceConfiguration'].kinesisStreamArn).toBe(
      outputOf('aws:kinesis/stream:Stream', 'stream', 'arn'),
    );
    for (const { inputs } of ofType(resources(), type)) {
      const s3 = inputs['extendedS3Configuration'];
      expect(s3.bucketArn).toBe(outputOf('aws:s3/bucket:Bucket', 'lake', 'arn'));
      expect(s3.processingConfiguration.processors[0].parameters[0].parameterValue).toBe(
        `${outputOf('aws:lambda/function:Function', 'transformer', 'arn')}:$LATEST`,
      );
    }
  });

  test('producers begin once Firehose reads: it delivers what comes after it is there', () => {
    const order = resources('everything');
    const delivery = order.findIndex(({ type, name }) => /firehoseDeliveryStream:/.test(type) && name === 'delivery');

    expect(delivery).toBeGreaterThan(-1);
    // A component's resources wait for what the component waits for.
    expect(order.findIndex(({ urn }) => urn.includes('depthlake:aws:Producer'))).toBeGreaterThan(delivery);
  });

  test('errors lie outside every table, and are heard of with what is quarantined and spilled', () => {
    const { eventPattern } = only(resources(), 'aws:cloudwatch/eventRule:EventRule').inputs;
    const { bucket, object } = JSON.parse(eventPattern).detail;
    const prefixes = object.key.map(({ prefix }: { prefix: string }) => prefix);

    expect(bucket.name).toEqual([outputOf('aws:s3/bucket:Bucket', 'lake', 'bucket')]);
    expect(prefixes).toEqual(['errors/', 'quarantine/', 'spill/']);
    expect(ERROR_PREFIX_EXPRESSION.startsWith(prefixes[0])).toBe(true);
    expect(locations()).toHaveLength(2);
    for (const location of locations()) {
      expect(prefixes.filter((prefix: string) => new URL(location).pathname.startsWith(`/${prefix}`))).toEqual([]);
    }
  });

  test('what Firehose may write, what the tables read and what expires once sealed are the same prefixes', () => {
    const tables = locations().map((location) => new URL(location).pathname.slice(1));
    const { rules } = only(
      resources(),
      'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration',
      'lake',
    ).inputs;
    const expiring = rules.filter(({ id }: Properties) => id.startsWith('raw-'));
    const written = permissionsOf(resources()).find(
      ({ holder, sid }) => holder === 'RolePolicy delivery' && sid === 'DeliverObjects',
    )!;
    const lake = outputOf('aws:s3/bucket:Bucket', 'lake', 'arn');

    expect(expiring.map(({ filter }: Properties) => filter.and.prefix).sort()).toEqual(tables.toSorted());
    expect([...written.resources].sort()).toEqual([...tables, 'errors/'].map((prefix) => `${lake}/${prefix}*`).sort());
  });

  test('the transformer registers hours in the tables that Athena reads, and in no view', () => {
    const tables = ofType(resources(), 'aws:glue/catalogTable:CatalogTable').filter(
      ({ inputs }) => inputs['partitionKeys'] !== undefined,
    );
    const registers = permissionsOf(resources()).find(({ actions }) => actions.includes('glue:BatchCreatePartition'))!;

    expect([...registers.resources].sort()).toEqual(
      [
        `arn:aws:glue:${REGION}:${ACCOUNT}:catalog`,
        outputOf('aws:glue/catalogDatabase:CatalogDatabase', 'catalog', 'arn'),
        ...tables.map(({ outputs }) => outputs['arn']),
      ].sort(),
    );
    expect(only(resources(), 'aws:lambda/function:Function').inputs['environment'].variables).toEqual({
      DEPTHLAKE_CODEC: 'deflate',
      DEPTHLAKE_GLUE_DATABASE: 'depthlake_test',
      DEPTHLAKE_BUCKET: outputOf('aws:s3/bucket:Bucket', 'lake', 'bucket'),
      DEPTHLAKE_STACK: STACK,
    });
  });

  test('each producer has its service, its task and its alarms, by the name that its figures carry', () => {
    const producers = ['producer-1a', 'producer-1b', 'producer-2a', 'producer-2b'];
    const alarms = ofType(resources('everything'), 'aws:cloudwatch/metricAlarm:MetricAlarm');
    const watched = alarms.flatMap(({ inputs }) => inputs['dimensions'].producer ?? []);

    for (const producer of producers) {
      expect(environmentOf(producer, 'everything')).toMatchObject({
        DEPTHLAKE_PRODUCER: producer,
        DEPTHLAKE_STACK: STACK,
      });
      expect(watched.filter((name: string) => name === producer)).toHaveLength(6);
    }
    expect(new Set(watched)).toEqual(new Set(producers));
  });

  test('each alarm watches what it is named for', () => {
    const watched = (alarm: string) =>
      only(resources(), 'aws:cloudwatch/metricAlarm:MetricAlarm', `alarms-${alarm}`).inputs['dimensions'];

    expect({
      failures: watched('failures').QueueName,
      deadLetters: watched('dead-letters').QueueName,
      freshness: watched('freshness').DeliveryStreamName,
      backfillFreshness: watched('backfill-freshness').DeliveryStreamName,
      readLag: watched('read-lag').DeliveryStreamName,
    }).toEqual({
      failures: outputOf('aws:sqs/queue:Queue', 'failures'),
      deadLetters: outputOf('aws:sqs/queue:Queue', 'failures-dead'),
      freshness: 'delivery-a1b2c3d',
      backfillFreshness: 'backfill-a1b2c3d',
      readLag: 'delivery-a1b2c3d',
    });
  });

  test('every saved query, and the first one, asks tables and views that are there', () => {
    const there = ofType(resources(), 'aws:glue/catalogTable:CatalogTable').map(({ inputs }) => inputs['name']);
    const asked = ofType(resources(), 'aws:athena/namedQuery:NamedQuery').map(({ inputs }) => inputs['query']);
    const { firstQuery } = deployments.get('default')!.outputs;
    const sources = [...asked, firstQuery].map((sql) =>
      [...sql.matchAll(/\b(?:from|join) ([\w".]+)/g)].map(([, of]) => of),
    );

    for (const of of sources) expect(of.length).toBeGreaterThan(0);
    const names = sources.flat().map((name) => name!.replace(/^"?depthlake_test"?\./, ''));
    const defined = new Set(asked.flatMap((sql) => [...sql.matchAll(/(\w+) as \(/g)].map(([, name]) => name)));
    expect(names.filter((name) => !there.includes(name) && !defined.has(name))).toEqual([]);
    expect(firstQuery).toContain('depthlake_test');
  });
});

describe('the stack’s outputs', () => {
  test('name what was made', () => {
    const { outputs } = deployments.get('everything')!;
    const made = (type: string, name: string, output?: string) => outputOf(type, name, output, 'everything');
    const DELIVERY_STREAM = 'aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream';

    expect(outputs).toEqual({
      bucket: made('aws:s3/bucket:Bucket', 'lake', 'bucket'),
      database: 'depthlake_test',
      tables: { order_book: 'order_book', feed_event: 'feed_event' },
      views: ['order_book_best', 'order_book_decoded', 'feed_event_decoded'],
      workgroup: made('aws:athena/workgroup:Workgroup', 'queries'),
      stream: made('aws:kinesis/stream:Stream', 'stream'),
      deliveryStream: made(DELIVERY_STREAM, 'delivery'),
      backfillStream: made(DELIVERY_STREAM, 'backfill'),
      stateTable: made('aws:dynamodb/table:Table', 'feed-state'),
      dashboardUrl: expect.stringMatching(/^https:\/\/.*depthlake-test$/),
      firstQuery: expect.stringMatching(/^select /),
      cluster: made('aws:ecs/cluster:Cluster', 'producer'),
      producerServices: ['1a', '1b', '2a', '2b'].map((id) => made('aws:ecs/service:Service', `producer-${id}`)),
      producerLogGroup: made('aws:cloudwatch/logGroup:LogGroup', 'producer'),
      transformerFunction: made('aws:lambda/function:Function', 'transformer'),
      transformerLogGroup: made('aws:cloudwatch/logGroup:LogGroup', 'transformer'),
      failuresQueue: made('aws:sqs/queue:Queue', 'failures', 'url'),
      environment: {
        AWS_REGION: REGION,
        DEPTHLAKE_STREAM: outputs['stream'],
        DEPTHLAKE_DELIVERY_STREAM: outputs['deliveryStream'],
        DEPTHLAKE_BACKFILL_STREAM: outputs['backfillStream'],
        DEPTHLAKE_GLUE_DATABASE: outputs['database'],
        DEPTHLAKE_BUCKET: outputs['bucket'],
        DEPTHLAKE_WORKGROUP: outputs['workgroup'],
        DEPTHLAKE_STACK: STACK,
        DEPTHLAKE_VENUE: 'binance.com',
        DEPTHLAKE_SYMBOLS: '*',
        DEPTHLAKE_BOOK: 'full',
      },
    });
  });

  test.each(NAMES)('hold the environment that `depthlake env` prints and doctor reads as settings: %s', (name) => {
    const { outputs } = deployments.get(name)!;
    const environment = environmentOf(JSON.stringify(outputs));
    const { venue, symbols, book } = readSettings(FEED_SETTINGS, {}, environment);

    expect(environment).toEqual(outputs['environment']);
    const config: Config = { venue: 'binance.us', symbols: 'BTCUSDT', book: 'depth20', ...CONFIGS[name] };
    expect({ venue, book }).toEqual({ venue: config.venue, book: config.book });
    expect(symbols).toEqual(FEED_SETTINGS.symbols.parse(config.symbols!));
  });
});

describe('tags', () => {
  /** Whether the provider's type of the resource's arguments has `tags`. */
  function hasTags(type: string): boolean {
    const [, module, file, name] = /^aws:(\w+)\/(\w+):(\w+)$/.exec(type)!;
    const url = new URL(`../../node_modules/@pulumi/aws/${module}/${file}.d.ts`, import.meta.url);
    const [, args] = readFileSync(url, 'utf8').split(`export interface ${name}Args {`);
    return /^ {4}tags\?:/m.test(args!.split('\n}')[0]!);
  }

  test('of project and stack are on every resource that can have tags, and asked of no other', () => {
    const all = NAMES.flatMap((name) => ofAws(name));
    const taggable = new Map([...new Set(all.map(({ type }) => type))].map((type) => [type, hasTags(type)]));

    for (const { type, name, inputs } of all) {
      const expected = taggable.get(type) ? { project: PROJECT, stack: STACK } : undefined;
      expect(inputs['tags'], `${type} ${name}`).toEqual(expected);
    }
    expect([...taggable.values()].filter((can) => can).length).toBeGreaterThan(15);
  });

  test('are left out for types that the program declares, no others', () => {
    const source = readFileSync(new URL('../../infra/aws/tags.ts', import.meta.url), 'utf8');
    const listed = [...source.matchAll(/'(aws:\w+\/\w+:\w+)'/g)].map(([, type]) => type!);
    const types = new Set(NAMES.flatMap((name) => ofAws(name)).map(({ type }) => type));

    expect(listed.length).toBeGreaterThan(0);
    expect(listed.filter((type) => !types.has(type))).toEqual([]);
  });
});

describe('permissions', () => {
  const rows = (table: typeof ALLOWED) =>
    Object.entries(table).flatMap(([holder, statements]) =>
      Object.entries(statements).map(([sid, actions]) => `${holder} ${sid}: ${actions.toSorted().join(', ')}`),
    );
  const allowed = (name: string) =>
    permissionsOf(resources(name))
      .filter(({ effect }) => effect === 'Allow')
      .map(({ holder, sid, actions }) => `${holder} ${sid}: ${actions.toSorted().join(', ')}`);

  test('are these, action by action', () => {
    expect(allowed('everything').sort()).toEqual(rows(ALLOWED).sort());
  });

  test.each(NAMES)('are no others with %s', (name) => {
    expect(allowed(name).filter((row) => !rows(ALLOWED).includes(row))).toEqual([]);
  });

  test.each(NAMES)('reach nothing but what is named with %s, save where AWS has no finer grain', (name) => {
    expect(permissionsOf(resources(name)).flatMap(tooWide)).toEqual([]);
  });

  test('without a finer grain are these, each with its reason', () => {
    const everywhere = permissionsOf(resources('everything')).filter(({ resources: of }) => of.includes('*'));

    expect(everywhere.map(({ holder, sid }) => `${holder} ${sid}`).sort()).toEqual(
      Object.keys(WITHOUT_RESOURCE).sort(),
    );
  });

  test('belong to roles that one service takes each', () => {
    const trusted = permissionsOf(resources()).filter(({ path }) => path === 'assumeRolePolicy');

    expect(Object.fromEntries(trusted.map(({ holder, principal }) => [holder, principal]))).toEqual({
      'Role transformer': { Service: 'lambda.amazonaws.com' },
      'Role delivery': { Service: 'firehose.amazonaws.com' },
      'Role backfill': { Service: 'firehose.amazonaws.com' },
      'Role producer-execution': { Service: 'ecs-tasks.amazonaws.com' },
      'Role producer-task': { Service: 'ecs-tasks.amazonaws.com' },
    });
  });
});

describe('the rules of policies.ts', () => {
  test.each(NAMES)('are kept with %s', (name) => {
    expect(brokenRules(resources(name))).toEqual([]);
  });
});

describe('what holds data', () => {
  test.each(NAMES)('is not replaced by a change to %s', (name) => {
    expect(replacedBetween(resources(), resources(name))).toEqual([]);
    expect(replacedBetween(resources('everything'), resources(name))).toEqual([]);
  });

  test('is known to Pulumi by these names: another one would be another resource', () => {
    const kept = IRREPLACEABLE.map(({ type, name }) =>
      resources().find((one) => one.type === type && one.name === name),
    );

    expect(kept.map((one) => one?.urn.replace(`urn:pulumi:${STACK}::${PROJECT}::`, ''))).toEqual([
      'depthlake:aws:Stream$aws:kinesis/stream:Stream::stream',
      'depthlake:aws:Delivery$aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream::delivery',
      'depthlake:aws:Delivery$aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream::backfill',
      'depthlake:aws:Delivery$aws:iam/role:Role::delivery',
      'depthlake:aws:Lake$aws:s3/bucket:Bucket::lake',
      'depthlake:aws:FeedState$aws:dynamodb/table:Table::feed-state',
      'depthlake:aws:Catalog$aws:glue/catalogDatabase:CatalogDatabase::catalog',
      'depthlake:aws:Catalog$aws:glue/catalogTable:CatalogTable::catalog-order_book',
      'depthlake:aws:Catalog$aws:glue/catalogTable:CatalogTable::catalog-feed_event',
    ]);
  });

  test('has these values where another one would replace it in every system that runs', () => {
    const set = IRREPLACEABLE.map(({ type, name, forcing }) => {
      const { inputs } = only(resources(), type, name);
      return [`${type.split(':').at(-1)} ${name}`, forcingValues(forcing, inputs)];
    });
    const partitioning = { 'extendedS3Configuration.dynamicPartitioningConfiguration.enabled': 'true' };
    const source = {
      kinesisStreamArn: outputOf('aws:kinesis/stream:Stream', 'stream', 'arn'),
      roleArn: outputOf('aws:iam/role:Role', 'delivery', 'arn'),
    };

    expect(Object.fromEntries(set)).toEqual({
      'Stream stream': {},
      'FirehoseDeliveryStream delivery': {
        destination: '"extended_s3"',
        kinesisSourceConfiguration: JSON.stringify(source),
        ...partitioning,
      },
      'FirehoseDeliveryStream backfill': { destination: '"extended_s3"', ...partitioning },
      'Role delivery': {},
      'Bucket lake': {},
      'Table feed-state': { hashKey: '"feed"' },
      'CatalogDatabase catalog': { name: '"depthlake_test"' },
      'CatalogTable catalog-order_book': { name: '"order_book"', databaseName: '"depthlake_test"' },
      'CatalogTable catalog-feed_event': { name: '"feed_event"', databaseName: '"depthlake_test"' },
    });
  });

  test('is protected, and survives the stack, as irreplaceable.ts says', () => {
    for (const { type, name, protect } of IRREPLACEABLE) {
      expect(
        resources().find((one) => one.type === type && one.name === name),
        name,
      ).toMatchObject({ protect });
    }
    const survives = ofAws('everything').filter(
      ({ retainOnDelete, type }) => retainOnDelete && !/s3\/bucket[A-Z]/.test(type),
    );
    expect(survives.map(({ name }) => name).sort()).toEqual(['feed-state', 'lake', 'lake-access', 'stream']);
  });

  test('is listed with what would take it along', () => {
    const listed = new Set(IRREPLACEABLE.map(({ type, name }) => `${type} ${name}`));

    for (const { type, name, through, forcing } of IRREPLACEABLE) {
      const inputs = JSON.stringify(forcing.map((path) => only(resources(), type, name).inputs[path.split('.')[0]!]));
      for (const other of through) {
        const [otherType, otherName] = other.split(' ');
        const { outputs } = only(resources(), otherType!, otherName);
        expect(listed).toContain(other);
        expect(
          [outputs['arn'], outputs['name']].some((value) => inputs.includes(value)),
          other,
        ).toBe(true);
      }
    }
  });
});
