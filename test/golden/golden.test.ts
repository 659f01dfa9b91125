import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { TABLES, type TableName } from '../../producer/record.ts';
import { readContainerFile } from '../../transformer/container-file.ts';

const here = (name: string) => new URL(name, import.meta.url);
const FILES = readdirSync(here('.')).filter((name) => name.endsWith('.avro'));

/** Defaults of the fields that the contract has got since the version of a golden file. */
function defaultsOf(table: TableName): Record<string, unknown> {
  const fields: readonly { name: string; default?: unknown }[] = TABLES[table].schema.fields;
  return Object.fromEntries(fields.filter((field) => 'default' in field).map((field) => [field.name, field.default]));
}

describe('files of every released version', () => {
  it('are here, version 1 whole', () => {
    expect(FILES).toEqual(
      expect.arrayContaining(
        ['feed_event', 'order_book'].flatMap((table) =>
          ['deflate', 'null', 'snappy'].map((codec) => `v1-${table}-${codec}.avro`),
        ),
      ),
    );
  });

  it.each(FILES)('%s reads under the newest schema, value for value', (name) => {
    const [, version, table, codec] = /^(v\d+)-(\w+)-(\w+)\.avro$/.exec(name)! as unknown as [
      string,
      string,
      TableName,
      string,
    ];
    const expected = JSON.parse(readFileSync(here(`${version}.json`), 'utf8'))[table] as object[];
    const file = readContainerFile(readFileSync(here(name)));
    expect(file).toMatchObject({ table, codec, count: expected.length });
    expect(file.rows.map((row) => ({ ...(row as object) }))).toEqual(
      expected.map((row) => ({ ...defaultsOf(table), ...row })),
    );
  });
});
