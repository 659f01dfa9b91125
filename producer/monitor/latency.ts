/** How long rows take from the socket until Kinesis has accepted them. */
import { Histogram, type Registry } from 'prom-client';
import type { Pack } from '../stream/packs.ts';

export const LATENCY_METRIC = 'depthlake_socket_to_kinesis_seconds';

/** Seconds. Finer around the linger, 1 s by default, which most rows wait for a part of. */
const BUCKETS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.1, 1.25, 1.5, 2, 2.5, 5, 10, 30, 60,
];

/** A pack as far as its latency goes; `receivedMs` is that of its `order_book` rows, empty where it came from the spill. */
export type AcceptedPack = Pick<Pack, 'table' | 'rows' | 'openedMs'> & { readonly receivedMs: readonly number[] };

export class Latency {
  readonly #histogram: Histogram;
  #slowest: number | null = null;

  constructor(registry: Registry) {
    this.#histogram = new Histogram({
      name: LATENCY_METRIC,
      help: 'From the receipt of a snapshot to the acceptance of its row by Kinesis, the linger included.',
      buckets: BUCKETS,
      registers: [registry],
    });
  }

  accepted({ table, rows, openedMs, receivedMs }: AcceptedPack, nowMs: number): void {
    if (table !== 'order_book') return;
    // Rows from the spill have lost their own times: each counts from its pack's first.
    if (receivedMs.length === 0) for (let row = 0; row < rows; row += 1) this.#observe(nowMs - openedMs);
    else for (const atMs of receivedMs) this.#observe(nowMs - atMs);
  }

  /** The slowest row since the last call, seconds; null where there was none. */
  takeSlowest(): number | null {
    const slowest = this.#slowest;
    this.#slowest = null;
    return slowest;
  }

  #observe(ms: number): void {
    const seconds = Math.max(0, ms) / 1000;
    this.#histogram.observe(seconds);
    if (this.#slowest === null || seconds > this.#slowest) this.#slowest = seconds;
  }
}
