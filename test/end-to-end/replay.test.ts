/** The built `depthlake replay` on what a local pipeline recorded: a lost hour comes back from the stream. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kinesisClient } from '../../infra/local/kinesis.ts';
import { ERRORS, type ErrorCode } from '../../producer/errors.ts';
import type { TableRow } from '../../producer/record.ts';
import { HOUR_MS, hourStart, partitionOf, partitionPath } from '../../transformer/partition.ts';
import { depthlakeHere } from '../cli/in-process.ts';
import { checkFolder } from './lake.ts';
import { type PipelineProcess, startPipelineProcess } from './pipeline-process.ts';
import { inOrder, linesOf, replayed, rowsOf } from './replays.ts';
import { readStream } from './stream.ts';
import { until } from './wait.ts';

const root = mkdtempSync(path.join(tmpdir(), 'depthlake-replay-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const at = (name: string) => path.join(root, name);

describe('a replay of what a local pipeline recorded', () => {
  const data = at('data');
  const ends: (() => unknown)[] = [];
  let pipeline: PipelineProcess;
  /** Everything that the stream holds, and the lake, since the producer was paused. */
  let recorded: TableRow[];
  /** The hour of most rows, as options; the test may run across the end of one. */
  let hour: string[];
  let inHour: (row: TableRow) => boolean;
  let hourFolders: string[];

  beforeAll(async () => {
    const flags = ['--symbols', 'BTCUSDT,ETHUSDT,SOLUSDT', '--buffer-seconds', '1', '--linger', '300ms'];
    pipeline = await startPipelineProcess({ onTestFinished: (end) => void ends.push(end as () => void) }, data, flags);
    await until('rows are delivered', () => existsSync(path.join(data, 'orderbook')), 60_000);
    // Paused, it leaves the services running and the lake as it is.
    process.kill(pipeline.endpoints.producer_pid, 'SIGSTOP');
    const { kinesis, stream } = pipeline.endpoints;
    recorded = inOrder((await readStream(kinesis, stream)).flat());
    await until('all is delivered', async () => (await rowsOf(data)).length === recorded.length);
    const hourMs = hourStart(recorded[Math.floor(recorded.length / 2)]!.row.timestamp_ms);
    // What is asked for from before the stream began is told as gone.
    const startMs = Math.max(hourMs, recorded[0]!.row.timestamp_ms);
    hour = ['--start', String(startMs), '--end', String(hourMs + HOUR_MS)];
    inHour = ({ row }) => hourStart(row.timestamp_ms) === hourMs;
    const tables = ['order_book', 'feed_event'] as const;
    hourFolders = tables.map((table) => path.join(data, partitionPath(table, partitionOf(hourMs))));
  }, 120_000);

  afterAll(() => {
    for (const end of ends) end();
  });

  const local = ['--local', '--data', data];
  const fromStream = [...local, '--from', 'kinesis:depthlake'];

  test('an hour is missing: brought back from the stream it is equal row for row', async () => {
    const lost = recorded.filter(inHour);
    expect(new Set(lost.map(({ table }) => table))).toEqual(new Set(['order_book', 'feed_event']));
    for (const folder of hourFolders) rmSync(folder, { recursive: true });
    expect((await rowsOf(data)).filter(inHour)).toEqual([]);

    const { rows } = await replayed([...fromStream, ...hour, '--to', 'firehose:depthlake-backfill']);

    expect(rows.order_book + rows.feed_event).toBe(lost.length);
    await until('the hour is delivered', async () => (await rowsOf(data)).length >= recorded.length);
    expect((await rowsOf(data)).toSorted(byIdentity)).toEqual(recorded.toSorted(byIdentity));
    expect(await checkFolder(data)).toMatchObject({ status: 0, totals: { lost: 0, duplicates: 0 } });
  });

  test('container files from the stream hold what the lake holds', async () => {
    await replayed([...fromStream, '--to', `avro:${at('again')}`]);

    expect((await rowsOf(at('again'))).toSorted(byIdentity)).toEqual(recorded.toSorted(byIdentity));
    expect(await checkFolder(at('again'))).toMatchObject({ status: 0, totals: { lost: 0, duplicates: 0 } });
  });

  test('JSON lines from the lake are its rows, in order', async () => {
    const summary = await replayed(['--from', data, '--to', at('lake.jsonl')]);

    expect(linesOf(at('lake.jsonl'))).toEqual(recorded);
    expect(summary).toMatchObject({ sessions: 1, missing: 0, late: 0, done: true });
    expect(summary.skipped).toMatchObject({ duplicate: 0, other_producer: 0 });
  });

  test('into an hour that has its data already it brings no row that is not there', async () => {
    const before = await rowsOf(data);

    await replayed([...fromStream, ...hour, '--to', 'firehose:depthlake-backfill']);

    const twice = before.length + before.filter(inHour).length;
    await until('the hour is delivered again', async () => (await rowsOf(data)).length >= twice);
    const after = await rowsOf(data);
    expect(after.length).toBe(twice);
    expect(inOrder(after)).toEqual(recorded);
    expect(await checkFolder(data)).toMatchObject({
      status: 0,
      totals: { lost: 0, duplicates: twice - before.length },
    });
    // A reader gets each row once.
    const { skipped } = await replayed(['--from', data, '--to', at('once.jsonl')]);
    expect(linesOf(at('once.jsonl'))).toEqual(recorded);
    expect(skipped.duplicate).toBe(twice - before.length);
  });

  test.each<[string, string[], ErrorCode, string[]]>([
    [
      'a stream that does not exist',
      ['--from', 'kinesis:none-such', '--to', 'null'],
      'DL_STREAM_MISSING',
      ['none-such'],
    ],
    [
      'a delivery stream that does not exist',
      ['--from', 'kinesis:depthlake', '--to', 'firehose:none-such'],
      'DL_DELIVERY_STREAM_MISSING',
      ['none-such'],
    ],
    [
      'a delivery stream that reads from Kinesis: the one for direct puts is named',
      ['--from', 'kinesis:depthlake', '--to', 'firehose:depthlake'],
      'DL_DELIVERY_STREAM_SOURCE',
      ['depthlake-backfill'],
    ],
    [
      'a time that the stream does not hold any more',
      ['--from', 'kinesis:depthlake', '--start', '-30d', '--to', 'null', '--strict'],
      'DL_RANGE_EXPIRED',
      [new Date().toISOString().slice(0, 10)],
    ],
  ])('%s is told', async (_what, args, code, words) => {
    const { status, stderr } = await depthlakeHere(['replay', ...local, ...args]);
    expect(stderr).toContain(`depthlake: ${code}: `);
    for (const word of words) expect(stderr).toContain(word);
    expect(status).toBe(ERRORS[code].exit);
  });

  test('a pack that does not decode is named, and everything else replayed; --strict ends at it', async () => {
    const { kinesis, stream } = pipeline.endpoints;
    const client = kinesisClient(kinesis);
    const record = { Data: Buffer.from('\xff\xfe this is no pack', 'latin1'), PartitionKey: 'lane-0' };
    await client.send(new PutRecordsCommand({ StreamName: stream, Records: [record] }));
    client.destroy();

    const lenient = await depthlakeHere(['replay', ...fromStream, '--to', at('lenient.jsonl'), '--json']);
    const strict = await depthlakeHere(['replay', ...fromStream, '--to', at('strict.jsonl'), '--strict']);

    expect(lenient.status).toBe(1);
    expect(lenient.stderr).toContain('DL_REPLAY_INCOMPLETE: left out: 1 DL_PACK_INVALID');
    expect(lenient.stderr).toMatch(/DL_PACK_INVALID shardId-\d+/);
    expect(JSON.parse(lenient.stdout).problems).toMatchObject({ count: 1, codes: { DL_PACK_INVALID: 1 } });
    expect(linesOf(at('lenient.jsonl'))).toEqual(recorded);
    expect(strict.status).toBe(1);
    expect(strict.stderr).toMatch(/^depthlake: DL_PACK_INVALID: shardId-\d+/m);
  });

  test('and the pipeline ends as if nothing had been: its own rows are told apart from those brought back', async () => {
    process.kill(pipeline.endpoints.producer_pid, 'SIGCONT');
    pipeline.interrupt('SIGINT');
    const { status, summary, stderr } = await pipeline.ended;

    expect(status, stderr).toBe(0);
    expect(summary).toMatchObject({ lost: 0, backfilled: 2 * recorded.filter(inHour).length });
    expect(await checkFolder(data)).toMatchObject({ status: 0, totals: { lost: 0, unannounced: 0 } });
  });
});

function byIdentity(a: TableRow, b: TableRow): number {
  const of = ({ table, row }: TableRow) => `${table} ${row.session_id} ${row.symbol} ${String(row.seq).padStart(16)}`;
  return of(a) < of(b) ? -1 : 1;
}
