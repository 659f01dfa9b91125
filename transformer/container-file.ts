/**
 * Container files, whole and in memory. Reading is stricter than Avro: a file is right to its last byte, or it is an
 * error with the exact reason. Files of foreign writers are read too, in the codecs below.
 */
import { DepthlakeError, reasonOf } from '../producer/errors.ts';
import type { RowTypes, TableName } from '../producer/record.ts';
import { Cursor } from './avro-cursor.ts';
import { type Codec, crc32, uncompress } from './codec.ts';
import { append, crcText, emptyDraft, encodeRow, fileOf, MAGIC, SYNC_BYTES } from './container-draft.ts';
import { type Header, readHeader, within } from './container-header.ts';

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

/** Where a block lies, and the least `timestamp_ms` of its rows. */
export interface BlockPlace {
  readonly at: number;
  readonly firstMs: number;
}

/** A file that was read once to its last byte, without keeping a row: its blocks can be read one by one, in any order. */
export interface ContainerIndex {
  readonly table: TableName | null;
  readonly schema: unknown;
  /** Of blocks with rows. Empty for a file of no table of ours. */
  readonly blocks: readonly BlockPlace[];
  rowsOf(block: BlockPlace): readonly RowTypes[TableName][];
}

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
  return told(() => {
    const { header, cursor } = open(bytes);
    const blocks = [...decodedBlocks(cursor, header)];
    const rows = blocks.flatMap((block) => block.rows);
    const { table, codec, schema, metadata } = header;
    return { table, codec, schema, metadata, rows, blocks: blocks.length, count: rows.length } as ContainerFile;
  });
}

/**
 * For files too large to hold all their rows at once: checks everything that `readContainerFile` does, and finds out
 * where each block begins in time.
 * @throws DL_CONTAINER_INVALID with the exact reason
 */
export function indexContainerFile(bytes: Buffer): ContainerIndex {
  return told(() => {
    const { header, cursor } = open(bytes);
    const blocks: BlockPlace[] = [];
    for (const { at, rows } of decodedBlocks(cursor, header)) {
      if (header.table !== null && rows.length > 0)
        blocks.push({ at, firstMs: leastTime(rows as RowTypes[TableName][]) });
    }
    return {
      table: header.table,
      schema: header.schema,
      blocks,
      rowsOf: ({ at }) => told(() => decode(readBlock(new Cursor(bytes, at), header), header) as RowTypes[TableName][]),
    };
  });
}

function told<V>(step: () => V): V {
  try {
    return step();
  } catch (cause) {
    throw new DepthlakeError('DL_CONTAINER_INVALID', reasonOf(cause), { cause });
  }
}

function open(bytes: Buffer): { header: Header; cursor: Cursor } {
  if (bytes.length === 0) throw new Error('the file is empty');
  if (!startsWithMagic(bytes)) throw new Error('the file does not begin with the four bytes of a container file');
  const cursor = new Cursor(bytes, MAGIC.length);
  return { header: within('the header', () => readHeader(cursor)), cursor };
}

interface Block {
  readonly at: number;
  readonly rows: unknown[];
}

/** Every block in turn; whether the file is whole shows at its end alone, so rows may be used only after it. */
function* decodedBlocks(cursor: Cursor, header: Header): Generator<Block> {
  let blocks = 0;
  let count = 0;
  let crc = header.schemaCrc;
  while (cursor.left > 0) {
    if (startsWithMagic(cursor.bytes.subarray(cursor.at))) throw new Error('two container files in one object');
    if (count === header.expected) throw new Error(`${cursor.left} bytes follow the last row`);
    blocks += 1;
    const { at } = cursor;
    const { plain, rows } = within(`block ${blocks}`, () => {
      const block = readBlock(cursor, header);
      return { plain: block.plain, rows: decode(block, header) };
    });
    count += rows.length;
    if (header.expectedCrc !== null) crc = crc32(plain, crc);
    yield { at, rows };
  }
  if (header.expected !== null && count !== header.expected) {
    throw new Error(`the file holds ${count} rows, and its header says ${header.expected}`);
  }
  if (header.expectedCrc !== null && crcText(crc) !== header.expectedCrc) {
    throw new Error(`the CRC-32 of its schema and rows is ${crcText(crc)}, and its header says ${header.expectedCrc}`);
  }
}

interface PlainBlock {
  readonly count: number;
  /** The encoded rows. */
  readonly plain: Buffer;
}

function readBlock(cursor: Cursor, header: Header): PlainBlock {
  const count = cursor.long();
  const data = cursor.take(cursor.length());
  if (!cursor.take(SYNC_BYTES).equals(header.sync)) throw new Error('its sync marker is not the one of the file');
  const plain = uncompress(header.codec, data, BLOCK_MAX_BYTES);
  // A row has one byte at least; rows of none could be counted without end.
  if (count < 0 || count > plain.length) throw new Error(`it cannot hold ${count} rows in ${plain.length} bytes`);
  return { count, plain };
}

function decode({ count, plain }: PlainBlock, header: Header): unknown[] {
  return header.decode(plain, count);
}

function leastTime(rows: readonly RowTypes[TableName][]): number {
  let least = Number.POSITIVE_INFINITY;
  for (const { timestamp_ms } of rows) least = Math.min(least, timestamp_ms);
  return least;
}

function startsWithMagic(bytes: Buffer): boolean {
  return bytes.subarray(0, MAGIC.length).equals(MAGIC);
}
