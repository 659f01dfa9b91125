/** Recordings through the whole pipeline: what is in the files equals what the recording's text says should be. */
import { describe, expect, test } from 'vitest';
import { missing, readRecording, recordingsIn } from '../producer/recordings.ts';
import { expectedOf, framesOf } from './expected-rows.ts';
import { temporaryFolder } from './harness.ts';
import { bySymbol, checkFolder, readLake, sum } from './lake.ts';
import { expectPlayed, play, wrongIn } from './played-recording.ts';

const DERIVED = 'depth20-derived';
const CAPTURED = 'binance-us-2021';
const absent = missing(DERIVED) ?? missing(CAPTURED);
/** Several pipelines run side by side, and two cores carry them. */
const SLOW = { timeout: 120_000 };
/** A day in each of the two forms; the other days are in `recordings.long.test.ts`. */
const RECORDINGS = absent === null ? [recordingsIn(DERIVED)[0]!, recordingsIn(CAPTURED)[1]!] : [];

describe.skipIf(absent !== null)(`a recording played through the whole pipeline ${absent ?? ''}`, () => {
  describe.concurrent('with every frame recorded', () => {
    test.for(RECORDINGS)('%s: the files hold each snapshot once, value for value', SLOW, expectPlayed);
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
