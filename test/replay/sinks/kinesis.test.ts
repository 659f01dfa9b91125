import { randomBytes } from 'node:crypto';
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
  PutRecordsCommand,
} from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../../infra/local/exchange/random.ts';
import { kinesisClient, type LocalKinesis, startKinesis } from '../../../infra/local/kinesis.ts';
import { openKinesisSink } from '../../../infra/replay/sinks/kinesis.ts';
import { DepthlakeError } from '../../../producer/errors.ts';
import { decodePack, type TableRow } from '../../../producer/record.ts';
import type { Sink } from '../../../producer/replay/sink.ts';
import { createKinesisClient } from '../../../producer/stream/kinesis.ts';
import { laneOf } from '../../../producer/stream/packs.ts';
import { type KinesisProxy, startKinesisProxy } from '../../end-to-end/kinesis-proxy.ts';
import { settle, VirtualClock } from '../../producer/virtual-clock.ts';
import { feedEventAt, orderBookAt } from '../../transformer/arbitrary-rows.ts';

const STREAM = 'depthlake';
const LANES = 4;
const NOON = Date.UTC(2024, 1, 29, 12);
const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT', 'ADAUSDT', 'DOGEUSDT'];

function book(seq: number, symbol = 'BTCUSDT', timestampMs = NOON + seq): TableRow {
  return { table: 'order_book', row: orderBookAt(timestampMs, seq, { symbol }) };
}

const NOISE = randomBytes(200 * 1024).toString('base64');

/** A row that fills most of a pack, and does not compress below three quarters. */
function largeRow(seq: number): TableRow {
  return { table: 'feed_event', row: feedEventAt(NOON + seq, seq, { kind: 'gap', detail: NOISE }) };
}

describe('a sink over a stream, with a Kinesis that the test scripts', () => {
  type Outcomes = readonly (string | null)[];
  type Put = (packs: readonly Uint8Array[]) => Outcomes | Promise<Outcomes>;

  /** Outcomes of PutRecords, one a pack; what it throws fails the call. */
  async function sinkOver(put: Put) {
    const clock = new VirtualClock();
    const log: string[] = [];
    const send = async (command: object) => {
      if (!(command instanceof PutRecordsCommand)) return {};
      const outcomes = await put(command.input.Records!.map(({ Data }) => Data!));
      return { Records: outcomes.map((code) => (code === null ? { SequenceNumber: '1' } : { ErrorCode: code })) };
    };
    const client = { send } as unknown as KinesisClient;
    const line = (text: string) => log.push(text);
    const sink = await openKinesisSink({ client, stream: STREAM, lanes: LANES, log: line, scheduler: clock });
    return { sink, clock, log };
  }

  const firstOf = (pack: Uint8Array) => decodePack(pack)[0]!.row;
  const accepted = async (sink: Sink) => (await sink.accepted()).writes;
  const named = (name: string, answered = true) =>
    Object.assign(new Error(`${name} it is`), { name }, answered ? { $response: {} } : {});

  it('says that a write is accepted once each pack with a row of it is in the stream', async () => {
    let refused: string | null = 'SOLUSDT';
    const { sink, clock } = await sinkOver((packs) =>
      packs.map((pack) => (firstOf(pack).symbol === refused ? 'InternalFailure' : null)),
    );
    expect(laneOf('local', 'BTCUSDT', LANES)).not.toBe(laneOf('local', 'SOLUSDT', LANES));

    await sink.write([book(1, 'BTCUSDT')]);
    await sink.write([book(2, 'BTCUSDT'), book(2, 'SOLUSDT')]);
    expect(await accepted(sink)).toBe(0);
    await settle();
    expect(await accepted(sink)).toBe(0);
    await sink.write([book(3, 'BTCUSDT')]);
    await settle();
    expect(await accepted(sink)).toBe(0);

    refused = null;
    await clock.advance(10_000);
    expect(await accepted(sink)).toBe(3);
    expect(await sink.end()).toEqual({ writes: 3, state: null });
  });

  it('counts the writes before one that is not accepted', async () => {
    const { sink } = await sinkOver((packs) => packs.map((pack) => (firstOf(pack).seq > 1 ? 'InternalFailure' : null)));

    await sink.write([book(1)]);
    await sink.accepted();
    await settle();
    await sink.write([book(2)]);
    await sink.write([book(3)]);
    await sink.accepted();
    await settle();

    expect(await accepted(sink)).toBe(1);
  });

  it('takes no more while 16 MiB of packs have no answer, and goes on with the answer', async () => {
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const { sink, clock } = await sinkOver(async (packs) => {
      await answered;
      return packs.map(() => null);
    });
    let writes = 0;
    const writing = (async () => {
      for (let seq = 1; seq <= 90; seq += 1, writes += 1) await sink.write([largeRow(seq)]);
    })();
    await settle();
    for (let turn = 0; turn < 300; turn += 1) await settle();
    const whileWaiting = writes;

    answer();
    const ended = writing.then(() => sink.end());
    await clock.advance(1_000);
    expect((await ended).writes).toBe(90);
    // Each has about 200 KiB.
    expect(whileWaiting).toBeGreaterThan(75);
    expect(whileWaiting).toBeLessThan(85);
  });

  it('waits out throttling, however long it lasts, and tells of it once', async () => {
    let throttled = true;
    const { sink, clock, log } = await sinkOver((packs) =>
      packs.map(() => (throttled ? 'ProvisionedThroughputExceededException' : null)),
    );
    await sink.write([book(1)]);
    const ended = sink.end();
    await clock.advance(900_000);
    throttled = false;
    await clock.advance(10_000);

    expect(await ended).toEqual({ writes: 1, state: null });
    expect(log).toEqual([
      'Kinesis takes no more for now (ProvisionedThroughputExceededException); waiting',
      'Kinesis takes everything again',
    ]);
  });

  it('waits where the service answers that it is busy, and gives up where it does not answer for a minute', async () => {
    let failure = named('InternalFailure');
    const { sink, clock } = await sinkOver(() => Promise.reject(failure));
    await sink.write([book(1)]);
    const ended = sink.end();
    const outcome = expect(ended).rejects.toMatchObject({
      code: 'DL_REPLAY_UNREACHABLE',
      message: expect.stringContaining('the Kinesis stream "depthlake" lacks rows: connect ECONNREFUSED it is'),
    });
    await clock.advance(600_000);
    const silence = named('connect ECONNREFUSED', false);
    failure = silence;
    await clock.advance(40_000);
    failure = named('InternalFailure');
    await clock.advance(10_000);
    failure = silence;
    await clock.advance(50_000);
    expect(await accepted(sink)).toBe(0);
    await clock.advance(20_000);
    await outcome;
  });

  it.each([
    ['AccessDeniedException', 'DL_REPLAY_DENIED'],
    ['KMSAccessDeniedException', 'DL_REPLAY_DENIED'],
    ['ExpiredTokenException', 'DL_REPLAY_DENIED'],
    ['CredentialsProviderError', 'DL_REPLAY_DENIED'],
    ['ResourceNotFoundException', 'DL_STREAM_MISSING'],
    ['KMSDisabledException', 'DL_SINK_FAILED'],
  ])('ends at %s with %s, at once and for every later call', async (name, code) => {
    let calls = 0;
    const { sink, clock } = await sinkOver(() => {
      calls += 1;
      throw named(name);
    });
    await sink.write([book(1)]);
    await expect(sink.end()).rejects.toMatchObject({ code });
    await clock.advance(60_000);

    expect(calls).toBe(1);
    await expect(sink.write([book(2)])).rejects.toMatchObject({ code });
    await expect(sink.accepted()).rejects.toMatchObject({ code });
  });

  it('sends nothing more once it is closed, and lets nobody wait', async () => {
    let calls = 0;
    const { sink, clock } = await sinkOver((packs) => {
      calls += 1;
      return packs.map(() => 'InternalFailure');
    });
    await sink.write([book(1)]);
    const ended = expect(sink.end()).rejects.toBeInstanceOf(DepthlakeError);
    await settle();
    await sink.close();
    await ended;
    const before = calls;
    await clock.advance(60_000);

    expect(calls).toBe(before);
  });

  it.each([
    ['ResourceNotFoundException', 'DL_STREAM_MISSING'],
    ['AccessDeniedException', 'DL_REPLAY_DENIED'],
    ['connect ECONNREFUSED', 'DL_REPLAY_UNREACHABLE'],
  ])('is not opened where the stream answers %s: %s', async (name, code) => {
    const config = { region: async () => 'us-east-1' };
    const client = { config, send: () => Promise.reject(named(name)) } as unknown as KinesisClient;
    const opened = openKinesisSink({ client, stream: STREAM, lanes: LANES, log: () => {} });
    await expect(opened).rejects.toMatchObject({ code });
  });
});

describe('a sink over a stream of the local Kinesis', { timeout: 60_000 }, () => {
  let kinesis: LocalKinesis;
  let proxy: KinesisProxy;
  let client: KinesisClient;

  beforeAll(async () => {
    kinesis = await startKinesis({ streams: [{ name: STREAM, shards: 2 }], log: () => {} });
    proxy = await startKinesisProxy(kinesis.endpoint, { refuseEntries: 0.3, cutAnswers: 0.2 }, new Random('sink'));
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
    client = createKinesisClient({ endpoint: proxy.endpoint, region: 'us-east-1', credentials });
  }, 60_000);

  afterAll(async () => {
    client?.destroy();
    await proxy?.close();
    await kinesis?.stop();
  });

  async function readStream() {
    const reader = kinesisClient(kinesis.endpoint);
    const { Shards = [] } = await reader.send(new ListShardsCommand({ StreamName: STREAM }));
    const records: { lane: string; rows: TableRow[] }[] = [];
    for (const { ShardId } of Shards) {
      const start = { StreamName: STREAM, ShardId, ShardIteratorType: 'TRIM_HORIZON' } as const;
      const { ShardIterator } = await reader.send(new GetShardIteratorCommand(start));
      const { Records = [] } = await reader.send(new GetRecordsCommand({ ShardIterator }));
      records.push(...Records.map(({ Data, PartitionKey }) => ({ lane: PartitionKey!, rows: decodePack(Data!) })));
    }
    reader.destroy();
    return records;
  }

  it('brings every row in, each symbol in its order and on its lane, through refusals and lost answers', async () => {
    const hour = 3_600_000;
    const rows: TableRow[] = Array.from({ length: 3_000 }, (_, i) =>
      book(Math.floor(i / SYMBOLS.length) + 1, SYMBOLS[i % SYMBOLS.length], NOON + Math.floor(i / 1_500) * hour + i),
    );
    const sink = await openKinesisSink({ client, stream: STREAM, lanes: LANES, log: () => {} });
    for (let i = 0; i < rows.length; i += 100) {
      await sink.write(rows.slice(i, i + 100));
      if (i % 500 === 0) await sink.accepted();
    }
    expect(await sink.end()).toEqual({ writes: 30, state: null });
    await sink.close();

    const records = await readStream();
    for (const { lane, rows: packed } of records) {
      expect(new Set(packed.map(({ row }) => laneOf(row.venue, row.symbol!, LANES)))).toEqual(new Set([lane]));
      expect(new Set(packed.map(({ row }) => Math.floor(row.timestamp_ms / hour))).size).toBe(1);
    }
    const arrived = records.flatMap(({ rows: packed }) => packed);
    for (const symbol of SYMBOLS) {
      const ofSymbol = ({ row }: TableRow) => row.symbol === symbol;
      // Lost answers make packs come twice: each row's first coming is in order, and it is the same row.
      const first = new Map(
        arrived
          .filter(ofSymbol)
          .map((each) => [each.row.seq, each] as const)
          .reverse(),
      );
      expect([...first.values()].reverse()).toEqual(rows.filter(ofSymbol));
    }
    expect(proxy.befallen.refuseEntries).toBeGreaterThan(0);
    expect(proxy.befallen.cutAnswers).toBeGreaterThan(0);
    expect(arrived.length).toBeGreaterThan(rows.length);
  });
});
