/** `depthlake doctor`: whether a venue and AWS are as a producer and a lake need them, check by check. */
import { asyncScheduler } from 'rxjs';
import { DepthlakeError } from '../../producer/errors.ts';
import type { AwsAccess } from '../doctor/aws.ts';
import type { DeployedScope } from '../doctor/deployed/scope.ts';
import type { Finding, Progress } from '../doctor/finding.ts';
import type { Group } from '../doctor/report.ts';
import { type Context, defineCommand } from './command.ts';
import { SETTINGS } from './doctor-settings.ts';

/** Between two looks at a query that runs: a query of an hour takes seconds. */
const ATHENA_POLL_MS = 500;

type DoctorContext = Context<typeof SETTINGS>;
type DoctorValues = DoctorContext['values'];

export const command = defineCommand({
  name: 'doctor',
  summary: 'Check a venue and AWS: what answers, what is missing, and what to do about it',
  settings: SETTINGS,
  examples: [
    'doctor --symbols BTCUSDT,ETHUSDT',
    'doctor --skip aws --venue binance.com --book full',
    'doctor --venue local   # the pipeline that `depthlake start` runs',
    'doctor --skip venue --stream depthlake --bucket my-lake --json',
    'doctor --deployed   # with the environment that `depthlake env` prints',
  ],
  run: doctor,
});

/** Everything that the checks need to know. */
interface Target extends Pick<DoctorValues, 'venue'> {
  readonly wsUrl: URL;
  readonly restUrl: URL;
  readonly access: AwsAccess;
}

async function doctor({ values, env, stdout, stderr, terminal }: DoctorContext): Promise<number> {
  const { groupLines, countsLine, countsOf, reportJson } = await import('../doctor/report.ts');
  const lake = values.deployed ? deployedLakeOf(values) : null;
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
  if (values.skip !== 'venue' && lake === null) {
    await add({ name: 'venue', title: target.venue, findings: await venueFindings(values, target, progress) });
  }
  if (values.skip !== 'aws') {
    await add({ name: 'aws', title: `stream ${values.stream}`, findings: await awsFindings(values, target, progress) });
  }
  if (lake !== null) {
    const notice = async (line: string) => {
      terminal.clear();
      await stderr.line(line);
    };
    const findings = await deployedFindings(values, lake, { progress, notice });
    await add({ name: 'deployed', title: `bucket ${lake.bucket}`, findings });
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
  const { bucket = null, backfillStream = null } = values;
  return checkAws({ ...values, access, bucket, backfillStream, progress });
}

/** What no default can stand for. */
interface DeployedLake {
  readonly bucket: string;
  readonly workgroup: string;
}

/** @throws DL_SETTINGS where they are not given */
function deployedLakeOf({ venue, bucket, workgroup }: DoctorValues): DeployedLake {
  if (venue === 'local') throw new DepthlakeError('DL_SETTINGS', '--deployed looks at AWS, where no venue local is');
  if (bucket !== undefined && workgroup !== undefined) return { bucket, workgroup };
  const lacking = [bucket === undefined && '--bucket', workgroup === undefined && '--workgroup'].filter(Boolean);
  const words = `--deployed needs ${lacking.join(' and ')}: eval "$(npx depthlake env)" sets them for a deployed stack`;
  throw new DepthlakeError('DL_SETTINGS', words);
}

async function deployedFindings(
  values: DoctorValues,
  lake: DeployedLake,
  listeners: Pick<DeployedScope, 'progress' | 'notice'>,
): Promise<Finding[]> {
  const [{ checkDeployed }, { openClients }] = await Promise.all([
    import('../doctor/deployed.ts'),
    import('../doctor/deployed/clients.ts'),
  ]);
  const clients = openClients();
  try {
    const { backfillStream = null } = values;
    return await checkDeployed({
      ...values,
      ...lake,
      ...listeners,
      clients,
      backfillStream,
      nowMs: Date.now(),
      pollMs: ATHENA_POLL_MS,
    });
  } finally {
    for (const client of Object.values(clients)) client.destroy();
  }
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
