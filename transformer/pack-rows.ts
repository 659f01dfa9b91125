/** From a record of Firehose to the rows of its pack, encoded for a container file. */
import { DepthlakeError } from '../producer/errors.ts';
import { decodePack, type TableRow } from '../producer/record.ts';
import { encodeRow } from './container-draft.ts';
import { hourStart, partitionOf, type TableHour } from './partition.ts';

export interface PackRows {
  readonly hour: TableHour;
  /** The least `timestamp_ms`. */
  readonly firstMs: number;
  /** Avro's binary form, in the order of arrival. */
  readonly rows: readonly Buffer[];
}

/**
 * @param data base64; null where it is ambiguous
 * @throws DL_PACK_INVALID where the data is no pack, or one that mixes tables or hours; DL_ROW_INVALID for a bad row
 */
export function readPack(data: string | null): PackRows {
  if (data === null) throw new DepthlakeError('DL_PACK_INVALID', 'its recordId comes twice, with other data');
  if (typeof data !== 'string') throw new DepthlakeError('DL_PACK_INVALID', 'it has no data');
  const rows = decodePack(Buffer.from(data, 'base64'));
  const hour = hourOf(rows[0]!);
  partitionOf(hour.hourMs);
  for (const row of rows) requireSameHour(hour, hourOf(row));
  let firstMs = Number.POSITIVE_INFINITY;
  for (const { row } of rows) firstMs = Math.min(firstMs, row.timestamp_ms);
  return { hour, firstMs, rows: rows.map(({ table, row }) => encodeRow(table, row)) };
}

function hourOf({ table, row }: TableRow): TableHour {
  return { table, hourMs: hourStart(row.timestamp_ms) };
}

function requireSameHour(first: TableHour, other: TableHour): void {
  if (other.table !== first.table) {
    throw new DepthlakeError('DL_PACK_INVALID', `a pack mixes the tables ${first.table} and ${other.table}`);
  }
  if (other.hourMs !== first.hourMs) {
    throw new DepthlakeError(
      'DL_PACK_INVALID',
      `a pack mixes the hours that begin at ${first.hourMs} and ${other.hourMs}`,
    );
  }
}
