/** What the dashboard shows of each stage. */
import type { Stage, WatchSettings } from './alarm-rule.ts';
import type { Tile } from './dashboard-grid.ts';
import { foundGraph, graph, type Line, number, sums } from './dashboard-tiles.ts';
import { ACTIVE_PARTITIONS } from './delivery-rules.ts';
import {
  ECS,
  FIREHOSE,
  KINESIS,
  LAMBDA,
  type Metric,
  PRODUCER,
  S3,
  SQS,
  seriesOf,
  TRANSFORMER,
  TRANSFORMER_FUNCTION,
} from './metrics.ts';
import type { Watched } from './watched.ts';

export interface StageView {
  readonly watched: Watched<string>;
  readonly settings: WatchSettings;
  readonly region: string;
}

type Statistic = Line['statistic'];

/** In rows of the grid. */
const NUMBER_HEIGHT = 3;
const DAY_SECONDS = 86_400;
/** What comes once a day needs more than the dashboard's hours. */
const LAST_MONTH = '-P30D';

/** How much passes through a stage in a minute; of the lake, what did not reach it. */
export function stageNumber(stage: Stage, { watched, region }: StageView): Tile {
  const tile = (title: string, lines: readonly Line[]) => number(title, lines, region, NUMBER_HEIGHT);
  switch (stage) {
    case 'exchange':
      return tile('Frames a minute', ofProducers(watched, 'Frames', 'Sum'));
    case 'producer':
      return tile('Rows a minute', ofProducers(watched, 'Rows', 'Sum'));
    case 'stream':
      return tile('Records a minute', [ofStream(watched, 'IncomingRecords', 'records')]);
    case 'transformer':
      return tile('Rows written a minute', [ofTransformer(watched, 'TransformedRows', 'rows')]);
    case 'delivery':
      return tile('Objects a minute', ofDelivery(watched, 'DeliveryToS3.ObjectCount', 'Sum'));
    case 'lake':
      return tile('Failures that wait', ofQueues(watched));
  }
}

/** Rows of graphs. */
export function stageGraphs(stage: Stage, view: StageView): readonly (readonly Tile[])[] {
  return GRAPHS[stage](view);
}

const GRAPHS: Readonly<Record<Stage, (view: StageView) => readonly (readonly Tile[])[]>> = {
  exchange: ({ watched, settings, region }) => [
    [
      graph('Frames', ofProducers(watched, 'Frames', 'Sum'), { region, unit: 'a minute' }),
      graph('Gaps', ofProducers(watched, 'Gaps', 'Sum'), { region, unit: 'a minute' }),
      graph('Connections', ofProducers(watched, 'Connections', 'Minimum'), { region, unit: 'connections' }),
      settings.book === 'full'
        ? graph('Feed lag', ofProducers(watched, 'FeedLag', 'Maximum'), { region, unit: 's' })
        : graph('Reconnects', ofProducers(watched, 'Reconnects', 'Sum'), { region, unit: 'a minute' }),
    ],
  ],
  producer: ({ watched, settings, region }) => [
    [
      graph('Snapshots', ofProducers(watched, 'Snapshots', 'Sum'), { region, unit: 'a minute' }),
      graph('From the socket to Kinesis, 99 %', ofProducers(watched, 'SocketToKinesisP99', 'Maximum'), {
        region,
        unit: 's',
      }),
      graph('Spill', ofProducers(watched, 'SpillBytes', 'Maximum'), { region, unit: 'bytes' }),
      graph('Refused rows', ofProducers(watched, 'RefusedRows', 'Sum'), { region, unit: 'a minute' }),
    ],
    [
      graph('Running tasks', ofServices(watched, 'CPUUtilization', 'SampleCount'), { region, unit: 'tasks' }),
      graph('CPU', ofServices(watched, 'CPUUtilization', 'Maximum'), { region, unit: '%' }),
      graph('Memory', ofServices(watched, 'MemoryUtilization', 'Maximum'), { region, unit: '%' }),
      // depth20 alone is never proved.
      settings.book === 'depth20'
        ? graph('Queue', ofProducers(watched, 'QueueBytes', 'Maximum'), { region, unit: 'bytes' })
        : graph('Snapshots not verified', ofProducers(watched, 'UnverifiedSnapshots', 'Sum'), {
            region,
            unit: 'a minute',
          }),
    ],
  ],
  stream: ({ watched, region }) => [
    [
      graph('Incoming', [ofStream(watched, 'IncomingBytes', 'bytes')], { region, unit: 'bytes a minute' }),
      graph('Records', [ofStream(watched, 'IncomingRecords', 'records')], { region, unit: 'a minute' }),
      graph(
        'Throttles',
        [
          ofStream(watched, 'WriteProvisionedThroughputExceeded', 'writes'),
          ofStream(watched, 'ReadProvisionedThroughputExceeded', 'reads'),
        ],
        { region, unit: 'a minute' },
      ),
      graph(
        'Read by Firehose behind the newest record',
        [line(FIREHOSE.KinesisMillisBehindLatest, [watched.delivery], 'Maximum', 'behind')],
        { region, unit: 'ms' },
      ),
    ],
  ],
  transformer: ({ watched, settings, region }) => [
    [
      graph(
        'Calls',
        (['Invocations', 'Errors', 'Throttles'] as const).map((name) =>
          line(LAMBDA[name], [watched.transformer], 'Sum', name),
        ),
        { region, unit: 'a minute' },
      ),
      graph('Duration', [line(LAMBDA.Duration, [watched.transformer], 'Maximum', 'longest')], {
        region,
        unit: 'ms',
        limit: { label: 'time-out', value: settings.timeoutSeconds * 1000 },
      }),
      graph(
        'Packs in, files out',
        [ofTransformer(watched, 'TransformedRecords', 'packs'), ofTransformer(watched, 'TransformedFiles', 'files')],
        { region, unit: 'a minute' },
      ),
      graph(
        'Refused and unregistered',
        [
          ofTransformer(watched, 'RefusedRecords', 'refused records'),
          ofTransformer(watched, 'UnregisteredPartitions', 'unregistered partitions'),
        ],
        { region, unit: 'a minute' },
      ),
    ],
  ],
  delivery: ({ watched, region }) => [
    [
      graph('Age of the oldest record', ofDelivery(watched, 'DeliveryToS3.DataFreshness', 'Maximum'), {
        region,
        unit: 's',
      }),
      graph('Active partitions', ofDelivery(watched, 'PartitionCount', 'Maximum'), {
        region,
        unit: 'partitions',
        limit: { label: 'quota', value: ACTIVE_PARTITIONS },
      }),
      graph('Objects', ofDelivery(watched, 'DeliveryToS3.ObjectCount', 'Sum'), { region, unit: 'a minute' }),
      graph(
        'Bytes',
        [
          ofTransformer(watched, 'TransformedBytes', 'written by the transformer'),
          ...ofDelivery(watched, 'DeliveryToS3.Bytes', 'Sum'),
        ],
        { region, unit: 'a minute' },
      ),
    ],
  ],
  lake: ({ watched, region }) => [
    [
      sums(
        'Rows sent and rows written',
        [
          { label: 'accepted by Kinesis', lines: ofProducers(watched, 'Rows', 'Sum') },
          { label: 'written by the transformer', lines: [ofTransformer(watched, 'TransformedRows', 'rows')] },
        ],
        { region, unit: 'in 5 minutes', periodSeconds: 300 },
      ),
      graph('Failures that wait', ofQueues(watched), { region, unit: 'messages' }),
      // A series a storage class, and which there are depends on the archive class.
      foundGraph(
        'Size by storage class',
        `SEARCH('{${[S3.BucketSizeBytes.namespace, ...S3.BucketSizeBytes.dimensions].join(',')}} MetricName="${S3.BucketSizeBytes.name}" BucketName="${watched.bucket}"', 'Average', ${DAY_SECONDS})`,
        { region, unit: 'bytes', periodSeconds: DAY_SECONDS, start: LAST_MONTH },
      ),
      graph('Objects', [line(S3.NumberOfObjects, [watched.bucket, 'AllStorageTypes'], 'Average', 'objects')], {
        region,
        unit: 'objects',
        periodSeconds: DAY_SECONDS,
        start: LAST_MONTH,
      }),
    ],
  ],
};

function line(metric: Metric, values: readonly string[], statistic: Statistic, label: string): Line {
  return { series: seriesOf<string>(metric, ...values), statistic, label };
}

function ofProducers({ stack, producers }: Watched<string>, name: keyof typeof PRODUCER, statistic: Statistic): Line[] {
  return producers.map(({ producer }) => line(PRODUCER[name], [stack, producer], statistic, producer));
}

function ofServices({ cluster, producers }: Watched<string>, name: keyof typeof ECS, statistic: Statistic): Line[] {
  return producers.map(({ producer, service }) => line(ECS[name], [cluster, service], statistic, producer));
}

function ofStream({ stream }: Watched<string>, name: keyof typeof KINESIS, label: string): Line {
  return line(KINESIS[name], [stream], 'Sum', label);
}

function ofTransformer({ stack }: Watched<string>, name: keyof typeof TRANSFORMER, label: string): Line {
  return line(TRANSFORMER[name], [stack, TRANSFORMER_FUNCTION], 'Sum', label);
}

function ofDelivery(
  { delivery, backfill }: Watched<string>,
  name: keyof typeof FIREHOSE,
  statistic: Statistic,
): Line[] {
  return [
    line(FIREHOSE[name], [delivery], statistic, 'from Kinesis'),
    line(FIREHOSE[name], [backfill], statistic, 'backfill'),
  ];
}

function ofQueues({ failures, deadLetters }: Watched<string>): Line[] {
  const visible = SQS.ApproximateNumberOfMessagesVisible;
  return [line(visible, [failures], 'Maximum', 'failures'), line(visible, [deadLetters], 'Maximum', 'dead letters')];
}
