/**
 * Container files, whole and in memory. Reading is stricter than Avro: a file is right to its last byte, or it is an
 * error with the exact reason. Files of foreign writers are read too, in the codecs below.
 */
import type { Type } from 'avsc';
import { DepthlakeError, reasonOf } from '../producer/errors.ts';
import { type RowTypes, TABLE_NAMES, TABLES, type TableName } from '../producer/record.ts';
import { Cursor, skipOf } from './avro-cursor.ts';
import { CODECS, type Codec, crc32, isCodec, uncompress } from './codec.ts';
import { append, crcText, emptyDraft, encodeRow, fileOf, MAGIC, SYNC_BYTES } from './container-draft.ts';
import { avroType, ROW_TYPES, SCHEMA_TEXTS } from './row-type.ts';

export { CODECS, type Codec } from './codec.ts';
export { ROW_TYPES } from './row-type.ts';

/** Ours have 256 KiB and a row; anything beyond this is refused before it fills the memory. */
const BLOCK_MAX_BYTES = 64 * 1024 * 1024;

interface Contents {
  readonly codec: Codec;
  /** The writer's schema, as JSON. */
  readonly schema: unknown;
  /** The header's metadata, `avro.schema` included. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly blocks: number;
  /** Rows. */
  readonly count: number;
}

/** A file of one of our tables has its rows under the newest schema; any other has `table` null, and its own rows. */
export type ContainerFile = Contents &
  (
    | { [T in TableName]: { readonly table: T; readonly rows: readonly RowTypes[T][] } }[TableName]
    | { readonly table: null; readonly rows: readonly unknown[] }
  );

/**
 * The bytes of a container file of rows, in the order given.
 * @param syncMarker 16 bytes; random where it is left away
 * @throws Error for a value that the table's schema does not say; integers must be below 2^53
 */
export function writeContainerFile<T extends TableName>(
  table: T,
  rows: readonly RowTypes[T][],
  codec: Codec,
  syncMarker?: Buffer,
): Buffer {
  const encoded = rows.map((row) => encodeRow(table, row));
  return fileOf(append(emptyDraft(table, codec), encoded), syncMarker);
}

/** @throws DL_CONTAINER_INVALID with the exact reason */
export function readContainerFile(bytes: Buffer): ContainerFile {
  try {
    return read(bytes);
  } catch (cause) {
    throw new DepthlakeError('DL_CONTAINER_INVALID', reasonOf(cause), { cause });
  }
}

function read(bytes: Buffer): ContainerFile {
  if (bytes.length === 0) throw new Error('the file is empty');
  if (!startsWithMagic(bytes)) throw new Error('the file does not begin with the four bytes of a container file');
  const cursor = new Cursor(bytes, MAGIC.length);
  const header = within('the header', () => readHeader(cursor));
  const rows: unknown[] = [];
  let blocks = 0;
  let crc = header.schemaCrc;
  while (cursor.left > 0) {
    if (startsWithMagic(bytes.subarray(cursor.at))) throw new Error('two container files in one object');
    if (rows.length === header.expected) throw new Error(`${cursor.left} bytes follow the last row`);
    blocks += 1;
    const plain = within(`block ${blocks}`, () => readBlock(cursor, header, rows));
    if (header.expectedCrc !== null) crc = crc32(plain, crc);
  }
  if (header.expected !== null && rows.length !== header.expected) {
    throw new Error(`the file holds ${rows.length} rows, and its header says ${header.expected}`);
  }
  if (header.expectedCrc !== null && crcText(crc) !== header.expectedCrc) {
    throw new Error(`the CRC-32 of its schema and rows is ${crcText(crc)}, and its header says ${header.expectedCrc}`);
  }
  const { table, codec, schema, metadata } = header;
  return { table, codec, schema, metadata, rows, blocks, count: rows.length } as ContainerFile;
}

interface Header {
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
  readonly skip: (cursor: Cursor) => void;
  readonly decode: (bytes: Buffer, at: number) => { value: unknown; offset: number };
}

function readHeader(cursor: Cursor): Header {
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
  const writer = within('its schema', () => avroType(text));
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
    skip: skipOf(writer),
    decode: table === null ? (bytes, at) => writer.decode(bytes, at) : decoderOf(table, text, writer),
  };
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

function decoderOf(table: TableName, text: string, writer: Type): Header['decode'] {
  const reader = ROW_TYPES[table];
  if (text === SCHEMA_TEXTS[table]) return (bytes, at) => reader.decode(bytes, at);
  const resolver = within(`its schema does not read as ${table}`, () => reader.createResolver(writer));
  return (bytes, at) => reader.decode(bytes, at, resolver);
}

/** @returns the encoded rows of the block */
function readBlock(cursor: Cursor, header: Header, rows: unknown[]): Buffer {
  const count = cursor.long();
  const data = cursor.take(cursor.length());
  if (!cursor.take(SYNC_BYTES).equals(header.sync)) throw new Error('its sync marker is not the one of the file');
  const plain = uncompress(header.codec, data, BLOCK_MAX_BYTES);
  // A row has one byte at least; rows of none could be counted without end.
  if (count < 0 || count > plain.length) throw new Error(`it cannot hold ${count} rows in ${plain.length} bytes`);
  const place = new Cursor(plain);
  for (let row = 1; row <= count; row += 1) {
    within(`row ${row}`, () => rows.push(readRow(place, header)));
  }
  if (place.left > 0) throw new Error(`${place.left} bytes follow its last row`);
  return plain;
}

function readRow(place: Cursor, { skip, decode }: Header): unknown {
  const start = place.at;
  skip(place);
  const { value, offset } = decode(place.bytes, start);
  if (offset !== place.at) throw new Error('it does not decode to its end');
  return value;
}

function startsWithMagic(bytes: Buffer): boolean {
  return bytes.subarray(0, MAGIC.length).equals(MAGIC);
}

/** Names the place in whatever goes wrong there. */
function within<V>(place: string, step: () => V): V {
  try {
    return step();
  } catch (cause) {
    throw new Error(`${place}: ${reasonOf(cause)}`, { cause });
  }
}
