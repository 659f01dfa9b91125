/**
 * What the local Glue records and what it refuses. Each operation takes the catalog, which a write changes in place, the
 * request's input and the time in epoch ms, and returns the output or throws a GlueError. Times leave in epoch seconds.
 */
import { type KeyColumn, partitionFilter } from './glue-expression.ts';

type Input = Record<string, unknown>;
type Named = Input & { Name: string };

interface StoredPartition {
  input: Input & { Values: string[] };
  createdMs: number;
}
interface StoredTable {
  input: Named & { PartitionKeys?: KeyColumn[] };
  createdMs: number;
  updatedMs: number;
  /** By the JSON of the values. */
  partitions: Record<string, StoredPartition>;
}
interface StoredDatabase {
  input: Named;
  createdMs: number;
  tables: Record<string, StoredTable>;
}
export interface Catalog {
  databases: Record<string, StoredDatabase>;
}

/** An error as Glue answers it; `name` is the wire's `__type`. */
export class GlueError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

/** Glue's limits: partitions in one call, partitions on one page. */
const BATCH_CREATE_MAX = 100;
const BATCH_GET_MAX = 1000;
const PAGE_MAX = 1000;
const CATALOG_ID = '000000000000';

type Operation = (catalog: Catalog, input: Input, nowMs: number) => object;

export const OPERATIONS: Readonly<Record<string, Operation | undefined>> = {
  CreateDatabase: (catalog, input, nowMs) => {
    const database = named(input.DatabaseInput, 'DatabaseInput');
    if (own(catalog.databases, database.Name)) throw exists('Database');
    catalog.databases[database.Name] = { input: database, createdMs: nowMs, tables: {} };
    return {};
  },
  GetDatabase: (catalog, input) => ({ Database: databaseOut(databaseOf(catalog, input.Name)) }),
  GetDatabases: (catalog, input) => page('DatabaseList', Object.values(catalog.databases).map(databaseOut), input),

  CreateTable: (catalog, input, nowMs) => {
    const { tables } = databaseOf(catalog, input.DatabaseName);
    const table = tableInput(input);
    if (own(tables, table.Name)) throw exists('Table');
    tables[table.Name] = { input: table, createdMs: nowMs, updatedMs: nowMs, partitions: {} };
    return {};
  },
  UpdateTable: (catalog, input, nowMs) => {
    const table = tableInput(input);
    const stored = tableOf(catalog, { DatabaseName: input.DatabaseName, TableName: table.Name });
    Object.assign(stored, { input: table, updatedMs: nowMs });
    return {};
  },
  GetTable: (catalog, input) => {
    const { DatabaseName, Name } = input;
    return { Table: tableOut(tableOf(catalog, { DatabaseName, TableName: Name }), DatabaseName) };
  },
  GetTables: (catalog, input) => {
    const { tables } = databaseOf(catalog, input.DatabaseName);
    return page(
      'TableList',
      Object.values(tables).map((table) => tableOut(table, input.DatabaseName)),
      input,
    );
  },

  CreatePartition: (catalog, input, nowMs) => {
    createPartition(tableOf(catalog, input), input.PartitionInput, nowMs);
    return {};
  },
  BatchCreatePartition: (catalog, input, nowMs) => {
    const table = tableOf(catalog, input);
    const inputs = listOf(input.PartitionInputList, 'PartitionInputList', BATCH_CREATE_MAX);
    for (const each of inputs) partitionInput(table, each);
    return { Errors: inputs.flatMap((each) => refusalOf(table, each, nowMs)) };
  },
  GetPartition: (catalog, input) => ({
    Partition: partitionOut(partitionOf(tableOf(catalog, input), input.PartitionValues), input),
  }),
  BatchGetPartition: (catalog, input) => {
    const table = tableOf(catalog, input);
    const wanted = listOf(input.PartitionsToGet, 'PartitionsToGet', BATCH_GET_MAX) as Input[];
    const found = wanted.flatMap(({ Values }) => table.partitions[keyOf(table, Values)] ?? []);
    return { Partitions: found.map((partition) => partitionOut(partition, input)), UnprocessedKeys: [] };
  },
  GetPartitions: (catalog, input) => {
    const table = tableOf(catalog, input);
    const matches = partitionFilter(input.Expression, table.input.PartitionKeys ?? []);
    if (typeof matches === 'string') throw invalid(matches);
    const found = Object.values(table.partitions).filter(({ input: { Values } }) => matches(Values));
    return page(
      'Partitions',
      found.map((partition) => partitionOut(partition, input)),
      input,
    );
  },
  UpdatePartition: (catalog, input) => {
    const table = tableOf(catalog, input);
    const before = partitionOf(table, input.PartitionValueList);
    const changed = partitionInput(table, input.PartitionInput);
    const key = keyOf(table, changed.Values);
    if ((table.partitions[key] ?? before) !== before) throw exists('Partition');
    delete table.partitions[keyOf(table, before.input.Values)];
    table.partitions[key] = { ...before, input: changed };
    return {};
  },
  DeletePartition: (catalog, input) => {
    const table = tableOf(catalog, input);
    delete table.partitions[keyOf(table, partitionOf(table, input.PartitionValues).input.Values)];
    return {};
  },
};

/** A name like `constructor` must not find what every object inherits. */
export function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

export function isWrite(operation: string): boolean {
  return !/^(Batch)?Get/.test(operation);
}

function createPartition(table: StoredTable, given: unknown, nowMs: number): void {
  const input = partitionInput(table, given);
  const key = keyOf(table, input.Values);
  if (table.partitions[key]) throw exists('Partition');
  table.partitions[key] = { input, createdMs: nowMs };
}

/** The entry for one partition in the errors of a batch; none where it was created. */
function refusalOf(table: StoredTable, given: unknown, nowMs: number): object[] {
  try {
    createPartition(table, given, nowMs);
    return [];
  } catch (error) {
    const { name, message } = error as GlueError;
    const PartitionValues = (given as Input).Values;
    return [{ PartitionValues, ErrorDetail: { ErrorCode: name, ErrorMessage: message } }];
  }
}

function databaseOf(catalog: Catalog, name: unknown): StoredDatabase {
  return own(catalog.databases, checkName(name, 'DatabaseName')) ?? fail(`Database ${name} not found.`);
}

function tableOf(catalog: Catalog, { DatabaseName, TableName }: Input): StoredTable {
  const { tables } = databaseOf(catalog, DatabaseName);
  return own(tables, checkName(TableName, 'TableName')) ?? fail(`Table ${TableName} not found.`);
}

function partitionOf(table: StoredTable, values: unknown): StoredPartition {
  return table.partitions[keyOf(table, values)] ?? fail(`Cannot find partition ${JSON.stringify(values)}.`);
}

function keyOf(table: StoredTable, values: unknown): string {
  const keys = table.input.PartitionKeys ?? [];
  const valid = Array.isArray(values) && values.every((value) => typeof value === 'string' && value !== '');
  if (!valid) throw invalid('partition values must be strings that are not empty');
  if (values.length !== keys.length) {
    throw invalid('The number of partition keys do not match the number of partition values');
  }
  return JSON.stringify(values);
}

function partitionInput(table: StoredTable, given: unknown): StoredPartition['input'] {
  if (typeof given !== 'object' || given === null) throw invalid('PartitionInput is missing');
  keyOf(table, (given as Input).Values);
  return given as StoredPartition['input'];
}

function tableInput(input: Input): StoredTable['input'] {
  const table = named(input.TableInput, 'TableInput') as StoredTable['input'];
  for (const { Name } of table.PartitionKeys ?? []) checkName(Name, 'a partition key');
  return table;
}

function named(given: unknown, what: string): Named {
  if (typeof given !== 'object' || given === null) throw invalid(`${what} is missing`);
  checkName((given as Input).Name, `${what}.Name`);
  return given as Named;
}

/** Glue folds names to lower case and Athena reads nothing else, so an upper-case name is a mistake. */
function checkName(name: unknown, what: string): string {
  if (typeof name !== 'string' || name === '' || name.length > 255 || name !== name.toLowerCase()) {
    throw invalid(`${what} must be 1 to 255 characters, lower case: ${JSON.stringify(name)?.slice(0, 300)}`);
  }
  return name;
}

function listOf(given: unknown, what: string, most: number): unknown[] {
  if (!Array.isArray(given)) throw invalid(`${what} is missing`);
  if (given.length > most) throw invalid(`${what} has ${given.length} members; at most ${most} are allowed`);
  return given;
}

function page(name: string, found: readonly object[], { MaxResults, NextToken }: Input): object {
  const from = NextToken === undefined ? 0 : Number(NextToken);
  if (!Number.isInteger(from) || from < 0) throw invalid('NextToken is invalid');
  const size = typeof MaxResults === 'number' ? MaxResults : PAGE_MAX;
  if (size < 1 || size > PAGE_MAX) throw invalid(`MaxResults must be from 1 to ${PAGE_MAX}`);
  const to = from + size;
  return { [name]: found.slice(from, to), ...(to < found.length ? { NextToken: String(to) } : {}) };
}

function databaseOut({ input, createdMs }: StoredDatabase): object {
  return { ...input, CreateTime: createdMs / 1000, CatalogId: CATALOG_ID };
}

function tableOut({ input, createdMs, updatedMs }: StoredTable, DatabaseName: unknown): object {
  return { ...input, DatabaseName, CreateTime: createdMs / 1000, UpdateTime: updatedMs / 1000, CatalogId: CATALOG_ID };
}

function partitionOut({ input, createdMs }: StoredPartition, { DatabaseName, TableName }: Input): object {
  return { ...input, DatabaseName, TableName, CreationTime: createdMs / 1000, CatalogId: CATALOG_ID };
}

function exists(what: string): GlueError {
  return new GlueError('AlreadyExistsException', `${what} already exists.`);
}

function invalid(message: string): GlueError {
  return new GlueError('InvalidInputException', message);
}

function fail(message: string): never {
  throw new GlueError('EntityNotFoundException', message);
}
