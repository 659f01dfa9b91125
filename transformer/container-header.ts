/** The header of a container file: what its metadata says, and how its rows are read. */
import type { Type } from 'avsc';
import { reasonOf } from '../producer/errors.ts';
import { TABLE_NAMES, TABLES, type TableName } from '../producer/record.ts';
import { Cursor, skipOf } from './avro-cursor.ts';
import { CODECS, type Codec, crc32, isCodec } from './codec.ts';
import { SYNC_BYTES } from './container-draft.ts';
import { ROW_READERS, RowBytes } from './row-decoder.ts';
import { avroType, ROW_TYPES, SCHEMA_TEXTS } from './row-type.ts';

export interface Header {
  /** null: of none of our tables. */
  readonly table: TableName | null;
  readonly codec: Codec;
  readonly schema: unknown;
  readonly metadata: Readonly<Record<string, string>>;
  readonly sync: Buffer;
  /** The count of rows that the writer noted; null: it did not. */
  readonly expected: number | null;
  /** CRC-32 of the schema's text and all rows, as the writer noted it; null: it did not. */
  readonly expectedCrc: string | null;
  /** CRC-32 of the schema's text. */
  readonly schemaCrc: number;
  /** The rows of a block, of which there are `count`. @throws Error that names the row */
  readonly decode: (plain: Buffer, count: number) => unknown[];
}

/** @param cursor behind the magic */
export function readHeader(cursor: Cursor): Header {
  const metadata: Record<string, string> = Object.create(null);
  cursor.items(() => {
    const key = cursor.take(cursor.length()).toString('utf8');
    metadata[key] = cursor.take(cursor.length()).toString('utf8');
  });
  const sync = cursor.take(SYNC_BYTES);

  const codec = metadata['avro.codec'] ?? 'null';
  if (!isCodec(codec)) throw new Error(`its codec is "${codec}", not one of ${CODECS.join(', ')}`);
  const text = metadata['avro.schema'];
  if (text === undefined) throw new Error('it has no schema');
  const writer = within('its schema', () => typeOf(text));
  const table = tableOf(writer, metadata);
  return {
    table,
    codec,
    schema: JSON.parse(text),
    metadata: { ...metadata },
    sync,
    expected: expectedRows(metadata['depthlake.rows']),
    expectedCrc: expectedCrc(metadata['depthlake.crc32']),
    schemaCrc: crc32(Buffer.from(text, 'utf8')),
    decode: decoderOf(table, text, writer),
  };
}

/** Making a type takes a millisecond; nearly every file has one of ours. */
function typeOf(text: string): Type {
  const table = TABLE_NAMES.find((name) => SCHEMA_TEXTS[name] === text);
  return table === undefined ? avroType(text) : ROW_TYPES[table];
}

function expectedRows(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^\d{1,15}$/.test(text)) throw new Error(`its depthlake.rows is "${text}", not a count`);
  return Number(text);
}

function expectedCrc(text: string | undefined): string | null {
  if (text === undefined) return null;
  if (!/^[0-9a-f]{8}$/.test(text)) throw new Error(`its depthlake.crc32 is "${text}", not eight hexadecimal digits`);
  return text;
}

/** A file says its table; without that it is ours if its record has our name and reads under our schema. */
function tableOf(writer: Type, metadata: Readonly<Record<string, string>>): TableName | null {
  const said = TABLE_NAMES.find((table) => table === metadata['depthlake.table']);
  if (said !== undefined) return said;
  const named = TABLE_NAMES.find((table) => TABLES[table].schema.name === writer.name);
  return named !== undefined && resolves(named, writer) ? named : null;
}

function resolves(table: TableName, writer: Type): boolean {
  try {
    ROW_TYPES[table].createResolver(writer);
    return true;
  } catch {
    return false;
  }
}

function decoderOf(table: TableName | null, text: string, writer: Type): Header['decode'] {
  if (table !== null && text === SCHEMA_TEXTS[table]) {
    const read = ROW_READERS[table];
    return (plain, count) => {
      const bytes = new RowBytes(plain);
      return decodeEach(count, bytes, () => read(bytes));
    };
  }
  const skip = skipOf(writer);
  const decode = foreignDecoder(table, writer);
  return (plain, count) => {
    const cursor = new Cursor(plain);
    return decodeEach(count, cursor, () => {
      const start = cursor.at;
      skip(cursor);
      const { value, offset } = decode(plain, start);
      if (offset !== cursor.at) throw new Error('it does not decode to its end');
      return value;
    });
  };
}

function decodeEach(count: number, place: { readonly left: number }, decodeOne: () => unknown): unknown[] {
  const rows: unknown[] = [];
  try {
    while (rows.length < count) rows.push(decodeOne());
  } catch (cause) {
    throw new Error(`row ${rows.length + 1}: ${reasonOf(cause)}`, { cause });
  }
  if (place.left > 0) throw new Error(`${place.left} bytes follow its last row`);
  return rows;
}

function foreignDecoder(table: TableName | null, writer: Type): Type['decode'] {
  if (table === null) return (bytes, at) => writer.decode(bytes, at);
  const reader = ROW_TYPES[table];
  const resolver = within(`its schema does not read as ${table}`, () => reader.createResolver(writer));
  return (bytes, at) => reader.decode(bytes, at, resolver);
}

/** Names the place in whatever goes wrong there. */
export function within<V>(place: string, step: () => V): V {
  try {
    return step();
  } catch (cause) {
    throw new Error(`${place}: ${reasonOf(cause)}`, { cause });
  }
}
