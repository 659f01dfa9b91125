/** Alarms of the delivery streams, and of what did not reach the lake. */
import type { AlarmRule } from './alarm-rule.ts';
import { FIREHOSE, SQS, seriesOf } from './metrics.ts';
import type { Watched } from './watched.ts';

const MINUTE = 60;
/** AWS advises an alarm where freshness passes the longest buffer (https://docs.aws.amazon.com/firehose/latest/dev/firehose-cloudwatch-metrics-best-practices.html). */
const FRESH_SECONDS = 15 * MINUTE;
/** Of a delivery stream, unless AWS raised it (https://docs.aws.amazon.com/firehose/latest/dev/limits.html). */
export const ACTIVE_PARTITIONS = 500;

export function deliveryRules<V>(watched: Watched<V>, bufferSeconds: number): readonly AlarmRule<V>[] {
  const { delivery, backfill } = watched;
  return [
    freshness('freshness', delivery, bufferSeconds),
    // Nobody watches a replay or a recovery into the backfill stream to its end.
    freshness('backfill-freshness', backfill, bufferSeconds),
    partitions('partitions', delivery),
    // Many hours at once pass through it, each in partitions of its own.
    partitions('backfill-partitions', backfill),
    ...failureRules(watched),
  ];
}

function freshness<V>(name: string, deliveryStream: V, bufferSeconds: number): AlarmRule<V> {
  const threshold = FRESH_SECONDS + bufferSeconds;
  return {
    name,
    stage: 'delivery',
    description: `The oldest record in the delivery stream has waited for more than ${threshold} s, for a quarter of an hour: rows reach the lake late. See the delivery stream’s log, the transformer’s errors and whether its role may write to the bucket.`,
    series: seriesOf<V>(FIREHOSE['DeliveryToS3.DataFreshness'], deliveryStream),
    statistic: 'Maximum',
    when: 'above',
    // Beside the time that it may collect packs for the transformer.
    threshold,
    periodSeconds: 5 * MINUTE,
    breaches: 3,
    periods: 3,
    // Nothing is late where nothing comes; that the main one reads nothing is what `read-lag` tells.
    silence: 'notBreaching',
    tellsEnd: true,
  };
}

function partitions<V>(name: string, deliveryStream: V): AlarmRule<V> {
  return {
    name,
    stage: 'delivery',
    description: `The delivery stream has more than 80 % of the ${ACTIVE_PARTITIONS} active partitions that AWS grants; beyond them records go to the error prefix. Raise bufferSeconds (fewer, larger files), slow a replay down, or ask AWS for a higher quota.`,
    series: seriesOf<V>(FIREHOSE.PartitionCount, deliveryStream),
    statistic: 'Maximum',
    when: 'at least',
    threshold: ACTIVE_PARTITIONS * 0.8,
    periodSeconds: 5 * MINUTE,
    breaches: 1,
    periods: 1,
    silence: 'notBreaching',
    tellsEnd: true,
  };
}

function failureRules<V>({ failures, deadLetters }: Watched<V>): AlarmRule<V>[] {
  const waiting = {
    stage: 'lake',
    statistic: 'Maximum',
    when: 'at least',
    threshold: 1,
    // A queue reports every minute while it is used.
    periodSeconds: 5 * MINUTE,
    breaches: 1,
    periods: 1,
    silence: 'notBreaching',
  } as const;
  return [
    {
      ...waiting,
      name: 'failures',
      description:
        'Something failed and waits in the failure queue: a call that failed for good, or a new object under the error prefix. Each message names the object; its rows are not in the lake until they are recovered.',
      series: seriesOf<V>(SQS.ApproximateNumberOfMessagesVisible, failures),
      tellsEnd: true,
    },
    {
      ...waiting,
      name: 'dead-letters',
      description:
        'Failures could not be handled either and lie in the dead-letter queue. Read them, remove the cause, and move them back (redrive) before the queue’s retention ends.',
      series: seriesOf<V>(SQS.ApproximateNumberOfMessagesVisible, deadLetters),
      tellsEnd: false,
    },
  ];
}
