/**
 * One pipeline under everything at once, drawn from a seed: cuts, stalls, hand-overs, lag; skipped, repeated, reordered,
 * malformed and foreign messages; REST errors, throttles and stale books; a Kinesis that refuses, fails, hangs or is away;
 * and a producer that is killed. What it leaves is audited against what the exchange published.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestContext } from 'vitest';
import { NO_FAULTS } from '../../infra/local/exchange/faults.ts';
import { Random } from '../../infra/local/exchange/random.ts';
import type { Faults } from '../../infra/local/exchange.ts';
import type { BookMode } from '../../producer/config.ts';
import type { DepthlakeError } from '../../producer/errors.ts';
import { type FaultyPipeline, startFaultyPipeline } from '../end-to-end/harness.ts';
import { NO_KINESIS_FAULTS } from '../end-to-end/kinesis-proxy.ts';
import { type Lake, readLake } from '../end-to-end/lake.ts';
import { until } from '../end-to-end/wait.ts';
import { quiet } from './assess.ts';
import { auditFeed, type FeedAudit } from './feed-audit.ts';
import { Oracle } from './oracle.ts';

export interface FeedChaosOptions {
  readonly mode: BookMode;
  readonly seed: number;
  /** How long the chaos lasts. */
  readonly seconds: number;
}

export interface FeedChaosResult {
  readonly audit: FeedAudit;
  readonly lake: Lake;
  readonly kills: number;
  /** Of the last session's end; null: it ended in order. */
  readonly failure: DepthlakeError | null;
}

const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'QTUMUSDT'];
/** Deeper than a REST answer, and travelling: a book rebuilt from one must be seeded again and again. */
const DEEP = { bookLevels: 6_000, wanderlust: 0.000_1 };
/** A state is saved every 10 s: a session that is killed before has none. */
const KILL_AFTER_MS = 15_000;
const CALM_MS = 8_000;

const MESSAGES: Partial<Faults> = {
  skipDiffs: 0.004,
  skipFrames: 0.02,
  repeatFrames: 0.05,
  lateFrames: 0.05,
  malformedFrames: 0.05,
  foreignFrames: 0.05,
  emptySide: 0.03,
  crossedBook: 0.03,
};

export async function feedChaos(
  context: TestContext,
  { mode, seed, seconds }: FeedChaosOptions,
): Promise<FeedChaosResult> {
  const random = new Random(`${seed}:${mode}:chaos`);
  const oracle = new Oracle();
  const { onPublished, onSent } = oracle;
  const pipeline = await startFaultyPipeline(context, {
    symbols: SYMBOLS,
    seed,
    exchange: MESSAGES,
    market: { weightAMinute: 100_000, onPublished, onSent, ...(mode === 'full' && DEEP) },
    kinesis: { refuseEntries: 0.1, cutAnswers: 0.03 },
    failingCalls: 1,
    duplicateBatches: 0.1,
    flags: [`--book=${mode}`, '--hand-over=20s', '--linger=500ms', '--raw-levels'],
  });
  oracle.begin(pipeline.exchange);
  await until('the first rows are accepted', () => (pipeline.progress()?.packs ?? 0) > 0);

  const kills = await befall(pipeline, random, seconds * 1000);
  calm(pipeline);
  await sleep(CALM_MS);
  const untilMs = Date.now();
  await quiet(pipeline);
  const { failure } = await pipeline.finish();
  const lake = await readLake(pipeline.folder);
  return { audit: auditFeed({ mode, oracle, lake, symbols: SYMBOLS, untilMs }), lake, kills, failure };
}

/** One misfortune after the other. @returns how often the producer was killed */
async function befall(pipeline: FaultyPipeline, random: Random, ms: number): Promise<number> {
  const endMs = Date.now() + ms;
  let bornMs = Date.now();
  let kills = 0;
  while (Date.now() < endMs) {
    await sleep(1_000 + random.below(3_000));
    if (Date.now() - bornMs > KILL_AFTER_MS && random.chance(0.25)) {
      await kill(pipeline);
      bornMs = Date.now();
      kills += 1;
      continue;
    }
    await MISFORTUNES[random.below(MISFORTUNES.length)]!(pipeline, random);
  }
  return kills;
}

/** The venue answers while the next producer starts: without an answer it would end, for a supervisor to start it again. */
async function kill({ exchange, progress, replaceProducer }: FaultyPipeline): Promise<void> {
  const { restFailures, restThrottles } = exchange.faults;
  Object.assign(exchange.faults, { restFailures: 0, restThrottles: 0 });
  await replaceProducer();
  const last = progress();
  await until('the next producer runs', () => progress() !== last);
  Object.assign(exchange.faults, { restFailures, restThrottles });
}

type Misfortune = (pipeline: FaultyPipeline, random: Random) => Promise<void> | void;

const MISFORTUNES: readonly Misfortune[] = [
  ({ exchange }) => exchange.cut(),
  ({ exchange }) => exchange.shutdownNotice(3_000),
  async ({ exchange }, random) => {
    exchange.faults.stall = true;
    await sleep(500 + random.below(3_000));
    exchange.faults.stall = false;
  },
  ({ exchange }, random) => {
    exchange.faults.lagMs = random.chance(0.5) ? 800 : 0;
  },
  ({ exchange }, random) => {
    const troubled = random.chance(0.6);
    exchange.faults.restFailures = troubled ? 0.3 : 0;
    exchange.faults.restThrottles = troubled ? 0.2 : 0;
    exchange.faults.restStale = troubled ? 0.3 : 0;
  },
  ({ proxy }, random) => {
    proxy.faults.refuseEntries = random.chance(0.3) ? 0.7 : 0.1;
    proxy.faults.cutCalls = random.chance(0.3) ? 0.2 : 0;
    proxy.faults.hangCalls = random.chance(0.3) ? 0.05 : 0;
  },
  async ({ proxy }, random) => {
    proxy.faults.failCalls = 1;
    await sleep(2_000 + random.below(6_000));
    proxy.faults.failCalls = 0;
  },
];

function calm({ exchange, proxy }: FaultyPipeline): void {
  Object.assign(exchange.faults, NO_FAULTS);
  Object.assign(proxy.faults, NO_KINESIS_FAULTS);
}
