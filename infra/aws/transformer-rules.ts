/** Alarms of the transformer. */
import { type AlarmRule, EACH_IS_NEWS } from './alarm-rule.ts';
import { LAMBDA, seriesOf, TRANSFORMER, TRANSFORMER_FUNCTION } from './metrics.ts';
import type { Watched } from './watched.ts';

const MINUTE = 60;
const DURATION_PERCENT = 80;

export function transformerRules<V>(
  { transformer, stack }: Watched<V>,
  timeoutSeconds: number,
): readonly AlarmRule<V>[] {
  return [
    {
      name: 'transformer-errors',
      stage: 'transformer',
      description:
        'Calls of the transformer fail. Firehose calls again three times, then the batch goes to the error prefix and waits for recovery. See the transformer’s log.',
      series: seriesOf<V>(LAMBDA.Errors, transformer),
      // It answers for bad records, and fails for none: each failure is a fault.
      ...EACH_IS_NEWS,
    },
    {
      name: 'transformer-throttles',
      stage: 'transformer',
      description:
        'Lambda refuses calls of the transformer because the account’s concurrency is used up. Firehose calls again; after three times the batch goes to the error prefix. Raise the account’s quota or find who uses it.',
      series: seriesOf<V>(LAMBDA.Throttles, transformer),
      statistic: 'Sum',
      when: 'at least',
      threshold: 1,
      // A retry after one refusal succeeds as a rule.
      periodSeconds: 5 * MINUTE,
      breaches: 2,
      periods: 3,
      silence: 'notBreaching',
      tellsEnd: true,
    },
    {
      name: 'transformer-duration',
      stage: 'transformer',
      description: `A call of the transformer took more than ${DURATION_PERCENT} % of its time-out of ${timeoutSeconds} s. Beyond it calls fail and their batches end in the error prefix. See whether Glue answers slowly; else lower bufferSeconds.`,
      series: seriesOf<V>(LAMBDA.Duration, transformer),
      statistic: 'Maximum',
      when: 'above',
      // Integers: 0.8 × seconds × 1,000 has no exact binary fraction.
      threshold: timeoutSeconds * DURATION_PERCENT * 10,
      // A single cold start or a slow answer of Glue is no trend.
      periodSeconds: 5 * MINUTE,
      breaches: 2,
      periods: 3,
      silence: 'notBreaching',
      tellsEnd: true,
    },
    {
      name: 'refused-records',
      stage: 'transformer',
      description:
        'The transformer refused records: they could not be decoded, or did not fit its response. Their bytes lie under the error prefix with the reason. A producer of another version or a foreign writer is on the stream.',
      series: seriesOf<V>(TRANSFORMER.RefusedRecords, stack, TRANSFORMER_FUNCTION),
      // Our own packs are never refused.
      ...EACH_IS_NEWS,
    },
    {
      name: 'unregistered-partitions',
      stage: 'lake',
      description:
        'For 15 minutes hours could not be registered in Glue: their files are in the lake, but queries do not see them. See the transformer’s log for what Glue answers; the next call for the hour tries again.',
      series: seriesOf<V>(TRANSFORMER.UnregisteredPartitions, stack, TRANSFORMER_FUNCTION),
      statistic: 'Sum',
      when: 'at least',
      threshold: 1,
      // The next call tries again, so that only a failure that lasts hides rows.
      periodSeconds: 5 * MINUTE,
      breaches: 3,
      periods: 3,
      silence: 'notBreaching',
      tellsEnd: true,
    },
  ];
}
