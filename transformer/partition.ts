/** From event time to the partition of an hour, and from there to names in S3. All times are UTC. */
import { DepthlakeError } from '../producer/errors.ts';
import { TABLES, type TableName } from '../producer/record.ts';

export const HOUR_MS = 3_600_000;

/** Prefixes of the delivery stream. The hour is the rows' own: Firehose's `!{timestamp:…}` is the time of arrival. */
export const PREFIX_EXPRESSION =
  '!{partitionKeyFromLambda:table}/year=!{partitionKeyFromLambda:year}/month=!{partitionKeyFromLambda:month}/day=!{partitionKeyFromLambda:day}/hour=!{partitionKeyFromLambda:hour}/!{partitionKeyFromLambda:batch}-';
export const ERROR_PREFIX_EXPRESSION = 'errors/!{firehose:error-output-type}/';

/** Zero-padded, as in a path: `2024`, `02`, `29`, `00`. */
export interface Partition {
  readonly year: string;
  readonly month: string;
  readonly day: string;
  readonly hour: string;
}

/** An hour of a table. */
export interface TableHour {
  readonly table: TableName;
  /** The hour's first millisecond, UTC epoch ms. */
  readonly hourMs: number;
}

/** The first millisecond after the year 9999, where a path has no room for the year. */
const END_OF_TIME_MS = Date.UTC(10_000, 0, 1);

/** @throws DL_ROW_INVALID outside the years 1970 to 9999 */
export function requireTime(timestampMs: number): void {
  if (timestampMs >= 0 && timestampMs < END_OF_TIME_MS) return;
  throw new DepthlakeError('DL_ROW_INVALID', `timestamp_ms ${timestampMs} lies outside the years 1970 to 9999`);
}

/** @throws DL_ROW_INVALID outside the years 1970 to 9999 */
export function partitionOf(timestampMs: number): Partition {
  requireTime(timestampMs);
  const [, year, month, day, hour] = /^(\d{4})-(\d\d)-(\d\d)T(\d\d)/.exec(new Date(timestampMs).toISOString())!;
  return { year: year!, month: month!, day: day!, hour: hour! };
}

/** The first millisecond of the hour that a time lies in. */
export function hourStart(timestampMs: number): number {
  return Math.floor(timestampMs / HOUR_MS) * HOUR_MS;
}

/** `orderbook/year=2024/month=02/day=29/hour=00/` */
export function partitionPath(table: TableName, { year, month, day, hour }: Partition): string {
  return `${TABLES[table].folder}/year=${year}/month=${month}/day=${day}/hour=${hour}/`;
}
