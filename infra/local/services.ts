/** Starts the services of one machine in their order, and ends them in the other. */
import { join } from 'node:path';
import {
  CreateDatabaseCommand,
  CreateTableCommand,
  GetTableCommand,
  GlueClient,
  UpdateTableCommand,
} from '@aws-sdk/client-glue';
import { type DepthlakeError, reasonOf } from '../../producer/errors.ts';
import type { Log } from '../../producer/log.ts';
import { ownIdentity } from '../../producer/process-identity.ts';
import { TABLE_NAMES } from '../../producer/record.ts';
import { bufferSizeMb } from '../../transformer/buffer-size.ts';
import { tableInput } from '../../transformer/catalog.ts';
import type { ObjectStore } from '../../transformer/lake.ts';
import { ERROR_PREFIX_EXPRESSION, PREFIX_EXPRESSION } from '../../transformer/partition.ts';
import { startControl } from './control.ts';
import { startDeliveryStreams } from './delivery-streams.ts';
import { type Endpoints, WORK_FOLDER } from './endpoints.ts';
import { LOCAL_ACCOUNT, LOCAL_AWS_ENVIRONMENT, LOCAL_REGION } from './environment.ts';
import { ROSTER } from './exchange/roster.ts';
import { type Exchange, startExchange } from './exchange.ts';
import { MIB } from './firehose/options.ts';
import type { DeliveryStats } from './firehose/record.ts';
import { startGlue } from './glue.ts';
import { kinesisClient, startKinesis } from './kinesis.ts';
import { startLambda } from './lambda.ts';
import type { PipelineOptions } from './pipeline.ts';
import { openBucket } from './s3.ts';
import { whileMoving } from './stall.ts';

const DEFAULT_SYMBOL = 'BTCUSDT';
const STREAM = 'depthlake';
const DELIVERY_STREAM = 'depthlake';
const BACKFILL = 'depthlake-backfill';
const DATABASE = 'depthlake';
const BUCKET = 'depthlake-local';
const SHARDS = 2;
/** As in the cloud: Lambda's time-out for the transformer. */
const LAMBDA_TIMEOUT_MS = 60_000;
/** With a key of its own a file waits for nothing that could join it; the service's least is 60 s. */
const S3_BUFFER_MS = 0;
/** A drain that moves nothing for longer hangs: the slowest of its steps is one call of the transformer. */
const DRAIN_STALLED_MS = LAMBDA_TIMEOUT_MS + 15_000;

export interface Services {
  readonly bucket: ObjectStore;
  /** null where the venue is a real one. */
  readonly exchange: Exchange | null;
  readonly endpoints: Omit<Endpoints, 'producer_pid'>;
  /** From the stream. */
  delivery(): Readonly<DeliveryStats>;
  /** Of what was put directly: brought back by a replay. */
  backfill(): Readonly<DeliveryStats>;
  /** Takes no more direct puts, and delivers everything that is in the stream or was put. @throws what keeps it from being delivered, DL_KINESIS_UNREACHABLE at the latest when nothing moves any more */
  drain(): Promise<void>;
  stop(): Promise<void>;
}

/** What happens by itself while the services run. */
export interface ServiceEvents {
  /** An object of a table was delivered from the stream. */
  readonly onDelivered: (key: string) => void;
  /** An object of a table was delivered of what was put directly. */
  readonly onBackfilled: (key: string) => void;
  /** The pipeline cannot go on. */
  readonly onFatal: (error: DepthlakeError) => void;
}

export async function startServices(options: PipelineOptions, events: ServiceEvents): Promise<Services> {
  const { log } = options;
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each().catch((error) => logStop(log, error));
  };
  const line = (service: string) => (text: string) => log('info', service, { text });

  try {
    const exchange = options.venue === 'local' && options.wsUrl === undefined ? await openExchange(options) : null;
    if (exchange !== null) stops.push(() => exchange.close());

    const streams = [{ name: STREAM, shards: SHARDS }];
    const port = options.kinesisPort === 0 ? {} : { port: options.kinesisPort };
    // What it says while it lives is about its own scheduling; why it died is in the error.
    const kinesis = await startKinesis({ ...port, streams, log: () => {} });
    stops.push(() => kinesis.stop());
    void kinesis.exited.then((error) => error !== null && events.onFatal(error));

    const glue = await startGlue({ folder: options.data, log: line('glue') });
    stops.push(() => glue.stop());
    await declareTables(glue.endpoint);

    const lambda = await startLambda({
      bundle: options.transformerBundle,
      environment: {
        ...LOCAL_AWS_ENVIRONMENT,
        AWS_ENDPOINT_URL_GLUE: glue.endpoint,
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
        DEPTHLAKE_CODEC: options.codec,
        DEPTHLAKE_GLUE_DATABASE: DATABASE,
        DEPTHLAKE_BUCKET: BUCKET,
      },
      timeoutMs: LAMBDA_TIMEOUT_MS,
      log: line('transformer'),
    });
    stops.push(() => lambda.stop());

    const bucket = openBucket(options.data);
    const client = kinesisClient(kinesis.endpoint);
    stops.push(async () => client.destroy());
    const delivery = await startDeliveryStreams({
      shared: {
        lambdaArn: arn('lambda', 'function:transformer'),
        invoke: (event) => lambda.invoke(event),
        bucket,
        hints: {
          lambdaBufferBytes: bufferSizeMb(options.codec, options.rawLevels) * MIB,
          lambdaBufferMs: options.bufferSeconds * 1000,
          s3BufferMs: S3_BUFFER_MS,
        },
        prefix: PREFIX_EXPRESSION,
        errorPrefix: ERROR_PREFIX_EXPRESSION,
        fileExtension: '.avro',
        dynamicPartitioning: true,
        log: line('firehose'),
        onFatal: events.onFatal,
      },
      live: {
        name: DELIVERY_STREAM,
        arn: arn('firehose', `deliverystream/${DELIVERY_STREAM}`),
        source: { client, stream: STREAM, arn: arn('kinesis', `stream/${STREAM}`), position: 'TRIM_HORIZON' },
        onDelivered: ({ key, error }) => !error && events.onDelivered(key),
      },
      backfill: {
        name: BACKFILL,
        arn: arn('firehose', `deliverystream/${BACKFILL}`),
        onDelivered: ({ key, error }) => !error && events.onBackfilled(key),
      },
      bucketArn: `arn:aws:s3:::${BUCKET}`,
    });
    stops.push(() => delivery.stop());

    const control = await startControl({ deliveryStreams: delivery.served, log: line('firehose') });
    stops.push(() => control.stop());
    return {
      bucket,
      exchange,
      endpoints: {
        ...(await ownIdentity()),
        kinesis_pid: kinesis.pid,
        started: new Date().toISOString(),
        venue: options.venue,
        stream: STREAM,
        delivery_stream: DELIVERY_STREAM,
        backfill: BACKFILL,
        database: DATABASE,
        kinesis: kinesis.endpoint,
        glue: glue.endpoint,
        control: control.endpoint,
        ws: exchange?.wsUrl ?? options.wsUrl?.href ?? null,
        rest: exchange?.restUrl ?? options.restUrl?.href ?? null,
      },
      delivery: () => delivery.live,
      backfill: () => delivery.backfill,
      drain: async () => {
        // What would be taken from now on could be missed by the drain, and lost with the process.
        await control.stop();
        const moved = () => movedBy(delivery.live) + movedBy(delivery.backfill);
        await whileMoving(delivery.drain(), moved, DRAIN_STALLED_MS);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Changes with everything that a drain achieves; to fail again is nothing achieved. */
function movedBy({ readErrors: _, ...counters }: Readonly<DeliveryStats>): string {
  return JSON.stringify(counters);
}

/** A recording lists its own symbols; the simulated exchange its roster. */
async function openExchange({ play, speed, exchangePort }: PipelineOptions): Promise<Exchange> {
  const recording = play === undefined ? {} : { recording: { file: play, speed } };
  return startExchange({ symbols: ROSTER, port: exchangePort, ...recording });
}

/** As `pulumi up` declares them; tables of an older version take the columns of this one. */
async function declareTables(endpoint: string): Promise<void> {
  const client = new GlueClient({
    endpoint,
    region: LOCAL_REGION,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  const unlessThere = (error: Error) => {
    if (error.name !== 'AlreadyExistsException') throw error;
  };
  try {
    await client.send(new CreateDatabaseCommand({ DatabaseInput: { Name: DATABASE } })).catch(unlessThere);
    for (const table of TABLE_NAMES) {
      const input = { DatabaseName: DATABASE, TableInput: tableInput(table, `s3://${BUCKET}`) };
      const exists = await client.send(new GetTableCommand({ DatabaseName: DATABASE, Name: table })).then(
        () => true,
        () => false,
      );
      if (exists) await client.send(new UpdateTableCommand(input));
      else await client.send(new CreateTableCommand(input));
    }
  } finally {
    client.destroy();
  }
}

/** The settings of a producer that records into these services, as flags. */
export function producerFlags(options: PipelineOptions, services: Services): string[] {
  const { ws, rest } = services.endpoints;
  const { shard, monitor, play } = options;
  const hosts = { 'ws-url': ws, 'rest-url': rest };
  const flags = {
    venue: options.venue,
    symbols: (options.symbols ?? [play === undefined ? DEFAULT_SYMBOL : '*']).join(','),
    shard: `${shard.index}/${shard.count}`,
    book: options.book,
    'hand-over': `${options.handOverMs}ms`,
    every: options.everyMs === 0 ? 'frame' : `${options.everyMs}ms`,
    linger: `${options.lingerMs}ms`,
    lanes: options.lanes,
    queue: options.queueMib,
    stream: STREAM,
    work: join(options.data, WORK_FOLDER),
    spill: options.spillMib,
    // A recording comes from another time than what was recorded before it.
    state: play === undefined ? 'file' : 'none',
    monitor:
      monitor === null ? 'off' : `${monitor.host.includes(':') ? `[${monitor.host}]` : monitor.host}:${monitor.port}`,
    stack: options.stack,
    producer: options.producer,
    // `start` hears by the log that the producer is connected, whatever it shows of it.
    'log-level': options.logLevel === 'debug' ? 'debug' : 'info',
    ...Object.fromEntries(Object.entries(hosts).filter(([, url]) => url !== null)),
  };
  const given = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  return options.rawLevels ? [...given, '--raw-levels'] : given;
}

/** The user's environment without its Depthlake settings, which the flags repeat, and with the local services for AWS's. */
export function producerEnvironment(services: Services): Record<string, string | undefined> {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('DEPTHLAKE_'));
  return {
    ...Object.fromEntries(own),
    ...LOCAL_AWS_ENVIRONMENT,
    AWS_ENDPOINT_URL_KINESIS: services.endpoints.kinesis,
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  };
}

function arn(service: string, resource: string): string {
  return `arn:aws:${service}:${LOCAL_REGION}:${LOCAL_ACCOUNT}:${resource}`;
}

function logStop(log: Log, error: unknown): void {
  log('warn', 'stop_failed', { reason: reasonOf(error) });
}
