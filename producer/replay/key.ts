/** The one order of a replay: by event time, then by what identifies a row. */
import type { TableName } from '../record.ts';

/** What a row is ordered by. Rows of equal keys have one identity: they are the same row, delivered twice. */
export interface Key {
  readonly table: TableName;
  readonly row: {
    /** UTC epoch ms */
    readonly timestamp_ms: number;
    readonly session_id: string;
    readonly seq: number;
    readonly venue: string;
    readonly symbol: string | null;
  };
}

/** Below 0: `a` comes first. Strings compare by UTF-16 units, the same in every locale; a symbol of null comes first. */
export function compareKeys(a: Key, b: Key): number {
  const p = a.row;
  const q = b.row;
  if (p.timestamp_ms !== q.timestamp_ms) return p.timestamp_ms - q.timestamp_ms;
  if (p.session_id !== q.session_id) return p.session_id < q.session_id ? -1 : 1;
  if (p.seq !== q.seq) return p.seq - q.seq;
  if (a.table !== b.table) return a.table < b.table ? -1 : 1;
  if (p.venue !== q.venue) return p.venue < q.venue ? -1 : 1;
  const left = p.symbol ?? '';
  const right = q.symbol ?? '';
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** The key alone, without the rest of the row. */
export function keyOf({ table, row }: Key): Key {
  const { timestamp_ms, session_id, seq, venue, symbol } = row;
  return { table, row: { timestamp_ms, session_id, seq, venue, symbol } };
}
