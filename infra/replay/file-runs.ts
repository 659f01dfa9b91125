/**
 * Container files that overlap in time as runs of rows, in order of their earliest rows.
 *
 * In memory are the file that is read, two small ones ahead of it, and the bytes of large ones whose time has come. A
 * file's damage can show at its very end: none of its rows is given out before all of it is checked.
 */
import { DepthlakeError, type ErrorCode } from '../../producer/errors.ts';
import type { RowTypes, TableName, TableRow } from '../../producer/record.ts';
import type { Problem, SourceItem } from '../../producer/replay/source.ts';
import { indexContainerFile, readContainerFile } from '../../transformer/container-file.ts';
import { FetchAhead } from './fetch-ahead.ts';
import { comparePlaces, isTaken, type Place, positionText, type Taken } from './file-position.ts';

/** A file up to this size is decoded at once; a larger one block by block, after a first pass that checks it. */
const SMALL_BYTES = 8 * 1024 * 1024;
/** A larger file is not taken into memory, which is told as a problem. */
const FILE_MAX_BYTES = 512 * 1024 * 1024;

export interface TimedFile {
  readonly key: string;
  readonly bytes: number;
  /** None of its rows is earlier, UTC epoch ms. */
  readonly firstMs: number;
  /** The table whose rows it is there for; null: any. */
  readonly table: TableName | null;
}

interface FilesToRead {
  /** In order of `firstMs`, then key. */
  readonly files: readonly TimedFile[];
  readonly get: (key: string) => Promise<Buffer>;
  /** No row after these files is earlier. */
  readonly endMs: number;
  readonly taken: Taken | null;
}

/** Rows that are decoded together: a small file, or a block of a large one. */
interface Piece {
  readonly place: Place;
  readonly rows: () => readonly TableRow[];
}

export async function* runsOf(
  { files, get, endMs, taken }: FilesToRead,
  signal: AbortSignal,
): AsyncGenerator<SourceItem> {
  const fetched = new FetchAhead(files.map(({ key, bytes }) => ({ small: bytes <= SMALL_BYTES, get: () => get(key) })));
  let unread = 0;
  /** Of the files that were opened, in order. */
  let pieces: Piece[] = [];
  const frontier = () => Math.min(files[unread]?.firstMs ?? endMs, pieces[0]?.place.ms ?? endMs);
  while (!signal.aborted) {
    const file = files[unread];
    const [piece] = pieces;
    if (file !== undefined && (piece === undefined || comparePlaces(placeOf(file), piece.place) < 0)) {
      const at = unread;
      const opened = await open(file, () => fetched.take(at));
      unread += 1;
      if ('code' in opened) yield { run: null, problem: opened, frontierMs: frontier() };
      else pieces = [...pieces, ...opened].sort((a, b) => comparePlaces(a.place, b.place));
    } else if (piece !== undefined) {
      pieces.shift();
      yield { run: runOf(piece, frontier(), taken), problem: null, frontierMs: frontier() };
    } else return;
  }
}

/** The order that `FilesToRead` asks for. */
export function byPlace(a: TimedFile, b: TimedFile): number {
  return comparePlaces(placeOf(a), placeOf(b));
}

function placeOf({ firstMs, key }: TimedFile): Place {
  return { ms: firstMs, key, block: 0 };
}

function runOf({ place, rows }: Piece, nextMs: number, taken: Taken | null): SourceItem['run'] {
  const position = positionText(place, nextMs);
  return { rows: rows(), part: '', position, taken: taken !== null && isTaken(place, taken) };
}

async function open(file: TimedFile, fetch: () => Promise<Buffer>): Promise<readonly Piece[] | Problem> {
  try {
    requireSize(file.bytes);
    const bytes = await fetch();
    return bytes.length <= SMALL_BYTES ? wholeFile(file, bytes) : blocksOf(file, bytes);
  } catch (error) {
    return problemOf(file.key, error);
  }
}

function wholeFile(file: TimedFile, bytes: Buffer): Piece[] {
  const { table, schema, rows } = readContainerFile(bytes);
  const known = requireTable(table, schema, file.table);
  if (rows.length === 0) return [];
  const wrapped = withTable(known, rows as RowTypes[TableName][]);
  return [{ place: placeOf(file), rows: () => wrapped }];
}

function blocksOf(file: TimedFile, bytes: Buffer): Piece[] {
  const { table, schema, blocks, rowsOf } = indexContainerFile(bytes);
  const known = requireTable(table, schema, file.table);
  return blocks.map((block) => ({
    // A name that promises too much does not change the order of reading.
    place: { ms: Math.max(block.firstMs, file.firstMs), key: file.key, block: block.at },
    rows: () => withTable(known, rowsOf(block)),
  }));
}

/** @throws DL_CONTAINER_INVALID */
export function requireTable(found: TableName | null, schema: unknown, due: TableName | null): TableName {
  if (found === null) {
    const name = (schema as { name?: string } | null)?.name ?? JSON.stringify(schema);
    throw new DepthlakeError('DL_CONTAINER_INVALID', `its schema, ${name}, is not one of a table`);
  }
  if (due !== null && found !== due) {
    throw new DepthlakeError('DL_CONTAINER_INVALID', `it holds rows of ${found} among those of ${due}`);
  }
  return found;
}

function withTable(table: TableName, rows: readonly RowTypes[TableName][]): TableRow[] {
  return rows.map((row) => ({ table, row }) as TableRow);
}

/** @throws DL_FILE_UNREADABLE */
export function requireSize(bytes: number): void {
  if (bytes <= FILE_MAX_BYTES) return;
  throw new DepthlakeError('DL_FILE_UNREADABLE', `it has ${bytes} bytes, above the ${FILE_MAX_BYTES} that are read`);
}

/** What makes one file unreadable leaves that file out. @throws whatever else it is */
export function problemOf(where: string, error: unknown): Problem {
  if (error instanceof DepthlakeError && LEFT_OUT.has(error.code))
    return { code: error.code, where, message: error.message };
  throw error;
}

const LEFT_OUT: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'DL_CONTAINER_INVALID',
  'DL_FILE_UNREADABLE',
  'DL_MANIFEST_INVALID',
]);
