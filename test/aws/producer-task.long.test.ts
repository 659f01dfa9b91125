/** The built producer in exactly its container's environment; only hosts, ports and folders are this machine's. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateTableCommand } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { expect, type TestContext, test } from 'vitest';
import { producerServices } from '../../infra/aws/producer-services.ts';
import { producerContainers, producerVariables, type TaskPlace } from '../../infra/aws/producer-task.ts';
import { readDeployment } from '../../infra/aws/settings.ts';
import { taskSize } from '../../infra/aws/task-size.ts';
import { LOCAL_AWS_ENVIRONMENT, LOCAL_REGION } from '../../infra/local/environment.ts';
import { Random } from '../../infra/local/exchange/random.ts';
import { startExchange } from '../../infra/local/exchange.ts';
import { startKinesis } from '../../infra/local/kinesis.ts';
import { createDynamoDbClient, dynamoDbStore } from '../../producer/state/dynamodb-store.ts';
import { createS3Client } from '../../producer/stream/s3.ts';
import { readSpill } from '../../producer/stream/spill-entry.ts';
import { bundle } from '../end-to-end/harness.ts';
import { startKinesisProxy } from '../end-to-end/kinesis-proxy.ts';
import { readStream } from '../end-to-end/stream.ts';
import { until } from '../end-to-end/wait.ts';
import { startMoto } from '../interop/moto.ts';
import { absent } from '../interop/python.ts';

const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'];
const PLACE: TaskPlace = {
  region: LOCAL_REGION,
  stack: 'test',
  stream: 'stream-a1b2c3d',
  stateTable: 'state-a1b2c3d',
  spillUrl: 's3://lake-a1b2c3d/spill/',
  artifactBucket: 'artifacts-a1b2c3d',
  bundleKey: 'producer/0123abcd.mjs',
  logGroup: 'producer-a1b2c3d',
};
const MONITOR = '127.0.0.1:9464';

test.skipIf(absent !== null)(
  `a task: unhealthy until Kinesis accepts, healthy then; at SIGTERM its spill reaches the lake ${absent ?? ''}`,
  async (context) => {
    const services = await startServices(context);
    const { proxy, lake } = services;
    proxy.faults.failCalls = 1;
    const task = await startTask(context, services);
    await until('it answers', () => task.answers());
    await sleep(3_000);
    expect(await task.check()).toBe(1);

    proxy.faults.failCalls = 0;
    await until('it is healthy', async () => (await task.check()) === 0);

    await until(
      'rows of each symbol arrive',
      async () => (await symbolsIn(services.kinesis.endpoint)) === SYMBOLS.length,
    );
    await until('no row waits on disk', () => task.isDrained());
    // A state waits for the events before it, that of the spill's end among them.
    const states = dynamoDbStore(services.dynamodb, PLACE.stateTable);
    await until('the states are saved', async () => (await states.load('local', SYMBOLS)).size === SYMBOLS.length);
    proxy.faults.failCalls = 1;
    await sleep(6_000);
    const { stopTimeout } = task.container;
    const signalledMs = Date.now();
    task.child.kill('SIGTERM');
    const [status] = await task.ended;
    expect(status, task.logged()).toBe(0);
    expect(Date.now() - signalledMs).toBeLessThan(stopTimeout * 1000);

    const { Contents = [] } = await lake.send(new ListObjectsV2Command({ Bucket: 'lake-a1b2c3d' }));
    const keys = Contents.map(({ Key }) => Key!);
    expect(keys.filter((key) => !/^spill\/[0-9a-f-]{36}\/\d+\.seg$/.test(key))).toEqual([]);
    let spilled = 0;
    for (const Key of keys) {
      const { Body } = await lake.send(new GetObjectCommand({ Bucket: 'lake-a1b2c3d', Key }));
      for (const item of readSpill(Buffer.from(await Body!.transformToByteArray()))) {
        if (item.kind === 'entry') spilled += item.pack.rows;
      }
    }
    expect(spilled).toBeGreaterThan(50);
    const summary = JSON.parse(task.printed());
    expect(summary).toMatchObject({ lost: 0, spilled: 0 });
    expect([...(await states.load('local', SYMBOLS)).keys()].sort()).toEqual(SYMBOLS);
    expect(task.logged()).toContain('"Namespace":"Depthlake"');
  },
);

async function startServices({ onTestFinished }: TestContext) {
  const exchange = await startExchange({ symbols: SYMBOLS, seed: 511 });
  onTestFinished(() => exchange.close());
  const kinesis = await startKinesis({ streams: [{ name: PLACE.stream, shards: 1 }], log: () => {} });
  onTestFinished(() => kinesis.stop());
  const proxy = await startKinesisProxy(kinesis.endpoint, {}, new Random('511:kinesis'));
  onTestFinished(() => proxy.close());
  const moto = await startMoto();
  onTestFinished(() => moto.stop());
  const own = {
    endpoint: moto.endpoint,
    region: LOCAL_REGION,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  };
  const lake = createS3Client(own);
  onTestFinished(() => lake.destroy());
  await lake.send(new CreateBucketCommand({ Bucket: 'lake-a1b2c3d' }));
  const dynamodb = createDynamoDbClient(own);
  onTestFinished(() => dynamodb.destroy());
  await dynamodb.send(
    new CreateTableCommand({
      TableName: PLACE.stateTable,
      AttributeDefinitions: [{ AttributeName: 'feed', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'feed', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
  return { exchange, kinesis, proxy, moto, lake, dynamodb };
}

interface Container {
  readonly environment: readonly { readonly name: string; readonly value: string }[];
  readonly entryPoint: readonly string[];
  readonly command: readonly string[];
  readonly healthCheck: { readonly command: readonly string[] };
  readonly stopTimeout: number;
}

interface Task {
  readonly child: ChildProcess;
  readonly container: Container;
  readonly ended: Promise<unknown[]>;
  readonly logged: () => string;
  readonly printed: () => string;
  readonly answers: () => Promise<boolean>;
  /** Whether its spill is empty. */
  readonly isDrained: () => Promise<boolean>;
  /** @returns the exit status of the health check */
  readonly check: () => Promise<number>;
}

async function startTask(
  { onTestFinished }: TestContext,
  { exchange, proxy, moto }: Awaited<ReturnType<typeof startServices>>,
): Promise<Task> {
  const settings = readDeployment((key) => ({ symbols: SYMBOLS.join(','), book: 'full' })[key]);
  const size = taskSize(settings);
  const variables = producerVariables(PLACE, settings, producerServices(settings)[0]!, size);
  const container = producerContainers(PLACE, variables)[1] as Container;
  const folder = mkdtempSync(path.join(tmpdir(), 'depthlake-task-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  // Alone, as the bundle's container puts it there.
  copyFileSync(bundle('producer'), path.join(folder, 'producer.mjs'));
  const monitor = `127.0.0.1:${await freePort()}`;
  const environment = {
    ...Object.fromEntries(container.environment.map(({ name, value }) => [name, value])),
    ...LOCAL_AWS_ENVIRONMENT,
    DEPTHLAKE_VENUE: 'local',
    DEPTHLAKE_WS_URL: exchange.wsUrl,
    DEPTHLAKE_REST_URL: exchange.restUrl,
    DEPTHLAKE_WORK: path.join(folder, 'work'),
    DEPTHLAKE_MONITOR: monitor,
    AWS_ENDPOINT_URL: moto.endpoint,
    AWS_ENDPOINT_URL_KINESIS: proxy.endpoint,
  };
  expect([container.entryPoint, container.command]).toEqual([['node'], ['/bundle/producer.mjs']]);
  const child = spawn(process.execPath, [path.join(folder, 'producer.mjs')], { env: environment, cwd: '/' });
  const ended = once(child, 'close');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let logged = '';
  let printed = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    logged += text;
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const script = container.healthCheck.command.slice(2).map((arg) => arg.replace(MONITOR, monitor));
  const check = () =>
    new Promise<number>((resolve) => {
      const checker = execFile(process.execPath, script, { env: environment }, () => resolve(checker.exitCode ?? -1));
    });
  const answers = () =>
    fetch(`http://${monitor}/healthz`).then(
      () => true,
      () => false,
    );
  const isDrained = async () =>
    /^depthlake_spill_rows(\{.*\})? 0$/m.test(await (await fetch(`http://${monitor}/metrics`)).text());
  return { child, container, ended, logged: () => logged, printed: () => printed, answers, isDrained, check };
}

async function symbolsIn(endpoint: string): Promise<number> {
  const rows = (await readStream(endpoint, PLACE.stream)).flat();
  return new Set(rows.flatMap(({ table, row }) => (table === 'order_book' ? [row.symbol] : []))).size;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
