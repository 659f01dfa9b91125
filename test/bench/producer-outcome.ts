/** What a run of the producer comes to, in Markdown. */
import type { ProducerSummary } from '../../producer/summary.ts';
import { cpuShare, type ProcessSample } from './process-sample.ts';
import { count, digits, type Outcome } from './report.ts';

export interface ProducerFigures {
  readonly symbols: number;
  /** Of the exchange's books, a side, at least. */
  readonly bookLevels: number;
  /** From the start of the process until a row of each symbol was accepted. */
  readonly startSeconds: number;
  /** Of the producer, about one a second, from then on. */
  readonly samples: readonly ProcessSample[];
  /** Of one core. */
  readonly exchangeShare: number | null;
  /** `order_book` rows accepted in that time. */
  readonly rows: number;
  /** Of the worst row of each pack accepted in that time. */
  readonly beyondLingerMs: readonly number[];
  readonly summary: ProducerSummary;
}

const MEMORY_LIMIT_MB = 256;
/** How much of memory may come and go with garbage: flat is what ends no higher than this above its second minute. */
const FLAT_FACTOR = 1.1;
const MINUTE_MS = 60_000;
/** Of the venue's weight a minute the producer takes four fifths (`RateBudget`); a seed of 5,000 levels weighs 50. */
const VENUE_WEIGHT_A_MINUTE = 0.8 * 1200;
const SEED_WEIGHT = 50;

export function producerOutcome(figures: ProducerFigures): Outcome {
  const { symbols, bookLevels, startSeconds, samples, exchangeShare, rows, beyondLingerMs, summary } = figures;
  const first = samples[0]!;
  const last = samples.at(-1)!;
  const seconds = (last.atMs - first.atMs) / 1000;
  const share = cpuShare(first, last);
  const minutes = peaksByMinute(samples);
  const latencies = [...beyondLingerMs].sort((a, b) => a - b);
  const latency = [0.5, 0.99, 0.999].map((part) => `${count(percentile(latencies, part))} ms`).join(', ');
  const core = `${digits(100 * share)} % of one core`;
  const peakMb = Math.max(...minutes);
  const peak = `${count(peakMb)} MB at its peak (below ${MEMORY_LIMIT_MB} MB: ${verdict(peakMb < MEMORY_LIMIT_MB)})`;
  const seeded = summary.book === 'full';
  return {
    headline: `${core}, ${peak}, ${latency} from the socket to Kinesis beyond the linger (p50, p99, p99.9)`,
    lines: [
      `The built producer with \`--book ${summary.book}\` at ${symbols} symbols × ${digits(rows / seconds / symbols)} snapshots/s for ${count(seconds)} s, ${seeded ? 'once all books are seeded' : 'once each symbol has a row'}; the local exchange (books of ${count(bookLevels)} to ${count((bookLevels * 7) / 3)} levels a side) and the local Kinesis are processes of their own, and nothing reads the stream: no Firehose, no transformer.`,
      '',
      '| | |',
      '|---|---|',
      `| CPU | ${core}, ${digits((share * seconds * 1e6) / rows)} µs a snapshot, packs and Kinesis included |`,
      `| memory | ${peak}; since the start of the process, ${seeded ? 'seeding' : 'start'} included, ${count(last.peakMb)} MB |`,
      `| memory by minute, peaks | ${minutes.map((mb) => `${count(mb)} MB`).join(', ')}${flatness(minutes)} |`,
      `| socket → accepted, beyond the linger | p50, p99, p99.9: ${latency}; the worst row of each of ${count(latencies.length)} packs |`,
      `| first row of each symbol | ${digits(startSeconds)} s after the start${seeded ? `, the exchange granting any weight; at the venue’s, seeding takes ${digits(seedingMinutes(symbols))} min (computed)` : ''} |`,
      `| rows | ${count(summary.rows)} in ${count(summary.packs)} packs, feed events included; ${summary.retries} entries sent again |`,
      `| neither in the stream nor on disk | ${count(summary.lost)} |`,
      `| the exchange | ${exchangeShare === null ? 'not observed' : `${digits(100 * exchangeShare)} % of one core`} |`,
    ],
  };
}

/** The most that was resident in each minute begun. */
function peaksByMinute(samples: readonly ProcessSample[]): number[] {
  const peaks: number[] = [];
  for (const { atMs, memoryMb } of samples) {
    const minute = Math.floor((atMs - samples[0]!.atMs) / MINUTE_MS);
    peaks[minute] = Math.max(peaks[minute] ?? 0, memoryMb);
  }
  return peaks;
}

function flatness([, second, ...later]: readonly number[]): string {
  const last = later.at(-1);
  if (second === undefined || last === undefined) return '';
  return ` (flat after the first minute, the last within ${Math.round(100 * (FLAT_FACTOR - 1))} % of the second: ${verdict(last <= second * FLAT_FACTOR)})`;
}

function verdict(met: boolean): string {
  return met ? 'met' : 'not met';
}

/** The least value that so large a part of the sorted values does not pass. @throws Error for no values */
function percentile(sorted: readonly number[], part: number): number {
  const value = sorted[Math.ceil(sorted.length * part) - 1];
  if (value === undefined) throw new Error('no pack was accepted');
  return value;
}

function seedingMinutes(symbols: number): number {
  return (symbols * SEED_WEIGHT) / VENUE_WEIGHT_A_MINUTE;
}
