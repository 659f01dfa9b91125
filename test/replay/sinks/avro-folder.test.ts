import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkLake } from '../../../infra/commands/lake-check.ts';
import { openBucket } from '../../../infra/local/s3.ts';
import { openAvroSink } from '../../../infra/replay/sinks/avro-folder.ts';
import { openFileSink } from '../../../infra/replay/sinks/file.ts';
import { lineFormat } from '../../../infra/replay/sinks/line-format.ts';
import type { TableRow } from '../../../producer/record.ts';
import type { Accepted, Json, Sink } from '../../../producer/replay/sink.ts';
import { readContainerFile } from '../../../transformer/container-file.ts';
import { HOUR_MS, NOON, temporaryFolder } from '../../cli/lake.ts';
import { absent, runScript } from '../../interop/python.ts';
import { bookRow, eventRow } from '../../producer/samples.ts';

const ID = '0123456789ab';
const OTHER_ID = 'ba9876543210';
const MINUTE_MS = 60_000;

const fresh = { codec: 'deflate', id: ID, state: null, overwrite: false } as const;

/** Numbers that do not compress, so that files fill up with few rows. */
const PAIRS = Array.from({ length: 20 }, (_, index) => [Math.sqrt(index + 2), Math.cbrt(index + 2)]);

interface Found {
  readonly key: string;
  readonly bytes: Buffer;
}

/** Every file of the folder, hidden ones too. */
async function filesOf(folder: string): Promise<Found[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const found = files.sort().map(async (file) => ({ key: path.relative(folder, file), bytes: await readFile(file) }));
  return Promise.all(found);
}

const hexOf = ({ key, bytes }: Found) => `${key} ${bytes.toString('hex')}`;

const namesOf = async (folder: string) => (await filesOf(folder)).map(({ key }) => key);

const seqsOf = (bytes: Buffer) => (readContainerFile(bytes).rows as readonly { seq: number }[]).map(({ seq }) => seq);

/** The identities of the rows of all files, sorted. */
async function rowsIn(folder: string): Promise<string[]> {
  const files = (await filesOf(folder)).map(({ bytes }) => readContainerFile(bytes));
  return files.flatMap(({ table, rows }) => rows.map((row) => identityOf({ table, row } as TableRow))).sort();
}

function identityOf({ table, row }: TableRow): string {
  return [table, row.session_id, row.symbol, row.seq, row.timestamp_ms].join(' ');
}

async function written(folder: string, batches: readonly (readonly TableRow[])[]): Promise<Accepted> {
  const sink = await openAvroSink({ ...fresh, folder });
  for (const rows of batches) await sink.write(rows);
  const accepted = await sink.end();
  await sink.close();
  return accepted;
}

/** Snapshots a minute apart. */
function minutes(from: number, count: number): TableRow[] {
  return Array.from({ length: count }, (_, index) =>
    bookRow('BTCUSDT', from + index, NOON + (from + index) * MINUTE_MS),
  );
}

describe('a folder of container files', () => {
  it('has the layout of a lake: a file for each table and hour, named for its least time', async () => {
    const folder = temporaryFolder();
    const late = bookRow('ETHUSDT', 1, NOON + 59 * MINUTE_MS);
    const accepted = await written(folder, [
      minutes(58, 1),
      [eventRow(null, 1, NOON)],
      [...minutes(61, 2), ...minutes(60, 1), late],
    ]);

    expect(accepted).toEqual({ writes: 3, state: { files: 3 } });
    expect(await namesOf(folder)).toEqual([
      `feed_event/year=2026/month=09/day=01/hour=12/${NOON}-${ID}-1.avro`,
      `orderbook/year=2026/month=09/day=01/hour=12/${NOON + 58 * MINUTE_MS}-${ID}-0.avro`,
      `orderbook/year=2026/month=09/day=01/hour=13/${NOON + HOUR_MS}-${ID}-2.avro`,
    ]);
    const expected = [...minutes(58, 1), eventRow(null, 1, NOON), ...minutes(60, 3), late].map(identityOf).sort();
    expect(await rowsIn(folder)).toEqual(expected);
  });

  it('passes depthlake check as the lake of the whole session', async () => {
    const folder = temporaryFolder();
    const event = (seq: number, minute: number, kind: string, lastSeq: number | null): TableRow => {
      const { row } = eventRow(lastSeq === null ? null : 'BTCUSDT', seq, NOON + minute * MINUTE_MS);
      return { table: 'feed_event', row: { ...row, kind, last_seq: lastSeq } as never };
    };
    await written(folder, [
      [event(1, 0, 'started', null), ...minutes(1, 40)],
      [...minutes(41, 60), event(2, 101, 'tally', 100), event(3, 102, 'stopped', null)],
    ]);
    const { promises, tables } = await checkLake(folder, NOON + 24 * HOUR_MS, () => {});

    expect(promises.map(({ verdict }) => verdict)).toEqual(['kept', 'kept', 'kept']);
    expect(tables.order_book).toMatchObject({ rows: 100, objects: 2 });
  });

  it('is the same for the same rows, name for name and byte for byte', async () => {
    const [one, other] = [temporaryFolder(), temporaryFolder()];
    const batches = Array.from({ length: 15 }, (_, hour) => [...minutes(hour * 60, 3), eventRow(null, hour, NOON)]);
    await written(one, batches);
    await written(other, batches);
    const [files, same] = [await filesOf(one), await filesOf(other)];

    expect(files.map(hexOf)).toEqual(same.map(hexOf));
    expect(new Set(files.map(({ bytes }) => bytes.subarray(-16).toString('hex'))).size).toBe(files.length);
    expect(files.length).toBe(17);
  });

  it('cuts files below 1,000 KiB, all of them at the end of a batch', async () => {
    const folder = temporaryFolder();
    const sink = await openAvroSink({ ...fresh, folder, codec: 'null' });
    const full = { top_bids: PAIRS, top_asks: PAIRS };
    const batch = (from: number) =>
      Array.from({ length: 300 }, (_, index) => bookRow('BTCUSDT', from + index, NOON + from + index, full));
    const accepted: Accepted[] = [];
    for (let from = 0; from < 1500; from += 300) {
      await sink.write(from === 0 ? [eventRow(null, 1, NOON), ...batch(0)] : batch(from));
      accepted.push(await sink.accepted());
    }
    const before = await filesOf(folder);
    await sink.end();

    expect(accepted.map(({ writes }) => writes)).toEqual([0, 0, 3, 3, 3]);
    expect(accepted.at(-1)!.state).toEqual({ files: 2 });
    expect(before.map(({ bytes }) => readContainerFile(bytes).count)).toEqual([1, 900]);
    expect(before[1]!.bytes.length).toBeGreaterThan(700_000);
    for (const { bytes } of await filesOf(folder)) expect(bytes.length).toBeLessThanOrEqual(1_024_000);
    expect((await rowsIn(folder)).length).toBe(1501);
  });

  it('begins a new file where a batch does not fit, divides one that alone passes 1,000 KiB, and leaves a larger row alone', async () => {
    const folder = temporaryFolder();
    const sink = await openAvroSink({ ...fresh, folder, codec: 'null' });
    const large = (seq: number, kib: number) => eventRow(null, seq, NOON + seq, 'x'.repeat(kib * 1024));
    const rows = [large(1, 10), large(2, 600), large(3, 600), large(4, 1200), large(5, 10)];
    await sink.write([large(0, 600)]);
    expect(await sink.accepted()).toMatchObject({ writes: 0 });
    await sink.write(rows);
    expect(await sink.accepted()).toMatchObject({ writes: 2 });
    await sink.end();
    const files = (await filesOf(folder)).map(({ bytes }) => seqsOf(bytes));

    expect(files.flat().sort()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(files).toEqual(expect.arrayContaining([[0], [1, 2], [3], [4], [5]]));
    for (const { bytes } of await filesOf(folder))
      expect(bytes.length < 1_024_000 || bytes.length > 1_200_000).toBe(true);
  });

  it('has at most eight files open after a batch', async () => {
    const folder = temporaryFolder();
    const sink = await openAvroSink({ ...fresh, folder });
    const seen: number[] = [];
    for (let hour = 0; hour < 10; hour += 1) {
      await sink.write([bookRow('BTCUSDT', hour, NOON + hour * HOUR_MS)]);
      seen.push((await sink.accepted()).writes);
    }
    expect(seen).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 9, 9]);
    await sink.close();
    expect((await rowsIn(folder)).length).toBe(9);
  });

  it('says where it cannot be written, and what was accepted stays', async () => {
    const folder = temporaryFolder();
    const sink = await openAvroSink({ ...fresh, folder });
    for (let hour = 0; hour < 9; hour += 1) await sink.write([bookRow('BTCUSDT', hour, NOON + hour * HOUR_MS)]);
    await writeFile(path.join(folder, 'feed_event'), 'no folder');
    await sink.write([eventRow(null, 1, NOON)]);

    await expect(sink.end()).rejects.toMatchObject({
      code: 'DL_OUTPUT_FAILED',
      message: expect.stringContaining(path.join(folder, 'feed_event/year=2026')),
    });
    expect(await sink.accepted()).toEqual({ writes: 9, state: { files: 9 } });
    await sink.close();
  });

  it.skipIf(absent !== null)('reads with fastavro', async () => {
    const folder = temporaryFolder();
    await written(folder, [minutes(0, 100)]);
    const files = (await namesOf(folder)).map((name) => path.join(folder, name));
    const read = await runScript<{ rows: object[] }>('read_avro.py', { files, schema: null });

    const rows = read.flatMap(({ rows }) => rows) as { seq: number }[];
    expect(rows.sort((a, b) => a.seq - b.seq)).toEqual(minutes(0, 100).map(({ row }) => row));
  });
});

describe('a folder that has files already', () => {
  it('keeps those of others, and those of the same replay without --overwrite', async () => {
    const folder = temporaryFolder();
    const foreign = `orderbook/year=2026/month=09/day=01/hour=12/${NOON}-${OTHER_ID}-0.avro`;
    await openBucket(folder).put(foreign, Buffer.from('of another'));
    await written(folder, [minutes(0, 3)]);
    const before = await filesOf(folder);

    await expect(openAvroSink({ ...fresh, folder })).rejects.toMatchObject({
      code: 'DL_SINK_EXISTS',
      message: `${folder} has 1 file of the same replay (*-${ID}-*.avro)`,
    });
    expect((await filesOf(folder)).map(hexOf)).toEqual(before.map(hexOf));

    const sink = await openAvroSink({ ...fresh, folder, overwrite: true });
    expect(await namesOf(folder)).toEqual([foreign]);
    await sink.write(minutes(0, 3));
    await sink.end();
    expect((await filesOf(folder)).map(hexOf)).toEqual(before.map(hexOf));
  });

  it('loses those that the checkpoint does not know, whole ones and half ones, and no others', async () => {
    const folder = temporaryFolder();
    const { state } = await written(folder, [minutes(58, 4)]);
    const known = await namesOf(folder);
    const hour = path.dirname(path.join(folder, known[0]!));
    const foreign = `.${NOON}-${OTHER_ID}-2.avro-01234567-89ab-cdef-0123-456789abcdef`;
    for (const name of [`${NOON}-${ID}-2.avro`, foreign.replace(OTHER_ID, ID), foreign]) {
      await writeFile(path.join(hour, name), 'Obj');
    }
    await openAvroSink({ ...fresh, folder, state });

    expect(await namesOf(folder)).toEqual([path.join(path.dirname(known[0]!), foreign), ...known]);
  });

  it('is refused where files that the checkpoint knows are gone', async () => {
    const folder = temporaryFolder();
    const { state } = await written(folder, [minutes(58, 4)]);
    const [first, second] = await namesOf(folder);
    await rm(path.join(folder, first!));

    await expect(openAvroSink({ ...fresh, folder, state })).rejects.toMatchObject({
      code: 'DL_CHECKPOINT_INVALID',
      message: `${folder} has 1 of the 2 files (*-${ID}-*.avro) that its checkpoint knows`,
    });
    expect(await namesOf(folder)).toEqual([second]);
  });

  it('is refused where the checkpoint is of another sink', async () => {
    const opening = openAvroSink({ ...fresh, folder: temporaryFolder(), state: { bytes: 3 } });
    await expect(opening).rejects.toMatchObject({ code: 'DL_CHECKPOINT_INVALID' });
  });
});

describe('a replay that was killed', () => {
  const step = fc.oneof(
    // Whole hours pass between batches, so files are cut soon.
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('write'), hours: fc.integer({ min: 0, max: 4 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('checkpoint') }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('kill'), lost: fc.integer({ min: 0, max: 9 }) }) },
  );

  it('goes on so that each row is in one file, wherever it was killed', async () => {
    const root = temporaryFolder();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
        run += 1;
        const folder = path.join(root, String(run));
        await mkdir(folder);
        const open = (state: Json) => openAvroSink({ ...fresh, folder, state });
        let sink: Sink = await open(null);
        /** What each write of this process brought the rows to; the first is where it began. */
        let reached = [0];
        let checkpoint = { hours: 0, state: (await sink.accepted()).state };
        for (const step of steps) {
          const hours = reached.at(-1)!;
          if (step.kind === 'write') {
            await sink.write(hourly(hours, hours + step.hours));
            reached.push(hours + step.hours);
          } else if (step.kind === 'checkpoint') {
            const { writes, state } = await sink.accepted();
            checkpoint = { hours: reached[writes]!, state };
          } else {
            await sink.close();
            await loseNewest(folder, checkpoint.state, step.lost);
            sink = await open(checkpoint.state);
            reached = [checkpoint.hours];
          }
        }
        await sink.end();

        expect(await rowsIn(folder)).toEqual(hourly(0, reached.at(-1)!).map(identityOf).sort());
      }),
      { numRuns: 12 },
    );
  });

  /** A kill within a cut: of the files after the checkpoint some are not there yet, one is half. */
  async function loseNewest(folder: string, state: Json, lost: number): Promise<void> {
    const known = (state as { files: number }).files;
    const number = (key: string) => Number(/-(\d+)\.avro$/.exec(key)![1]);
    const later = (await namesOf(folder)).filter((key) => number(key) >= known);
    for (const key of later.sort((a, b) => number(b) - number(a)).slice(0, lost)) {
      const { dir, base } = path.parse(key);
      await rm(path.join(folder, key));
      await writeFile(path.join(folder, dir, `.${base}-01234567-89ab-cdef-0123-456789abcdef`), 'Obj');
    }
  }

  function hourly(from: number, to: number): TableRow[] {
    return Array.from({ length: to - from }, (_, index) => from + index).flatMap((hour) => [
      bookRow('BTCUSDT', hour, NOON + hour * HOUR_MS),
      eventRow(null, hour, NOON + hour * HOUR_MS + 1),
    ]);
  }
});

it('files and folders of container files on a full disk end with DL_DISK_FULL, and what is there reads', async (context) => {
  const mount = path.join(temporaryFolder(), 'disk');
  await mkdir(mount);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=96k', 'tmpfs', mount]);
  context.skip(mounted.status !== 0, 'skipped: mounting a small disk needs root and mount(8)');
  context.onTestFinished(() => void spawnSync('umount', ['-l', mount]));
  const format = lineFormat('jsonl', new Set(['order_book', 'feed_event']));
  const fill = async (sink: Sink): Promise<void> => {
    for (let seq = 0; seq < 30_000; seq += 30) await sink.write(minutes(seq, 30));
  };

  const file = path.join(mount, 'rows.jsonl');
  const lines = await openFileSink({ path: file, format, state: null, overwrite: false });
  await expect(fill(lines)).rejects.toMatchObject({ code: 'DL_DISK_FULL', message: expect.stringContaining(file) });
  await lines.close();
  const text = await readFile(file, 'utf8');
  const rows = text.split('\n').length - 1;
  expect(rows % 30).toBe(0);
  expect(rows).toBeGreaterThan(100);
  expect(text).toBe(format.lines(minutes(0, rows)));

  await rm(file);
  const folder = path.join(mount, 'lake');
  const container = await openAvroSink({ ...fresh, folder });
  await expect(fill(container)).rejects.toMatchObject({
    code: 'DL_DISK_FULL',
    message: expect.stringContaining(folder),
  });
  const { writes } = await container.accepted();
  expect(writes).toBeGreaterThan(1);
  const there = new Set(await rowsIn(folder));
  expect(minutes(0, writes * 30).filter((row) => !there.has(identityOf(row)))).toEqual([]);
});
