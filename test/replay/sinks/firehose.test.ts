import { randomBytes } from 'node:crypto';
import {
  DescribeDeliveryStreamCommand,
  FirehoseClient,
  ListDeliveryStreamsCommand,
  PutRecordBatchCommand,
} from '@aws-sdk/client-firehose';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Control, startControl } from '../../../infra/local/control.ts';
import { describeDeliveryStream } from '../../../infra/local/firehose/description.ts';
import { type DeliveryStreamOptions, MIB } from '../../../infra/local/firehose/options.ts';
import { startDeliveryStream } from '../../../infra/local/firehose.ts';
import { type FirehoseSinkOptions, openFirehoseSink } from '../../../infra/replay/sinks/firehose.ts';
import { decodePack, type TableRow } from '../../../producer/record.ts';
import type { ReplayClock } from '../../../producer/replay/options.ts';
import { readContainerFile } from '../../../transformer/container-file.ts';
import { createHandler } from '../../../transformer/handler.ts';
import { ERROR_PREFIX_EXPRESSION, PREFIX_EXPRESSION } from '../../../transformer/partition.ts';
import { FakeClock, MemoryBucket } from '../../local/firehose-harness.ts';
import { feedEventAt, orderBookAt } from '../../transformer/arbitrary-rows.ts';

const NOON = Date.UTC(2024, 1, 29, 12);
const HOUR_MS = 3_600_000;
const LAMBDA = 'arn:aws:lambda:us-east-1:000000000000:function:transformer';

const book = (seq: number, timestampMs = NOON + seq): TableRow => ({
  table: 'order_book',
  row: orderBookAt(timestampMs, seq),
});
const event = (seq: number, timestampMs = NOON + seq): TableRow => ({
  table: 'feed_event',
  row: feedEventAt(timestampMs, seq),
});

/** Time passes where the sink sleeps, and nowhere else. */
function replayClock(clock: FakeClock): ReplayClock & { readonly sleeps: number[] } {
  const sleeps: number[] = [];
  return {
    sleeps,
    now: () => clock.now(),
    sleep: async (ms, signal) => {
      if (signal.aborted) return;
      sleeps.push(ms);
      await clock.advance(ms);
    },
  };
}

const named = (name: string, answered = true) =>
  Object.assign(new Error(`${name} it is`), { name }, answered ? { $response: {} } : {});

const deployed: DeliveryStreamOptions = {
  name: 'backfill',
  arn: 'arn:aws:firehose:us-east-1:000000000000:deliverystream/backfill',
  lambdaArn: LAMBDA,
  invoke: () => Promise.reject(new Error('not called')),
  bucket: new MemoryBucket(),
  hints: { lambdaBufferBytes: MIB, lambdaBufferMs: 60_000, s3BufferMs: 60_000 },
  prefix: PREFIX_EXPRESSION,
  errorPrefix: ERROR_PREFIX_EXPRESSION,
  fileExtension: '.avro',
  dynamicPartitioning: true,
  log: () => {},
  onFatal: () => {},
};
const shownAs = (options: Partial<DeliveryStreamOptions> = {}) =>
  describeDeliveryStream({ ...deployed, ...options }, 'arn:aws:s3:::lake', 0);

describe('a sink over a direct-put delivery stream, with a Firehose that the test scripts', () => {
  type Put = (packs: readonly Buffer[]) => readonly (string | null)[];

  async function sinkOver(put: Put, more: Partial<FirehoseSinkOptions> = {}) {
    const clock = replayClock(new FakeClock());
    const log: string[] = [];
    const send = async (command: object) => {
      if (!(command instanceof PutRecordBatchCommand)) return { DeliveryStreamDescription: shownAs() };
      const outcomes = put(command.input.Records!.map(({ Data }) => Buffer.from(Data!)));
      const RequestResponses = outcomes.map((ErrorCode) => (ErrorCode === null ? { RecordId: '1' } : { ErrorCode }));
      return { RequestResponses, FailedPutCount: outcomes.filter((code) => code !== null).length };
    };
    const client = { send } as unknown as FirehoseClient;
    const sink = await openFirehoseSink({
      ...{ client, deliveryStream: 'backfill', backfill: undefined, clock, partitionQuota: 500 },
      log: (line) => log.push(line),
      ...more,
    });
    return { sink, clock, log };
  }

  it('puts again what failed, and nothing else', async () => {
    const taken: TableRow[] = [];
    let calls = 0;
    const { sink } = await sinkOver((packs) => {
      calls += 1;
      return packs.map((pack, i) => {
        if ((i + calls) % 3 !== 0) return 'ServiceUnavailableException';
        taken.push(...decodePack(pack));
        return null;
      });
    });
    // A pack an hour and table.
    const rows = Array.from({ length: 40 }, (_, i) => [
      book(i + 1, NOON + i * HOUR_MS),
      event(i + 1, NOON + i * HOUR_MS),
    ]);
    for (const pair of rows) await sink.write(pair);

    expect(await sink.end()).toEqual({ writes: 40, state: null });
    const order = ({ table, row }: TableRow) => row.timestamp_ms + (table === 'feed_event' ? 1 : 0);
    expect(taken.sort((a, b) => order(a) - order(b))).toEqual(rows.flat());
    expect(calls).toBeGreaterThan(3);
  });

  it('keeps each call within 500 records and 4 MB, base64 included', async () => {
    const calls: { records: number; bytes: number }[] = [];
    const put: Put = (packs) => {
      calls.push({
        records: packs.length,
        bytes: packs.reduce((sum, { length }) => sum + Math.ceil(length / 3) * 4, 0),
      });
      return packs.map(() => null);
    };
    const { sink } = await sinkOver(put, { partitionQuota: 100_000 });
    // Nearly a pack each, and of no use to gzip beyond three quarters.
    const detail = randomBytes(200 * 1024).toString('base64');
    const large = (seq: number): TableRow => ({
      table: 'feed_event',
      row: feedEventAt(NOON + seq, seq, { kind: 'gap', detail }),
    });
    await sink.write(Array.from({ length: 1_200 }, (_, i) => book(i + 1, NOON + i * HOUR_MS)));
    await sink.write(Array.from({ length: 40 }, (_, i) => large(i + 1)));
    await sink.end();

    expect(Math.max(...calls.map(({ records }) => records))).toBe(500);
    expect(Math.max(...calls.map(({ bytes }) => bytes))).toBeGreaterThan(3_500_000);
    expect(Math.max(...calls.map(({ bytes }) => bytes))).toBeLessThanOrEqual(4_000_000);
  });

  it('waits out throttling with longer and longer pauses, and tells of it once', async () => {
    let calls = 0;
    const { sink, clock, log } = await sinkOver((packs) => {
      calls += 1;
      if (calls <= 500) throw named('ServiceUnavailableException');
      return packs.map(() => null);
    });
    await sink.write([book(1)]);

    expect(await sink.end()).toEqual({ writes: 1, state: null });
    expect(log).toEqual([
      'Firehose takes no more for now (ServiceUnavailableException); waiting',
      'Firehose takes everything again',
      'what the delivery stream has taken is in the lake in 155 s at most',
    ]);
    expect(clock.sleeps).toHaveLength(500);
    expect(clock.sleeps[0]).toBeLessThanOrEqual(200);
    expect(Math.max(...clock.sleeps)).toBeGreaterThan(4_000);
    expect(Math.max(...clock.sleeps)).toBeLessThanOrEqual(5_000);
  });

  it.each([
    [named('AccessDeniedException'), 'DL_REPLAY_DENIED', 1],
    [named('ResourceNotFoundException'), 'DL_DELIVERY_STREAM_MISSING', 1],
    [named('InvalidArgumentException'), 'DL_SINK_FAILED', 1],
    [named('connect ECONNREFUSED', false), 'DL_REPLAY_UNREACHABLE', 20],
  ])('ends at %s with %s', async (error, code, leastCalls) => {
    let calls = 0;
    const { sink } = await sinkOver(() => {
      calls += 1;
      throw error;
    });
    await sink.write([book(1)]);

    await expect(sink.end()).rejects.toMatchObject({ code });
    await expect(sink.write([book(2)])).rejects.toMatchObject({ code });
    expect(calls).toBeGreaterThanOrEqual(leastCalls);
    expect(calls).toBeLessThanOrEqual(leastCalls * 20);
  });
});

describe('a delivery stream that is to take a replay', () => {
  interface There {
    readonly description: ReturnType<typeof shownAs>;
  }
  const kinesis = {
    client: {} as never,
    stream: 'depthlake',
    arn: 'arn:aws:kinesis:us-east-1:000000000000:stream/depthlake',
  };
  const fromKinesis = shownAs({ name: 'depthlake', source: kinesis });

  function open(deliveryStream: string, there: readonly There['description'][], backfill?: string) {
    const send = async (command: object) => {
      if (command instanceof DescribeDeliveryStreamCommand) {
        const { DeliveryStreamName: name } = command.input;
        const DeliveryStreamDescription = there.find(({ DeliveryStreamName }) => DeliveryStreamName === name);
        if (DeliveryStreamDescription === undefined) throw named('ResourceNotFoundException');
        return { DeliveryStreamDescription };
      }
      if (!(command instanceof ListDeliveryStreamsCommand)) throw new Error('not asked for');
      const { DeliveryStreamType: type, ExclusiveStartDeliveryStreamName: after = '' } = command.input;
      const names = there
        .filter(({ DeliveryStreamType }) => DeliveryStreamType === type)
        .map((one) => one.DeliveryStreamName!);
      const rest = names.sort().filter((name) => name > after);
      return { DeliveryStreamNames: rest.slice(0, 2), HasMoreDeliveryStreams: rest.length > 2 };
    };
    const client = { send } as unknown as FirehoseClient;
    const clock = replayClock(new FakeClock());
    return openFirehoseSink({ client, deliveryStream, backfill, clock, log: () => {}, partitionQuota: 500 });
  }
  const source = (message: string) => ({
    code: 'DL_DELIVERY_STREAM_SOURCE',
    message: expect.stringContaining(
      `the delivery stream "depthlake" reads from a Kinesis stream, and refuses what is put into it; ${message}`,
    ),
  });

  it('is missing where Firehose does not know it', async () => {
    await expect(open('absent', [])).rejects.toMatchObject({
      code: 'DL_DELIVERY_STREAM_MISSING',
      message: 'the delivery stream "absent" does not exist: ResourceNotFoundException it is',
    });
  });

  it('is refused where it reads from Kinesis, with the name of the backfill stream', async () => {
    const refused = open('depthlake', [fromKinesis], 'stack-backfill');
    await expect(refused).rejects.toMatchObject(source('the one to put into is "stack-backfill"'));
  });

  it('is refused with the names of those that go through the same transformer, wherever they are listed', async () => {
    const others = ['a', 'b', 'c', 'd-backfill'].map((name) => shownAs({ name, lambdaArn: `${LAMBDA}-of-others` }));
    const refused = open('depthlake', [fromKinesis, ...others, shownAs({ name: 'z' })]);
    await expect(refused).rejects.toMatchObject(source('the one to put into is "z"'));
  });

  it('is refused with those that are called backfill where none is seen to go through the same transformer', async () => {
    const other = shownAs({ name: 'my-backfill', lambdaArn: `${LAMBDA}-of-others` });
    const refused = open('depthlake', [fromKinesis, other, shownAs({ name: 'logs', lambdaArn: 'none' })]);
    await expect(refused).rejects.toMatchObject(source('the one to put into is "my-backfill"'));
    await expect(open('depthlake', [fromKinesis])).rejects.toMatchObject(source('no other one was found'));
  });

  it.each(['CREATING', 'DELETING'] as const)('is refused while it is %s', async (DeliveryStreamStatus) => {
    await expect(open('backfill', [{ ...shownAs(), DeliveryStreamStatus }])).rejects.toMatchObject({
      code: 'DL_SINK_FAILED',
      message: expect.stringContaining(`is ${DeliveryStreamStatus}`),
    });
  });

  it('is refused where it does not lead into a lake', async () => {
    const plain = shownAs({ dynamicPartitioning: false });
    await expect(open('backfill', [plain])).rejects.toMatchObject({
      code: 'DL_DELIVERY_STREAM_SOURCE',
      message: expect.stringContaining('the delivery stream "backfill" does not lead into a lake'),
    });
  });
});

describe('a replay of many hours into the local Firehose, over HTTP', () => {
  const QUOTA = 40;
  const HOURS = 70;
  const rows = Array.from({ length: HOURS }, (_, i) => [
    book(i + 1, NOON + i * HOUR_MS),
    event(i + 1, NOON + i * HOUR_MS),
  ]);
  const bucket = { paced: new MemoryBucket(), unpaced: new MemoryBucket() };
  const clocks = { paced: new FakeClock(), unpaced: new FakeClock() };
  let control: Control;
  let client: FirehoseClient;

  beforeAll(async () => {
    const handle = createHandler('deflate', null, () => {});
    const start = async (name: 'paced' | 'unpaced') => {
      const options: DeliveryStreamOptions = {
        ...deployed,
        name,
        invoke: async (request) => ({ payload: await handle(request as never), functionError: null, log: [] }),
        bucket: bucket[name],
        clock: clocks[name],
        activePartitions: QUOTA,
        // Firehose may take one and a half times the interval.
        faults: { slowness: 1.5 },
      };
      const { putRecordBatch, drain } = await startDeliveryStream(options);
      return { description: shownAs(options), putRecordBatch, drain };
    };
    const streams = [await start('paced'), await start('unpaced')];
    control = await startControl({ deliveryStreams: streams, log: () => {} });
    client = new FirehoseClient({
      endpoint: control.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      maxAttempts: 1,
      requestHandler: new NodeHttpHandler(),
    });
  });

  afterAll(async () => {
    client.destroy();
    await control.stop();
  });

  async function replay(deliveryStream: 'paced' | 'unpaced', partitionQuota: number) {
    const clock = replayClock(clocks[deliveryStream]);
    const log: string[] = [];
    const sink = await openFirehoseSink({
      ...{ client, deliveryStream, backfill: undefined, clock, partitionQuota },
      log: (line) => log.push(line),
    });
    for (const pair of rows) await sink.write(pair);
    const done = await sink.end();
    await sink.close();
    await clocks[deliveryStream].advance(600_000);
    return { done, log };
  }

  function rowsOf(files: MemoryBucket): TableRow[] {
    return files.keys('').flatMap((key) => {
      if (key.startsWith('errors/')) return [];
      const { table, rows: read } = readContainerFile(files.objects.get(key)!);
      return read.map((row) => ({ table, row }) as TableRow);
    });
  }

  const inOrder = (given: readonly TableRow[]) =>
    [...given].sort((a, b) => a.row.timestamp_ms - b.row.timestamp_ms || a.table.localeCompare(b.table));

  it('that goes as fast as it can has files refused: more partitions are active than the quota grants', async () => {
    await replay('unpaced', 1_000_000);

    expect(bucket.unpaced.keys('errors/activePartitionExceeded').length).toBeGreaterThan(0);
    expect(rowsOf(bucket.unpaced).length).toBeLessThan(2 * HOURS);
  });

  it('that knows the quota has every row in the lake and none refused, and says why it takes its time', async () => {
    const { done, log } = await replay('paced', QUOTA);

    expect(done).toEqual({ writes: HOURS, state: null });
    expect(bucket.paced.keys('errors/')).toEqual([]);
    expect(inOrder(rowsOf(bucket.paced))).toEqual(inOrder(rows.flat()));
    expect(log).toEqual([
      'going no faster than files are delivered: the delivery stream may have 40 at once',
      'what the delivery stream has taken is in the lake in 155 s at most',
    ]);
  });
});
