import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  CreateDatabaseCommand,
  CreateTableCommand,
  GetPartitionsCommand,
  GetTableCommand,
  GlueClient,
  type Partition,
} from '@aws-sdk/client-glue';
import { output } from '@pulumi/pulumi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Catalog } from '../../infra/aws/catalog.ts';
import { Queries } from '../../infra/aws/queries.ts';
import { TABLE_NAMES, type TableName } from '../../producer/record.ts';
import { PartitionRegistrar } from '../../transformer/partition-registrar.ts';
import { VIEWS } from '../../transformer/views.ts';
import { asTableInput } from '../aws/glue-input.ts';
import { declare, ofType, only } from '../aws/mocks.ts';
import { type Moto, startMoto } from './moto.ts';
import { absent, runScript } from './python.ts';
import { INVOCATIONS } from './seed-lake.ts';
import { deliver } from './transformed.ts';

const BUCKET = 'lake-a1b2c3d';
const DATABASE = 'depthlake_test';

describe.skipIf(absent !== null)(`the declared catalog, created on moto ${absent ?? ''}`, () => {
  let moto: Moto;
  let client: GlueClient;
  let folder: string;
  const { files, hours } = deliver(INVOCATIONS);

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'depthlake-declared-'));
    const [declared, server] = await Promise.all([
      declare(() => {
        const catalog = new Catalog('catalog', { database: DATABASE, bucket: output(BUCKET) });
        new Queries('queries', { catalog });
      }),
      startMoto(),
    ]);
    moto = server;
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    client = new GlueClient({ endpoint: moto.endpoint, region: 'us-east-1', credentials });
    const { inputs } = only(declared, 'aws:glue/catalogDatabase:CatalogDatabase');
    await client.send(new CreateDatabaseCommand({ DatabaseInput: { Name: inputs['name'] } }));
    for (const table of ofType(declared, 'aws:glue/catalogTable:CatalogTable')) {
      await client.send(
        new CreateTableCommand({ DatabaseName: table.inputs['databaseName'], TableInput: asTableInput(table.inputs) }),
      );
    }
    for (const { key, bytes } of files) {
      mkdirSync(path.join(folder, path.dirname(key)), { recursive: true });
      writeFileSync(path.join(folder, key), bytes);
    }
    const lines: string[] = [];
    const lakeUrl = `s3://${BUCKET}`;
    const log = (line: string) => lines.push(line);
    await new PartitionRegistrar({ client, database: DATABASE, lakeUrl, timeoutMs: 20_000, log }).register([...hours]);
    expect(lines).toEqual([]);
  }, 90_000);

  afterAll(async () => {
    client.destroy();
    await moto.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const partitionsOf = async (table: TableName): Promise<readonly Partition[]> => {
    const { Partitions } = await client.send(new GetPartitionsCommand({ DatabaseName: DATABASE, TableName: table }));
    return Partitions!;
  };
  const tableOf = async (name: string) => {
    const { Table } = await client.send(new GetTableCommand({ DatabaseName: DATABASE, Name: name }));
    return Table!;
  };
  const keyOf = (location: string) => location.replace(`s3://${BUCKET}/`, '');

  it.each(TABLE_NAMES)(
    'every file of %s lies in exactly one registered partition, below the location of the table',
    async (table) => {
      const { StorageDescriptor } = await tableOf(table);
      const prefixes = (await partitionsOf(table)).map((partition) => keyOf(partition.StorageDescriptor!.Location!));
      const ours = files.filter(({ key }) => key.startsWith(keyOf(StorageDescriptor!.Location!)));
      expect(ours.length).toBeGreaterThan(2);
      expect(ours.map(({ key }) => prefixes.filter((prefix) => key.startsWith(prefix)).length)).toEqual(
        ours.map(() => 1),
      );
      expect(new Set(prefixes).size).toBe(prefixes.length);
    },
  );

  it.each(TABLE_NAMES)(
    '%s is read back through its partitions, with the schema that the catalog holds',
    async (table) => {
      const { StorageDescriptor } = await tableOf(table);
      const literal = StorageDescriptor!.SerdeInfo!.Parameters!['avro.schema.literal']!;
      const partitions = await partitionsOf(table);
      const listed = partitions.flatMap(({ StorageDescriptor: { Location } = {} }) =>
        files.filter(({ key }) => key.startsWith(keyOf(Location!))),
      );
      const read = await runScript<{ same_schema: boolean; rows: { timestamp_ms: number; seq: number }[] }>(
        'read_avro.py',
        {
          files: listed.map(({ key }) => path.join(folder, key)),
          schema: JSON.parse(literal),
        },
      );
      expect(read.every(({ same_schema }) => same_schema)).toBe(true);
      const written = INVOCATIONS.flat().filter((row) => row.table === table);
      expect(sorted(read.flatMap(({ rows }) => rows))).toEqual(sorted(written.map(({ row }) => row)));
    },
  );

  it.each(TABLE_NAMES)('the values of each partition of %s are the hour of its rows, as integers', async (table) => {
    for (const { Values, StorageDescriptor } of await partitionsOf(table)) {
      const inside = files.filter(({ key }) => key.startsWith(keyOf(StorageDescriptor!.Location!)));
      const [first] = inside.map(({ key }) => Number(/\/(\d+)-/.exec(key)![1]));
      const time = new Date(first!);
      const parts = [time.getUTCFullYear(), time.getUTCMonth() + 1, time.getUTCDate(), time.getUTCHours()];
      expect(Values).toEqual(parts.map(String));
    }
  });

  it.each(VIEWS)('the view $name comes back as it was declared', async ({ name, columns }) => {
    const table = await tableOf(name);
    expect(table.TableType).toBe('VIRTUAL_VIEW');
    expect(table.StorageDescriptor!.Columns!.map(({ Name }) => Name)).toEqual(columns.map((column) => column.name));
    expect(table.ViewOriginalText).toMatch(/^\/\* Presto View: [A-Za-z0-9+/=]+ \*\/$/);
  });
});

function sorted(rows: readonly { timestamp_ms: number; seq: number }[]): readonly object[] {
  return rows.map((row) => ({ ...row })).sort((a, b) => a.timestamp_ms - b.timestamp_ms || a.seq - b.seq);
}
