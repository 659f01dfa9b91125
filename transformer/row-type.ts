/** The Avro types of the rows, made from the data contract. */
import avro from 'avsc';
import { TABLE_NAMES, TABLES, type TableName } from '../producer/record.ts';

const WORD = 2 ** 32;
const scratch = Buffer.alloc(8);

/**
 * avsc's own `long` writes integers below -2^52 as other integers and refuses 2^53 - 1; this one is exact for every
 * safe integer, and an error beyond.
 */
const SAFE_LONG = avro.types.LongType.__with({
  toBuffer: (value: number) => {
    const high = Math.floor(value / WORD);
    scratch.writeInt32LE(high, 4);
    scratch.writeUInt32LE(value - high * WORD, 0);
    return scratch;
  },
  fromBuffer: (bytes: Buffer) => {
    const value = bytes.readInt32LE(4) * WORD + bytes.readUInt32LE(0);
    if (!Number.isSafeInteger(value)) throw new Error('a long is 2^53 or more, which a double does not hold exactly');
    return value;
  },
  fromJSON: Number,
  toJSON: Number,
  isValid: (value: unknown) => Number.isSafeInteger(value),
  compare: (a: number, b: number) => Math.sign(a - b),
});

/** @throws Error where the text is no Avro schema */
export function avroType(schemaText: string): avro.Type {
  return avro.Type.forSchema(JSON.parse(schemaText), { registry: { long: SAFE_LONG } });
}

/** Each table's newest schema as JSON, without the descriptions: they would be 3 KB in every object and partition. */
export const SCHEMA_TEXTS = byTable((table) =>
  JSON.stringify(TABLES[table].schema, (key, value) => (key === 'doc' ? undefined : value)),
);

/** The avsc type of a row of each table, under the newest schema. */
export const ROW_TYPES = byTable((table) => avroType(SCHEMA_TEXTS[table]));

function byTable<V>(make: (table: TableName) => V): Record<TableName, V> {
  return Object.fromEntries(TABLE_NAMES.map((table) => [table, make(table)])) as Record<TableName, V>;
}
