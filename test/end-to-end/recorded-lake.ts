/** A lake as two redundant producers leave it, written at once: for replays that are to take a while. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { FeedEventRow, OrderBookRow, RowTypes, TableName } from '../../producer/record.ts';
import { writeContainerFile } from '../../transformer/container-file.ts';
import { hourStart, partitionOf, partitionPath } from '../../transformer/partition.ts';
import { feedEvent, snapshot } from '../cli/rows.ts';

const NOON = Date.UTC(2026, 8, 1, 12);
/** Half of what is recorded lies in the hour before noon, half in the hour after. */
export const RANGE = ['--start', '2026-09-01T11:00Z', '--end', '2026-09-01T13:00Z'] as const;

const SYMBOLS = ['BTCUSDT', 'ETHUSDT'];
const SESSIONS = ['s1', 's2'];
/** Snapshots a second of each symbol and session. */
const RATE = 5;
const FILE_SECONDS = 20;

/**
 * Snapshots and feed events of so many seconds around noon. Every third file is there twice, as after a retry of
 * Firehose, and the files of a session begin at other times than those of the other one.
 */
export function writeRecordedLake(folder: string, seconds: number): void {
  const fromMs = NOON - (seconds / 2) * 1000;
  let files = 0;
  const put = <T extends TableName>(table: T, rows: readonly RowTypes[T][]) => {
    for (const [hourMs, ofHour] of byHour(rows)) {
      const partition = partitionPath(table, partitionOf(hourMs));
      const times = files % 3 === 0 ? ['a', 'b'] : ['a'];
      files += 1;
      mkdirSync(path.join(folder, partition), { recursive: true });
      const bytes = writeContainerFile(table, ofHour, 'deflate');
      for (const time of times) {
        const name = `${ofHour[0]!.timestamp_ms}-${String(files).padStart(5, '0')}${time}.avro`;
        writeFileSync(path.join(folder, partition, name), bytes);
      }
    }
  };
  for (const [at, session_id] of SESSIONS.entries()) {
    for (let second = -7 * at; second < seconds; second += FILE_SECONDS) {
      const range = [Math.max(0, second), Math.min(seconds, second + FILE_SECONDS)] as const;
      put('order_book', snapshotsOf(session_id, fromMs, ...range));
      put('feed_event', eventsOf(session_id, fromMs, ...range));
    }
  }
}

function byHour<R extends { readonly timestamp_ms: number }>(rows: readonly R[]): [number, R[]][] {
  const hourOf = ({ timestamp_ms }: R) => hourStart(timestamp_ms);
  return [...new Set(rows.map(hourOf))].map((hourMs) => [hourMs, rows.filter((row) => hourOf(row) === hourMs)]);
}

function snapshotsOf(session_id: string, fromMs: number, first: number, end: number): OrderBookRow[] {
  const rows: OrderBookRow[] = [];
  for (let at = first * RATE; at < end * RATE; at += 1) {
    const ms = fromMs + at * (1000 / RATE);
    for (const symbol of SYMBOLS) {
      const times = { timestamp_ms: ms, received_ms: ms + (session_id === 's1' ? 3 : 5) };
      rows.push(snapshot({ session_id, symbol, seq: at + 1, last_update_id: at + 1, ...times }));
    }
  }
  return rows;
}

function eventsOf(session_id: string, fromMs: number, first: number, end: number): FeedEventRow[] {
  return Array.from({ length: end - first }, (_, at) =>
    feedEvent({ session_id, seq: first + at + 1, kind: 'tally', timestamp_ms: fromMs + (first + at) * 1000 }),
  );
}
