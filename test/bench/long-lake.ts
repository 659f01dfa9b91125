/**
 * A lake of many millions of rows in little time: three minutes of a simulated market again and again, each time later,
 * as another session. Rows are encoded once; then the bytes of their times and their session are written over.
 */
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OrderBookRow } from '../../producer/record.ts';
import { append, emptyDraft, encodeRow, fileOf } from '../../transformer/container-draft.ts';
import { readContainerFile } from '../../transformer/container-file.ts';
import { partitionOf, partitionPath } from '../../transformer/partition.ts';
import { SYMBOLS, simulatedFrames } from './market.ts';
import { filesOf } from './replay-corpus.ts';
import { allPacksOf, rowsOf, SESSION_ID } from './row-sizes.ts';

/** Divides an hour, so that no file has rows of two. */
const PART_MS = 180_000;

/** An Avro long of six bytes, as every time between August 1970 and 2039 is. */
const TIME_BYTES = 6;

interface EncodedRow {
  readonly bytes: Buffer;
  readonly timestampMs: number;
  readonly receivedMs: number;
  /** Where the 36 bytes of the session are; a byte of length and `received_ms` lie before them. */
  readonly sessionAt: number;
}

export interface LongLake {
  readonly rows: number;
  readonly files: number;
  readonly bytes: number;
}

/** The copies that one process writes: each one in `step`, from `first` to before `end`. */
interface Share {
  readonly folder: string;
  readonly first: number;
  readonly step: number;
  readonly end: number;
}

const FILE = fileURLToPath(import.meta.url);
/** Processes that write, for compressing is most of the work. */
const WRITERS = 2;

/** @param parts times three minutes */
export async function writeLongLake(folder: string, parts: number): Promise<LongLake> {
  const shares = Array.from({ length: WRITERS }, (_, first) => ({ folder, first, step: WRITERS, end: parts }));
  const written = await Promise.all(shares.map(forkWriter));
  const sum = (of: keyof LongLake) => written.reduce((total, each) => total + each[of], 0);
  return { rows: sum('rows'), files: sum('files'), bytes: sum('bytes') };
}

function forkWriter(share: Share): Promise<LongLake> {
  const child = fork(FILE, [JSON.stringify(share)], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('error', reject);
    child.once('exit', (status) => reject(new Error(`a writer of the lake ended with status ${status}`)));
  });
}

function writeShare({ folder, first, step, end }: Share): LongLake {
  const frames = simulatedFrames(PART_MS, SYMBOLS);
  const files = [...filesOf(allPacksOf(rowsOf(frames, false)), 'deflate')].map(({ bytes }) => encodedRows(bytes));
  const written = { rows: 0, files: 0, bytes: 0 };
  for (let part = first; part < end; part += step) {
    const sessionId = randomUUID();
    for (const rows of files) {
      for (const row of rows) moveRow(row, part * PART_MS, sessionId);
      written.bytes += writeFile(folder, firstMsOf(rows) + part * PART_MS, rows);
      written.rows += rows.length;
      written.files += 1;
    }
  }
  return written;
}

/** @returns its bytes */
function writeFile(folder: string, firstMs: number, rows: readonly EncodedRow[]): number {
  const encoded = rows.map(({ bytes }) => bytes);
  const file = fileOf(append(emptyDraft('order_book', 'deflate'), encoded));
  const hour = path.join(folder, partitionPath('order_book', partitionOf(firstMs)));
  mkdirSync(hour, { recursive: true });
  writeFileSync(path.join(hour, `${firstMs}-${randomUUID()}.avro`), file);
  return file.length;
}

function firstMsOf(rows: readonly EncodedRow[]): number {
  return rows.reduce((least, { timestampMs }) => Math.min(least, timestampMs), Number.POSITIVE_INFINITY);
}

function encodedRows(file: Buffer): EncodedRow[] {
  return (readContainerFile(file).rows as readonly OrderBookRow[]).map((row) => {
    const bytes = encodeRow('order_book', row);
    const sessionAt = bytes.indexOf(SESSION_ID);
    return { bytes, timestampMs: row.timestamp_ms, receivedMs: row.received_ms, sessionAt };
  });
}

/** `timestamp_ms` is a row's first field. */
function moveRow({ bytes, timestampMs, receivedMs, sessionAt }: EncodedRow, byMs: number, sessionId: string): void {
  writeTime(bytes, 0, timestampMs + byMs);
  writeTime(bytes, sessionAt - 1 - TIME_BYTES, receivedMs + byMs);
  bytes.write(sessionId, sessionAt, 'latin1');
}

function writeTime(bytes: Buffer, at: number, timeMs: number): void {
  let rest = timeMs * 2;
  for (let index = 0; index < TIME_BYTES; index += 1) {
    const last = index === TIME_BYTES - 1;
    bytes[at + index] = (rest % 128) + (last ? 0 : 128);
    rest = Math.floor(rest / 128);
  }
}

if (process.argv[1] === FILE) {
  process.on('disconnect', () => process.exit());
  const written = writeShare(JSON.parse(process.argv[2]!) as Share);
  process.send!(written, () => process.disconnect());
}
