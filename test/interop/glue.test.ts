import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  CreateDatabaseCommand,
  CreateTableCommand,
  GetPartitionsCommand,
  GetTableCommand,
  GlueClient,
} from '@aws-sdk/client-glue';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { builtFile } from '../../infra/commands/package.ts';
import { startGlue } from '../../infra/local/glue.ts';
import { startLambda } from '../../infra/local/lambda.ts';
import { encodeLine, encodePack, TABLE_NAMES, type TableName, type TableRow } from '../../producer/record.ts';
import { partitionInput, partitionValues, tableInput } from '../../transformer/catalog.ts';
import type { FirehoseResponse } from '../../transformer/firehose-event.ts';
import { HOUR_MS, type TableHour } from '../../transformer/partition.ts';
import { PartitionRegistrar } from '../../transformer/partition-registrar.ts';
import { feedEventAt, orderBookAt } from '../transformer/arbitrary-rows.ts';
import { startMoto } from './moto.ts';
import { absent } from './python.ts';

const LAKE = 's3://depthlake-interop';
const REGION = 'us-east-1';
/** The last hour of a leap day, and what follows. */
const HOUR = Date.UTC(2024, 1, 29, 23);

interface Server {
  readonly endpoint: string;
  stop(): Promise<void>;
}

async function startOurs(): Promise<Server> {
  const folder = mkdtempSync(path.join(tmpdir(), 'depthlake-glue-'));
  const glue = await startGlue({ folder, log: () => {} });
  return {
    endpoint: glue.endpoint,
    stop: async () => {
      await glue.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const hours = (table: TableName, count: number): TableHour[] =>
  Array.from({ length: count }, (_, index) => ({ table, hourMs: HOUR + index * HOUR_MS }));

describe.each([
  { name: 'moto', start: startMoto, skip: absent },
  { name: 'the local Glue', start: startOurs, skip: null },
])('at $name', ({ start, skip }) => {
  describe.skipIf(skip !== null)(`the catalog ${skip ?? ''}`, () => {
    let server: Server;
    let client: GlueClient;
    let database: string;
    let databases = 0;

    beforeAll(async () => {
      server = await start();
      const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
      client = new GlueClient({ endpoint: server.endpoint, region: REGION, credentials });
    });
    afterAll(async () => {
      client.destroy();
      await server.stop();
    });

    beforeEach(async () => {
      databases += 1;
      database = `depthlake_${databases}`;
      await client.send(new CreateDatabaseCommand({ DatabaseInput: { Name: database } }));
      for (const table of TABLE_NAMES) {
        await client.send(new CreateTableCommand({ DatabaseName: database, TableInput: tableInput(table, LAKE) }));
      }
    });

    const registrar = (lines: string[], into = database) =>
      new PartitionRegistrar({
        client,
        database: into,
        lakeUrl: LAKE,
        timeoutMs: 20_000,
        log: (line) => lines.push(line),
      });

    const partitionsOf = async (table: TableName, Expression?: string) => {
      const filter = Expression === undefined ? {} : { Expression };
      const command = new GetPartitionsCommand({ DatabaseName: database, TableName: table, ...filter });
      const { Partitions = [] } = await client.send(command);
      return Partitions.sort((a, b) => (a.StorageDescriptor!.Location! < b.StorageDescriptor!.Location! ? -1 : 1));
    };

    it.each(TABLE_NAMES)('keeps table %s as it was declared', async (table) => {
      const { Table } = await client.send(new GetTableCommand({ DatabaseName: database, Name: table }));
      expect(Table).toMatchObject({ ...tableInput(table, LAKE), DatabaseName: database });
    });

    it('refuses a second table of one name', async () => {
      const again = new CreateTableCommand({ DatabaseName: database, TableInput: tableInput('order_book', LAKE) });
      await expect(client.send(again)).rejects.toMatchObject({ name: 'AlreadyExistsException' });
    });

    it('says that a table is not there', async () => {
      const missing = new GetTableCommand({ DatabaseName: database, Name: 'trades' });
      await expect(client.send(missing)).rejects.toMatchObject({ name: 'EntityNotFoundException' });
    });

    it('takes the hours of both tables from the registrar, each with its own descriptor', async () => {
      const lines: string[] = [];
      const wanted = [...hours('order_book', 3), ...hours('feed_event', 2)];
      await registrar(lines).register(wanted);
      expect(lines).toEqual([]);
      for (const table of TABLE_NAMES) {
        const expected = wanted.filter((hour) => hour.table === table).map((hour) => partitionInput(hour, LAKE));
        const found = await partitionsOf(table);
        expect(found).toHaveLength(expected.length);
        expect(found).toMatchObject(expected.map((input) => ({ ...input, DatabaseName: database, TableName: table })));
      }
    });

    it('takes more hours than one call may carry', async () => {
      const lines: string[] = [];
      await registrar(lines).register(hours('order_book', 150));
      expect(lines).toEqual([]);
      expect(await partitionsOf('order_book')).toHaveLength(150);
    });

    it('makes an hour once, whoever registers it again', async () => {
      const lines: string[] = [];
      await registrar(lines).register(hours('order_book', 2));
      await registrar(lines).register(hours('order_book', 3));
      expect(lines).toEqual([]);
      expect(await partitionsOf('order_book')).toHaveLength(3);
    });

    it('finds an hour by an expression over its values', async () => {
      await registrar([]).register(hours('order_book', 4));
      const found = await partitionsOf('order_book', 'year = 2024 AND month = 2 AND day = 29 AND hour = 23');
      expect(found.map(({ Values }) => Values)).toEqual([partitionValues(HOUR)]);
    });

    it('refuses a database that is not there, and the registrar says so in one line', async () => {
      const lines: string[] = [];
      await registrar(lines, 'absent').register(hours('order_book', 1));
      expect(lines.map((line) => JSON.parse(line))).toEqual([
        expect.objectContaining({ event: 'partitions_not_registered', database: 'absent', count: 1 }),
      ]);
    });

    it('is given the hours of what the built handler delivers', async () => {
      const lambda = await startLambda({
        bundle: builtFile('transformer'),
        environment: {
          AWS_ENDPOINT_URL_GLUE: server.endpoint,
          AWS_REGION: REGION,
          AWS_ACCESS_KEY_ID: 'test',
          AWS_SECRET_ACCESS_KEY: 'test',
          AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
          DEPTHLAKE_GLUE_DATABASE: database,
          DEPTHLAKE_BUCKET: LAKE.slice('s3://'.length),
        },
        timeoutMs: 30_000,
        log: () => {},
      });
      const packs: TableRow[] = [
        { table: 'order_book', row: orderBookAt(HOUR, 1) },
        { table: 'order_book', row: orderBookAt(HOUR + HOUR_MS, 2) },
        { table: 'feed_event', row: feedEventAt(HOUR, 1) },
      ];
      const records = packs.map((row, index) => ({
        recordId: String(index),
        data: encodePack([encodeLine(row)]).toString('base64'),
      }));
      const { payload, functionError, log } = await lambda
        .invoke({ invocationId: 'interop', records })
        .finally(() => lambda.stop());

      expect([functionError, log]).toEqual([null, []]);
      expect((payload as FirehoseResponse).records.map(({ result }) => result)).toEqual(['Ok', 'Ok', 'Ok']);
      const order_book = hours('order_book', 2).map((hour) => partitionInput(hour, LAKE));
      expect(await partitionsOf('order_book')).toMatchObject(order_book);
      const feed_event = hours('feed_event', 1).map((hour) => partitionInput(hour, LAKE));
      expect(await partitionsOf('feed_event')).toMatchObject(feed_event);
    });
  });
});
