/** Alarms of the Kinesis stream: what goes in, and what Firehose takes out. */
import type { AlarmRule } from './alarm-rule.ts';
import { FIREHOSE, KINESIS, seriesOf } from './metrics.ts';
import type { Watched } from './watched.ts';

const MINUTE = 60;

export function streamRules<V>({ stream, delivery }: Watched<V>): readonly AlarmRule<V>[] {
  return [
    {
      name: 'write-throttles',
      stage: 'stream',
      description:
        'Kinesis refuses packs because a shard takes no more. Producers send them again, then keep them on disk: nothing is lost yet. Raise `shards`, or set `streamMode` to on-demand.',
      series: seriesOf<V>(KINESIS.WriteProvisionedThroughputExceeded, stream),
      statistic: 'Sum',
      when: 'at least',
      threshold: 1,
      // One refused pack is sent again within a second; refusals in most minutes mean too few shards.
      periodSeconds: MINUTE,
      breaches: 3,
      periods: 5,
      silence: 'notBreaching',
      tellsEnd: true,
    },
    {
      name: 'read-lag',
      stage: 'stream',
      description:
        'Firehose has read more than 5 minutes behind the newest record for 15 minutes, or does not read at all. What is older than the retention of the stream is lost to the lake. See the delivery stream’s log, its role, the transformer’s errors and throttles.',
      // Not GetRecords.IteratorAgeMilliseconds of the stream: that mixes in every other reader, and a replay reads old records.
      series: seriesOf<V>(FIREHOSE.KinesisMillisBehindLatest, delivery),
      statistic: 'Maximum',
      when: 'above',
      threshold: 5 * MINUTE * 1000,
      // The retention is 24 h at least: time enough not to cry at a hiccup.
      periodSeconds: 5 * MINUTE,
      breaches: 3,
      periods: 3,
      // The stream never rests while a producer runs; a delivery stream that reports nothing does not read.
      silence: 'breaching',
      tellsEnd: true,
    },
  ];
}
