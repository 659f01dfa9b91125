/**
 * Every setting of a deployment in one place. Their names are the keys of `pulumi config set`; `depthlake cost` takes the
 * same as flags. Pulumi.yaml's `config` and the README's table are written from this list by `npm run docs`.
 */
import { boolean, FEED_SETTINGS, integer, oneOf, type Setting, type ValuesOf, VENUES } from '../../producer/config.ts';
import { DepthlakeError } from '../../producer/errors.ts';
import { CODECS } from '../../transformer/codec.ts';
import { emptyShards } from './producer-services.ts';

/** As Pulumi.yaml declares it. */
export interface DeploymentSetting<T> extends Setting<T> {
  readonly type: 'string' | 'integer' | 'boolean';
}

const { symbols, book, everyMs, rawLevels } = FEED_SETTINGS;

/** The storage classes of S3 that Athena reads from; from the others it reads nothing until an object is restored. */
const ARCHIVE_CLASSES = ['GLACIER_IR', 'STANDARD_IA', 'ONEZONE_IA', 'INTELLIGENT_TIERING'] as const;
const UNREADABLE_CLASSES = ['GLACIER', 'DEEP_ARCHIVE'];
/**
 * S3 takes an object into these no earlier.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
 */
const INFREQUENT_ACCESS_DAYS = 30;

/** Not set: Pulumi asks for every declared key without a default. */
const NOT_SET = '';

export const DEPLOYMENT_SETTINGS = {
  venue: {
    flag: 'venue',
    argument: '<name>',
    help: 'Exchange to record: binance.us or binance.com',
    type: 'string',
    default: 'binance.us',
    parse: oneOf(VENUES.filter((name) => name !== 'local')),
  },
  symbols: { ...symbols, type: 'string' },
  book: { ...book, type: 'string' },
  every: { ...everyMs, type: 'string' },
  rawLevels: { ...rawLevels, type: 'boolean' },
  shardsOfSymbols: {
    flag: 'shards-of-symbols',
    argument: '<n>',
    help: 'Number of producer services that share the symbols',
    type: 'integer',
    default: '1',
    parse: integer(1, 64),
  },
  redundancy: {
    flag: 'redundancy',
    argument: '<n>',
    help: 'Producers of each shard of symbols; with 2 the feed survives the loss of one, and everything is recorded twice',
    type: 'integer',
    default: '1',
    parse: integer(1, 2),
  },
  streamMode: {
    flag: 'stream-mode',
    argument: '<mode>',
    help: 'How Kinesis is billed: provisioned or on-demand',
    type: 'string',
    default: 'provisioned',
    parse: oneOf(['provisioned', 'on-demand']),
  },
  shards: {
    flag: 'shards',
    argument: '<n>',
    help: 'Shards of the Kinesis stream where it is provisioned; each takes 1 MB or 1,000 records a second. An update can double or halve them at most',
    type: 'integer',
    default: '1',
    parse: integer(1, 200),
  },
  retentionHours: {
    flag: 'retention-hours',
    argument: '<n>',
    help: 'How long the Kinesis stream can be replayed',
    unit: 'h',
    type: 'integer',
    default: '24',
    parse: integer(24, 8760),
  },
  codec: {
    flag: 'codec',
    argument: '<name>',
    help: `Compression of the container files: ${CODECS.join(', ')}`,
    type: 'string',
    default: 'deflate',
    parse: oneOf(CODECS),
  },
  bufferSeconds: {
    flag: 'buffer-seconds',
    argument: '<n>',
    help: 'How long Firehose collects packs for one call of the transformer; longer makes fewer, larger files',
    unit: 's',
    type: 'integer',
    default: '60',
    parse: integer(0, 900),
  },
  archiveAfterDays: {
    flag: 'archive-after-days',
    argument: '<n>',
    help: 'Age at which sealed hours move to the archive class; 0: never',
    unit: 'days',
    type: 'integer',
    default: '7',
    parse: integer(0, 3650),
  },
  archiveClass: {
    flag: 'archive-class',
    argument: '<class>',
    help: `Storage class of archived hours: ${ARCHIVE_CLASSES.join(', ')}`,
    type: 'string',
    default: 'GLACIER_IR',
    parse: archiveClass,
  },
  alarmEmail: {
    flag: 'alarm-email',
    argument: '<address>',
    help: 'Where alarms are sent; empty: nowhere',
    type: 'string',
    default: NOT_SET,
    parse: optional(/^[^\s@,]+@[^\s@,]+\.[^\s@,]+$/, 'must be an e-mail address'),
  },
  vpcId: {
    flag: 'vpc-id',
    argument: '<id>',
    help: 'VPC to run the producer in; empty: one of its own. Needs subnetIds',
    type: 'string',
    default: NOT_SET,
    parse: optional(/^vpc-[0-9a-f]{8,17}$/, 'must be the id of a VPC, like vpc-0a1b2c3d'),
  },
  subnetIds: {
    flag: 'subnet-ids',
    argument: '<list>',
    help: 'Public subnets of that VPC, separated by commas; the tasks have public addresses, as there is no NAT',
    type: 'string',
    default: NOT_SET,
    parse: subnets,
  },
  accessLogs: {
    flag: 'access-logs',
    help: 'Keep a log of the requests to the lake’s bucket, in a bucket of its own',
    type: 'boolean',
    default: 'false',
    parse: boolean,
  },
  tracing: {
    flag: 'tracing',
    help: 'Trace the transformer with X-Ray',
    type: 'boolean',
    default: 'false',
    parse: boolean,
  },
} as const satisfies Record<string, DeploymentSetting<unknown>>;

/** The checked settings of a deployment: times in ms where the name says so, else in the unit of the setting. */
export type Deployment = ValuesOf<typeof DEPLOYMENT_SETTINGS>;

/**
 * @param get the value of a key as text; undefined: the default
 * @param given the keys that were set, of which a misspelt one would change nothing
 * @throws DL_SETTINGS that names every bad value and key at once
 */
export function readDeployment(get: (key: string) => string | undefined, given: readonly string[] = []): Deployment {
  const values: Record<string, unknown> = {};
  const problems = given.filter((key) => !Object.hasOwn(DEPLOYMENT_SETTINGS, key)).map(unknownKey);
  for (const [key, setting] of Object.entries(DEPLOYMENT_SETTINGS)) {
    const text = get(key) ?? setting.default;
    try {
      values[key] = setting.parse(text);
    } catch (error) {
      problems.push(`${key} ${JSON.stringify(text)}: ${(error as Error).message}`);
    }
  }
  problems.push(...contradictions(values));
  if (problems.length > 0) throw new DepthlakeError('DL_SETTINGS', problems.join('\n'));
  return values as Deployment;
}

/** What is wrong with values that are each right; a value that is not there contradicts none. */
export function contradictions(values: Partial<Deployment>): string[] {
  const { vpcId, subnetIds, archiveAfterDays: days = 0, archiveClass } = values;
  const { venue, symbols, shardsOfSymbols } = values;
  const problems: string[] = [];
  if (vpcId !== undefined && subnetIds !== undefined && (vpcId === null) !== (subnetIds === null)) {
    problems.push('vpcId and subnetIds: give both, or neither');
  }
  if (days > 0 && days < INFREQUENT_ACCESS_DAYS && archiveClass?.endsWith('_IA')) {
    problems.push(
      `archiveAfterDays ${days}: S3 moves objects to ${archiveClass} after ${INFREQUENT_ACCESS_DAYS} days or more`,
    );
  }
  if (venue !== undefined && symbols !== undefined && shardsOfSymbols !== undefined) {
    const empty = emptyShards({ venue, symbols, shardsOfSymbols });
    // Its producer would refuse to start.
    if (empty.length > 0) {
      problems.push(
        `shardsOfSymbols ${shardsOfSymbols}: of the symbols named, shard ${empty.join(', ')} of ${shardsOfSymbols} would hold none`,
      );
    }
  }
  return problems;
}

function unknownKey(key: string): string {
  return `${key}: there is no such setting; there are ${Object.keys(DEPLOYMENT_SETTINGS).join(', ')}`;
}

function archiveClass(text: string): (typeof ARCHIVE_CLASSES)[number] {
  if (UNREADABLE_CLASSES.includes(text)) {
    throw new Error(
      `Athena cannot read objects in ${text} until they are restored; take ${ARCHIVE_CLASSES.join(', ')}`,
    );
  }
  return oneOf(ARCHIVE_CLASSES)(text);
}

function optional(pattern: RegExp, problem: string): (text: string) => string | null {
  return (text) => {
    if (text === NOT_SET) return null;
    if (!pattern.test(text)) throw new Error(problem);
    return text;
  };
}

function subnets(text: string): readonly string[] | null {
  if (text === NOT_SET) return null;
  const ids = text.split(',').map((id) => id.trim());
  const bad = ids.find((id) => !/^subnet-[0-9a-f]{8,17}$/.test(id));
  if (bad !== undefined) throw new Error(`"${bad}" is no id of a subnet, like subnet-0a1b2c3d`);
  return [...new Set(ids)];
}
