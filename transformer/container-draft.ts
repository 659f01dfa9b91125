/**
 * A container file that grows by whole packs, as a value: adding to a draft yields another one, so what turns out too
 * large is simply not kept.
 *
 * Layout (Avro specification, Object Container Files): magic, a map of metadata, a sync marker of 16 bytes; then blocks
 * of a row count, a byte length, the compressed rows and the sync marker.
 */
import { randomBytes } from 'node:crypto';
import type { RowTypes, TableName } from '../producer/record.ts';
import { type Codec, compress, compressedAtMost, crc32 } from './codec.ts';
import { ROW_TYPES, SCHEMA_TEXTS } from './row-type.ts';

export const MAGIC = Buffer.from('Obj\x01', 'latin1');
export const SYNC_BYTES = 16;

/**
 * A block is closed at this many uncompressed bytes: readers hold one inflated block in memory, deflate looks back
 * 32 KiB and snappy 64 KiB, so a longer block would compress no better.
 */
export const BLOCK_BYTES = 256 * 1024;

export interface ContainerDraft {
  readonly table: TableName;
  readonly codec: Codec;
  readonly rows: number;
  /** Closed blocks without their sync marker, and their sum in the file, markers included. */
  readonly blocks: readonly Buffer[];
  readonly blockBytes: number;
  /** CRC-32 of the schema's text and the encoded rows of closed blocks. */
  readonly crc: number;
  /** Encoded rows of the block still open. */
  readonly open: readonly Buffer[];
  readonly openBytes: number;
}

export function emptyDraft(table: TableName, codec: Codec): ContainerDraft {
  const crc = crc32(Buffer.from(SCHEMA_TEXTS[table], 'utf8'));
  return { table, codec, rows: 0, blocks: [], blockBytes: 0, crc, open: [], openBytes: 0 };
}

/** One row in Avro's binary form. @throws Error for a value that the schema does not say */
export function encodeRow<T extends TableName>(table: T, row: RowTypes[T]): Buffer {
  return ROW_TYPES[table].toBuffer(row);
}

/** The draft with further rows at its end. */
export function append(draft: ContainerDraft, rows: Iterable<Buffer>): ContainerDraft {
  const blocks = [...draft.blocks];
  let { blockBytes, crc, openBytes, rows: count } = draft;
  let open = [...draft.open];
  for (const row of rows) {
    open.push(row);
    openBytes += row.length;
    count += 1;
    if (openBytes < BLOCK_BYTES) continue;
    const closing = closeBlock(draft.codec, open, crc);
    blocks.push(closing.block);
    blockBytes += closing.block.length + SYNC_BYTES;
    crc = closing.crc;
    open = [];
    openBytes = 0;
  }
  return { ...draft, rows: count, blocks, blockBytes, crc, open, openBytes };
}

/** The draft with its open block closed: less memory, and its size is exact. */
export function closed(draft: ContainerDraft): ContainerDraft {
  if (draft.open.length === 0) return draft;
  const { block, crc } = closeBlock(draft.codec, draft.open, draft.crc);
  return {
    ...draft,
    blocks: [...draft.blocks, block],
    blockBytes: draft.blockBytes + block.length + SYNC_BYTES,
    crc,
    open: [],
    openBytes: 0,
  };
}

/**
 * The draft with further rows, or null where the file would pass `maxBytes`. Near the bound the open block is closed
 * to know its size, so each byte is compressed once or twice, however many packs are tried.
 */
export function appendWithin(draft: ContainerDraft, rows: Iterable<Buffer>, maxBytes: number): ContainerDraft | null {
  const grown = append(draft, rows);
  if (bytesAtMost(grown) <= maxBytes) return grown;
  const exact = closed(grown);
  return bytesAtMost(exact) <= maxBytes ? exact : null;
}

/** An upper bound of the file's size; exact when no block is open. */
function bytesAtMost(draft: ContainerDraft): number {
  const open = draft.openBytes === 0 ? 0 : compressedAtMost(draft.openBytes) + 2 * LONG_BYTES + SYNC_BYTES;
  return headerOf(draft).length + SYNC_BYTES + draft.blockBytes + open;
}

/** @param syncMarker 16 bytes that no other file has; random where it is left away */
export function fileOf(draft: ContainerDraft, syncMarker: Buffer = randomBytes(SYNC_BYTES)): Buffer {
  const whole = closed(draft);
  return Buffer.concat([headerOf(whole), syncMarker, ...whole.blocks.flatMap((block) => [block, syncMarker])]);
}

/**
 * Besides what Avro asks for: the table; the count of rows, without which a file cut between two blocks is valid; and a
 * CRC-32, without which damaged bytes often read as other rows. It covers the schema too, for under a field's damaged
 * name a reader gives that field's default.
 */
function headerOf(draft: ContainerDraft): Buffer {
  const metadata = {
    'avro.schema': SCHEMA_TEXTS[draft.table],
    'avro.codec': draft.codec,
    'depthlake.table': draft.table,
    'depthlake.rows': String(draft.rows),
    'depthlake.crc32': crcText(draft.crc),
  };
  const entries = Object.entries(metadata).flatMap(([key, value]) => [textOf(key), textOf(value)]);
  return Buffer.concat([MAGIC, long(entries.length / 2), ...entries, long(0)]);
}

/** Eight hexadecimal digits, lower case. */
export function crcText(crc: number): string {
  return (crc >>> 0).toString(16).padStart(8, '0');
}

/** @param crc of all before the block */
function closeBlock(codec: Codec, rows: readonly Buffer[], crc: number): { block: Buffer; crc: number } {
  const plain = Buffer.concat(rows);
  const data = compress(codec, plain);
  return { block: Buffer.concat([long(rows.length), long(data.length), data]), crc: crc32(plain, crc) };
}

function textOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([long(bytes.length), bytes]);
}

const LONG_BYTES = 10;

/** A non-negative integer below 2^52, zigzag and variable-length. */
function long(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value * 2;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}
