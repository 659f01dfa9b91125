/**
 * What CloudWatch says of the way through the delivery stream: whether records answered `Dropped` were accepted, how many
 * partitions were open at once, whether hours wait for registration.
 */
import { type CloudWatchClient, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { formatCount, plural } from '../../terminal.ts';
import { type Finding, failure, ok, warning } from '../finding.ts';
import { within } from '../within.ts';

/** Firehose’s metrics come with five minutes’ delay; three hours hold what a quiet stack does too. */
const WINDOW_MS = 3 * 3_600_000;
const WINDOW = 'in the last 3 h';
/** Of one value; the values of the window are put together here, as CloudWatch aligns long periods to the clock. */
const PERIOD_S = 300;
/** Partitions of a delivery stream at once, before AWS raises it: https://docs.aws.amazon.com/firehose/latest/dev/limits.html */
const PARTITIONS_QUOTA = 500;
const PARTITIONS_NEAR = 0.8 * PARTITIONS_QUOTA;

/** By figure: where it is, and how its values make one. */
const METRICS = {
  packs: ['Depthlake', 'TransformedRecords', 'Sum'],
  files: ['Depthlake', 'TransformedFiles', 'Sum'],
  refused: ['Depthlake', 'RefusedRecords', 'Sum'],
  unregistered: ['Depthlake', 'UnregisteredPartitions', 'Sum'],
  processed: ['AWS/Firehose', 'SucceedProcessing.Records', 'Sum'],
  partitions: ['AWS/Firehose', 'PartitionCount', 'Maximum'],
  exceeded: ['AWS/Firehose', 'PartitionCountExceeded', 'Maximum'],
} as const;

/** null: CloudWatch has no value. */
export type DeliveryFigures = Readonly<Record<keyof typeof METRICS, number | null>>;

/**
 * One request of seven metrics: below $0.0001.
 * @param stack dimension of the transformer’s figures
 */
export async function readFigures(
  client: CloudWatchClient,
  { stack, deliveryStream }: { readonly stack: string; readonly deliveryStream: string },
  nowMs: number,
  timeoutMs: number,
): Promise<DeliveryFigures> {
  const ours = [
    { Name: 'stack', Value: stack },
    { Name: 'function', Value: 'transformer' },
  ];
  const theirs = [{ Name: 'DeliveryStreamName', Value: deliveryStream }];
  const command = new GetMetricDataCommand({
    StartTime: new Date(nowMs - WINDOW_MS),
    EndTime: new Date(nowMs),
    MetricDataQueries: Object.entries(METRICS).map(([Id, [Namespace, MetricName, Stat]]) => {
      const Metric = { Namespace, MetricName, Dimensions: Namespace === 'Depthlake' ? ours : theirs };
      return { Id, MetricStat: { Metric, Stat, Period: PERIOD_S } };
    }),
  });
  const { MetricDataResults = [] } = await within(timeoutMs, client.send(command));
  const one = (id: string): number | null => {
    const values = MetricDataResults.find(({ Id }) => Id === id)?.Values ?? [];
    if (values.length === 0) return null;
    return METRICS[id as keyof typeof METRICS][2] === 'Sum' ? values.reduce((a, b) => a + b, 0) : Math.max(...values);
  };
  return Object.fromEntries(Object.keys(METRICS).map((id) => [id, one(id)])) as DeliveryFigures;
}

/** @param failed whether records that Firehose refused of the transformer’s answers lie under errors/ */
export function judgeFigures(figures: DeliveryFigures, failed: boolean): Finding[] {
  return [dropped(figures, failed), partitions(figures), ...registration(figures)];
}

function dropped({ packs, files, refused, processed }: DeliveryFigures, failed: boolean): Finding {
  const what = 'dropped records';
  if (packs === null || files === null) {
    const cure =
      'Set DEPTHLAKE_STACK to the stack’s name (`depthlake env`); where it is, look at the transformer’s log group.';
    return warning(what, `the transformer wrote no figures ${WINDOW}`, cure);
  }
  const counted =
    processed === null
      ? 'Firehose has no SucceedProcessing.Records'
      : `Firehose counts ${formatCount(processed)} as processed`;
  const detail = `${formatCount(packs - files)} of ${plural(packs, 'record')} were answered Dropped ${WINDOW}, ${formatCount(files)} Ok with a file; ${counted}`;
  if ((refused ?? 0) > 0) {
    const cure = 'The log group of the transformer says why, record by record.';
    return warning(what, `${detail}; ${formatCount(refused!)} were refused`, cure);
  }
  if (failed) return failure(what, `${detail}; and Firehose refused answers`, 'See errors processing-failed.');
  return ok(what, `${detail}; none is under errors/processing-failed`);
}

function partitions({ partitions: most, exceeded }: DeliveryFigures): Finding {
  const what = 'active partitions';
  const cure =
    'Raise the quota "active partitions" of Firehose in Service Quotas, or bufferSeconds: each file is a partition until it is delivered.';
  const detail = most === null ? `Firehose told no number ${WINDOW}` : `at most ${formatCount(most)} at once ${WINDOW}`;
  if ((exceeded ?? 0) > 0) return failure(what, `${detail}: the quota was exceeded`, cure);
  if ((most ?? 0) >= PARTITIONS_NEAR)
    return warning(what, `${detail}, of ${PARTITIONS_QUOTA} without a raised quota`, cure);
  return ok(what, `${detail}; the quota was not exceeded`);
}

function registration({ unregistered }: DeliveryFigures): Finding[] {
  if ((unregistered ?? 0) === 0) return [];
  const detail = `${plural(unregistered!, 'registration')} failed ${WINDOW}`;
  const cure = 'The next file of the hour tries again; the log group of the transformer says what Glue answered.';
  return [warning('registration', detail, cure)];
}
