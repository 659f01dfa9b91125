/**
 * The pipeline of `depthlake start` from its real parts, with faults in between: exchange → producer (built) → Kinesis
 * behind a proxy → Firehose → transformer (built) → files.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { CreateDatabaseCommand, CreateTableCommand, GlueClient } from '@aws-sdk/client-glue';
import type { TestContext } from 'vitest';
import { LOCAL_AWS_ENVIRONMENT } from '../../infra/local/environment.ts';
import { Random } from '../../infra/local/exchange/random.ts';
import { type Exchange, type ExchangeOptions, type Faults, startExchange } from '../../infra/local/exchange.ts';
import { type DeliveryStream, startDeliveryStream } from '../../infra/local/firehose.ts';
import { startGlue } from '../../infra/local/glue.ts';
import { kinesisClient, startKinesis } from '../../infra/local/kinesis.ts';
import { type Invocation, type LocalLambda, startLambda } from '../../infra/local/lambda.ts';
import { type LocalProducer, startProducer } from '../../infra/local/producer.ts';
import { openBucket } from '../../infra/local/s3.ts';
import type { DepthlakeError } from '../../producer/errors.ts';
import { TABLE_NAMES } from '../../producer/record.ts';
import type { ProducerProgress, ProducerSummary } from '../../producer/summary.ts';
import { tableInput } from '../../transformer/catalog.ts';
import { ERROR_PREFIX_EXPRESSION, PREFIX_EXPRESSION } from '../../transformer/partition.ts';
import { type KinesisFaults, type KinesisProxy, startKinesisProxy } from './kinesis-proxy.ts';

const STREAM = 'depthlake';
const BUCKET = 'depthlake-local';
const LAMBDA_BUFFER_MS = 1_000;

export interface FaultyPipelineOptions {
  readonly symbols: readonly string[];
  /** Everything random is drawn from it. */
  readonly seed: number;
  readonly frameIntervalMs?: number;
  readonly exchange?: Partial<Faults>;
  /** What else the exchange is to be like. */
  readonly market?: Pick<
    ExchangeOptions,
    'bookLevels' | 'wanderlust' | 'weightAMinute' | 'rules' | 'onPublished' | 'onSent'
  >;
  readonly kinesis?: Partial<KinesisFaults>;
  /** Of four calls that a batch gets, so many fail, one way after the other. Default 0. */
  readonly failingCalls?: 0 | 1 | 2 | 3;
  /** Probability that the delivery stream reads a batch twice. Default 0. */
  readonly duplicateBatches?: number;
  /** Further flags of every producer. */
  readonly flags?: readonly string[];
  /** Further variables of every producer. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunningProducer extends LocalProducer {
  readonly progress: () => ProducerProgress | null;
  /** What it logged so far, in order. */
  readonly logged: readonly { readonly event: string; readonly fields: Readonly<Record<string, unknown>> }[];
}

export interface FaultyPipeline {
  readonly folder: string;
  readonly exchange: Exchange;
  readonly proxy: KinesisProxy;
  readonly delivery: DeliveryStream;
  /** Lambda calls that were made to fail. */
  readonly failedCalls: () => number;
  /** The one that was started last. */
  readonly producer: () => RunningProducer;
  /** Of the producer that was started last. */
  readonly progress: () => ProducerProgress | null;
  /** Starts one more producer, on the same folder; its flags win over those of all. */
  launch(flags?: readonly string[]): RunningProducer;
  /** Kills the producer as the kernel would, and starts another: a new session. */
  replaceProducer(): Promise<void>;
  /** Ends the feed, flushes and delivers everything, and ends all parts; the summary is that of the producer started last. */
  finish(): Promise<{ readonly summary: ProducerSummary; readonly failure: DepthlakeError | null }>;
}

export function bundle(name: 'transformer' | 'producer'): string {
  return fileURLToPath(new URL(`../../dist/${name}/index.mjs`, import.meta.url));
}

/** A folder that is removed when the test ends. */
export function temporaryFolder({ onTestFinished }: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'depthlake-e2e-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts all parts; they end with the test at the latest. */
export async function startFaultyPipeline(
  context: TestContext,
  options: FaultyPipelineOptions,
): Promise<FaultyPipeline> {
  const { symbols, seed, frameIntervalMs = 100 } = options;
  const folder = temporaryFolder(context);
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  context.onTestFinished(stop);

  const exchange = await startExchange({
    ...options.market,
    symbols,
    seed,
    frameIntervalMs,
    faults: { ...options.exchange },
  });
  stops.push(() => exchange.close());
  const kinesis = await startKinesis({ streams: [{ name: STREAM, shards: 2 }], log: () => {} });
  stops.push(() => kinesis.stop());
  const proxy = await startKinesisProxy(kinesis.endpoint, options.kinesis ?? {}, new Random(`${seed}:kinesis`));
  stops.push(() => proxy.close());
  const glue = await startGlue({ folder, log: () => {} });
  stops.push(() => glue.stop());
  await declareTables(glue.endpoint);

  const lambda = await startLambda({
    bundle: bundle('transformer'),
    environment: {
      ...LOCAL_AWS_ENVIRONMENT,
      AWS_ENDPOINT_URL_GLUE: glue.endpoint,
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      DEPTHLAKE_GLUE_DATABASE: STREAM,
      DEPTHLAKE_BUCKET: BUCKET,
    },
    timeoutMs: 60_000,
    log: () => {},
  });
  stops.push(() => lambda.stop());
  const failing = failingLambda(lambda, options.failingCalls ?? 0);

  const client = kinesisClient(kinesis.endpoint);
  stops.push(async () => client.destroy());
  const random = new Random(`${seed}:firehose`);
  const delivery = await startDeliveryStream({
    name: STREAM,
    arn: 'arn:aws:firehose:us-east-1:000000000000:deliverystream/depthlake',
    lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:transformer',
    source: { client, stream: STREAM, arn: 'arn:aws:kinesis:stream/depthlake', position: 'TRIM_HORIZON' },
    invoke: failing.invoke,
    bucket: openBucket(folder),
    hints: { lambdaBufferMs: LAMBDA_BUFFER_MS, s3BufferMs: 0 },
    prefix: PREFIX_EXPRESSION,
    errorPrefix: ERROR_PREFIX_EXPRESSION,
    fileExtension: '.avro',
    dynamicPartitioning: true,
    faults: { duplicateBatches: options.duplicateBatches ?? 0, random: () => random.next() },
    log: () => {},
    onFatal: (error) => {
      throw error;
    },
  });
  stops.push(() => delivery.stop());

  const flags = [
    '--venue=local',
    `--symbols=${symbols.join(',')}`,
    `--ws-url=${exchange.wsUrl}`,
    `--rest-url=${exchange.restUrl}`,
    `--work=${path.join(folder, '.depthlake')}`,
    ...(options.flags ?? []),
  ];
  const env = { ...process.env, ...LOCAL_AWS_ENVIRONMENT, AWS_ENDPOINT_URL_KINESIS: proxy.endpoint, ...options.env };
  const producers: RunningProducer[] = [];
  const launch = (more: readonly string[] = []) => {
    const producer = runProducer([...flags, ...more], env);
    producers.push(producer);
    return producer;
  };
  const stopProducers = async () => {
    for (const producer of producers) producer.stop('the test is over');
    for (const producer of producers) await producer.ended;
  };
  launch();
  stops.push(stopProducers);

  return {
    folder,
    exchange,
    proxy,
    delivery,
    failedCalls: failing.count,
    producer: () => producers.at(-1)!,
    progress: () => producers.at(-1)!.progress(),
    launch,
    replaceProducer: async () => {
      const { pid, ended } = producers.at(-1)!;
      process.kill(pid, 'SIGKILL');
      await ended;
      launch();
    },
    finish: async () => {
      await stopProducers();
      const { summary, failure } = await producers.at(-1)!.ended;
      await delivery.drain();
      await stop();
      if (summary === null) throw failure ?? new Error('the producer gave no summary');
      return { summary, failure };
    },
  };
}

function runProducer(flags: readonly string[], env: Readonly<Record<string, string | undefined>>): RunningProducer {
  let progress: ProducerProgress | null = null;
  const logged: { event: string; fields: Readonly<Record<string, unknown>> }[] = [];
  const producer = startProducer({
    bundle: bundle('producer'),
    flags,
    env,
    log: (_, event, fields = {}) => logged.push({ event, fields }),
    progress: (newest) => {
      progress = newest;
    },
  });
  return { ...producer, progress: () => progress, logged };
}

/** A Lambda whose first calls for each batch fail: not reached, failed by itself, or done and not told. */
function failingLambda(lambda: LocalLambda, failingCalls: number) {
  const calls = new Map<string, number>();
  let failed = 0;
  const invoke = async (event: unknown): Promise<Invocation> => {
    const { records } = event as { records: { recordId: string }[] };
    const batch = records.map(({ recordId }) => recordId).join();
    const call = calls.get(batch) ?? 0;
    calls.set(batch, call + 1);
    const turn = call % 4;
    if (turn >= failingCalls) return lambda.invoke(event);
    failed += 1;
    if (turn === 0) throw new Error('the function cannot be reached');
    if (turn === 1) await lambda.invoke(event);
    const error = { errorType: 'Runtime.ExitError', errorMessage: 'the function ended before it answered' };
    return { payload: error, functionError: error, log: [] };
  };
  return { invoke, count: () => failed };
}

async function declareTables(endpoint: string): Promise<void> {
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const client = new GlueClient({ endpoint, region: 'us-east-1', credentials });
  await client.send(new CreateDatabaseCommand({ DatabaseInput: { Name: STREAM } }));
  for (const table of TABLE_NAMES) {
    await client.send(
      new CreateTableCommand({ DatabaseName: STREAM, TableInput: tableInput(table, `s3://${BUCKET}`) }),
    );
  }
  client.destroy();
}
