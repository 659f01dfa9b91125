/** `depthlake doctor`: whether a venue and AWS are as a producer and a lake need them, check by check. */
import { asyncScheduler } from 'rxjs';
import { duration, FEED_SETTINGS, oneOf, STREAM_SETTINGS } from '../../producer/config.ts';
import { DepthlakeError } from '../../producer/errors.ts';
import type { AwsAccess } from '../doctor/aws.ts';
import type { Finding, Progress } from '../doctor/finding.ts';
import type { Group } from '../doctor/report.ts';
import { type Context, defineCommand, jsonSetting } from './command.ts';
import { dataSetting } from './data-setting.ts';

const { venue, symbols, shard, book, wsUrl, restUrl } = FEED_SETTINGS;
const { stream } = STREAM_SETTINGS;

const settings = {
  ...{ venue, symbols, shard, book, wsUrl, restUrl },
  stream,
  deliveryStream: {
    flag: 'delivery-stream',
    argument: '<name>',
    help: 'Firehose delivery stream to look at',
    default: 'depthlake',
    parse: String,
  },
  database: {
    flag: 'database',
    argument: '<name>',
    help: 'Glue database to look at',
    default: 'depthlake',
    env: 'DEPTHLAKE_GLUE_DATABASE',
    parse: String,
  },
  bucket: {
    flag: 'bucket',
    argument: '<name>',
    help: 'Bucket of the lake; without it, the one that the delivery stream delivers into',
    parse: String,
  },
  skip: {
    flag: 'skip',
    argument: '<side>',
    help: 'Leave one side out: venue or aws',
    parse: oneOf(['venue', 'aws']),
  },
  timeoutMs: {
    flag: 'timeout',
    argument: '<time>',
    help: 'Longest wait for one answer, and for the first messages of all symbols',
    unit: 'ms, s, m, h',
    default: '20s',
    parse: duration(100, 600_000),
  },
  data: dataSetting('Where venue local finds the services of a running `depthlake start`'),
  json: jsonSetting('Print the findings as one JSON object'),
} as const;

type DoctorContext = Context<typeof settings>;
type DoctorValues = DoctorContext['values'];

export const command = defineCommand({
  name: 'doctor',
  summary: 'Check a venue and AWS: what answers, what is missing, and what to do about it',
  settings,
  examples: [
    'doctor --symbols BTCUSDT,ETHUSDT',
    'doctor --skip aws --venue binance.com --book full',
    'doctor --venue local   # the pipeline that `depthlake start` runs',
    'doctor --skip venue --stream depthlake --bucket my-lake --json',
  ],
  run: doctor,
});

/** Everything that the checks need to know. */
interface Target extends Pick<DoctorValues, 'venue'> {
  readonly wsUrl: URL;
  readonly restUrl: URL;
  readonly access: AwsAccess;
}

async function doctor({ values, env, stdout, terminal }: DoctorContext): Promise<number> {
  const { groupLines, countsLine, countsOf, reportJson } = await import('../doctor/report.ts');
  const target = await targetOf(values, env);
  const progress: Progress = (words) => terminal.status(`checking ${words} …`);
  const groups: Group[] = [];
  const add = async (group: Group) => {
    groups.push(group);
    terminal.clear();
    if (values.json) return;
    for (const line of groupLines(group, stdout.paint)) await stdout.line(line);
    await stdout.line();
  };
  if (values.skip !== 'venue') {
    await add({ name: 'venue', title: target.venue, findings: await venueFindings(values, target, progress) });
  }
  if (values.skip !== 'aws') {
    await add({ name: 'aws', title: `stream ${values.stream}`, findings: await awsFindings(values, target, progress) });
  }
  const counts = countsOf(groups);
  await stdout.line(values.json ? JSON.stringify(reportJson(groups), null, 2) : countsLine(counts));
  return counts.failure === 0 ? 0 : 1;
}

async function venueFindings(values: DoctorValues, target: Target, progress: Progress): Promise<Finding[]> {
  const [{ checkVenue }, { venueOf }] = await Promise.all([
    import('../doctor/venue.ts'),
    import('../../producer/feed/venues.ts'),
  ]);
  return checkVenue({
    ...values,
    ...target,
    venue: venueOf(target.venue),
    patterns: values.symbols,
    fetcher: fetch,
    scheduler: asyncScheduler,
    progress,
  });
}

async function awsFindings(values: DoctorValues, { access }: Target, progress: Progress): Promise<Finding[]> {
  const { checkAws } = await import('../doctor/aws.ts');
  return checkAws({ ...values, access, bucket: values.bucket ?? null, progress });
}

/** Venue local without hosts means the pipeline that runs on this machine, whatever venue it records. */
async function targetOf(values: DoctorValues, env: DoctorContext['env']): Promise<Target> {
  const { localAccess, STANDARD_ACCESS } = await import('../doctor/local-pipeline.ts');
  const { venueOf } = await import('../../producer/feed/venues.ts');
  const { wsUrl, restUrl } = values;
  if (values.venue !== 'local' || (wsUrl !== undefined && restUrl !== undefined)) {
    const hosts = venueOf(values.venue).hosts;
    return {
      venue: values.venue,
      wsUrl: wsUrl ?? new URL(hosts!.wsUrl),
      restUrl: restUrl ?? new URL(hosts!.restUrl),
      access: STANDARD_ACCESS,
    };
  }
  const { readEndpoints } = await import('../local/endpoints.ts');
  const endpoints = await readEndpoints(values.data);
  if (endpoints === null) {
    const words = `no pipeline runs on the folder ${values.data}: run \`depthlake start\` first, or give --ws-url and --rest-url`;
    throw new DepthlakeError('DL_SETTINGS', words);
  }
  const recorded = endpoints.venue as Target['venue'];
  const hosts = venueOf(recorded).hosts;
  return {
    venue: recorded,
    wsUrl: wsUrl ?? new URL(endpoints.ws ?? hosts!.wsUrl),
    restUrl: restUrl ?? new URL(endpoints.rest ?? hosts!.restUrl),
    access: localAccess(endpoints, env),
  };
}
