/** The summary of a replay, for people and for machines. */
import type { Hole } from '../../producer/replay/completeness.ts';
import type { Counts, ReplaySummary, Skipped } from '../../producer/replay/counts.ts';
import { formatCount, formatTime, plural } from '../terminal.ts';

const REASONS: Readonly<Record<keyof Skipped, string>> = {
  duplicate: 'duplicate',
  other_producer: 'of another producer’s',
  other_symbol: 'of other symbols',
  other_table: 'of other tables',
  out_of_range: 'outside the time asked for',
  resumed: 'accepted before the checkpoint',
};

/** Holes that are shown one by one. */
const HOLES_SHOWN = 10;

export function replayText(summary: ReplaySummary, windowMs: number): string {
  const { rows, first_ms, last_ms, seconds, late, early, sessions } = summary;
  const total = rows.order_book + rows.feed_event;
  const skipped = Object.entries(REASONS)
    .map(([reason, words]) => [summary.skipped[reason as keyof Skipped], words] as const)
    .filter(([count]) => count > 0)
    .map(([count, words]) => `${formatCount(count)} ${words}`);
  const order = [
    ...(late > 0 ? [`${plural(late, 'row')} came later than the window of ${windowMs / 1000} s and out of order`] : []),
    ...(early > 0 ? [`${plural(early, 'row')} left early, because the window was full`] : []),
  ];
  return [
    `replayed   ${plural(total, 'row')} of ${plural(sessions, 'session')}: ${formatCount(rows.order_book)} order_book, ${formatCount(rows.feed_event)} feed_event`,
    ...(first_ms === null || last_ms === null ? [] : [`time       ${formatTime(first_ms)} to ${formatTime(last_ms)}`]),
    `took       ${seconds.toFixed(1)} s, ${formatCount(Math.round(total / Math.max(seconds, 0.001)))} rows/s${factorText(summary)}`,
    `skipped    ${skipped.length === 0 ? 'nothing' : skipped.join(', ')}`,
    `order      ${order.length === 0 ? `nothing came later than the window of ${windowMs / 1000} s` : order.join('; ')}`,
    `missing    ${missingText(summary)}`,
    ...summary.holes.slice(0, HOLES_SHOWN).map((hole) => `           ${holeText(hole)}`),
  ].join('\n');
}

/** How many times faster than it was recorded; of a replay that was gone on with, nobody knows. */
function factorText({ first_ms, last_ms, seconds, resumed }: ReplaySummary): string {
  if (first_ms === null || last_ms === null || resumed || last_ms === first_ms) return '';
  return `, ×${formatCount(Math.round((last_ms - first_ms) / 1000 / Math.max(seconds, 0.001)))} real time`;
}

function missingText({ missing, holes }: ReplaySummary): string {
  if (missing === 0) return 'nothing between the first and the last seq of each session';
  return `${plural(missing, 'sequence number')}${holes.length > HOLES_SHOWN ? `, the first ${HOLES_SHOWN} holes:` : ':'}`;
}

function holeText({ table, venue, session_id, symbol, missing, first_seq, last_seq }: Hole): string {
  const of = symbol === null ? table : `${table} ${symbol}`;
  return `${of} of ${session_id} (${venue}): ${formatCount(missing)} between ${first_seq} and ${last_seq}`;
}

export function problemsText({ count, codes, list }: Counts['problems']): string {
  const counted = Object.entries(codes).map(([code, times]) => `${formatCount(times)} ${code}`);
  const more = count - list.length;
  return [
    `left out: ${counted.join(', ')}`,
    ...list.map(({ code, where, message }) => `  ${code} ${where}: ${message}`),
    ...(more > 0 ? [`  and ${formatCount(more)} more`] : []),
  ].join('\n');
}
