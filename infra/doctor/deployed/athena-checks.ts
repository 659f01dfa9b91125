/** What Athena makes of the newest closed hour of each table: its files, the producer’s count, the views. */
import type { TableName } from '../../../producer/record.ts';
import { VIEWS } from '../../../transformer/views.ts';
import { PRICES } from '../../cost/prices.ts';
import { formatBytes, plural } from '../../terminal.ts';
import { type AwsService, awsFailure } from '../aws-failure.ts';
import { type Finding, failure, warning } from '../finding.ts';
import { judgeFilesRead, judgeRows, judgeView, missingRows, talliesIn } from './answers.ts';
import { type Answer, ask, QueryFailed } from './athena.ts';
import { type HourObjects, type LakeObjects, newestOf } from './lake-objects.ts';
import { readSample } from './object-sample.ts';
import { filesQuestion, refusalsQuestion, talliesQuestion, viewQuestion } from './questions.ts';
import type { DeployedScope } from './scope.ts';

/** A closed hour and where its partition points to; null: nowhere that is known. */
export interface HourFound extends HourObjects {
  readonly location: string | null;
}

/** Billed for each query, however little it reads: https://aws.amazon.com/athena/pricing/ */
const QUERY_MIN_BYTES = 10e6;
const DOLLARS_PER_BYTE = PRICES.athena.usd / 1e12;
/** About $0.05: an hour of hundreds of symbols is far below it. */
const SCAN_MAX_BYTES = 10e9;
/** Objects of the hour whose rows are counted in S3 too, and the largest of them: a sealed one may be large. */
const SAMPLES = 10;
const SAMPLE_MAX_BYTES = 16 * 1024 * 1024;
/** Of a listing, 1,000 keys each. */
const PAGES_MAX = 10;

const ATHENA: AwsService = {
  variable: 'ATHENA',
  permission:
    'athena:StartQueryExecution, athena:GetQueryExecution, athena:GetQueryResults and athena:StopQueryExecution on the workgroup, and s3 on its results',
};

export async function checkAthena(
  scope: DeployedScope,
  lake: LakeObjects,
  hours: readonly HourFound[],
): Promise<Finding[]> {
  const [first] = hours;
  if (first === undefined) {
    const cure = 'An hour is looked at half an hour after its end: look again then.';
    return [warning('Athena', 'not asked: no closed hour is known', cure)];
  }
  const bytes = plannedBytes(hours);
  if (bytes > SCAN_MAX_BYTES) {
    const detail = `not asked: the queries would read up to ${formatBytes(bytes)}, above ${formatBytes(SCAN_MAX_BYTES)}`;
    return [
      warning(
        'Athena',
        detail,
        'Look into the hour with `depthlake check` on a copy of it, or with a query of your own.',
      ),
    ];
  }
  await scope.notice(
    `Athena reads at most ${formatBytes(bytes)} in ${plural(queriesOf(hours), 'query', 'queries')}: about $${(bytes * DOLLARS_PER_BYTE).toFixed(4)}`,
  );
  const findings: Finding[] = [];
  for (const hour of hours) findings.push(await checkFiles(scope, lake, hour));
  const books = hours.find(({ table }) => table === 'order_book') ?? first;
  findings.push(await checkRows(scope, books.hourMs));
  for (const { name, columns } of VIEWS) {
    const of: TableName = name.startsWith('feed_event') ? 'feed_event' : 'order_book';
    const { hourMs } = hours.find(({ table }) => table === of) ?? first;
    const names = columns.map((column) => column.name);
    findings.push(
      await judged(scope, `view ${name}`, viewQuestion(name, hourMs), (answer) => judgeView(name, names, answer)),
    );
  }
  return findings;
}

/** One a table, the tallies, perhaps the refusals, one a view. */
function queriesOf(hours: readonly HourFound[]): number {
  return hours.length + 2 + VIEWS.length;
}

/** As if each query read the hours of both tables whole. */
function plannedBytes(hours: readonly HourFound[]): number {
  const bytes = hours.reduce((sum, { objects }) => sum + objects.reduce((all, object) => all + object.bytes, 0), 0);
  return queriesOf(hours) * Math.max(QUERY_MIN_BYTES, bytes);
}

async function checkFiles(scope: DeployedScope, lake: LakeObjects, hour: HourFound): Promise<Finding> {
  const { table, hourMs, location } = hour;
  scope.progress(`what Athena reads of ${table}`);
  const prefix = location?.replace(`s3://${scope.bucket}/`, '') ?? '';
  const what = `Athena files of ${table}`;
  if (prefix === '') return warning(what, 'not asked: the hour has no partition', 'See the finding on the partition.');
  const { objects } = await lake.list(prefix.endsWith('/') ? prefix : `${prefix}/`, PAGES_MAX);
  const visible = objects.filter(({ key }) => !/\/[_.][^/]*$/.test(key));
  const samples = await Promise.all(
    newestOf(
      visible.filter(({ bytes }) => bytes <= SAMPLE_MAX_BYTES),
      SAMPLES,
    ).map((object) => readSample(lake, object, table)),
  );
  const rows = new Map(
    samples.flatMap(({ key, times, fault }) => (fault === null ? [[key, times.length] as const] : [])),
  );
  const inBucket = { table, prefix, keys: visible.map(({ key }) => key), rows };
  return judged(scope, what, filesQuestion(table, hourMs), (answer) => judgeFilesRead(inBucket, answer, scope.bucket));
}

async function checkRows(scope: DeployedScope, hourMs: number): Promise<Finding> {
  scope.progress('the producer’s own count');
  return judged(scope, 'Athena rows', talliesQuestion(hourMs), async (answer) => {
    const tallied = talliesIn(answer);
    const refusals = tallied.some((each) => missingRows(each) > 0) ? await asked(scope, refusalsQuestion(hourMs)) : [];
    return judgeRows(tallied, refusals);
  });
}

function asked({ clients, ...scope }: DeployedScope, sql: string): Promise<Answer> {
  return ask({ client: clients.athena, ...scope }, sql);
}

async function judged(
  scope: DeployedScope,
  what: string,
  sql: string,
  judge: (answer: Answer) => Finding | Promise<Finding>,
): Promise<Finding> {
  try {
    return await judge(await asked(scope, sql));
  } catch (error) {
    if (!(error instanceof QueryFailed)) return awsFailure(what, error, ATHENA);
    return failure(
      what,
      error.message,
      'Run the query in the workgroup yourself; its history in the Athena console holds it.',
    );
  }
}
