/** Alarms of one producer: each names the producer at fault, as the tasks have nothing in common that could fail at once. */
import { type AlarmRule, EACH_IS_NEWS, type WatchSettings } from './alarm-rule.ts';
import { ECS, PRODUCER, seriesOf } from './metrics.ts';
import type { Watched, WatchedProducer } from './watched.ts';

const MINUTE = 60;

export function producerRules<V>(
  { stack, cluster }: Watched<V>,
  { producer, service }: WatchedProducer<V>,
  { book, every }: WatchSettings,
): readonly AlarmRule<V>[] {
  const named = (name: string) => `${name}-${producer}`;
  const figure = (name: keyof typeof PRODUCER) => seriesOf<V>(PRODUCER[name], stack, producer);
  const rules: AlarmRule<V>[] = [
    {
      name: named('feed-down'),
      stage: 'exchange',
      description: `Producer ${producer} has had no connection to the exchange for 3 minutes. It tries again by itself. See whether the exchange is up, and in the producer's log why it refuses: a 403 or 451 means that it refuses the region.`,
      series: figure('Connections'),
      statistic: 'Maximum',
      when: 'below',
      threshold: 1,
      // A connection that broke is opened again within seconds; the gauge is read once a minute.
      periodSeconds: MINUTE,
      breaches: 3,
      periods: 3,
      // A producer that says nothing is what `no-snapshots` and `no-task` tell.
      silence: 'notBreaching',
      tellsEnd: true,
    },
    {
      name: named('no-snapshots'),
      stage: 'exchange',
      description: `Producer ${producer} has recorded no snapshot for ${minutes(quietSeconds(every))}, or says nothing at all. See whether its task runs and whether its symbols trade: a single symbol can rest for so long, a set of them hardly ever.`,
      series: figure('Snapshots'),
      statistic: 'Sum',
      when: 'below',
      threshold: 1,
      periodSeconds: quietSeconds(every),
      breaches: 1,
      periods: 1,
      // A task that hangs or is gone writes no figures.
      silence: 'breaching',
      tellsEnd: true,
    },
    {
      name: named('gaps'),
      stage: 'exchange',
      description: `The exchange did not deliver everything to producer ${producer}: the lake has a hole, and a row of kind gap in feed_event for each symbol and stretch. Query feed_event for when and how much; a second producer (redundancy) closes such holes.`,
      series: figure('Gaps'),
      // A connection is handed over without a gap.
      ...EACH_IS_NEWS,
    },
    {
      name: named('spill'),
      stage: 'producer',
      description: `Producer ${producer} has kept rows on its disk for 5 minutes because Kinesis does not accept them. Nothing is lost until the spill is full. See the alarm on write throttles (more shards, or on-demand) and the producer's log for what Kinesis answers.`,
      series: figure('SpillBytes'),
      statistic: 'Minimum',
      when: 'above',
      threshold: 0,
      // A resharding and a short outage are over sooner.
      periodSeconds: MINUTE,
      breaches: 5,
      periods: 5,
      silence: 'notBreaching',
      tellsEnd: true,
    },
    {
      name: named('refused-rows'),
      stage: 'producer',
      description: `Rows of producer ${producer} are lost: memory and spill were full. Rows of kind refused in feed_event name their sequence numbers. Bring Kinesis back first (write throttles, the producer's log).`,
      series: figure('RefusedRows'),
      ...EACH_IS_NEWS,
      // Loss is told at once.
      periodSeconds: MINUTE,
    },
    {
      name: named('no-task'),
      stage: 'producer',
      description: `No task of producer ${producer} has run for 5 minutes. See the events of its ECS service and the log of the last task: an image or bundle that cannot be fetched, an address that cannot be had, or a setting that is refused.`,
      series: seriesOf<V>(ECS.CPUUtilization, cluster, service),
      // One sample a minute from each running task.
      statistic: 'SampleCount',
      when: 'below',
      threshold: 1,
      // A task that died is up again within 2 or 3 minutes, and an upgrade keeps the old one until the new one delivers.
      periodSeconds: MINUTE,
      breaches: 5,
      periods: 5,
      // Without tasks ECS reports nothing.
      silence: 'breaching',
      tellsEnd: true,
    },
  ];
  return book === 'full' ? [...rules, feedLag(named('feed-lag'), figure('FeedLag'), producer)] : rules;
}

/** Only frames with an event time have a lag, and only the book `full` takes its snapshots from such. */
function feedLag<V>(name: string, series: AlarmRule<V>['series'], producer: string): AlarmRule<V> {
  return {
    name,
    stage: 'exchange',
    description: `Book updates have reached producer ${producer} more than 5 s after the exchange's time for 5 minutes. Either the exchange is slow, or the task has too little CPU for its symbols (more shardsOfSymbols), or a clock is wrong.`,
    series,
    statistic: 'Maximum',
    when: 'above',
    // The exchange collects updates for 1 s at most, and the network takes a fraction of that.
    threshold: 5,
    // The gauge is that of one snapshot a minute: a burst is no lag, five in a row are.
    periodSeconds: MINUTE,
    breaches: 5,
    periods: 5,
    silence: 'notBreaching',
    tellsEnd: true,
  };
}

/** How long no snapshot may be recorded: 5 minutes, or two intervals where one snapshot an interval is taken. */
function quietSeconds(everyMs: number): number {
  return Math.max(5 * MINUTE, Math.ceil((2 * everyMs) / 60_000) * MINUTE);
}

function minutes(seconds: number): string {
  return `${seconds / MINUTE} minutes`;
}
