/** What sealing writes beside the files of a generation, last of all: which files those are, and what they replace. */
import { DepthlakeError, reasonOf } from '../producer/errors.ts';
import { TABLE_NAMES, type TableName } from '../producer/record.ts';
import { type Partition, partitionPath } from './partition.ts';

/** Hidden from Athena by its first character. */
export const MANIFEST_NAME = '_manifest.json';

export interface Manifest {
  readonly version: 1;
  readonly table: TableName;
  /** The hour's first millisecond, UTC epoch ms. */
  readonly hour_ms: number;
  /** 1, 2, 3, … */
  readonly generation: number;
  /** The container files of the generation, sorted by time each. */
  readonly files: readonly { readonly key: string; readonly rows: number }[];
  /** Keys of the raw files whose rows they hold; what the hour has besides is read from its raw files. */
  readonly raw: readonly string[];
}

/** `sealed/order_book/year=2024/month=02/day=29/hour=00/`: one folder `generation=N` for each rewriting of the hour. */
export function sealedPath(table: TableName, partition: Partition): string {
  return `sealed/${table}/${partitionPath(table, partition).split('/').slice(1).join('/')}`;
}

/**
 * @param path the generation's folder, `…/generation=N/`
 * @throws DL_MANIFEST_INVALID for anything but a manifest of this hour and generation
 */
export function readManifest(
  text: string,
  path: string,
  due: Pick<Manifest, 'table' | 'hour_ms' | 'generation'>,
): Manifest {
  try {
    const value = JSON.parse(text) as Manifest;
    const reason = faultOf(value, path, due);
    if (reason === null) return value;
    throw new Error(reason);
  } catch (cause) {
    throw new DepthlakeError('DL_MANIFEST_INVALID', reasonOf(cause), { cause });
  }
}

function faultOf(
  value: Partial<Manifest> | null,
  path: string,
  due: Pick<Manifest, 'table' | 'hour_ms' | 'generation'>,
): string | null {
  if (typeof value !== 'object' || value === null) return 'it is not a JSON object';
  const { version, table, hour_ms, generation, files, raw } = value;
  if (version !== 1) return `its version is ${JSON.stringify(version)}, not 1`;
  if (!TABLE_NAMES.includes(table as TableName)) return `its table is ${JSON.stringify(table)}`;
  if (table !== due.table || hour_ms !== due.hour_ms || generation !== due.generation) {
    return `it is of generation ${generation} of hour ${hour_ms} of ${table}`;
  }
  if (!Array.isArray(files) || !files.every((file) => isFile(file, path)))
    return 'its files are no list of files beside it';
  if (!Array.isArray(raw) || !raw.every((key) => typeof key === 'string')) return 'its raw is no list of keys';
  return null;
}

function isFile(file: unknown, path: string): boolean {
  const { key, rows } = (file ?? {}) as { key?: unknown; rows?: unknown };
  return typeof key === 'string' && key.startsWith(path) && Number.isSafeInteger(rows) && (rows as number) >= 0;
}
