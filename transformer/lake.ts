/** A lake in a bucket or a folder: which container files it has, where they belong, and what they hold. */
import { TABLE_NAMES, TABLES, type TableName } from '../producer/record.ts';
import { type ContainerFile, readContainerFile } from './container-file.ts';
import { hourStart, type Partition, partitionOf, partitionPath } from './partition.ts';

/** Keys have forward slashes and no leading one, in a bucket as in a folder. */
export interface ObjectStore {
  list(prefix: string): AsyncIterable<{ key: string; bytes: number }>;
  get(key: string): Promise<Buffer>;
  put(key: string, body: Uint8Array): Promise<void>;
}

/** What reading a lake hour by hour needs of a store. */
export interface LakeStore extends Pick<ObjectStore, 'list' | 'get'> {
  /** Names of the folders directly below a prefix that is '' or ends in a slash, without a slash; those of objects below count. */
  folders(prefix: string): Promise<readonly string[]>;
}

/** The place that a key stands for. */
export interface Place {
  readonly table: TableName;
  readonly partition: Partition;
  /** The hour's first millisecond, UTC epoch ms. */
  readonly hourMs: number;
}

export interface LakeFile {
  readonly key: string;
  readonly bytes: number;
  /** null: the key lies under a table's folder, but not in the layout of an hour. */
  readonly place: Place | null;
}

/** What Athena reads of a table: every object under its folder, but for names that begin with `_` or `.`. */
export async function* listFiles(store: ObjectStore, table: TableName): AsyncIterable<LakeFile> {
  const prefix = `${TABLES[table].folder}/`;
  for await (const { key, bytes } of store.list(prefix)) {
    if (!key.endsWith('/') && !isHidden(key.slice(prefix.length))) yield { key, bytes, place: parseKey(key) };
  }
}

/** @throws DL_CONTAINER_INVALID */
export async function readFile(store: ObjectStore, key: string): Promise<ContainerFile> {
  return readContainerFile(await store.get(key));
}

const LAYOUT = /^([^/]+)\/year=(\d{4})\/month=(\d\d)\/day=(\d\d)\/hour=(\d\d)\/[^/]+$/;

/** The table and hour of a raw container file's key; null where the layout is another, or the hour is none. */
export function parseKey(key: string): Place | null {
  const [, folder, year, month, day, hour] = LAYOUT.exec(key) ?? [];
  const table = TABLE_NAMES.find((name) => TABLES[name].folder === folder);
  const time = Date.parse(`${year}-${month}-${day}T${hour}:00:00Z`);
  if (table === undefined || Number.isNaN(time) || time < 0) return null;
  const partition = partitionOf(time);
  // The 30th of February parses as a day of March.
  return key.startsWith(partitionPath(table, partition)) ? { table, partition, hourMs: hourStart(time) } : null;
}

/** @param path below a table's folder */
export function isHidden(path: string): boolean {
  return path.split('/').some((name) => name.startsWith('_') || name.startsWith('.'));
}
