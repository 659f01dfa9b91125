/** What became of the rows of a replay, in figures that a checkpoint carries on. */
import type { ErrorCode } from '../errors.ts';
import type { TableName, TableRow } from '../record.ts';
import type { Completeness, Hole } from './completeness.ts';
import type { Problem } from './source.ts';

/** Why rows are left out. */
export interface Skipped {
  /** Outside the time asked for. */
  out_of_range: number;
  other_symbol: number;
  other_table: number;
  /** Delivered before. */
  duplicate: number;
  /** Another session's row of the same book is better. */
  other_producer: number;
  /** Read again after a checkpoint, and counted before it. */
  resumed: number;
}

export type SkipReason = keyof Skipped;

/** Problems and holes that are listed one by one, at most; all of them are counted. */
const LIST_MAX = 100;

/** Rows read = rows out + rows skipped for each reason, but for those that wait in the window when a replay is cut short. */
export interface Counts {
  readonly rows: Record<TableName, number>;
  readonly skipped: Skipped;
  /** Rows that went out after a later one: they came later than the reorder window allows. */
  late: number;
  /** Rows that went out before the reorder window had passed, because it was full. */
  early: number;
  readonly problems: { count: number; readonly codes: Partial<Record<ErrorCode, number>>; readonly list: Problem[] };
  /** Least and greatest event time of the rows that went out, UTC epoch ms. */
  first_ms: number | null;
  last_ms: number | null;
}

export interface ReplaySummary extends Counts {
  /** Sessions seen. */
  readonly sessions: number;
  /** Sequence numbers that are missing between the first and the last that was read, of all sessions. */
  readonly missing: number;
  /** Where they are missing: the first LIST_MAX counts with any. */
  readonly holes: readonly Hole[];
  /** Of this run of the program. */
  readonly seconds: number;
  /** Whether it went on from a checkpoint; the counts are of the whole, except `resumed`. */
  readonly resumed: boolean;
  /** Whether the selection's end was reached. */
  readonly done: boolean;
}

export function noCounts(): Counts {
  return {
    rows: { order_book: 0, feed_event: 0 },
    skipped: { out_of_range: 0, other_symbol: 0, other_table: 0, duplicate: 0, other_producer: 0, resumed: 0 },
    late: 0,
    early: 0,
    problems: { count: 0, codes: {}, list: [] },
    first_ms: null,
    last_ms: null,
  };
}

export function copyOf(counts: Counts): Counts {
  const { rows, skipped, problems } = counts;
  const { count, codes, list } = problems;
  return {
    ...counts,
    rows: { ...rows },
    skipped: { ...skipped },
    problems: { count, codes: { ...codes }, list: [...list] },
  };
}

export function summaryOf(
  counts: Counts,
  completeness: Completeness,
  run: Pick<ReplaySummary, 'seconds' | 'resumed' | 'done'>,
): ReplaySummary {
  const holes = completeness.holes();
  return {
    ...copyOf(counts),
    sessions: completeness.sessions,
    missing: holes.reduce((sum, { missing }) => sum + missing, 0),
    holes: holes.slice(0, LIST_MAX),
    ...run,
  };
}

export function countRow(counts: Counts, { table, row }: TableRow): void {
  counts.rows[table] += 1;
  const { timestamp_ms } = row;
  if (counts.first_ms === null || timestamp_ms < counts.first_ms) counts.first_ms = timestamp_ms;
  if (counts.last_ms === null || timestamp_ms > counts.last_ms) counts.last_ms = timestamp_ms;
}

export function countProblem({ problems }: Counts, problem: Problem): void {
  problems.count += 1;
  problems.codes[problem.code] = (problems.codes[problem.code] ?? 0) + 1;
  if (problems.list.length < LIST_MAX) problems.list.push(problem);
}
