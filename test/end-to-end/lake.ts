/** What a lake in a folder holds, read file by file as any reader would, and what `depthlake check` says of it. */
import { type CheckReport, checkLake } from '../../infra/commands/lake-check.ts';
import { openBucket } from '../../infra/local/s3.ts';
import type { FeedEventRow, OrderBookRow, RowTypes, TableName } from '../../producer/record.ts';
import { readContainerFile } from '../../transformer/container-file.ts';
import { listFiles } from '../../transformer/lake.ts';
import { depthlake } from '../cli/process.ts';

export interface Lake {
  /** Every row of every file, duplicates among them. */
  readonly rows: readonly OrderBookRow[];
  readonly events: readonly FeedEventRow[];
}

export async function readLake(folder: string): Promise<Lake> {
  return { rows: await readTable(folder, 'order_book'), events: await readTable(folder, 'feed_event') };
}

async function readTable<T extends TableName>(folder: string, table: T): Promise<RowTypes[T][]> {
  const store = openBucket(folder);
  const rows: RowTypes[T][] = [];
  for await (const { key } of listFiles(store, table)) {
    rows.push(...(readContainerFile(await store.get(key)).rows as RowTypes[T][]));
  }
  return rows;
}

/** The rows of one session by symbol, each seq once, ascending. */
export function bySymbol(rows: readonly OrderBookRow[], sessionId: string): Map<string, OrderBookRow[]> {
  const bySeq = new Map<string, Map<number, OrderBookRow>>();
  for (const row of rows) {
    if (row.session_id !== sessionId) continue;
    const symbol = bySeq.get(row.symbol) ?? new Map<number, OrderBookRow>();
    bySeq.set(row.symbol, symbol.set(row.seq, row));
  }
  return new Map(
    [...bySeq].map(([symbol, found]) => [symbol, [...found.values()].sort((a, b) => a.seq - b.seq)] as const),
  );
}

export interface Tally {
  readonly lastSeq: number | null;
  readonly frames: number;
  readonly snapshots: number;
  readonly discarded: Readonly<Record<string, number>>;
}

/** The last tally of each symbol of a session; null stands for what no symbol can be told for. */
export function lastTallies(events: readonly FeedEventRow[], sessionId: string): Map<string | null, Tally> {
  return new Map(
    events
      .filter(({ kind, session_id }) => kind === 'tally' && session_id === sessionId)
      .sort((a, b) => a.seq - b.seq)
      .map(({ symbol, last_seq, detail }) => [symbol, { lastSeq: last_seq, ...JSON.parse(detail ?? '{}') }] as const),
  );
}

export function sum(counts: Iterable<number>): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}

export interface CheckResult {
  readonly status: number | null;
  readonly ok: boolean;
  readonly errors: { readonly objects: number; readonly records: number };
  readonly totals: Readonly<Record<'sessions' | 'rows' | 'duplicates' | 'lost' | 'excused' | 'unannounced', number>>;
  readonly gaps: { readonly totals: Readonly<Record<'count' | 'ms' | 'coveredMs' | 'missedUpdates', number>> };
  readonly sessions: readonly {
    readonly sessionId: string;
    readonly stopped: boolean;
    readonly symbols: readonly { readonly symbol: string; readonly lost: number; readonly lastSeq: number | null }[];
  }[];
}

/** The built `depthlake check --json` on a folder. */
export async function checkFolder(folder: string): Promise<CheckResult> {
  const { status, stdout, stderr } = await depthlake(['check', folder, '--json']);
  try {
    return { status, ...JSON.parse(stdout) };
  } catch {
    throw new Error(`check printed no JSON, status ${status}: ${stdout}${stderr}`);
  }
}

/** What a check says an hour later, when nothing can be in flight any more. */
export function checkLater(folder: string): Promise<CheckReport> {
  return checkLake(folder, Date.now() + 3_600_000, () => {});
}
