/** What Athena answered about a closed hour, against the objects in S3 and against the producer’s own count. */
import type { TableName } from '../../../producer/record.ts';
import { refusedRange } from '../../event-detail.ts';
import type { Range } from '../../ledger.ts';
import { plural } from '../../terminal.ts';
import { type Finding, failure, ok, warning } from '../finding.ts';
import type { Answer } from './athena.ts';

/** What S3 tells of the hour that Athena read. */
export interface HourInBucket {
  readonly table: TableName;
  /** `orderbook/year=…/hour=…/`, or the sealed hour’s. */
  readonly prefix: string;
  readonly keys: readonly string[];
  /** Rows of the objects that were read back. */
  readonly rows: ReadonlyMap<string, number>;
}

/** The rows that a producer numbered between two tallies of a symbol, and those of them that Athena found. */
export interface Tallied {
  readonly sessionId: string;
  readonly venue: string;
  readonly symbol: string;
  /** seq of the first tally: the rows due begin behind it. */
  readonly low: number;
  /** seq of the last tally. */
  readonly high: number;
  readonly found: number;
}

/** @param answer of filesQuestion; @param bucket of the lake */
export function judgeFilesRead(hour: HourInBucket, answer: Answer, bucket: string): Finding {
  const { table, prefix, keys, rows } = hour;
  const what = `Athena files of ${table}`;
  const read = new Map(
    answer.map(({ path, rows_read }) => [(path ?? '').replace(`s3://${bucket}/`, ''), Number(rows_read)]),
  );
  // An object without rows answers nothing; ours have one at least.
  const unseen = keys.filter((key) => !read.has(key));
  if (unseen.length > 0) {
    const cure =
      read.size === 0
        ? 'The filter on year, month, day and hour finds nothing: see the finding on the partition.'
        : 'Compare the location of the partition with where these objects lie.';
    return failure(
      what,
      `Athena reads ${read.size} of ${plural(keys.length, 'object')} of ${prefix}; not ${unseen[0]}`,
      cure,
    );
  }
  const wrong = [...rows].find(([key, count]) => read.get(key) !== count);
  if (wrong !== undefined) {
    const [key, count] = wrong;
    const detail = `Athena reads ${plural(read.get(key)!, 'row')} of ${key}, which holds ${count}`;
    return failure(
      what,
      detail,
      'Compare the table’s columns and avro.schema.literal with the data contract: `doctor`.',
    );
  }
  const all = [...read.values()].reduce((sum, count) => sum + count, 0);
  const compared = `${rows.size} of the files read back hold as many as Athena counts`;
  return ok(what, `${plural(all, 'row')} in all ${plural(keys.length, 'object')} of ${prefix}; ${compared}`);
}

/** @param answer of talliesQuestion */
export function talliesIn(answer: Answer): Tallied[] {
  return answer.map(({ session_id, venue, symbol, low, high, rows_found }) => ({
    sessionId: session_id ?? '',
    venue: venue ?? '',
    symbol: symbol ?? '',
    low: Number(low),
    high: Number(high),
    found: Number(rows_found),
  }));
}

export function missingRows({ low, high, found }: Tallied): number {
  return high - low - found;
}

/** @param refusals the answer of refusalsQuestion; empty where nothing is missing */
export function judgeRows(tallied: readonly Tallied[], refusals: Answer): Finding {
  const what = 'Athena rows';
  const due = tallied.reduce((sum, { low, high }) => sum + high - low, 0);
  if (due === 0) {
    const detail = 'the producer announced no rows in the newest closed hour';
    return warning(
      what,
      detail,
      'It says every minute how many rows each symbol has: look again after its first full hour.',
    );
  }
  const lacking = tallied.map((each) => ({ each, lost: missingRows(each) - refusedOf(each, refusals) }));
  const lost = lacking.filter((one) => one.lost > 0);
  const sessions = new Set(tallied.map(({ sessionId }) => sessionId)).size;
  const symbols = new Set(tallied.map(({ symbol }) => symbol)).size;
  const whose = `${plural(sessions, 'session')} and ${plural(symbols, 'symbol')}`;
  if (lost.length === 0) {
    const refused = tallied.reduce((sum, each) => sum + refusedOf(each, refusals), 0);
    const named = refused === 0 ? '' : `; ${plural(refused, 'row')} refused and named`;
    return ok(
      what,
      `${plural(due - refused, 'row')} of ${whose}, as many as the producer counted between its tallies${named}`,
    );
  }
  const [{ each, lost: first }] = lost as [(typeof lost)[number]];
  const total = lost.reduce((sum, one) => sum + one.lost, 0);
  return failure(
    what,
    `${plural(total, 'row')} of ${plural(due, 'row')} (${whose}) are not in the hour: ${first} of ${each.symbol}, session ${each.sessionId}, between seq ${each.low + 1} and ${each.high}`,
    'Look for them under errors/ and spill/, in the alarms on the failures queue, and in the age of what the stream still holds; recovery brings back what lies there.',
  );
}

/** Numbers of the symbol, between its tallies, that the producer says it refused. */
function refusedOf({ sessionId, venue, symbol, low, high }: Tallied, refusals: Answer): number {
  const ranges = refusals
    .filter((row) => row['session_id'] === sessionId && row['venue'] === venue && row['symbol'] === symbol)
    .map((row) => refusedRange(row['detail'] ?? null))
    .filter((range): range is Range => range !== null);
  // The same event may have been delivered twice.
  const distinct = new Map(ranges.map((range) => [`${range.first}-${range.last}`, range]));
  return [...distinct.values()].reduce(
    (sum, { first, last }) => sum + Math.max(0, Math.min(last, high) - Math.max(first, low + 1) + 1),
    0,
  );
}

/** @param answer of viewQuestion */
export function judgeView(view: string, columns: readonly string[], answer: Answer): Finding {
  const what = `view ${view}`;
  const [row] = answer;
  if (row === undefined) {
    return warning(
      what,
      'answers no row of the newest closed hour',
      'Nothing was recorded in it, or look at the findings above.',
    );
  }
  const lacking = columns.filter((column) => !(column in row));
  if (lacking.length > 0)
    return failure(what, `lacks ${lacking.join(', ')}`, 'Deploy the stack again with this version.');
  return ok(what, `answers with its ${columns.length} columns`);
}
