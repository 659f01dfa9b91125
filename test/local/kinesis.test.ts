import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { DescribeStreamSummaryCommand, PutRecordsCommand, SplitShardCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SYSTEM_CLOCK } from '../../infra/local/clock.ts';
import { startDeliveryStream } from '../../infra/local/firehose.ts';
import { kinesisClient, type LocalKinesis, startKinesis } from '../../infra/local/kinesis.ts';
import { echo, type LambdaRequest, MemoryBucket } from './firehose-harness.ts';

const START_WITHIN_MS = 60_000;
const run = promisify(execFile);
const MODULE = new URL('../../infra/local/kinesis.ts', import.meta.url).href;

describe('the local Kinesis', { timeout: START_WITHIN_MS }, () => {
  let kinesis: LocalKinesis;

  beforeAll(async () => {
    kinesis = await startKinesis({
      streams: [
        { name: 'books', shards: 2 },
        { name: 'splits', shards: 1 },
      ],
      log: () => {},
    });
  }, START_WITHIN_MS);

  afterAll(async () => {
    await kinesis?.stop();
  });

  it('is ready with the streams asked for', async () => {
    const client = kinesisClient(kinesis.endpoint);
    const answer = await client.send(new DescribeStreamSummaryCommand({ StreamName: 'books' }));
    expect(answer.StreamDescriptionSummary).toMatchObject({ StreamStatus: 'ACTIVE', OpenShardCount: 2 });
    client.destroy();
  });

  it('listens on 127.0.0.1 and nowhere else', async (context) => {
    const listed = await run('ss', ['-ltnpH']).catch(() => null);
    if (listed === null) return context.skip('ss is not installed');
    const addresses = listed.stdout
      .split('\n')
      .filter((line) => line.includes(`pid=${kinesis.pid},`))
      .map((line) => line.trim().split(/\s+/)[3]!);
    expect(addresses).toContain(`127.0.0.1:${kinesis.port}`);
    expect(addresses.filter((address) => !address.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it('has a process group of its own, so that Ctrl-C does not reach it', async (context) => {
    const listed = await run('ps', ['-o', 'pgid=', '-p', String(kinesis.pid)]).catch(() => null);
    if (listed === null) return context.skip('ps is not installed');
    expect(Number(listed.stdout)).toBe(kinesis.pid);
  });

  it('refuses a port that is taken, and names it', async () => {
    const taken = kinesis.port;
    const started = startKinesis({ port: taken, streams: [{ name: 'books', shards: 1 }], log: () => {} });
    await expect(started).rejects.toMatchObject({
      code: 'DL_PORT_IN_USE',
      message: `the local Kinesis cannot listen on 127.0.0.1:${taken}: EADDRINUSE`,
    });
  });

  it('feeds a delivery stream, each record once, across a split of its shard', async () => {
    const client = kinesisClient(kinesis.endpoint);
    const bucket = new MemoryBucket();
    const stream = await startDeliveryStream({
      name: 'splits',
      arn: 'arn:aws:firehose:us-east-1:000000000000:deliverystream/splits',
      lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:echo',
      source: {
        client,
        stream: 'splits',
        arn: 'arn:aws:kinesis:us-east-1:000000000000:stream/splits',
        position: 'TRIM_HORIZON',
      },
      invoke: async (event) => echo(event as LambdaRequest),
      bucket,
      clock: SYSTEM_CLOCK,
      hints: { lambdaBufferMs: 100, s3BufferMs: 100 },
      prefix: 'table/!{partitionKeyFromLambda:first}/',
      errorPrefix: 'errors/!{firehose:error-output-type}/',
      dynamicPartitioning: true,
      log: () => {},
      onFatal: (error) => {
        throw error;
      },
    });
    const put = async (from: number, to: number) => {
      const numbers = Array.from({ length: to - from }, (_, index) => from + index);
      const Records = numbers.map((n) => ({ Data: Buffer.from(`${n}\n`), PartitionKey: `lane-${n % 8}` }));
      const answer = await client.send(new PutRecordsCommand({ StreamName: 'splits', Records }));
      expect(answer.FailedRecordCount).toBe(0);
    };

    await put(0, 100);
    const half = (2n ** 127n).toString();
    const split = { StreamName: 'splits', ShardToSplit: 'shardId-000000000000', NewStartingHashKey: half };
    await client.send(new SplitShardCommand(split));
    const isActive = async () => {
      const answer = await client.send(new DescribeStreamSummaryCommand({ StreamName: 'splits' }));
      return answer.StreamDescriptionSummary?.StreamStatus === 'ACTIVE';
    };
    while (!(await isActive())) await sleep(50);
    await put(100, 200);
    await stream.drain();

    const numbers = bucket.texts('table/').flatMap((text) => text.trimEnd().split('\n').map(Number));
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, n) => n));
    expect(bucket.errors()).toEqual([]);
    expect(stream.stats).toMatchObject({ records: 200, bufferedBytes: 0, readErrors: 0 });
    await stream.stop();
    client.destroy();
  });
});

describe('the end of the local Kinesis', { timeout: START_WITHIN_MS }, () => {
  const options = { streams: [{ name: 'books', shards: 1 }], log: () => {} };

  it('is expected after stop', async () => {
    const kinesis = await startKinesis(options);
    await kinesis.stop();
    expect(await kinesis.exited).toBeNull();
    expect(isAlive(kinesis.pid)).toBe(false);
  });

  it('is an error where nobody stopped it', async () => {
    const kinesis = await startKinesis(options);
    process.kill(kinesis.pid, 'SIGKILL');
    expect(await kinesis.exited).toMatchObject({
      code: 'DL_SERVICE_DIED',
      message: 'the local Kinesis ended by SIGKILL',
    });
  });

  it('comes with its parent’s, even when that is killed by SIGKILL', async () => {
    const script = `
      import { startKinesis } from ${JSON.stringify(MODULE)};
      const kinesis = await startKinesis({ streams: [{ name: 'books', shards: 1 }], log: () => {} });
      console.log(kinesis.pid);`;
    const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    for (let waited = 0; isAlive(pid) && waited < 10_000; waited += 50) await sleep(50);
    expect(isAlive(pid)).toBe(false);
  });

  it('comes within the time given where it hangs while it starts', async () => {
    const hangs = `
      import net from 'node:net';
      const { listen } = net.Server.prototype;
      net.Server.prototype.listen = function (...given) {
        this.once('listening', () => setImmediate(() => process.kill(process.pid, 'SIGSTOP')));
        return listen.apply(this, given);
      };`;
    const variables = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(hangs)}` };
    const startedAt = Date.now();
    await expect(startKinesis({ ...options, variables, readyWithinMs: 4000 })).rejects.toMatchObject({
      code: 'DL_SERVICE_DIED',
      message: 'the local Kinesis is not ready after 4 s',
    });
    expect(Date.now() - startedAt).toBeLessThan(15_000);
  });

  it('at the start names what it wrote last', async () => {
    const variables = { CREATE_STREAM_DURATION: 'nonsense' };
    await expect(startKinesis({ ...options, variables })).rejects.toMatchObject({
      code: 'DL_SERVICE_DIED',
      message: expect.stringMatching(/^the local Kinesis ended with status 1\n[\s\S]*nonsense/),
    });
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
