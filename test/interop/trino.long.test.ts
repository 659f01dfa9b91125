import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { SEED_QUERIES } from '../../infra/aws/seed-queries.ts';
import { TABLE_NAMES, type TableName } from '../../producer/record.ts';
import { partitionValues, tableInput } from '../../transformer/catalog.ts';
import { hourStart } from '../../transformer/partition.ts';
import { VIEWS } from '../../transformer/views.ts';
import { ended } from '../cli/process.ts';
import { ANSWERS, askedToday, comparable, INVOCATIONS } from './seed-lake.ts';

/** Filled as trino/pom.xml says. */
const JARS = fileURLToPath(new URL('../../.venv/trino', import.meta.url));
const absent = existsSync(path.join(JARS, 'trino-main-435.jar'))
  ? ''
  : ' (skipped: no jars of trino/pom.xml in .venv/trino)';

interface Answer {
  readonly columns: readonly (readonly [name: string, type: string])[];
  readonly rows: readonly (readonly unknown[])[];
}

/** The engine that Athena's is built on; what Athena adds to it is not here. */
describe.skipIf(absent !== '')(`Trino${absent}`, () => {
  let views: readonly Answer[];
  let queries: readonly Answer[];
  let plans: readonly string[];
  let startedMs: number;

  beforeAll(async () => {
    startedMs = Date.now();
    const said = await askTrino({
      tables: TABLE_NAMES.map(createTable),
      views: VIEWS,
      queries: [...VIEWS.map(({ name }) => `select * from ${name}`), ...SEED_QUERIES.map(({ sql }) => askedToday(sql))],
      plans: SEED_QUERIES.map(({ sql }) => sql),
    });
    plans = said.splice(-SEED_QUERIES.length) as string[];
    queries = said.splice(-SEED_QUERIES.length) as Answer[];
    views = said as Answer[];
  }, 600_000);

  it.each(VIEWS.map(({ name, columns }, at) => ({ name, columns, at })))(
    'gives $name the columns that it declares, in their types',
    ({ columns, at }) => {
      expect(views[at]!.columns).toEqual(columns.map(({ name, type }) => [name, type]));
    },
  );

  it.each(SEED_QUERIES.map(({ name }, at) => ({ name, at })))('answers $name', ({ name, at }) => {
    const { columns, rows } = queries[at]!;
    const objects = rows.map((row) => Object.fromEntries(row.map((value, index) => [columns[index]![0], value])));
    expect(comparable(objects)).toEqual(comparable(ANSWERS[name]!));
  });

  it.each(SEED_QUERIES.map(({ name, sql }, at) => ({ name, sql, at })))(
    'knows which day $name is of before it reads, below every window',
    ({ sql, at }) => {
      const ago = sql.includes("interval '1' day") ? 86_400_000 : 0;
      // The day may have changed meanwhile.
      const days = [startedMs, Date.now()].map((ms) => new Date(ms - ago));
      const scans = plans[at]!.split('\n').filter((line) => line.includes('table = memory:'));
      expect(scans).toHaveLength(1);
      expect(days.some((day) => scans[0]!.includes(filterOf(day)))).toBe(true);
    },
  );
});

/** As EXPLAIN says it: constants, no function of the time any more. */
function filterOf(day: Date): string {
  return `("year" = ${day.getUTCFullYear()}) AND ("month" = ${day.getUTCMonth() + 1}) AND ("day" = ${day.getUTCDate()})`;
}

async function askTrino(request: object): Promise<unknown[]> {
  const program = fileURLToPath(new URL('trino/AskTrino.java', import.meta.url));
  const child = spawn('java', ['-cp', path.join(JARS, '*'), program]);
  const { status, stdout, stderr } = await ended(child, JSON.stringify(request));
  if (status !== 0) throw new Error(`AskTrino ended with status ${status}:\n${stderr}`);
  // The JVM warns on stdout.
  return stdout.split('\n').flatMap((line) => (/^[{"]/.test(line) ? [JSON.parse(line)] : []));
}

/** A table of the rows as the lake has them, with the columns and partition keys of the catalog. */
function createTable(table: TableName): string {
  const { StorageDescriptor, PartitionKeys } = tableInput(table, '');
  const columns = [...StorageDescriptor!.Columns!, ...PartitionKeys!].map(({ Name, Type }) => ({
    name: Name!,
    type: Type!.replaceAll('string', 'varchar').replaceAll('<', '(').replaceAll('>', ')'),
  }));
  const names = columns.map(({ name }) => name).join(', ');
  const type = columns.map(({ name, type }) => `${name} ${type}`).join(', ');
  const rows = JSON.stringify(rowsOf(table)).replaceAll("'", "''");
  return `create table ${table} as select ${names}, file as "$path" from unnest(
    cast(json_parse('${rows}') as array(row(${type}, file varchar)))) as t(${names}, file)`;
}

/** The invocation stands for the file: each delivers one for each table and hour. */
function rowsOf(table: TableName): object[] {
  return INVOCATIONS.flatMap((rows, file) =>
    rows.flatMap(({ table: of, row }) => {
      if (of !== table) return [];
      const [year, month, day, hour] = partitionValues(hourStart(row.timestamp_ms)).map(Number);
      return [{ ...row, year, month, day, hour, file: String(file) }];
    }),
  );
}
