/** What Athena is asked about a closed hour. Each reads that hour alone, and the refusals the next one too. */
import type { TableName } from '../../../producer/record.ts';
import { HOUR_MS, partitionOf } from '../../../transformer/partition.ts';

/** Tallies so near the hour’s ends are left out: rows around them may carry the exchange’s time of another hour. */
const EDGE_MS = 60_000;

/** `year = 2026 AND month = 9 AND day = 1 AND hour = 0`: integers, as the partition keys are. */
export function hourFilter(hourMs: number): string {
  return Object.entries(partitionOf(hourMs))
    .map(([key, value]) => `${key} = ${Number(value)}`)
    .join(' AND ');
}

/** Columns `path`, `rows_read`: every object that Athena reads in the hour, and how many rows. */
export function filesQuestion(table: TableName, hourMs: number): string {
  return `SELECT "$path" AS path, count(*) AS rows_read FROM ${table} WHERE ${hourFilter(hourMs)} GROUP BY "$path"`;
}

/**
 * Columns `session_id`, `venue`, `symbol`, `low`, `high`, `rows_found`: between the first and the last tally of the
 * hour the producer numbered the rows low + 1 to high, and so many of them the lake holds.
 */
export function talliesQuestion(hourMs: number): string {
  return `WITH tallies AS (
  SELECT session_id, venue, symbol, min(last_seq) AS low, max(last_seq) AS high
  FROM feed_event
  WHERE ${hourFilter(hourMs)} AND kind = 'tally' AND symbol IS NOT NULL AND last_seq IS NOT NULL
    AND timestamp_ms BETWEEN ${hourMs + EDGE_MS} AND ${hourMs + HOUR_MS - EDGE_MS}
  GROUP BY session_id, venue, symbol
), snapshots AS (
  SELECT session_id, venue, symbol, seq FROM order_book WHERE ${hourFilter(hourMs)}
)
SELECT t.session_id, t.venue, t.symbol, t.low, t.high, count(DISTINCT s.seq) AS rows_found
FROM tallies t
LEFT JOIN snapshots s
  ON s.session_id = t.session_id AND s.venue = t.venue AND s.symbol = t.symbol AND s.seq > t.low AND s.seq <= t.high
GROUP BY t.session_id, t.venue, t.symbol, t.low, t.high
ORDER BY t.session_id, t.venue, t.symbol`;
}

/** Columns `session_id`, `venue`, `symbol`, `detail`: what the producer refused and named, in the hour or the next. */
export function refusalsQuestion(hourMs: number): string {
  return `SELECT session_id, venue, symbol, detail FROM feed_event
WHERE ((${hourFilter(hourMs)}) OR (${hourFilter(hourMs + HOUR_MS)})) AND kind = 'refused' AND symbol IS NOT NULL`;
}

/** One row of the hour, with every column of the view. */
export function viewQuestion(view: string, hourMs: number): string {
  return `SELECT * FROM ${view} WHERE ${hourFilter(hourMs)} LIMIT 1`;
}
