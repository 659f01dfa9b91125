import { describe, expect, test } from 'vitest';
import { ReplayStatus } from '../../infra/commands/replay-progress.ts';
import { replayText } from '../../infra/commands/replay-report.ts';
import { noCounts, type ReplaySummary } from '../../producer/replay/counts.ts';

const HOUR = 3_600_000;
const NOON = Date.UTC(2026, 8, 1, 12);

function progress(minutes: number, rows: number, seconds: number, lagMs = 0) {
  return { rows, waiting: 0, atMs: NOON + minutes * 60_000, lagMs, seconds };
}

describe('the live line of a replay', () => {
  test('shows a bar over the range, the time left, the place, the rate and the factor of real time', () => {
    const status = new ReplayStatus({ fromMs: NOON, toMs: NOON + HOUR });

    status.text(progress(0, 0, 0), 0);
    const text = status.text(progress(15, 9_000, 10), 10_000);

    expect(text).toBe('████░░░░░░░░░░░░ 25 % · 30s left · 2026-09-01T12:15:00 · 900 rows/s · ×90 · 9,000 rows');
  });

  test('has no bar where nobody knows the end, and says how far it is behind', () => {
    const status = new ReplayStatus({ fromMs: null, toMs: null });

    status.text(progress(0, 1, 1), 0);
    expect(status.text(progress(1, 61, 61, 4_200), 60_000)).toBe(
      '2026-09-01T12:01:00 · 1 rows/s · ×1 · 4 s behind · 61 rows',
    );
  });

  test('says that nothing has come yet', () => {
    const status = new ReplayStatus({ fromMs: NOON, toMs: NOON + HOUR });

    expect(status.text({ ...progress(0, 0, 1), atMs: null }, 0)).toBe('looking for the first row …');
  });
});

describe('the summary of a replay', () => {
  const summary: ReplaySummary = {
    ...noCounts(),
    rows: { order_book: 1_200, feed_event: 34 },
    first_ms: NOON,
    last_ms: NOON + 60_000,
    sessions: 2,
    missing: 0,
    holes: [],
    seconds: 2,
    resumed: false,
    done: true,
  };

  test('tells rows, time, speed, and that nothing is missing', () => {
    expect(replayText(summary, 30_000).split('\n')).toEqual([
      'replayed   1,234 rows of 2 sessions: 1,200 order_book, 34 feed_event',
      'time       2026-09-01T12:00:00.000Z to 2026-09-01T12:01:00.000Z',
      'took       2.0 s, 617 rows/s, ×30 real time',
      'skipped    nothing',
      'order      nothing came later than the window of 30 s',
      'missing    nothing between the first and the last seq of each session',
    ]);
  });

  test('names what was skipped, what came late and what is missing', () => {
    const hole = { table: 'order_book', venue: 'local', session_id: 's1', symbol: 'BTCUSDT' } as const;
    const text = replayText(
      {
        ...summary,
        skipped: { ...summary.skipped, duplicate: 3, out_of_range: 1_000 },
        late: 2,
        early: 1,
        missing: 4,
        holes: [{ ...hole, first_seq: 1, last_seq: 20, missing: 4 }],
      },
      30_000,
    );

    expect(text).toContain('skipped    3 duplicate, 1,000 outside the time asked for');
    expect(text).toContain(
      'order      2 rows came later than the window of 30 s and out of order; 1 row left early, because the window was full',
    );
    expect(text).toContain(
      'missing    4 sequence numbers:\n           order_book BTCUSDT of s1 (local): 4 between 1 and 20',
    );
  });
});
