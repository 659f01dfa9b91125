import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RowTypes, TABLE_NAMES, TABLES, type TableName } from '../../producer/record.ts';
import { CODECS, readContainerFile, writeContainerFile } from '../../transformer/container-file.ts';
import { feedEventAt, feedEventRow, orderBookAt, orderBookRow } from '../transformer/arbitrary-rows.ts';
import { absent, runScript } from './python.ts';

interface Read {
  readonly codec: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly same_schema: boolean;
  readonly rows: readonly object[];
}

const MINUTE = Date.UTC(2024, 1, 29, 23, 59);
const SEED = 20_240_229;

/** Random rows with every extreme of the contract, then enough ordinary ones to fill several blocks. */
const ROWS: { readonly [T in TableName]: readonly RowTypes[T][] } = {
  order_book: [
    ...fc.sample(orderBookRow, { numRuns: 300, seed: SEED }),
    ...Array.from({ length: 4000 }, (_, index) => orderBookAt(MINUTE + index, index + 1)),
  ],
  feed_event: [
    ...fc.sample(feedEventRow, { numRuns: 300, seed: SEED }),
    ...Array.from({ length: 16_000 }, (_, index) => feedEventAt(MINUTE + index, index + 1)),
  ],
};

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'depthlake-fastavro-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Rows as plain objects: avsc makes instances of a class of its own. */
const plain = (rows: readonly unknown[]) => rows.map((row) => ({ ...(row as object) }));

describe.skipIf(absent !== null)(`fastavro reads ${absent ?? ''}`, () => {
  const cases = TABLE_NAMES.flatMap((table) => CODECS.map((codec) => [table, codec] as const));

  it.each(cases)('%s in codec %s, value for value', async (table, codec) => {
    const file = path.join(folder, `${table}-${codec}.avro`);
    writeFileSync(file, writeContainerFile(table, ROWS[table] as never, codec));
    const [read] = await runScript<Read>('read_avro.py', { files: [file], schema: TABLES[table].schema });

    expect(readContainerFile(readFileSync(file)).blocks).toBeGreaterThan(1);
    expect(read!.same_schema).toBe(true);
    expect(read!.codec).toBe(codec);
    expect(read!.metadata).toMatchObject({
      'depthlake.table': table,
      'depthlake.rows': String(ROWS[table].length),
    });
    expect(read!.rows).toEqual(ROWS[table]);
  });

  it.each(TABLE_NAMES)('a file of %s without rows', async (table) => {
    const file = path.join(folder, `${table}-empty.avro`);
    writeFileSync(file, writeContainerFile(table, [], 'deflate'));
    const [read] = await runScript<Read>('read_avro.py', { files: [file], schema: TABLES[table].schema });
    expect(read).toMatchObject({ same_schema: true, rows: [], metadata: { 'depthlake.rows': '0' } });
  });

  it('every golden file', async () => {
    const golden = fileURLToPath(new URL('../golden/', import.meta.url));
    const names = readdirSync(golden).filter((name) => name.endsWith('.avro'));
    const read = await runScript<Read>('read_avro.py', { files: names.map((name) => golden + name), schema: null });
    expect(read).toHaveLength(names.length);
    for (const [index, name] of names.entries()) {
      const [, version, table] = /^(v\d+)-(\w+)-\w+\.avro$/.exec(name)!;
      const expected = JSON.parse(readFileSync(`${golden}${version}.json`, 'utf8'))[table!] as object[];
      expect(read[index]!.rows, name).toEqual(expected);
      expect(read[index]!.metadata['depthlake.rows'], name).toBe(String(expected.length));
    }
  });
});

describe.skipIf(absent !== null)(`we read what fastavro writes ${absent ?? ''}`, () => {
  it.each(CODECS)('of both tables in codec %s', async (codec) => {
    // JSON has no −0, so what goes to Python has none either.
    const rows = JSON.parse(JSON.stringify(ROWS)) as Record<TableName, object[]>;
    const files = TABLE_NAMES.map((table) => ({
      path: path.join(folder, `foreign-${table}-${codec}.avro`),
      codec,
      schema: TABLES[table].schema,
      rows: rows[table],
      block_bytes: 16_000,
    }));
    await runScript('write_avro.py', { files });
    for (const [index, table] of TABLE_NAMES.entries()) {
      const file = readContainerFile(readFileSync(files[index]!.path));
      expect(file).toMatchObject({ table, codec, count: rows[table].length });
      expect(file.blocks).toBeGreaterThan(10);
      expect(plain(file.rows)).toEqual(rows[table]);
    }
  });

  it('of an older version of a table, with the defaults of what it lacks', async () => {
    const { fields } = TABLES.order_book.schema;
    const older = { ...TABLES.order_book.schema, fields: fields.slice(0, 6) };
    const given = orderBookAt(MINUTE, 1);
    const row = Object.fromEntries(older.fields.map(({ name }) => [name, given[name]]));
    const file = path.join(folder, 'older.avro');
    await runScript('write_avro.py', {
      files: [{ path: file, codec: 'deflate', schema: older, rows: [row], block_bytes: 16_000 }],
    });
    const read = readContainerFile(readFileSync(file));
    const defaults = Object.fromEntries(
      fields.slice(6).map((field) => [field.name, 'default' in field && field.default]),
    );
    expect(read.table).toBe('order_book');
    expect(plain(read.rows)).toEqual([{ ...defaults, ...row }]);
  });

  it('of a foreign table, under its own schema', async () => {
    const schema = {
      type: 'record',
      name: 'Trade',
      fields: [
        { name: 'id', type: 'long' },
        { name: 'side', type: { type: 'enum', name: 'Side', symbols: ['BUY', 'SELL'] } },
        { name: 'tags', type: { type: 'map', values: 'string' } },
        { name: 'price', type: 'double' },
      ],
    };
    const rows = [
      { id: 2 ** 52, side: 'SELL', tags: { note: '東京' }, price: 0.1 },
      { id: -1, side: 'BUY', tags: {}, price: 1e-8 },
    ];
    const file = path.join(folder, 'trades.avro');
    await runScript('write_avro.py', { files: [{ path: file, codec: 'snappy', schema, rows, block_bytes: 16_000 }] });
    const read = readContainerFile(readFileSync(file));
    expect(read).toMatchObject({ table: null, codec: 'snappy', count: 2 });
    expect(JSON.parse(JSON.stringify(read.rows))).toEqual(rows);
  });
});
