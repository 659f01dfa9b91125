/**
 * The producer's figures: the one place that everybody who shows them reads, as Prometheus text or as values.
 *
 * What the hot path tells is kept in plain fields; metrics are filled when somebody asks.
 */
import { Counter, type CounterConfiguration, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Observation, Snapshot } from '../feed/observation.ts';
import type { FeedSignal } from '../feed/signal.ts';
import { EventFigures } from './event-figures.ts';
import type { Vitals } from './health.ts';
import { type AcceptedPack, Latency } from './latency.ts';
import { READ_FIGURES, type Readings } from './readings.ts';

/** Who runs; the labels of `depthlake_session_info`. */
export interface SessionInfo {
  readonly version: string;
  readonly session_id: string;
  readonly venue: string;
  readonly book: string;
  readonly stack: string;
  readonly producer: string;
}

/** A metric and its values now; those of a histogram are named `…_bucket`, `…_sum` and `…_count`. */
export interface Metric {
  readonly name: string;
  readonly type: string;
  readonly values: readonly {
    readonly value: number;
    readonly labels: Readonly<Record<string, string | number>>;
    readonly metricName?: string;
  }[];
}

/** What a counter and a gauge are made from alike. */
type MetricConfiguration = Pick<CounterConfiguration<string>, 'name' | 'help' | 'registers'> & {
  readonly collect: (this: Counter | Gauge) => void;
};

export class Figures {
  readonly #registry = new Registry();
  readonly #readings: () => Readings;
  readonly #events: EventFigures;
  readonly #latency: Latency;
  readonly #covered = new Map<string, Pick<Snapshot, 'bid_levels_covered' | 'ask_levels_covered'>>();
  #lagMs: number | null = null;
  #lastAcceptedMs: number | null = null;

  /** @param info told once, as labels of a metric that is always 1 */
  constructor(readings: () => Readings, info: SessionInfo) {
    this.#readings = readings;
    this.#read();
    this.#events = new EventFigures(this.#registry);
    this.#latency = new Latency(this.#registry);
    this.#lastSeen();
    const { version, ...session } = info;
    this.#constant('depthlake_build_info', 'The version that runs.', { version, node: process.version });
    this.#constant('depthlake_session_info', 'The session that runs.', session);
    collectDefaultMetrics({ register: this.#registry });
  }

  signal(signal: FeedSignal): void {
    this.#events.signal(signal);
  }

  observation(observation: Observation): void {
    if (observation.kind === 'snapshot') this.#snapshot(observation);
    else {
      this.#events.event(observation.event);
      if (observation.event.kind === 'delisted') this.#covered.delete(observation.event.symbol ?? '');
    }
  }

  /** @param nowMs UTC epoch ms */
  accepted(pack: AcceptedPack, nowMs: number): void {
    this.#lastAcceptedMs = nowMs;
    this.#latency.accepted(pack, nowMs);
  }

  /** Whether the producer is alive and well follows from these. */
  vitals(): Vitals {
    const { queuedRows, spillRows, refusingSinceMs } = this.#readings();
    const { lastFrameMs } = this.#events;
    return { lastFrameMs, lastAcceptedMs: this.#lastAcceptedMs, queuedRows, spillRows, refusingSinceMs };
  }

  /** Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/). */
  async text(): Promise<{ readonly contentType: string; readonly body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  async values(): Promise<readonly Metric[]> {
    return (await this.#registry.getMetricsAsJSON()) as unknown as Metric[];
  }

  /** The slowest row from the socket to Kinesis since the last call, seconds; null where there was none. */
  takeSlowest(): number | null {
    return this.#latency.takeSlowest();
  }

  #snapshot(snapshot: Snapshot): void {
    const { symbol, bid_levels_covered, ask_levels_covered } = snapshot;
    // Not the snapshot itself: whatever outlives the next collection of young garbage costs a long one.
    this.#covered.set(symbol, { bid_levels_covered, ask_levels_covered });
    // A source without event time gives its snapshots the time of receipt: that is no lag of 0.
    if (snapshot.timestampMs !== snapshot.receivedMs) this.#lagMs = snapshot.receivedMs - snapshot.timestampMs;
  }

  #read(): void {
    const readings = this.#readings;
    const registers = [this.#registry];
    for (const [name, { type, help, read }] of Object.entries(READ_FIGURES)) {
      const Kind: new (configuration: MetricConfiguration) => Counter | Gauge = type === 'counter' ? Counter : Gauge;
      new Kind({
        name,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(read(readings()));
        },
      });
    }
    new Counter({
      name: 'depthlake_discarded_total',
      help: 'Frames that gave no row of their own, by reason.',
      labelNames: ['reason'],
      registers,
      collect() {
        this.reset();
        for (const [reason, frames] of Object.entries(readings().discarded)) this.inc({ reason }, frames);
      },
    });
  }

  /** What the latest snapshots and packs said; absent until there was one. */
  #lastSeen(): void {
    const covered = this.#covered;
    new Gauge({
      name: 'depthlake_covered_levels',
      help: 'Depth levels covered in the latest snapshot of a symbol, 0 to 5 a side.',
      labelNames: ['symbol', 'side'],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [symbol, { bid_levels_covered, ask_levels_covered }] of covered) {
          this.set({ symbol, side: 'bid' }, bid_levels_covered);
          this.set({ symbol, side: 'ask' }, ask_levels_covered);
        }
      },
    });
    this.#latest(
      'depthlake_feed_lag_seconds',
      'From the exchange’s event time to the receipt of the latest snapshot that has one; includes the difference of the clocks.',
      () => this.#lagMs,
    );
    this.#latest(
      'depthlake_last_accepted_timestamp_seconds',
      'When Kinesis last accepted a pack, seconds since 1970.',
      () => this.#lastAcceptedMs,
    );
  }

  /** A gauge in seconds that is absent while its value in ms is null. */
  #latest(name: string, help: string, readMs: () => number | null): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        const ms = readMs();
        if (ms === null) this.remove();
        else this.set(ms / 1000);
      },
    });
  }

  #constant(name: string, help: string, labels: Readonly<Record<string, string>>): void {
    new Gauge({ name, help, labelNames: Object.keys(labels), registers: [this.#registry] }).set({ ...labels }, 1);
  }
}
