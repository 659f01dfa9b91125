/** The producer at 256 symbols: CPU share, memory minute by minute, latency from the socket to Kinesis. Linux only: /proc. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { builtFile } from '../../infra/commands/package.ts';
import { LOCAL_AWS_ENVIRONMENT } from '../../infra/local/environment.ts';
import { ROSTER } from '../../infra/local/exchange/roster.ts';
import { startKinesis } from '../../infra/local/kinesis.ts';
import { type LocalProducer, startProducer } from '../../infra/local/producer.ts';
import type { BookMode } from '../../producer/config.ts';
import { decodePack, type OrderBookRow } from '../../producer/record.ts';
import type { ProducerSummary } from '../../producer/summary.ts';
import { type ExchangeProcess, forkExchange } from './exchange-process.ts';
import { type AcceptedPack, startKinesisTap } from './kinesis-tap.ts';
import { cpuShare, type ProcessSample, sampleOf } from './process-sample.ts';
import { producerOutcome } from './producer-outcome.ts';
import type { Bench } from './report.ts';

const STREAM = 'bench';
/** A shard takes 1 MB/s, and kinesis-local keeps to that. */
const SHARDS = 4;
const LINGER_MS = 1000;
/**
 * In 7 % of the intervals of the simulated market nothing changes, on average of all symbols, and then there is no
 * frame: so these give ten frames a second and symbol.
 */
const INTERVAL_MS = 93;
/** Levels a side, at least; at most 7/3 of it. */
const BOOK_LEVELS = 1000;
/** So that 256 seeds take seconds; the real weight is the venue's. */
const WEIGHT_A_MINUTE = 60_000;
const SEEDED_WITHIN_MS = 180_000;
const SAMPLE_MS = 1000;

/** What the tap has seen of the rows. */
class AcceptedRows {
  readonly symbols = new Set<string>();
  rows = 0;
  /** For the worst row of each pack, from its receipt until its acceptance without the linger. */
  beyondLingerMs: number[] = [];

  take({ data, acceptedMs }: AcceptedPack): void {
    const rows = decodePack(data).filter(({ table }) => table === 'order_book');
    if (rows.length === 0) return;
    let firstMs = acceptedMs;
    for (const { row } of rows) {
      const { symbol, received_ms } = row as OrderBookRow;
      this.symbols.add(symbol);
      firstMs = Math.min(firstMs, received_ms);
    }
    this.rows += rows.length;
    // A full pack does not wait for the linger.
    this.beyondLingerMs.push(Math.max(0, acceptedMs - firstMs - LINGER_MS));
  }

  /** What came before was the start. */
  forget(): void {
    this.rows = 0;
    this.beyondLingerMs = [];
  }
}

export function producerBench(book: BookMode): Bench {
  return {
    title: `Producer, ${book}`,
    async run({ quick, progress }) {
      const work = mkdtempSync(path.join(tmpdir(), 'depthlake-bench-'));
      const ends: (() => unknown)[] = [() => rmSync(work, { recursive: true, force: true })];
      try {
        const options = { frameIntervalMs: INTERVAL_MS, weightAMinute: WEIGHT_A_MINUTE, bookLevels: BOOK_LEVELS };
        const exchange = await forkExchange({ symbols: ROSTER, ...options });
        ends.push(() => exchange.stop());
        const kinesis = await startKinesis({ streams: [{ name: STREAM, shards: SHARDS }], log: () => {} });
        ends.push(() => kinesis.stop());
        const accepted = new AcceptedRows();
        const tap = await startKinesisTap(kinesis.endpoint, (pack) => accepted.take(pack));
        ends.push(() => tap.close());
        const producer = start(book, work, exchange, tap.endpoint);
        ends.push(() => ended(producer));

        const begin = performance.now();
        await whileRunning(producer, allSeen(accepted));
        const startSeconds = (performance.now() - begin) / 1000;
        accepted.forget();
        const exchangeBefore = sampleOf(exchange.pid);
        const samples = await whileRunning(producer, samplesOf(producer.pid, quick ? 60 : 300, progress));
        const exchangeAfter = sampleOf(exchange.pid);
        const { rows, beyondLingerMs } = accepted;
        return producerOutcome({
          symbols: ROSTER.length,
          bookLevels: BOOK_LEVELS,
          startSeconds,
          samples,
          exchangeShare: exchangeBefore && exchangeAfter && cpuShare(exchangeBefore, exchangeAfter),
          rows,
          beyondLingerMs,
          summary: await ended(producer),
        });
      } finally {
        for (const end of ends.reverse()) await end();
      }
    },
  };
}

function start(book: BookMode, work: string, { wsUrl, restUrl }: ExchangeProcess, kinesis: string): LocalProducer {
  const flags = {
    venue: 'local',
    symbols: 'all',
    'ws-url': wsUrl,
    'rest-url': restUrl,
    book,
    stream: STREAM,
    linger: `${LINGER_MS}ms`,
    work,
  };
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('DEPTHLAKE_'));
  return startProducer({
    bundle: builtFile('producer'),
    flags: Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
    env: { ...Object.fromEntries(own), ...LOCAL_AWS_ENVIRONMENT, AWS_ENDPOINT_URL_KINESIS: kinesis },
    log: () => {},
    progress: () => {},
  });
}

/** Stops it and waits for its summary. @throws how it failed */
async function ended(producer: LocalProducer): Promise<ProducerSummary> {
  producer.stop('the bench ends');
  const { summary, failure } = await producer.ended;
  if (failure !== null) throw failure;
  return summary!;
}

/** @throws how the producer failed, where it ends meanwhile */
function whileRunning<T>(producer: LocalProducer, work: Promise<T>): Promise<T> {
  const over = producer.ended.then(({ failure }) => {
    throw failure ?? new Error('the producer has ended');
  });
  return Promise.race([work, over]);
}

/** Each symbol's first row is there: a book that is rebuilt from diffs has none before it is seeded. */
async function allSeen({ symbols }: AcceptedRows): Promise<void> {
  const endMs = performance.now() + SEEDED_WITHIN_MS;
  while (symbols.size < ROSTER.length) {
    if (performance.now() > endMs)
      throw new Error(`only ${symbols.size} symbols have rows after ${SEEDED_WITHIN_MS} ms`);
    await sleep(SAMPLE_MS / 10);
  }
}

async function samplesOf(pid: number, seconds: number, progress: (what: string) => void): Promise<ProcessSample[]> {
  const samples: ProcessSample[] = [];
  const begin = performance.now();
  for (let passed = 0; passed < seconds; passed = (performance.now() - begin) / 1000) {
    const sample = sampleOf(pid);
    if (sample === null) throw new Error('the producer could not be observed: /proc is needed, so Linux');
    samples.push(sample);
    progress(`${passed.toFixed(0)} s, ${sample.memoryMb.toFixed(0)} MB`);
    await sleep(SAMPLE_MS);
  }
  return samples;
}
