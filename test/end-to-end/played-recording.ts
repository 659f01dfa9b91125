/** A recording played through the whole pipeline, and what its text says that the files should hold. */
import { expect, type TestContext } from 'vitest';
import type { PipelineSummary } from '../../infra/local/pipeline.ts';
import type { OrderBookRow } from '../../producer/record.ts';
import { depthlake } from '../cli/process.ts';
import { differences } from '../producer/book/reference.ts';
import { readRecording, recordingFile } from '../producer/recordings.ts';
import { type ExpectedRow, expectedOf } from './expected-rows.ts';
import { temporaryFolder } from './harness.ts';
import { bySymbol, checkFolder, lastTallies, readLake, sum } from './lake.ts';

export async function play(recording: string, folder: string, ...args: string[]): Promise<PipelineSummary> {
  const file = recordingFile(recording);
  const run = await depthlake(['start', '--play', file, '--data', folder, '--json', '--raw-levels', ...args]);
  expect(run.status, run.stderr).toBe(0);
  return JSON.parse(run.stdout);
}

/** What a row says other than the recording's text; empty where it says the same. */
export function wrongIn(row: OrderBookRow, seq: number, expected: ExpectedRow): unknown[] {
  const found: unknown[] = differences(row as never, expected.depth);
  const fixed = {
    venue: 'local',
    seq,
    last_update_id: expected.lastUpdateId,
    verified: null,
    top_bids: expected.topBids,
    top_asks: expected.topAsks,
    timestamp_ms: row.received_ms,
  };
  for (const [field, value] of Object.entries(fixed)) {
    const actual = row[field as keyof OrderBookRow];
    if (JSON.stringify(actual) !== JSON.stringify(value)) found.push({ row: seq, field, actual, expected: value });
  }
  return found;
}

/** Plays it as fast as it goes: the files hold each snapshot once, value for value. */
export async function expectPlayed(recording: string, context: TestContext): Promise<void> {
  const folder = temporaryFolder(context);
  const expected = expectedOf(readRecording(recording));

  const summary = await play(recording, folder, '--speed', 'max');

  const { rows, events } = await readLake(folder);
  const symbols = bySymbol(rows, summary.session_id!);
  const wrong = [...expected.rows].flatMap(([symbol, due]) => {
    const found = symbols.get(symbol) ?? [];
    if (found.length !== due.length) return [`${symbol}: ${found.length} rows, expected ${due.length}`];
    return found.flatMap((row, i) => wrongIn(row, i + 1, due[i]!));
  });
  const snapshots = sum([...expected.rows.values()].map(({ length }) => length));
  expect(snapshots).toBeGreaterThan(100);
  expect(wrong).toEqual([]);
  expect([...symbols.keys()].sort()).toEqual([...expected.rows.keys()].sort());
  expect(rows.length).toBe(snapshots);
  expect(summary).toMatchObject({
    frames: expected.frames,
    snapshots,
    rows: rows.length + events.length,
    lost: 0,
    duplicates: 0,
    error_records: 0,
    discarded: expected.discarded,
  });
  const tallies = lastTallies(events, summary.session_id!);
  for (const [symbol, { length }] of expected.rows) expect(tallies.get(symbol)?.lastSeq).toBe(length);
  expect(await checkFolder(folder)).toMatchObject({
    status: 0,
    totals: { sessions: 1, lost: 0, unannounced: 0 },
  });
}
