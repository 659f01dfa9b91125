/** Which part of a lake a folder is, told by its path and by the folders in it. */
import path from 'node:path';
import { TABLE_NAMES, TABLES, type TableName } from '../../producer/record.ts';

/** Where failed records lie, below a lake's root. */
const ERROR_PREFIX = 'errors/';

export interface Scope {
  /** lake: the root; part: within one table's folder; loose: files of a table that the path does not tell. */
  readonly kind: 'lake' | 'part' | 'loose';
  /** What stands in a lake before the keys found in the folder: '', `orderbook/year=2026/`, or (loose) `year=2026/`. */
  readonly prefix: string;
  /** Why promise 3 cannot be verified here; null: it can. */
  readonly incomplete: string | null;
}

const PARTITION_SEGMENT = /^(year|month|day|hour)=\d+$/;

/** @param names the entries of the folder */
export function scopeOf(folder: string, names: readonly string[]): Scope {
  if (TABLE_NAMES.some((table) => names.includes(TABLES[table].folder))) {
    const events = TABLES.feed_event.folder;
    const incomplete = names.includes(events) ? null : `${events}/ is not there, which says where each session ends`;
    return { kind: 'lake', prefix: '', incomplete };
  }
  const segments = path.resolve(folder).split(path.sep);
  const partition = segments.slice(segments.findLastIndex((segment) => !PARTITION_SEGMENT.test(segment)) + 1);
  const parent = segments.at(-1 - partition.length) ?? '';
  const part = tableOfKey(parent) === null ? partition : [parent, ...partition];
  const prefix = part.map((segment) => `${segment}/`).join('');
  const incomplete = 'this is a part of a lake, and the rows of a session lie in all of it';
  return { kind: part.length > partition.length ? 'part' : 'loose', prefix, incomplete };
}

/** The table under whose folder a key lies, or the folder itself. */
export function tableOfKey(key: string): TableName | null {
  const [folder] = key.split('/');
  return TABLE_NAMES.find((table) => TABLES[table].folder === folder) ?? null;
}

/** What a file found in the folder is to the check. */
export type Role = 'object' | 'failed' | 'other';

/** @param key the file's path below the folder, with slashes */
export function roleOf({ kind, prefix }: Scope, key: string): Role {
  if (key.split('/').some((segment) => segment.startsWith('_') || segment.startsWith('.'))) return 'other';
  if (kind === 'loose') return key.endsWith('.avro') ? 'object' : 'other';
  if (kind === 'lake' && key.startsWith(ERROR_PREFIX)) return 'failed';
  return tableOfKey(prefix + key) === null ? 'other' : 'object';
}
