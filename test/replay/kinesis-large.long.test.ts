import { createHash } from 'node:crypto';
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kinesisClient, type LocalKinesis, startKinesis } from '../../infra/local/kinesis.ts';
import { REPLAY_CLOCK } from '../../infra/replay/clock.ts';
import { kinesisSource } from '../../infra/replay/kinesis-source.ts';
import { encodeLine, encodePack, type TableRow } from '../../producer/record.ts';
import { compareKeys } from '../../producer/replay/key.ts';
import { runReplay } from '../../producer/replay/replay.ts';
import type { Sink } from '../../producer/replay/sink.ts';
import { orderBookAt } from '../transformer/arbitrary-rows.ts';
import { type FaultProxy, startFaultProxy } from './kinesis-fault-proxy.ts';
import { EVERYTHING, QUICK, TestStream } from './kinesis-stream.ts';

const LANES = 64;
const PACK_ROWS = 40;
const BATCH_PACKS = 500;
const BATCHES = 11;

/** What a row is, in little: 220,000 of them are compared. */
const textOf = ({ row }: TableRow) => `${row.timestamp_ms} ${row.symbol} ${row.seq}`;
const digest = (rows: readonly TableRow[]) => createHash('sha256').update(rows.map(textOf).join('\n')).digest('hex');

/** Puts 20,000 rows: each lane's packs cover the same two seconds, which have just passed. */
async function putBatch(stream: TestStream, rows: TableRow[]): Promise<void> {
  const endMs = Date.now();
  const count = BATCH_PACKS * PACK_ROWS;
  const lanes = Array.from({ length: LANES }, (): TableRow[] => []);
  for (let at = 0; at < count; at++) {
    const seq = Math.floor(rows.length / LANES) + 1;
    const symbol = `S${rows.length % LANES}`;
    const row: TableRow = {
      table: 'order_book',
      row: orderBookAt(endMs - 2000 + Math.floor(at / 10), seq, { symbol }),
    };
    lanes[rows.length % LANES]!.push(row);
    rows.push(row);
  }
  const packs = lanes.flatMap((lane, index) => {
    const cuts = Array.from({ length: Math.ceil(lane.length / PACK_ROWS) }, (_, cut) => cut * PACK_ROWS);
    return cuts.map((cut) => {
      const lines = lane.slice(cut, cut + PACK_ROWS).map(encodeLine);
      return { PartitionKey: `lane-${index}`, Data: encodePack(lines) };
    });
  });
  for (let at = 0; at < packs.length; at += BATCH_PACKS) await stream.put(packs.slice(at, at + BATCH_PACKS));
}

class CollectingSink implements Sink {
  readonly rows: TableRow[] = [];
  #writes = 0;

  async write(rows: readonly TableRow[]) {
    this.#writes += 1;
    this.rows.push(...rows);
  }
  accepted = async () => ({ writes: this.#writes, state: null });
  end = () => this.accepted();
  close = async () => {};
}

describe('220,000 snapshots over 4 shards, with two splits and a merge in the middle', () => {
  const rows: TableRow[] = [];
  let kinesis: LocalKinesis;
  let proxy: FaultProxy;
  let direct: KinesisClient;
  let client: KinesisClient;
  let stream: TestStream;

  beforeAll(async () => {
    kinesis = await startKinesis({ streams: [{ name: 'empty', shards: 1 }], variables: QUICK, log: () => {} });
    proxy = await startFaultProxy(kinesis.endpoint);
    direct = kinesisClient(kinesis.endpoint);
    client = kinesisClient(proxy.endpoint);
    stream = await TestStream.create('large', 4, direct);
    for (let batch = 0; batch < BATCHES; batch++) {
      await putBatch(stream, rows);
      if (batch === 3) await stream.split(1);
      if (batch === 5) await stream.merge(3);
      if (batch === 7) await stream.split(0);
    }
  }, 600_000);
  afterAll(async () => {
    direct?.destroy();
    client?.destroy();
    await proxy?.close();
    await kinesis?.stop();
  });

  it.each([
    ['polled', false],
    ['with fan-out', true],
  ])('are replayed whole and in order, %s', async (_, fanOut) => {
    const action = fanOut ? 'SubscribeToShard' : 'GetRecords';
    proxy.next(action, 'pass', 'pass', 'pass', { cut: 0 }, { refuse: 'ProvisionedThroughputExceededException' });
    const sink = new CollectingSink();
    const start = { kind: 'time' } as const;
    const summary = await runReplay({
      source: kinesisSource({ client, stream: 'large', start, lateMs: 600_000, follow: false, fanOut }),
      sink,
      selection: { ...EVERYTHING, fromMs: rows[0]!.row.timestamp_ms },
      checkpoint: null,
      keepDuplicates: false,
      oneRowPerBook: false,
      speed: 'max',
      strict: true,
      clock: REPLAY_CLOCK,
      signal: new AbortController().signal,
    });
    expect(proxy.waiting).toBe(0);
    expect(summary).toMatchObject({ late: 0, early: 0, missing: 0, done: true });
    expect(summary.rows.order_book).toBe(rows.length);
    expect(sink.rows).toHaveLength(BATCHES * BATCH_PACKS * PACK_ROWS);
    expect(digest(sink.rows)).toBe(digest([...rows].sort(compareKeys)));
    expect(await stream.consumers()).toEqual([]);
  });
});
