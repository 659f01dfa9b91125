/**
 * The figures in CloudWatch's embedded metric format: one log line a minute, of which CloudWatch Logs makes metrics
 * (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
 *
 * The only dimensions are stack and producer: CloudWatch bills each metric of each combination of dimensions, so what
 * Prometheus has by symbol, reason or kind is one value here.
 */
import { exhaustMap, interval, lastValueFrom, type SchedulerLike, Subject, takeUntil } from 'rxjs';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Figures, Metric } from './figures.ts';
import { LATENCY_METRIC } from './latency.ts';
import { type Bucket, quantileOf } from './quantile.ts';

/** Of CloudWatch's units (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html). */
type Unit = 'Count' | 'Bytes' | 'Seconds';

/** CloudWatch's names and units, by metric. Counters tell what the minute added; gauges their value, or the mean over their labels. */
const EMF_FIGURES = {
  depthlake_frames_total: ['Frames', 'Count'],
  depthlake_diffs_total: ['Diffs', 'Count'],
  depthlake_snapshots_total: ['Snapshots', 'Count'],
  depthlake_unverified_snapshots_total: ['UnverifiedSnapshots', 'Count'],
  depthlake_discarded_total: ['Discarded', 'Count'],
  depthlake_refused_rows_total: ['RefusedRows', 'Count'],
  depthlake_gaps_total: ['Gaps', 'Count'],
  depthlake_gap_seconds_total: ['GapSeconds', 'Seconds'],
  depthlake_reconnects_total: ['Reconnects', 'Count'],
  depthlake_hand_overs_total: ['HandOvers', 'Count'],
  depthlake_book_resyncs_total: ['BookResyncs', 'Count'],
  depthlake_covered_levels: ['CoveredLevels', 'Count'],
  depthlake_feed_lag_seconds: ['FeedLag', 'Seconds'],
  depthlake_connections: ['Connections', 'Count'],
  depthlake_symbols: ['Symbols', 'Count'],
  depthlake_queue_rows: ['QueueRows', 'Count'],
  depthlake_queue_bytes: ['QueueBytes', 'Bytes'],
  depthlake_spill_rows: ['SpillRows', 'Count'],
  depthlake_spill_bytes: ['SpillBytes', 'Bytes'],
  depthlake_spilled_packs_total: ['SpilledPacks', 'Count'],
  depthlake_drained_packs_total: ['DrainedPacks', 'Count'],
  depthlake_spill_damaged_total: ['SpillDamaged', 'Count'],
  depthlake_packs_total: ['Packs', 'Count'],
  depthlake_rows_total: ['Rows', 'Count'],
  depthlake_bytes_total: ['Bytes', 'Bytes'],
  depthlake_line_bytes_total: ['LineBytes', 'Bytes'],
  depthlake_retries_total: ['Retries', 'Count'],
  depthlake_throttles_total: ['Throttles', 'Count'],
  depthlake_log_lines_dropped_total: ['LogLinesDropped', 'Count'],
  process_resident_memory_bytes: ['ResidentMemory', 'Bytes'],
  process_cpu_seconds_total: ['CpuTime', 'Seconds'],
} as const satisfies Readonly<Record<string, readonly [name: string, unit: Unit]>>;

/** Of the latency in the minute; absent where nothing was accepted. */
const LATENCY_FIGURES = {
  SocketToKinesisP50: 'Seconds',
  SocketToKinesisP99: 'Seconds',
  SocketToKinesisMax: 'Seconds',
} as const satisfies Readonly<Record<string, Unit>>;

export type EmfMetric = (typeof EMF_FIGURES)[keyof typeof EMF_FIGURES][0] | keyof typeof LATENCY_FIGURES;

/** The unit of every metric that a line can hold. */
export const EMF_METRICS = {
  ...Object.fromEntries(Object.values(EMF_FIGURES)),
  ...LATENCY_FIGURES,
} as Readonly<Record<EmfMetric, Unit>>;

export const EMF_NAMESPACE = 'Depthlake';
const EVERY_MS = 60_000;

/** Where the metrics belong; the same over restarts of one producer. */
export interface EmfDimensions {
  readonly stack: string;
  readonly producer: string;
}

interface Value {
  readonly name: string;
  readonly unit: Unit;
  readonly value: number;
}

/** Makes the lines; remembers what the counters said in the line before. */
export class EmfReport {
  readonly #figures: Figures;
  readonly #dimensions: EmfDimensions;
  #before: ReadonlyMap<string, number> = new Map();

  constructor(figures: Figures, { stack, producer }: EmfDimensions) {
    this.#figures = figures;
    this.#dimensions = { stack, producer };
  }

  /** The next line, with its line feed. What has no value yet is left out. */
  async line(nowMs: number): Promise<string> {
    const metrics = await this.#figures.values();
    const slowest = this.#figures.takeSlowest();
    const values = [...metrics.flatMap((metric) => this.#valueOf(metric)), ...this.#latency(metrics, slowest)];
    this.#before = new Map(metrics.flatMap(cumulative));
    return `${JSON.stringify(this.#document(values, nowMs))}\n`;
  }

  #document(values: readonly Value[], nowMs: number): object {
    const directive = {
      Namespace: EMF_NAMESPACE,
      Dimensions: [Object.keys(this.#dimensions)],
      Metrics: values.map(({ name, unit }) => ({ Name: name, Unit: unit })),
    };
    return {
      level: 'info',
      time: new Date(nowMs).toISOString(),
      event: 'figures',
      ...this.#dimensions,
      ...Object.fromEntries(values.map(({ name, value }) => [name, value])),
      _aws: { Timestamp: nowMs, CloudWatchMetrics: [directive] },
    };
  }

  #valueOf(metric: Metric): Value[] {
    if (!(metric.name in EMF_FIGURES)) return [];
    const [name, unit] = EMF_FIGURES[metric.name as keyof typeof EMF_FIGURES];
    const sum = metric.values.reduce((total, { value }) => total + value, 0);
    if (metric.type === 'counter') return [{ name, unit, value: sum - (this.#before.get(metric.name) ?? 0) }];
    return metric.values.length === 0 ? [] : [{ name, unit, value: sum / metric.values.length }];
  }

  #latency(metrics: readonly Metric[], slowest: number | null): Value[] {
    const histogram = metrics.find(({ name }) => name === LATENCY_METRIC);
    if (histogram === undefined || slowest === null) return [];
    const buckets = bucketsOf(histogram).map(
      ({ le, count }): Bucket => ({ le, count: count - (this.#before.get(bucketKey(le)) ?? 0) }),
    );
    const value = (name: keyof typeof LATENCY_FIGURES, seconds: number): Value => ({
      name,
      unit: LATENCY_FIGURES[name],
      value: seconds,
    });
    return [
      value('SocketToKinesisP50', quantileOf(buckets, 0.5, slowest)),
      value('SocketToKinesisP99', quantileOf(buckets, 0.99, slowest)),
      value('SocketToKinesisMax', slowest),
    ];
  }
}

/** What a metric says that only grows: the sum of a counter, the buckets of the latency. */
function cumulative(metric: Metric): [string, number][] {
  if (metric.name === LATENCY_METRIC) return bucketsOf(metric).map(({ le, count }) => [bucketKey(le), count]);
  if (metric.type !== 'counter') return [];
  return [[metric.name, metric.values.reduce((total, { value }) => total + value, 0)]];
}

function bucketsOf({ name, values }: Metric): Bucket[] {
  return values
    .filter(({ metricName }) => metricName === `${name}_bucket`)
    .map(({ labels, value }) => ({ le: labels['le'] === '+Inf' ? Infinity : Number(labels['le']), count: value }));
}

function bucketKey(le: number): string {
  return `${LATENCY_METRIC} ${le}`;
}

export interface EmfEdge {
  /** Takes one line with its line feed, as the log does; never throws. */
  readonly write: (line: string) => void;
  readonly scheduler: SchedulerLike;
  readonly log: Log;
}

/**
 * Writes a line a minute, and the last one when stopped: what a session did is told in full.
 * @returns stops, and resolves when the last line is written
 */
export function reportEmf(report: EmfReport, { write, scheduler, log }: EmfEdge): () => Promise<void> {
  const stopped = new Subject<void>();
  const next = async () => {
    try {
      write(await report.line(scheduler.now()));
    } catch (error) {
      log('error', 'figures_failed', { reason: reasonOf(error) });
    }
  };
  const ended = lastValueFrom(interval(EVERY_MS, scheduler).pipe(takeUntil(stopped), exhaustMap(next)), {
    defaultValue: undefined,
  });
  return async () => {
    stopped.next();
    await ended;
    await next();
  };
}
