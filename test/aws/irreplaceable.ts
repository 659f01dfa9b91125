/**
 * Resources whose replacement loses data or opens a gap, with every property that forces one: what `ForceNew` marks in the
 * provider that Pulumi's is made of. The table in infra/aws/README.md is this one.
 */
import type { Properties } from './account.ts';

export interface Irreplaceable {
  /** Logical name. */
  readonly name: string;
  readonly type: string;
  /** Replacement-forcing properties, as paths. */
  readonly forcing: readonly string[];
  /** Resources whose ARN one of the forcing properties is: if they are replaced, so is this one. */
  readonly through: readonly string[];
  readonly protect: boolean;
  readonly loss: string;
  /** File of the provider under https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/ */
  readonly source: string;
}

/** As much of a declared resource as replacement depends on. */
export interface Replaceable {
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  readonly inputs: Properties;
}

const STREAM = 'aws:kinesis/stream:Stream';
const DELIVERY_STREAM = 'aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream';
const CATALOG_TABLE = 'aws:glue/catalogTable:CatalogTable';

/** Every resource of a region has it: service/…/ knows nothing of it, the provider adds it. */
const REGION = 'region';

const DELIVERY_FORCING = [
  'name',
  'destination',
  'kinesisSourceConfiguration',
  'mskSourceConfiguration',
  'extendedS3Configuration.dynamicPartitioningConfiguration.enabled',
  REGION,
];

export const IRREPLACEABLE: readonly Irreplaceable[] = [
  {
    name: 'stream',
    type: STREAM,
    forcing: ['name', REGION],
    through: [],
    protect: true,
    loss: 'Rows that were not delivered yet, and what could be replayed; the delivery stream is replaced with it.',
    source: 'service/kinesis/stream.go',
  },
  {
    name: 'delivery',
    type: DELIVERY_STREAM,
    forcing: DELIVERY_FORCING,
    through: ['aws:kinesis/stream:Stream stream', 'aws:iam/role:Role delivery'],
    protect: true,
    loss: 'A gap in the lake: the new one begins at the stream’s latest record.',
    source: 'service/firehose/delivery_stream.go',
  },
  {
    name: 'backfill',
    type: DELIVERY_STREAM,
    forcing: DELIVERY_FORCING,
    through: [],
    protect: true,
    loss: 'What was put into it and is not delivered yet; a replay under way fails.',
    source: 'service/firehose/delivery_stream.go',
  },
  {
    name: 'delivery',
    type: 'aws:iam/role:Role',
    forcing: ['name', 'namePrefix', 'path'],
    through: [],
    protect: false,
    loss: 'The delivery stream `delivery` is replaced with it: its source names the role.',
    source: 'service/iam/role.go',
  },
  {
    name: 'lake',
    type: 'aws:s3/bucket:Bucket',
    forcing: ['bucket', 'bucketPrefix', 'bucketNamespace', 'objectLockEnabled', REGION],
    through: [],
    protect: true,
    loss: 'The lake: a new bucket is empty, and the old one is no longer written to, queried, or looked after.',
    source: 'service/s3/bucket.go',
  },
  {
    name: 'feed-state',
    type: 'aws:dynamodb/table:Table',
    forcing: [
      'name',
      'hashKey',
      'rangeKey',
      'localSecondaryIndexes',
      'restoreSourceName',
      'restoreSourceTableArn',
      'restoreDateTime',
      'restoreToLatestTime',
      'importTable.s3BucketSource',
      'warmThroughput',
      REGION,
    ],
    through: [],
    protect: true,
    loss: 'The last state of each symbol: the next session cannot name the gap before it.',
    source: 'service/dynamodb/table.go',
  },
  {
    name: 'catalog',
    type: 'aws:glue/catalogDatabase:CatalogDatabase',
    forcing: ['name', 'catalogId', REGION],
    through: [],
    protect: false,
    loss: 'Its tables, and with them which hours there are, until each is registered again. No row is lost.',
    source: 'service/glue/catalog_database.go',
  },
  ...['order_book', 'feed_event'].map((table) => ({
    name: `catalog-${table}`,
    type: CATALOG_TABLE,
    forcing: ['name', 'databaseName', 'catalogId', REGION],
    through: ['aws:glue/catalogDatabase:CatalogDatabase catalog'],
    protect: false,
    loss: 'Which hours there are, until each is registered again. No row is lost.',
    source: 'service/glue/catalog_table.go',
  })),
];

/** What an update from one declaration to another would replace or delete, and why; empty: nothing. */
export function replacedBetween(before: readonly Replaceable[], after: readonly Replaceable[]): readonly string[] {
  return IRREPLACEABLE.flatMap(({ type, name, forcing }) => {
    const find = (all: readonly Replaceable[]) => all.find((one) => one.type === type && one.name === name);
    const [old, next] = [find(before), find(after)];
    if (old === undefined || next === undefined) return [`${type} ${name}: not declared under this name`];
    if (old.urn !== next.urn) return [`${type} ${name}: ${old.urn} became ${next.urn}`];
    const [was, is] = [forcingValues(forcing, old.inputs), forcingValues(forcing, next.inputs)];
    return forcing
      .filter((path) => was[path] !== is[path])
      .map((path) => `${type} ${name}: ${path}: ${was[path] ?? 'not set'} became ${is[path] ?? 'not set'}`);
  });
}

/** The properties among them that are set, as JSON by their paths. */
export function forcingValues(forcing: readonly string[], inputs: Properties): Readonly<Record<string, string>> {
  const values = forcing.map((path) => {
    const value = path.split('.').reduce<Properties | undefined>((at, key) => at?.[key], inputs);
    return [path, value] as const;
  });
  return Object.fromEntries(
    values.filter(([, value]) => value !== undefined).map(([path, value]) => [path, JSON.stringify(value)]),
  );
}

/** The rows of the README's table. */
export function replacementTable(): readonly string[] {
  const short = (type: string) => type.split(':').at(-1)!;
  return IRREPLACEABLE.map(({ name, type, forcing, through, protect, loss, source }) => {
    const properties = forcing.map((path) => `\`${path}\``).join(', ');
    const carried = through.map((of) => `${short(of.split(' ')[0]!)} \`${of.split(' ')[1]}\``).join(', ');
    const file = source.split('/').slice(-2).join('/');
    const page = `https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/${source}`;
    return `| ${short(type)} \`${name}\` | ${properties} | ${carried || '–'} | ${loss} | ${protect ? 'yes' : 'no'} | [${file}](${page}) |`;
  });
}
