import { describe, expect, it } from 'vitest';
import { TABLE_NAMES, TABLES } from '../../producer/record.ts';
import { columnsOf, partitionInput, partitionValues, tableInput } from '../../transformer/catalog.ts';

describe('the columns of a table', () => {
  it('are those of the Avro schema, in its order and with its types', () => {
    const types = Object.fromEntries(columnsOf(TABLES.order_book.schema).map(({ Name, Type }) => [Name, Type]));
    expect(types).toEqual({
      timestamp_ms: 'bigint',
      bids: 'array<array<double>>',
      asks: 'array<array<double>>',
      spread: 'double',
      mid_price: 'double',
      imbalance_ratio: 'double',
      venue: 'string',
      symbol: 'string',
      last_update_id: 'bigint',
      received_ms: 'bigint',
      session_id: 'string',
      seq: 'bigint',
      bid_levels_covered: 'int',
      ask_levels_covered: 'int',
      bid_reach: 'double',
      ask_reach: 'double',
      verified: 'boolean',
      top_bids: 'array<array<double>>',
      top_asks: 'array<array<double>>',
    });
    expect(Object.keys(types)).toEqual(TABLES.order_book.schema.fields.map(({ name }) => name));
  });

  it('have comments that Glue takes', () => {
    const long = columnsOf({ fields: [{ name: 'a', type: 'long', doc: '−'.repeat(200) }] })[0]!.Comment!;
    expect(long).toBe(`${'−'.repeat(84)}…`);
    for (const table of TABLE_NAMES) {
      for (const { Comment } of columnsOf(TABLES[table].schema)) {
        expect(Comment).toBeTruthy();
        expect(Buffer.byteLength(Comment!)).toBeLessThanOrEqual(255);
      }
    }
  });

  it('refuse a type that Glue has no word for', () => {
    expect(() => columnsOf({ fields: [{ name: 'a', type: ['long', 'string'] }] })).toThrow('["long","string"]');
  });
});

describe('a table in the catalog', () => {
  it.each(TABLE_NAMES)('%s says how to read its files', (table) => {
    const input = tableInput(table, 's3://lake');
    expect(input).toMatchObject({
      Name: table,
      TableType: 'EXTERNAL_TABLE',
      PartitionKeys: ['year', 'month', 'day', 'hour'].map((Name) => ({ Name, Type: 'int' })),
      StorageDescriptor: {
        Location: `s3://lake/${TABLES[table].folder}/`,
        InputFormat: 'org.apache.hadoop.hive.ql.io.avro.AvroContainerInputFormat',
        OutputFormat: 'org.apache.hadoop.hive.ql.io.avro.AvroContainerOutputFormat',
        SerdeInfo: { SerializationLibrary: 'org.apache.hadoop.hive.serde2.avro.AvroSerDe' },
      },
    });
    const literal = JSON.parse(input.StorageDescriptor!.SerdeInfo!.Parameters!['avro.schema.literal']!);
    expect(literal.fields.map(({ name, type }: { name: string; type: unknown }) => [name, type])).toEqual(
      TABLES[table].schema.fields.map(({ name, type }) => [name, type]),
    );
  });
});

describe('a partition in the catalog', () => {
  it('carries its own descriptor, at the hour’s folder', () => {
    const input = partitionInput({ table: 'order_book', hourMs: Date.UTC(2024, 1, 3, 4) }, 's3://lake');
    const table = tableInput('order_book', 's3://lake').StorageDescriptor!;
    expect(input.Values).toEqual(['2024', '2', '3', '4']);
    expect(input.StorageDescriptor).toEqual({
      ...table,
      Location: 's3://lake/orderbook/year=2024/month=02/day=03/hour=04/',
    });
  });

  it('has values as integers are written', () => {
    expect(partitionValues(Date.UTC(2024, 11, 31, 0))).toEqual(['2024', '12', '31', '0']);
  });
});
