import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SEED_QUERIES } from '../../infra/aws/seed-queries.ts';
import { TABLE_NAMES, TABLES } from '../../producer/record.ts';
import { type TrinoType, VIEWS } from '../../transformer/views.ts';
import { absent, runScript } from './python.ts';
import { ANSWERS, askedToday, comparable, INVOCATIONS } from './seed-lake.ts';
import { deliver } from './transformed.ts';

const DUCKDB_TYPES: Readonly<Record<TrinoType, string>> = {
  bigint: 'BIGINT',
  integer: 'INTEGER',
  double: 'DOUBLE',
  varchar: 'VARCHAR',
  boolean: 'BOOLEAN',
  'timestamp(3)': 'TIMESTAMP_MS',
  'array(array(double))': 'DOUBLE[][]',
};

describe.skipIf(absent !== null)(`over files of the transformer, DuckDB ${absent ?? ''}`, () => {
  let lake: string;
  let columns: Record<string, [string, string][]>;
  let answers: object[][];

  beforeAll(async () => {
    lake = mkdtempSync(path.join(tmpdir(), 'depthlake-seed-'));
    for (const { key, bytes } of deliver(INVOCATIONS).files) {
      mkdirSync(path.join(lake, path.dirname(key)), { recursive: true });
      writeFileSync(path.join(lake, key), bytes);
    }
    const tables = TABLE_NAMES.map((table) => [table, `${lake}/${TABLES[table].folder}/**/*.avro`]);
    const queries = [
      ...SEED_QUERIES.map(({ sql }) => askedToday(sql)),
      'select * from order_book_decoded where year = 2026 and hour = 10 order by symbol, seq',
      'select * from feed_event_decoded order by timestamp_ms, seq',
    ];
    const said = await runScript<unknown>('query_views.py', {
      tables: Object.fromEntries(tables),
      views: VIEWS,
      queries,
    });
    columns = said[0] as typeof columns;
    answers = said.slice(1) as object[][];
  });
  afterAll(() => rmSync(lake, { recursive: true, force: true }));

  it.each(VIEWS)('gives $name the columns that it declares, in their types', ({ name, columns: declared }) => {
    expect(columns[name]).toEqual(declared.map((column) => [column.name, DUCKDB_TYPES[column.type]]));
  });

  it.each(SEED_QUERIES.map(({ name }, index) => [name, index] as const))('answers %s', (name, index) => {
    expect(comparable(answers[index]!)).toEqual(comparable(ANSWERS[name]!));
  });

  it('decodes a snapshot: one row a book, times, best prices, null for a depth level that is not covered', () => {
    const [narrow, wide, other, ...more] = answers.at(-2)!;
    expect(more).toEqual([]);
    expect(narrow).toMatchObject({
      session_id: 'a',
      snapshot_at: '2026-09-02 10:00:00.250',
      received_at: '2026-09-02 10:00:00.290',
      best_bid: 50_000,
      best_ask: 50_000.01,
      ...{ bid_1bp: 1, bid_5bp: 2, bid_10bp: 3, bid_50bp: null, bid_100bp: null },
      ...{ ask_1bp: 1.5, ask_5bp: 2.5, ask_10bp: null, ask_50bp: null, ask_100bp: null },
      ...{ bid_levels_covered: 3, ask_levels_covered: 2 },
    });
    expect(wide).toMatchObject({ bid_100bp: 5, ask_100bp: 5.5, verified: true });
    expect(other).toMatchObject({ symbol: 'ETHUSDT', best_bid: 1999.5, best_ask: 2000.5, spread_bp: 5 });
  });

  it('decodes each feed event once, with what its detail says', () => {
    const events = answers.at(-1)!;
    expect(events.map((event) => (event as { kind: string }).kind)).toEqual([
      'gap',
      'started',
      'gap',
      'tally',
      'disconnected',
    ]);
    expect(events[2]).toMatchObject({ bounds: 'exact', reason: null, session_before: null, seconds: 3.5 });
    expect(events[4]).toMatchObject({ noticed_at: '2026-09-02 10:02:00.000', reason: 'closed 1006', began_at: null });
  });
});
