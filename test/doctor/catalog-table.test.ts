import type { Column, Table } from '@aws-sdk/client-glue';
import { describe, expect, it } from 'vitest';
import { judgeTable } from '../../infra/doctor/catalog-table.ts';
import { TABLE_NAMES } from '../../producer/record.ts';
import { tableInput } from '../../transformer/catalog.ts';

/** A table as it is declared; changed in its columns, partition keys or the rest of its storage. */
function table(
  change: { columns?: Column[]; keys?: Column[]; storage?: Partial<Table['StorageDescriptor']> } = {},
): Table {
  const { StorageDescriptor, PartitionKeys, ...declared } = tableInput('order_book', 's3://lake');
  const columns = change.columns ?? StorageDescriptor!.Columns!;
  return {
    ...declared,
    Name: 'order_book',
    PartitionKeys: change.keys ?? PartitionKeys!,
    StorageDescriptor: { ...StorageDescriptor, Columns: columns, ...change.storage },
  };
}

const COLUMNS = tableInput('order_book', 's3://lake').StorageDescriptor!.Columns!;

describe('a table of the catalog', () => {
  it.each(TABLE_NAMES)('%s as it is declared is ok, at any bucket and at the lake’s', (name) => {
    const declared = { ...tableInput(name, 's3://lake'), Name: name };
    for (const bucket of [null, 'lake']) expect(judgeTable(name, declared, bucket).verdict).toBe('ok');
  });

  it('without its location’s last slash is the same', () => {
    expect(judgeTable('order_book', table({ storage: { Location: 's3://lake/orderbook' } }), 'lake').verdict).toBe(
      'ok',
    );
  });

  it('with other words in a column’s comment is the same', () => {
    const columns = COLUMNS.map((column) => ({ ...column, Comment: 'other words' }));
    expect(judgeTable('order_book', table({ columns }), 'lake').verdict).toBe('ok');
  });

  it.each([
    [
      'of another type',
      { columns: [{ Name: 'timestamp_ms', Type: 'int' }, ...COLUMNS.slice(1)] },
      'column 1 is timestamp_ms int instead of timestamp_ms bigint',
    ],
    [
      'missing at the end',
      { columns: COLUMNS.slice(0, -1) },
      `column ${COLUMNS.length} is missing instead of top_asks array<array<double>>`,
    ],
    [
      'too many',
      { columns: [...COLUMNS, { Name: 'extra', Type: 'int' }] },
      `column ${COLUMNS.length + 1} is extra int instead of none`,
    ],
    [
      'out of order',
      { columns: [COLUMNS[1]!, COLUMNS[0]!, ...COLUMNS.slice(2)] },
      'column 1 is bids array<array<double>> instead of timestamp_ms bigint',
    ],
    [
      'of other partitions',
      { keys: [{ Name: 'dt', Type: 'string' }] },
      'partition key 1 is dt string instead of year int',
    ],
    [
      'elsewhere',
      { storage: { Location: 's3://other/orderbook/' } },
      'location is s3://other/orderbook instead of s3://lake/orderbook',
    ],
    ['of no place', { storage: { Location: undefined } }, 'location is missing instead of s3://lake/orderbook'],
    [
      'read as text',
      { storage: { InputFormat: 'org.apache.hadoop.mapred.TextInputFormat' } },
      'input format is org.apache.hadoop.mapred.TextInputFormat instead of org.apache.hadoop.hive.ql.io.avro.AvroContainerInputFormat',
    ],
    [
      'of another schema',
      {
        storage: {
          SerdeInfo: {
            ...tableInput('order_book', '').StorageDescriptor!.SerdeInfo,
            Parameters: { 'avro.schema.literal': '{}' },
          },
        },
      },
      'avro.schema.literal is another schema',
    ],
  ] as [string, Parameters<typeof table>[0], string][])(
    '%s is a failure that says how it differs',
    (_what, change, detail) => {
      expect(judgeTable('order_book', table(change), 'lake')).toMatchObject({ verdict: 'failure', detail });
    },
  );

  it('is told every kind of difference at once', () => {
    const { detail } = judgeTable('order_book', { Name: 'order_book' }, 'lake');
    for (const words of [
      'column 1 is missing',
      'partition key 1 is missing',
      'location is missing',
      'input format is missing',
      'serializer is missing',
      'another schema',
    ])
      expect(detail).toContain(words);
  });
});
