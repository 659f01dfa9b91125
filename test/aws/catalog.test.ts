import { all, type Output, output } from '@pulumi/pulumi';
import { beforeAll, describe, expect, it } from 'vitest';
import { Catalog } from '../../infra/aws/catalog.ts';
import { Queries, SCAN_LIMIT_BYTES } from '../../infra/aws/queries.ts';
import { SEED_QUERIES } from '../../infra/aws/seed-queries.ts';
import { TABLE_NAMES } from '../../producer/record.ts';
import { tableInput } from '../../transformer/catalog.ts';
import { VIEWS } from '../../transformer/views.ts';
import { asTableInput } from './glue-input.ts';
import { ACCOUNT, type Declared, declare, ofType, only, REGION } from './mocks.ts';

const DATABASE = 'depthlake_test';
const LAKE = 'lake-a1b2c3d';
const TABLE = 'aws:glue/catalogTable:CatalogTable';

let declared: readonly Declared[];
let arns: readonly string[];
let views: readonly string[];
let firstQuery: string;

/** What the program hands on is known once its outputs have settled. */
const settled = <T>(value: Output<T>) => new Promise<T>((resolve) => value.apply(resolve));

beforeAll(async () => {
  declared = await declare(async () => {
    const catalog = new Catalog('catalog', { database: DATABASE, bucket: output(LAKE) });
    const queries = new Queries('queries', { catalog });
    arns = await settled(catalog.arns);
    views = await settled(all([...queries.views]));
    firstQuery = await settled(queries.firstQuery);
  });
});

const tables = () => ofType(declared, TABLE);
const called = (name: string) => tables().find(({ inputs }) => inputs['name'] === name)!;

describe('the catalog', () => {
  it('has one database, with the name that SQL says', () => {
    expect(only(declared, 'aws:glue/catalogDatabase:CatalogDatabase').inputs).toMatchObject({ name: DATABASE });
  });

  it.each(TABLE_NAMES)(
    'declares %s exactly as the transformer does: columns, schema, partition keys, location',
    (table) => {
      const { inputs } = called(table);
      expect(inputs['databaseName']).toBe(DATABASE);
      expect(asTableInput(inputs)).toEqual(tableInput(table, `s3://${LAKE}`));
    },
  );

  it('partitions by integers, and leaves partitions to the transformer: no projection, no partition of its own', () => {
    for (const table of TABLE_NAMES) {
      const { partitionKeys, parameters } = called(table).inputs;
      expect(partitionKeys.map(({ name, type }: Record<string, string>) => `${name} ${type}`)).toEqual([
        'year int',
        'month int',
        'day int',
        'hour int',
      ]);
      expect(Object.keys(parameters).filter((key) => key.startsWith('projection'))).toEqual([]);
    }
    expect(ofType(declared, 'aws:glue/partition:Partition')).toEqual([]);
  });

  it('names what a role needs rights on: the catalog, the database, each table', () => {
    expect(arns).toEqual([
      `arn:aws:glue:${REGION}:${ACCOUNT}:catalog`,
      `arn:aws:glue:${REGION}:${ACCOUNT}:database/${DATABASE}`,
      ...TABLE_NAMES.map((table) => called(table).outputs['arn']),
    ]);
  });
});

describe('a view', () => {
  const definitionOf = (name: string) => {
    const [, base64] = /^\/\* Presto View: ([A-Za-z0-9+/=]+) \*\/$/.exec(called(name).inputs['viewOriginalText'])!;
    return JSON.parse(Buffer.from(base64!, 'base64').toString('utf8'));
  };

  it('is a table of its own kind, by which Athena knows it', () => {
    expect(views).toEqual(VIEWS.map(({ name }) => name));
    for (const { name, comment } of VIEWS) {
      expect(called(name).inputs).toMatchObject({
        databaseName: DATABASE,
        description: comment,
        tableType: 'VIRTUAL_VIEW',
        viewExpandedText: '/* Presto View */',
        parameters: { presto_view: 'true', comment: 'Presto View' },
        storageDescriptor: { serDeInfo: { name: '-', serializationLibrary: '-' } },
      });
      expect(called(name).inputs).not.toHaveProperty('partitionKeys');
    }
  });

  it('holds its query and columns in base64, to be looked up in its own database', () => {
    for (const { name, sql, columns } of VIEWS) {
      expect(definitionOf(name)).toEqual({
        originalSql: sql,
        catalog: 'awsdatacatalog',
        schema: DATABASE,
        columns: columns.map((column) => ({ name: column.name, type: column.type })),
      });
    }
  });

  it('has the same columns in Glue, in the types of Hive', () => {
    const hive = (name: string) =>
      called(name).inputs['storageDescriptor'].columns.map((column: Record<string, string>) => column['type']);
    expect(new Set(hive('order_book_decoded'))).toEqual(
      new Set(['string', 'timestamp', 'double', 'int', 'boolean', 'bigint']),
    );
    const { StorageDescriptor, PartitionKeys } = tableInput('order_book', '');
    const types = [...StorageDescriptor!.Columns!, ...PartitionKeys!].map(({ Type }) => Type);
    expect(hive('order_book_best')).toEqual(types);
  });

  it('partitions every window by year, month, day and hour first, so that a filter on them reaches the table', () => {
    const windows = VIEWS.flatMap(({ sql }) => sql.match(/partition by [^\n]+/g) ?? []);
    expect(windows).toHaveLength(2);
    for (const window of windows) expect(window).toMatch(/^partition by year, month, day, hour, /);
  });

  it('says what each column is, within the 255 bytes that Glue takes', () => {
    for (const { columns } of VIEWS) {
      for (const { name, comment } of columns) {
        expect(comment.length, name).toBeGreaterThan(3);
        expect(Buffer.byteLength(comment), name).toBeLessThanOrEqual(255);
      }
    }
  });
});

describe('the workgroup', () => {
  it('enforces engine version 3, a scan limit, and encrypted results in a bucket of this account', () => {
    const results = only(declared, 'aws:s3/bucket:Bucket');
    const { inputs } = only(declared, 'aws:athena/workgroup:Workgroup');
    expect(inputs).toMatchObject({
      forceDestroy: true,
      configuration: {
        enforceWorkgroupConfiguration: true,
        engineVersion: { selectedEngineVersion: 'Athena engine version 3' },
        bytesScannedCutoffPerQuery: SCAN_LIMIT_BYTES,
        publishCloudwatchMetricsEnabled: true,
        requesterPaysEnabled: false,
        resultConfiguration: {
          outputLocation: `s3://${results.outputs['bucket']}/`,
          expectedBucketOwner: ACCOUNT,
          encryptionConfiguration: { encryptionOption: 'SSE_S3' },
        },
      },
    });
    // Athena takes no limit below 10 MB.
    expect(SCAN_LIMIT_BYTES).toBeGreaterThanOrEqual(10_485_760);
  });

  it('lets results expire', () => {
    const { rules } = only(declared, 'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration').inputs;
    expect(rules).toContainEqual({ id: 'results', status: 'Enabled', filter: {}, expiration: { days: 7 } });
  });

  it('holds each seed query, with its question, for the database', () => {
    const workgroup = only(declared, 'aws:athena/workgroup:Workgroup').outputs['name'];
    const saved = ofType(declared, 'aws:athena/namedQuery:NamedQuery').map(({ inputs }) => inputs);
    expect(saved).toEqual(
      SEED_QUERIES.map(({ title, sql }) =>
        expect.objectContaining({ description: title, query: sql, database: DATABASE, workgroup }),
      ),
    );
    expect(saved.every((inputs) => inputs['name'] === undefined)).toBe(true);
  });

  it('gives a first query that names its database', () => {
    expect(firstQuery).toContain(`from "${DATABASE}".order_book_decoded\n`);
  });
});

describe('a seed query', () => {
  it.each(SEED_QUERIES)('$name reads no more than a day, by the partition columns', ({ sql }) => {
    expect(sql).toMatch(/where year = year\((current_date[^)]*)\) and month = month\(\1\) and day = day\(\1\)\n/);
  });
});
