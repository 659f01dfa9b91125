/** Small lakes in temporary folders. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';
import type { OrderBookRow, RowTypes, TableName } from '../../producer/record.ts';
import { writeContainerFile } from '../../transformer/container-file.ts';
import { partitionOf, partitionPath } from '../../transformer/partition.ts';
import { feedEvent, snapshot } from './rows.ts';

export const NOON = Date.UTC(2026, 8, 1, 12);
export const HOUR_MS = 3_600_000;

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Removed when the tests of the file are done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'depthlake-test-'));
  folders.push(folder);
  return folder;
}

/** Writes a file below the lake, and the folders above it. @returns its path */
export function put(lake: string, key: string, body: Uint8Array | string): string {
  const file = path.join(lake, key);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, body);
  return file;
}

/** A container file in the partition of its first row. @returns its key */
export function putRows<T extends TableName>(
  lake: string,
  table: T,
  name: string,
  rows: readonly RowTypes[T][],
): string {
  const key = `${partitionPath(table, partitionOf(rows[0]!.timestamp_ms))}${name}.avro`;
  put(lake, key, writeContainerFile(table, rows, 'deflate'));
  return key;
}

/** Snapshots of one symbol, a second apart from noon on. */
export function snapshots(seqs: readonly number[], given: Partial<OrderBookRow> = {}): OrderBookRow[] {
  return seqs.map((seq) => {
    const ms = NOON + seq * 1000;
    return snapshot({ seq, timestamp_ms: ms, received_ms: ms, last_update_id: seq, ...given });
  });
}

/** The feed events of a session that stopped with this many rows of BTCUSDT. */
export function sessionEvents(lastSeq: number) {
  return [
    feedEvent({ seq: 1, kind: 'started', timestamp_ms: NOON }),
    feedEvent({ seq: 2, kind: 'tally', symbol: 'BTCUSDT', last_seq: lastSeq, timestamp_ms: NOON + 60_000 }),
    feedEvent({ seq: 3, kind: 'stopped', timestamp_ms: NOON + 60_000 }),
  ];
}

/** A whole lake: two files of snapshots 1 to 6 in two hours, and the session's events. */
export function putWholeLake(lake: string): {
  readonly first: string;
  readonly second: string;
  readonly events: string;
} {
  const late = snapshots([4, 5, 6]).map((row) => ({ ...row, timestamp_ms: row.timestamp_ms + HOUR_MS }));
  return {
    first: putRows(lake, 'order_book', 'a', snapshots([1, 2, 3])),
    second: putRows(lake, 'order_book', 'b', late),
    events: putRows(lake, 'feed_event', 'c', sessionEvents(6)),
  };
}
