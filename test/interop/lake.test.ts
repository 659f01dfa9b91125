import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBucket } from '../../infra/local/s3.ts';
import { type OrderBookRow, TABLE_NAMES, TABLES, type TableName } from '../../producer/record.ts';
import { type LakeFile, listFiles, readFile } from '../../transformer/lake.ts';
import { depthlake } from '../cli/process.ts';
import { absent, runScript } from './python.ts';

const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT'];

interface File extends LakeFile {
  readonly table: TableName;
  readonly rows: readonly object[];
}

let data: string;
let files: File[];
let summary: { rows: number; snapshots: number; lost: number };

/** What our own reader says of every file. */
async function readLake(folder: string): Promise<File[]> {
  const bucket = openBucket(folder);
  const found: File[] = [];
  for (const table of TABLE_NAMES) {
    for await (const file of listFiles(bucket, table)) {
      const { rows } = await readFile(bucket, file.key);
      found.push({ ...file, table, rows: rows.map((row) => ({ ...(row as object) })) });
    }
  }
  return found;
}

describe.skipIf(absent !== null)(`a lake that start wrote ${absent ?? ''}`, () => {
  beforeAll(async () => {
    data = mkdtempSync(path.join(tmpdir(), 'depthlake-interop-'));
    const flags = ['--duration', '6s', '--buffer-seconds', '2', '--raw-levels', '--json'];
    const run = await depthlake(['start', '--data', data, '--symbols', SYMBOLS.join(','), ...flags]);
    expect(run.status, run.stderr).toBe(0);
    summary = JSON.parse(run.stdout);
    files = await readLake(data);
  }, 120_000);
  afterAll(() => rmSync(data, { recursive: true, force: true }));

  const rowsOf = (table: TableName) => files.filter((file) => file.table === table).flatMap(({ rows }) => rows);

  it('holds rows of both tables, as many as the summary says', () => {
    expect(summary).toMatchObject({ lost: 0 });
    expect(rowsOf('order_book').length).toBe(summary.snapshots);
    expect(rowsOf('order_book').length + rowsOf('feed_event').length).toBe(summary.rows);
    expect(rowsOf('feed_event').length).toBeGreaterThan(0);
    expect(files.length).toBeGreaterThan(2);
  });

  it.each(TABLE_NAMES)('fastavro reads every file of %s, count and values', async (table) => {
    const ours = files.filter((file) => file.table === table);
    const theirs = await runScript<{ same_schema: boolean; metadata: Record<string, string>; rows: object[] }>(
      'read_avro.py',
      { files: ours.map(({ key }) => path.join(data, key)), schema: TABLES[table].schema },
    );
    expect(theirs).toHaveLength(ours.length);
    for (const [index, { key, rows }] of ours.entries()) {
      expect(theirs[index]!.same_schema, key).toBe(true);
      expect(theirs[index]!.metadata['depthlake.rows'], key).toBe(String(rows.length));
      expect(theirs[index]!.rows, key).toEqual(rows);
    }
  });

  const scan = (table: TableName) =>
    `read_avro('${path.join(data, TABLES[table].folder)}/**/*.avro', hive_partitioning = true)`;

  it('DuckDB counts the same rows for each symbol, and each in the partition of its own time', async () => {
    const time = 'make_timestamp(timestamp_ms * 1000)';
    const [counts, misplaced] = await runScript<object[]>('query_lake.py', {
      queries: [
        `select symbol, count(*) as rows, min(seq) as first, max(seq) as last, count(distinct seq) as numbers
         from ${scan('order_book')} group by symbol order by symbol`,
        `select count(*) as rows from ${scan('order_book')}
         where (year::int, month::int, day::int, hour::int) <> (year(${time}), month(${time}), day(${time}), hour(${time}))`,
      ],
    });
    const expected = SYMBOLS.map((symbol) => {
      const count = (rowsOf('order_book') as OrderBookRow[]).filter((row) => row.symbol === symbol).length;
      return { symbol, rows: count, first: 1, last: count, numbers: count };
    });
    expect(counts).toEqual(expected);
    expect(misplaced).toEqual([{ rows: 0 }]);
  });

  it.each([
    ['order_book', ['symbol', 'seq']],
    ['feed_event', ['seq']],
  ] as const)('DuckDB selects the same values of %s', async (table, order) => {
    const names = TABLES[table].schema.fields.map(({ name }) => name);
    const [rows] = await runScript<Record<string, unknown>[]>('query_lake.py', {
      queries: [`select ${names.join(', ')} from ${scan(table)} order by ${order.join(', ')}`],
    });
    expect(rows).toEqual(sorted(rowsOf(table) as Record<string, unknown>[], order));
  });

  it('DuckDB prunes the lake by its partition columns', async () => {
    const { year, month, day, hour } = files.find(({ table }) => table === 'order_book')!.place!.partition;
    const inHour = files.filter(({ place }) => place?.table === 'order_book' && place.partition.hour === hour);
    const where = `year = ${Number(year)} and month = ${Number(month)} and day = ${Number(day)} and hour = ${Number(hour)}`;
    const [rows] = await runScript<object[]>('query_lake.py', {
      queries: [`select count(*) as rows from ${scan('order_book')} where ${where}`],
    });
    expect(rows).toEqual([{ rows: inHour.flatMap((file) => file.rows).length }]);
  });
});

function sorted(rows: readonly Record<string, unknown>[], by: readonly string[]): Record<string, unknown>[] {
  return [...rows].sort((a, b) => {
    const name = by.find((field) => a[field] !== b[field]);
    return name === undefined ? 0 : a[name]! < b[name]! ? -1 : 1;
  });
}
