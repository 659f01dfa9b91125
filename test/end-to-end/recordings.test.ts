/** Recordings through the whole pipeline: what is in the files equals what the recording's text says should be. */
import { describe, expect, test } from 'vitest';
import type { PipelineSummary } from '../../infra/local/pipeline.ts';
import type { OrderBookRow } from '../../producer/record.ts';
import { depthlake } from '../cli/process.ts';
import { differences } from '../producer/book/reference.ts';
import { missing, readRecording, recordingFile, recordingsIn } from '../producer/recordings.ts';
import { type ExpectedRow, expectedOf, framesOf } from './expected-rows.ts';
import { temporaryFolder } from './harness.ts';
import { bySymbol, checkFolder, lastTallies, readLake, sum } from './lake.ts';

const DERIVED = 'depth20-derived';
const CAPTURED = 'binance-us-2021';
const absent = missing(DERIVED) ?? missing(CAPTURED);
/** Several pipelines run side by side, and two cores carry them. */
const SLOW = { timeout: 120_000 };
/** Each day in one of its two forms, in turns: that they hold the same frames is shown below. */
const RECORDINGS = absent === null ? [DERIVED, CAPTURED].flatMap(everySecond) : [];

function everySecond(folder: string, offset: number): string[] {
  return recordingsIn(folder).filter((_, index) => index % 2 === offset);
}

async function play(recording: string, folder: string, ...args: string[]): Promise<PipelineSummary> {
  const file = recordingFile(recording);
  const run = await depthlake(['start', '--play', file, '--data', folder, '--json', '--raw-levels', ...args]);
  expect(run.status, run.stderr).toBe(0);
  return JSON.parse(run.stdout);
}

/** What a row says other than the recording's text; empty where it says the same. */
function wrongIn(row: OrderBookRow, seq: number, expected: ExpectedRow): unknown[] {
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

describe.skipIf(absent !== null)(`a recording played through the whole pipeline ${absent ?? ''}`, () => {
  describe.concurrent('with every frame recorded', () => {
    test.for(RECORDINGS)('%s: the files hold each snapshot once, value for value', SLOW, async (recording, context) => {
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
    });
  });

  test(
    'with --every the files hold the last snapshot of each interval, and count the others as sampled',
    SLOW,
    async (context) => {
      const [recording] = recordingsIn(DERIVED).filter((name) => name.includes('20211012'));
      const folder = temporaryFolder(context);
      const expected = expectedOf(readRecording(recording!));

      const summary = await play(recording!, folder, '--speed', '20', '--every', '200ms');

      const { rows } = await readLake(folder);
      const symbols = bySymbol(rows, summary.session_id!);
      const wrong = [...symbols].flatMap(([symbol, found]) =>
        found.flatMap((row, i) => {
          const due = expected.rows.get(symbol)!.find(({ lastUpdateId }) => lastUpdateId === row.last_update_id);
          return due === undefined ? [`${symbol}: no frame ${row.last_update_id}`] : wrongIn(row, i + 1, due);
        }),
      );
      const intervals = rows.map((row) => `${row.symbol} ${Math.floor(row.received_ms / 200)}`);
      const snapshots = sum([...expected.rows.values()].map(({ length }) => length));
      expect(wrong).toEqual([]);
      expect(new Set(intervals).size).toBe(intervals.length);
      expect(rows.length).toBeLessThan(snapshots / 2);
      expect(summary.discarded['sampled']).toBe(snapshots - rows.length);
      for (const [symbol, due] of expected.rows) {
        expect(symbols.get(symbol)?.at(-1)?.last_update_id).toBe(due.at(-1)!.lastUpdateId);
      }
      expect(await checkFolder(folder)).toMatchObject({ status: 0, totals: { lost: 0, duplicates: 0 } });
    },
  );

  test.for(absent === null ? recordingsIn(CAPTURED) : [])(
    'the frames derived from %s are those derived elsewhere',
    (recording) => {
      const elsewhere = recording.replace(CAPTURED, DERIVED).replace('_lines.gz', '_depth20.gz');

      const texts = (name: string) => framesOf(readRecording(name)).map((frame) => JSON.stringify(frame));
      expect(texts(recording)).toEqual(texts(elsewhere));
    },
  );
});
