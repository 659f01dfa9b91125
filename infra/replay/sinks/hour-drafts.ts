/** The container files that rows belong to, by table and hour, while they grow. */
import type { TableName, TableRow } from '../../../producer/record.ts';
import { FILE_MAX_BYTES } from '../../../transformer/batch.ts';
import type { Codec } from '../../../transformer/codec.ts';
import {
  append,
  appendWithin,
  type ContainerDraft,
  emptyDraft,
  encodeRow,
} from '../../../transformer/container-draft.ts';
import { partitionOf, partitionPath } from '../../../transformer/partition.ts';

/** One file to be. */
export interface HourDraft {
  /** `orderbook/year=2024/month=02/day=29/hour=00/` */
  readonly folder: string;
  /** The least `timestamp_ms` of its rows. */
  readonly leastMs: number;
  readonly draft: ContainerDraft;
}

/** The rows of a batch that lie in one hour of one table, in their order. */
interface HourRows {
  readonly folder: string;
  readonly table: TableName;
  readonly leastMs: number;
  /** Avro's binary form. */
  readonly rows: readonly Buffer[];
}

/** @throws DL_ROW_INVALID for a time outside the years 1970 to 9999 */
export function byHour(rows: readonly TableRow[]): HourRows[] {
  const hours = new Map<string, { folder: string; table: TableName; leastMs: number; rows: Buffer[] }>();
  for (const { table, row } of rows) {
    const folder = partitionPath(table, partitionOf(row.timestamp_ms));
    const hour = hours.get(folder) ?? { folder, table, leastMs: row.timestamp_ms, rows: [] };
    hour.leastMs = Math.min(hour.leastMs, row.timestamp_ms);
    hour.rows.push(encodeRow(table, row));
    hours.set(folder, hour);
  }
  return [...hours.values()];
}

/** The drafts with further rows; a new one where the hour has none, or where its file would pass 1,000 KiB. */
export function grownBy(drafts: readonly HourDraft[], hours: readonly HourRows[], codec: Codec): HourDraft[] {
  const grown = [...drafts];
  for (const hour of hours) {
    const index = grown.findLastIndex(({ folder }) => folder === hour.folder);
    const before = grown[index];
    const draft = before === undefined ? null : appendWithin(before.draft, hour.rows, FILE_MAX_BYTES);
    if (before === undefined || draft === null) grown.push(...freshDrafts(hour, codec));
    else grown[index] = { folder: hour.folder, leastMs: Math.min(before.leastMs, hour.leastMs), draft };
  }
  return grown;
}

/** Several where the rows alone pass 1,000 KiB. A row that does so itself has one, as large as it is. */
function freshDrafts(hour: HourRows, codec: Codec): HourDraft[] {
  const { folder, table, leastMs, rows } = hour;
  const empty = emptyDraft(table, codec);
  const draft = rows.length > 1 ? appendWithin(empty, rows, FILE_MAX_BYTES) : append(empty, rows);
  if (draft !== null) return [{ folder, leastMs, draft }];
  const middle = Math.ceil(rows.length / 2);
  return [rows.slice(0, middle), rows.slice(middle)].flatMap((part) => freshDrafts({ ...hour, rows: part }, codec));
}
