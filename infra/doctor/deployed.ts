/** The checks of a deployed system’s own traces: its objects, its catalog, its errors, what Athena answers. It writes nothing. */
import { TABLE_NAMES, type TableName } from '../../producer/record.ts';
import { HOUR_MS } from '../../transformer/partition.ts';
import { type AwsService, awsFailure } from './aws-failure.ts';
import { checkAthena, type HourFound } from './deployed/athena-checks.ts';
import { judgeFigures, readFigures } from './deployed/delivery-figures.ts';
import { judgeFailed, readFailed } from './deployed/failed-records.ts';
import { findPartition, judgePartition } from './deployed/hour-partition.ts';
import { type HourObjects, LakeObjects, newestOf } from './deployed/lake-objects.ts';
import { judgeAge, judgeFiles, judgeKeys, readSample } from './deployed/object-sample.ts';
import type { DeployedScope } from './deployed/scope.ts';
import type { Finding } from './finding.ts';

/** Objects of each table that are read back: the newest, and as many of the closed hour. */
const SAMPLES = 10;
/** Hours of each table that are listed, at most. */
const HOURS_MAX = 4;
/** After its end an hour still gets files: the transformer’s buffer of at most 900 s, the delivery’s, and retries. */
const SETTLED_MS = 30 * 60_000;

const S3: AwsService = { variable: 'S3', permission: 's3:ListBucket on the bucket and s3:GetObject on its objects' };
const GLUE: AwsService = { variable: 'GLUE', permission: 'glue:GetPartition and glue:GetPartitions' };
const CLOUDWATCH: AwsService = { variable: 'CLOUDWATCH', permission: 'cloudwatch:GetMetricData' };

/** Objects and keys, errors, figures, partitions, and then what Athena makes of the newest closed hour. */
export async function checkDeployed(scope: DeployedScope): Promise<Finding[]> {
  const { clients, bucket, progress, timeoutMs } = scope;
  const lake = new LakeObjects(clients.s3, bucket, timeoutMs);
  const findings: Finding[] = [];
  const closed: HourFound[] = [];
  for (const table of TABLE_NAMES) {
    progress(`the newest objects of ${table}`);
    const hours = await orFailure(findings, `objects of ${table}`, S3, () =>
      checkObjects(scope, lake, table, findings),
    );
    for (const hour of hours ?? []) {
      const partition = await orFailure(findings, `partition of ${table}`, GLUE, () =>
        checkPartition(scope, hour, findings),
      );
      if (partition !== undefined && isClosed(hour, scope.nowMs)) closed.push({ ...hour, location: partition });
    }
  }
  progress('what was not delivered');
  const failed = await orFailure(findings, 'errors', S3, () => readFailed(lake));
  if (failed !== undefined) findings.push(...judgeFailed(failed));
  progress('the figures of the delivery');
  const figures = await orFailure(findings, 'figures', CLOUDWATCH, () =>
    readFigures(clients.cloudwatch, scope, scope.nowMs, timeoutMs),
  );
  const refusedAnswers = failed?.some(({ codes }) => [...codes.keys()].some(isRefusedAnswer)) ?? false;
  if (figures !== undefined) findings.push(...judgeFigures(figures, refusedAnswers));
  findings.push(...(await checkAthena(scope, lake, closed)));
  return findings;
}

/** @returns the newest hour, and the newest closed one where that is another */
async function checkObjects(
  { deliveryStream, backfillStream, nowMs }: DeployedScope,
  lake: LakeObjects,
  table: TableName,
  findings: Finding[],
): Promise<HourObjects[]> {
  const hours: HourObjects[] = [];
  for await (const hour of lake.hours(table)) {
    hours.push(hour);
    if (isClosed(hour, nowMs) || hours.length === HOURS_MAX) break;
  }
  const newest = newestOf(
    hours.flatMap(({ objects }) => objects),
    SAMPLES,
  );
  const samples = await Promise.all(newest.map((object) => readSample(lake, object, table)));
  const streams = [deliveryStream, ...(backfillStream === null ? [] : [backfillStream])];
  findings.push(judgeFiles(table, samples));
  for (const finding of [
    judgeKeys(table, samples, streams, await lake.strays(table)),
    judgeAge(table, samples, nowMs),
  ]) {
    if (finding !== null) findings.push(finding);
  }
  const [first, last] = [hours[0], hours.at(-1)];
  return first === undefined ? [] : first === last ? [first] : [first, last!];
}

/** @returns where the partition points to; null: nowhere that is known */
async function checkPartition(
  { clients, database, bucket, timeoutMs }: DeployedScope,
  hour: HourObjects,
  findings: Finding[],
): Promise<string | null> {
  const found = await findPartition(clients.glue, database, hour, timeoutMs);
  findings.push(judgePartition(hour, found, bucket));
  return found.registered?.StorageDescriptor?.Location ?? null;
}

function isClosed({ hourMs }: HourObjects, nowMs: number): boolean {
  return hourMs + HOUR_MS + SETTLED_MS <= nowMs;
}

/** The codes with which Firehose refuses an answer of the transformer, other than the transformer’s own ProcessingFailed. */
function isRefusedAnswer(code: string): boolean {
  return /^Lambda\.(MissingRecordId|DuplicatedRecordId|InvalidReturnFormat|Json\w+)$/.test(code);
}

/** @returns undefined where AWS refused, which is a finding then */
async function orFailure<T>(
  findings: Finding[],
  what: string,
  service: AwsService,
  check: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await check();
  } catch (error) {
    findings.push(awsFailure(what, error, service));
    return undefined;
  }
}
