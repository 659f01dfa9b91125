/** The containers of a producer's task: what they read, how they are checked, how they end. */
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { producerServices } from '../../infra/aws/producer-services.ts';
import { producerContainers, producerVariables, type TaskPlace, type Variable } from '../../infra/aws/producer-task.ts';
import { readDeployment } from '../../infra/aws/settings.ts';
import { taskSize } from '../../infra/aws/task-size.ts';
import { FEED_SETTINGS, MONITOR_SETTINGS, readSettings, STREAM_SETTINGS } from '../../producer/config.ts';
import { health } from '../../producer/monitor/health.ts';
import { startMonitor } from '../../producer/monitor/server.ts';

const PLACE: TaskPlace = {
  region: 'eu-west-1',
  stack: 'prod',
  stream: 'stream-a1b2c3d',
  stateTable: 'state-a1b2c3d',
  spillUrl: 's3://lake-a1b2c3d/spill/',
  artifactBucket: 'artifacts-a1b2c3d',
  bundleKey: 'producer/0123abcd.mjs',
  logGroup: 'producer-a1b2c3d',
};

// biome-ignore lint/suspicious/noExplicitAny: a container's definition is JSON of many shapes
type Container = Readonly<Record<string, any>>;

function variables(given: Record<string, string> = {}): readonly Variable[] {
  const settings = readDeployment((key) => given[key]);
  return producerVariables(PLACE, settings, producerServices(settings).at(-1)!, taskSize(settings));
}

function containers(): { readonly bundle: Container; readonly producer: Container } {
  const [bundle, producer] = producerContainers(PLACE, variables()) as [Container, Container];
  return { bundle, producer };
}

const asEnvironment = (list: readonly Variable[]) => Object.fromEntries(list.map(({ name, value }) => [name, value]));

const MIB = 1024 * 1024;
/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html */
const TASK_STORAGE_MIB = 20 * 1024;

describe('the environment of a producer', () => {
  const SETTINGS = { ...FEED_SETTINGS, ...STREAM_SETTINGS, ...MONITOR_SETTINGS };

  test('is what the producer reads as the settings of the deployment', () => {
    const environment = asEnvironment(
      variables({
        venue: 'binance.com',
        symbols: 'btcusdt,ETH*',
        book: 'full',
        every: '5s',
        rawLevels: 'true',
        shardsOfSymbols: '3',
        redundancy: '2',
      }),
    );

    const config = readSettings(SETTINGS, {}, environment);

    expect(config).toMatchObject({
      venue: 'binance.com',
      symbols: ['BTCUSDT', 'ETH*'],
      book: 'full',
      everyMs: 5000,
      rawLevels: true,
      shard: { index: 3, count: 3 },
      stream: 'stream-a1b2c3d',
      state: { kind: 'dynamodb', table: 'state-a1b2c3d' },
      spillTo: { bucket: 'lake-a1b2c3d', prefix: 'spill/' },
      monitor: { host: '127.0.0.1', port: 9464 },
      metrics: 'emf',
      stack: 'prod',
      producer: 'producer-3b',
    });
    expect(config.durationMs).toBeUndefined();
    expect(environment).toMatchObject({ AWS_REGION: 'eu-west-1' });
  });

  test('has nothing that the producer does not know', () => {
    const known = Object.values(SETTINGS).map(({ flag }) => `DEPTHLAKE_${flag.replaceAll('-', '_').toUpperCase()}`);

    const foreign = variables().filter(({ name }) => !known.includes(name));

    expect(foreign.map(({ name }) => name)).toEqual(['AWS_REGION', 'NODE_OPTIONS']);
  });

  test.each(['frame', '100ms', '1s', '1h'])('every %s stays what it is', (every) => {
    const { everyMs } = readSettings(SETTINGS, {}, asEnvironment(variables({ every })));

    expect(everyMs).toBe(FEED_SETTINGS.everyMs.parse(every));
  });

  test('the spill lies on the volume and leaves room for the images', () => {
    const { spillMib, work } = readSettings(SETTINGS, {}, asEnvironment(variables()));
    const { producer } = containers();

    expect(producer['mountPoints']).toContainEqual({ sourceVolume: 'work', containerPath: work, readOnly: false });
    expect(spillMib).toBeGreaterThanOrEqual(8 * 1024);
    expect(spillMib).toBeLessThanOrEqual(TASK_STORAGE_MIB - 4 * 1024);
  });

  test.each([{}, { symbols: 'all', book: 'full' }])('the heap of %o leaves room for what is beside it', (given) => {
    const { NODE_OPTIONS } = asEnvironment(variables(given));
    const settings = readDeployment((key) => (given as Record<string, string>)[key]);
    const { queueMib } = readSettings(SETTINGS, {}, asEnvironment(variables(given)));

    const heapMib = Number(/^--max-old-space-size=(\d+)$/.exec(NODE_OPTIONS!)?.[1]);

    expect(heapMib).toBeGreaterThanOrEqual(256);
    expect(taskSize(settings).memoryMib - heapMib).toBeGreaterThanOrEqual(queueMib + 160);
  });
});

describe('the containers', () => {
  test('run exact versions of public images', () => {
    const { bundle, producer } = containers();

    expect(producer['image']).toMatch(/^public\.ecr\.aws\/docker\/library\/node:24\.\d+\.\d+-\w+-slim$/);
    expect(bundle['image']).toMatch(/^public\.ecr\.aws\/aws-cli\/aws-cli:2\.\d+\.\d+$/);
  });

  test('the producer starts once the bundle is there, reads it only, and is what the task lives by', () => {
    const { bundle, producer } = containers();

    expect(bundle).toMatchObject({ name: 'bundle', essential: false });
    expect(producer).toMatchObject({
      essential: true,
      entryPoint: ['node'],
      command: ['/bundle/producer.mjs'],
      dependsOn: [{ containerName: 'bundle', condition: 'SUCCESS' }],
    });
    expect(producer['mountPoints']).toContainEqual({
      sourceVolume: 'bundle',
      containerPath: '/bundle',
      readOnly: true,
    });
    expect(bundle['command']).toEqual([
      'chmod 0777 /work; aws s3 cp --no-progress "s3://artifacts-a1b2c3d/producer/0123abcd.mjs" /bundle/producer.mjs',
    ]);
  });

  test('another bundle is another definition', () => {
    const next = producerContainers({ ...PLACE, bundleKey: 'producer/4567ef.mjs' }, variables());

    expect(JSON.stringify(next)).not.toBe(JSON.stringify(producerContainers(PLACE, variables())));
  });

  test('have no capability and no root file system to write to; the producer is not root', () => {
    const { bundle, producer } = containers();

    for (const container of [bundle, producer]) {
      expect(container).toMatchObject({
        readonlyRootFilesystem: true,
        linuxParameters: { initProcessEnabled: true, capabilities: { drop: ['ALL'] } },
        ulimits: [{ name: 'nofile', softLimit: 4096, hardLimit: 4096 }],
      });
      expect(container).not.toHaveProperty('portMappings');
      expect(container).not.toHaveProperty('privileged');
    }
    expect(producer['user']).toBe('1000:1000');
  });

  test('never wait for CloudWatch', () => {
    for (const container of Object.values(containers())) {
      expect(container['logConfiguration']).toEqual({
        logDriver: 'awslogs',
        options: {
          'awslogs-group': 'producer-a1b2c3d',
          'awslogs-region': 'eu-west-1',
          'awslogs-stream-prefix': 'task',
          mode: 'non-blocking',
          'max-buffer-size': '4m',
        },
      });
    }
  });

  test('the producer has as long to end as Fargate grants, and is started again in its task after a crash', () => {
    expect(containers().producer).toMatchObject({
      stopTimeout: 120,
      restartPolicy: { enabled: true, restartAttemptPeriod: 60 },
    });
  });
});

describe('the bundle’s container', () => {
  /** Runs its very command with folders of the test in place of the volumes, and a program in place of the AWS CLI. */
  function run(aws: string): { readonly status: number | null; readonly mode: number; readonly brought: string } {
    const folder = mkdtempSync(path.join(tmpdir(), 'depthlake-bundle-'));
    try {
      const [bin, bundle, work] = ['bin', 'bundle', 'work'].map((name) => path.join(folder, name)) as [
        string,
        string,
        string,
      ];
      for (const each of [bin, bundle, work]) mkdirSync(each, { mode: 0o755 });
      writeFileSync(path.join(bin, 'aws'), `#!/bin/sh\n${aws}\n`);
      chmodSync(path.join(bin, 'aws'), 0o755);
      writeFileSync(path.join(bundle, 'producer.mjs'), '');
      const { entryPoint, command } = containers().bundle;
      const [shell, flags] = entryPoint as [string, string];
      const script = String(command[0]).replaceAll('/work', work).replaceAll('/bundle/', `${bundle}/`);
      const { status } = spawnSync(shell, [flags, script], { env: { PATH: `${bin}:${process.env['PATH']}` } });
      const brought = readFileSync(path.join(bundle, 'producer.mjs'), 'utf8');
      return { status, mode: statSync(work).mode & 0o777, brought };
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  test('opens the work folder to the producer’s user and copies the object to where the producer looks', () => {
    const { status, mode, brought } = run('echo "$1 $2 $4" > "$5"');

    expect(status).toBe(0);
    expect(mode).toBe(0o777);
    expect(brought).toBe('s3 cp s3://artifacts-a1b2c3d/producer/0123abcd.mjs\n');
  });

  test('fails where the copy fails, so that the producer does not start', () => {
    expect(run('exit 1').status).toBe(1);
  });
});

describe.concurrent('the health check', () => {
  const { command, interval, timeout, retries, startPeriod } = containers().producer['healthCheck'] as {
    command: string[];
    interval: number;
    timeout: number;
    retries: number;
    startPeriod: number;
  };

  /** @returns the exit status of the very command; its port is the test's */
  function check(port: number): Promise<number> {
    const [kind, program, ...args] = command;
    expect([kind, program]).toEqual(['CMD', 'node']);
    const heapMib = asEnvironment(variables())['NODE_OPTIONS'];
    const env = { ...process.env, NODE_OPTIONS: heapMib };
    return new Promise((resolve) => {
      const child = execFile(
        process.execPath,
        args.map((arg) => arg.replace('127.0.0.1:9464', `127.0.0.1:${port}`)),
        { env },
        () => resolve(child.exitCode ?? -1),
      );
    });
  }

  async function checkMonitor(lastAcceptedMs: number | null): Promise<number> {
    const vitals = { lastFrameMs: 1, lastAcceptedMs, queuedRows: 0, spillRows: 0, refusingSinceMs: null };
    const verdict = () => health(vitals);
    const metrics = async () => ({ contentType: 'text/plain', body: '' });
    const monitor = await startMonitor(
      { host: '127.0.0.1', port: 0 },
      { health: verdict, readiness: verdict, metrics },
    );
    try {
      return await check(Number(new URL(monitor.url).port));
    } finally {
      await monitor.close();
    }
  }

  test('succeeds once Kinesis has accepted a pack', async () => {
    expect(await checkMonitor(1_790_000_000_000)).toBe(0);
  });

  test('fails before that', async () => {
    expect(await checkMonitor(null)).toBe(1);
  });

  test('fails where nothing listens yet', async () => {
    expect(await check(1)).toBe(1);
  });

  // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
  test('keeps within the bounds of ECS, and grants a start as long as it can', () => {
    expect(startPeriod).toBe(300);
    expect(interval).toBeGreaterThanOrEqual(5);
    expect(timeout).toBeLessThan(interval);
    expect(retries).toBeGreaterThanOrEqual(3);
  });
});

test('the definition is far below the 64 KiB of a task definition', () => {
  const names = Array.from({ length: 512 }, (_, i) => `SYMBOL${i}USDT`).join(',');

  const definition = JSON.stringify(producerContainers(PLACE, variables({ symbols: names })));

  expect(Buffer.byteLength(definition)).toBeLessThan(MIB / 16);
});
