import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  BatchCreatePartitionCommand,
  BatchGetPartitionCommand,
  CreateDatabaseCommand,
  CreatePartitionCommand,
  CreateTableCommand,
  DeletePartitionCommand,
  GetDatabaseCommand,
  GetDatabasesCommand,
  GetJobCommand,
  GetPartitionCommand,
  GetPartitionsCommand,
  GetTableCommand,
  GetTablesCommand,
  GlueClient,
  paginateGetPartitions,
  UpdatePartitionCommand,
  UpdateTableCommand,
} from '@aws-sdk/client-glue';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LocalGlue, startGlue } from '../../infra/local/glue.ts';

const KEYS = ['year', 'month', 'day', 'hour'].map((Name) => ({ Name, Type: 'int' }));
const ids = { DatabaseName: 'depthlake', TableName: 'order_book' };

let folder: string;
let glue: LocalGlue;
let client: GlueClient;

async function start(): Promise<void> {
  glue = await startGlue({ folder, log: () => {} });
  client = new GlueClient({
    endpoint: glue.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  });
}

async function stop(): Promise<void> {
  client.destroy();
  await glue.stop();
}

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'depthlake-glue-'));
  await start();
  await client.send(new CreateDatabaseCommand({ DatabaseInput: { Name: 'depthlake' } }));
  const TableInput = { Name: 'order_book', PartitionKeys: KEYS, Parameters: { classification: 'avro' } };
  await client.send(new CreateTableCommand({ DatabaseName: 'depthlake', TableInput }));
});

afterEach(async () => {
  await stop();
  await rm(folder, { recursive: true });
});

function partition(...Values: string[]) {
  return { Values, StorageDescriptor: { Location: `s3://lake/orderbook/${Values.join('/')}/` } };
}

const create = (...PartitionInputList: object[]) =>
  client.send(new BatchCreatePartitionCommand({ ...ids, PartitionInputList }));

describe('databases and tables', () => {
  it('come back as they were given, with the time of their creation', async () => {
    const { Database } = await client.send(new GetDatabaseCommand({ Name: 'depthlake' }));
    expect(Database).toMatchObject({ Name: 'depthlake', CreateTime: expect.any(Date) });
    const { Table } = await client.send(new GetTableCommand({ DatabaseName: 'depthlake', Name: 'order_book' }));
    expect(Table).toMatchObject({
      Name: 'order_book',
      DatabaseName: 'depthlake',
      PartitionKeys: KEYS,
      Parameters: { classification: 'avro' },
    });
    expect(Math.abs(Table!.CreateTime!.getTime() - Date.now())).toBeLessThan(60_000);
  });

  it('are listed', async () => {
    expect((await client.send(new GetDatabasesCommand({}))).DatabaseList).toHaveLength(1);
    const { TableList } = await client.send(new GetTablesCommand({ DatabaseName: 'depthlake' }));
    expect(TableList?.map(({ Name }) => Name)).toEqual(['order_book']);
  });

  it('change with UpdateTable, and keep their partitions', async () => {
    await create(partition('2024', '02', '29', '23'));
    const TableInput = { Name: 'order_book', PartitionKeys: KEYS, Parameters: { version: '2' } };
    await client.send(new UpdateTableCommand({ DatabaseName: 'depthlake', TableInput }));
    const { Table } = await client.send(new GetTableCommand({ DatabaseName: 'depthlake', Name: 'order_book' }));
    expect(Table?.Parameters).toEqual({ version: '2' });
    expect((await client.send(new GetPartitionsCommand(ids))).Partitions).toHaveLength(1);
  });

  it('are created once', async () => {
    const refused = { name: 'AlreadyExistsException' };
    const database = new CreateDatabaseCommand({ DatabaseInput: { Name: 'depthlake' } });
    await expect(client.send(database)).rejects.toMatchObject(refused);
    const table = new CreateTableCommand({ DatabaseName: 'depthlake', TableInput: { Name: 'order_book' } });
    await expect(client.send(table)).rejects.toMatchObject(refused);
  });

  it('that do not exist are not found', async () => {
    const refused = { name: 'EntityNotFoundException', $metadata: { httpStatusCode: 400 } };
    await expect(client.send(new GetDatabaseCommand({ Name: 'other' }))).rejects.toMatchObject(refused);
    await expect(client.send(new GetDatabaseCommand({ Name: 'constructor' }))).rejects.toMatchObject(refused);
    const table = new GetTableCommand({ DatabaseName: 'depthlake', Name: 'other' });
    await expect(client.send(table)).rejects.toMatchObject(refused);
    const created = new CreatePartitionCommand({ ...ids, TableName: 'other', PartitionInput: partition('1') });
    await expect(client.send(created)).rejects.toMatchObject(refused);
  });

  it.each(['', 'OrderBook', 'x'.repeat(256)])('are refused with the name %j', async (Name) => {
    const refused = { name: 'InvalidInputException' };
    const database = new CreateDatabaseCommand({ DatabaseInput: { Name } });
    await expect(client.send(database)).rejects.toMatchObject(refused);
    const table = new CreateTableCommand({ DatabaseName: 'depthlake', TableInput: { Name } });
    await expect(client.send(table)).rejects.toMatchObject(refused);
  });
});

describe('partitions', () => {
  it('come back as they were registered', async () => {
    const given = partition('2024', '02', '29', '23');
    expect((await create(given)).Errors).toEqual([]);
    const { Partition } = await client.send(new GetPartitionCommand({ ...ids, PartitionValues: given.Values }));
    expect(Partition).toMatchObject({ ...ids, ...given, CreationTime: expect.any(Date) });
  });

  it('that exist are reported one by one, and the others are created', async () => {
    const [first, second] = [partition('2024', '02', '29', '23'), partition('2024', '03', '01', '00')];
    await create(first);
    const { Errors } = await create(first, second);
    expect(Errors).toEqual([
      {
        PartitionValues: first.Values,
        ErrorDetail: { ErrorCode: 'AlreadyExistsException', ErrorMessage: 'Partition already exists.' },
      },
    ]);
    expect((await client.send(new GetPartitionsCommand(ids))).Partitions).toHaveLength(2);
    const again = new CreatePartitionCommand({ ...ids, PartitionInput: first });
    await expect(client.send(again)).rejects.toMatchObject({ name: 'AlreadyExistsException' });
  });

  it('are refused above 100 a call', async () => {
    const many = Array.from({ length: 101 }, (_, index) => partition('2024', '01', '01', String(index)));
    await expect(create(...many)).rejects.toMatchObject({ name: 'InvalidInputException' });
    expect((await create(...many.slice(0, 100))).Errors).toEqual([]);
  });

  it.each([[['2024', '02', '29']], [['2024', '02', '29', '23', '59']], [['2024', '02', '29', '']]])(
    'are refused with the values %j, and nothing of the call is created',
    async (Values) => {
      const refused = { name: 'InvalidInputException' };
      await expect(create(partition('2024', '01', '01', '00'), { Values })).rejects.toMatchObject(refused);
      expect((await client.send(new GetPartitionsCommand(ids))).Partitions).toEqual([]);
    },
  );

  it('are found by comparisons of their keys, as numbers', async () => {
    await create(...['00', '09', '10', '23'].map((hour) => partition('2024', '02', '29', hour)));
    const hours = async (Expression: string) => {
      const { Partitions } = await client.send(new GetPartitionsCommand({ ...ids, Expression }));
      return Partitions?.map(({ Values }) => Values![3]);
    };
    expect(await hours('year = 2024 AND hour = 9')).toEqual(['09']);
    expect(await hours("hour >= 9 and hour < '23'")).toEqual(['09', '10']);
    expect(await hours('(hour <> 0) AND (month > 1)')).toEqual(['09', '10', '23']);
    expect(await hours('year = 2023')).toEqual([]);
    await expect(hours('hour LIKE 1')).rejects.toMatchObject({ name: 'InvalidInputException' });
    await expect(hours('minute = 1')).rejects.toMatchObject({ name: 'InvalidInputException' });
  });

  it('come in pages', async () => {
    await create(...Array.from({ length: 24 }, (_, hour) => partition('2024', '02', '29', String(hour))));
    const pages: number[] = [];
    for await (const { Partitions } of paginateGetPartitions({ client, pageSize: 10 }, { ...ids })) {
      pages.push(Partitions!.length);
    }
    expect(pages).toEqual([10, 10, 4]);
  });

  it('are got many at once; those that do not exist are left away', async () => {
    await create(partition('2024', '02', '29', '23'));
    const PartitionsToGet = [{ Values: ['2024', '02', '29', '23'] }, { Values: ['2024', '02', '29', '22'] }];
    const { Partitions } = await client.send(new BatchGetPartitionCommand({ ...ids, PartitionsToGet }));
    expect(Partitions?.map(({ Values }) => Values)).toEqual([['2024', '02', '29', '23']]);
  });

  it('are moved with UpdatePartition, and removed', async () => {
    const { Values } = partition('2024', '02', '29', '23');
    await create({ Values });
    const PartitionInput = { Values, StorageDescriptor: { Location: 's3://lake/sealed/generation=1/' } };
    await client.send(new UpdatePartitionCommand({ ...ids, PartitionValueList: Values, PartitionInput }));
    const get = new GetPartitionCommand({ ...ids, PartitionValues: Values });
    expect((await client.send(get)).Partition).toMatchObject(PartitionInput);
    await client.send(new DeletePartitionCommand({ ...ids, PartitionValues: Values }));
    await expect(client.send(get)).rejects.toMatchObject({ name: 'EntityNotFoundException' });
    const update = new UpdatePartitionCommand({ ...ids, PartitionValueList: Values, PartitionInput });
    await expect(client.send(update)).rejects.toMatchObject({ name: 'EntityNotFoundException' });
  });

  it('registered at the same time are created once', async () => {
    const given = partition('2024', '02', '29', '23');
    const answers = await Promise.all(Array.from({ length: 10 }, () => create(given)));
    expect(answers.filter(({ Errors }) => Errors?.length === 0)).toHaveLength(1);
  });
});

describe('the service', () => {
  it('remembers everything after a restart, in one file', async () => {
    await create(partition('2024', '02', '29', '23'));
    await stop();
    expect(await readdir(folder)).toEqual(['catalog.json']);
    await start();
    expect((await client.send(new GetPartitionsCommand(ids))).Partitions).toMatchObject([
      partition('2024', '02', '29', '23'),
    ]);
  });

  it('names a file that is no catalog', async () => {
    const other = await mkdtemp(path.join(folder, 'other-'));
    await writeFile(path.join(other, 'catalog.json'), '{"databases":');
    await expect(startGlue({ folder: other, log: () => {} })).rejects.toMatchObject({
      code: 'DL_FILE_UNREADABLE',
      message: expect.stringContaining(path.join(other, 'catalog.json')),
    });
  });

  it('refuses operations that it does not know', async () => {
    const refused = { name: 'UnknownOperationException' };
    await expect(client.send(new GetJobCommand({ JobName: 'x' }))).rejects.toMatchObject(refused);
  });

  it('refuses a port that is taken', async () => {
    await expect(startGlue({ folder, port: glue.port, log: () => {} })).rejects.toMatchObject({
      code: 'DL_PORT_IN_USE',
    });
  });

  it('does not count a change that cannot be written', async () => {
    await rm(folder, { recursive: true });
    await writeFile(folder, 'a file');
    await expect(create(partition('2024', '02', '29', '23'))).rejects.toMatchObject({
      name: 'InternalServiceException',
      $metadata: { httpStatusCode: 500 },
    });
    expect((await client.send(new GetPartitionsCommand(ids))).Partitions).toEqual([]);
  });
});
