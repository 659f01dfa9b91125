/** The hours of a table in a lake, and what each consists of: its newest generation, and the raw files since. */
import { DepthlakeError, type ErrorCode } from '../producer/errors.ts';
import { TABLES, type TableName } from '../producer/record.ts';
import { isHidden, type LakeStore } from './lake.ts';
import { MANIFEST_NAME, type Manifest, readManifest, sealedPath } from './manifest.ts';
import { HOUR_MS, partitionOf, partitionPath } from './partition.ts';

interface HourFile {
  readonly key: string;
  /** 0 where the manifest names a file that is not there: reading it tells. */
  readonly bytes: number;
  /** None of its rows is earlier: the time that its name begins with, or the hour's begin where it begins with none. */
  readonly firstMs: number;
}

interface HourFiles {
  /** In order of `firstMs`, then key. */
  readonly files: readonly HourFile[];
  /** Manifests that cannot be read. The files are then those of an older generation, and every raw file that it does not list. */
  readonly faults: readonly { readonly key: string; readonly reason: string }[];
}

/**
 * Each hour in which some of the tables have a folder, raw or sealed, and any part of which lies in the range; ascending, or descending. Only folders
 * that the range touches are looked into, so both ends of a lake are found in four steps.
 * @param fromMs UTC epoch ms, inclusive; -Infinity: from the first @param toMs exclusive; Infinity: to the last
 */
export async function* hoursOf(
  store: LakeStore,
  tables: readonly TableName[],
  fromMs: number,
  toMs: number,
  descending = false,
): AsyncGenerator<number> {
  const roots = tables.flatMap((table) => [`${TABLES[table].folder}/`, `sealed/${table}/`]);
  yield* below('', UNITS);

  async function* below(path: string, [unit, ...rest]: readonly Unit[]): AsyncGenerator<number> {
    const names = (await Promise.all(roots.map((root) => store.folders(root + path)))).flat();
    const paths = [...new Set(names)].filter((name) => unit!.pattern.test(name)).map((name) => `${path}${name}/`);
    paths.sort();
    if (descending) paths.reverse();
    for (const inner of paths) {
      const startMs = startOf(inner);
      if (startMs >= toMs || unit!.end(startMs) <= fromMs) continue;
      if (rest.length > 0) yield* below(inner, rest);
      else if (isHour(startMs, inner)) yield startMs;
    }
  }
}

/** The 30th of February begins as a day of March, and hour 24 as another day's. */
function isHour(startMs: number, path: string): boolean {
  return startMs >= 0 && partitionPath('order_book', partitionOf(startMs)).endsWith(`/${path}`);
}

interface Unit {
  readonly pattern: RegExp;
  /** The first millisecond after the unit that begins here. */
  readonly end: (startMs: number) => number;
}

const UNITS: readonly Unit[] = [
  { pattern: /^year=\d{4}$/, end: (ms) => Date.UTC(new Date(ms).getUTCFullYear() + 1, 0) },
  { pattern: /^month=\d\d$/, end: (ms) => Date.UTC(new Date(ms).getUTCFullYear(), new Date(ms).getUTCMonth() + 1) },
  { pattern: /^day=\d\d$/, end: (ms) => ms + 24 * HOUR_MS },
  { pattern: /^hour=\d\d$/, end: (ms) => ms + HOUR_MS },
];

/** @param path `year=2024/month=02/` and the like */
function startOf(path: string): number {
  const [year, month = 1, day = 1, hour = 0] = path.match(/\d+/g)!.map(Number);
  return Date.UTC(year!, month - 1, day, hour);
}

/** What a reader takes of an hour: the files of its newest generation that has a manifest, and every raw file not listed there. */
export async function filesOfHour(store: LakeStore, table: TableName, hourMs: number): Promise<HourFiles> {
  const partition = partitionOf(hourMs);
  const [raw, sealed] = await Promise.all([
    sizes(store, partitionPath(table, partition)),
    sizes(store, sealedPath(table, partition)),
  ]);
  const { manifest, faults } = await newestGeneration(store, table, hourMs, sealed);
  for (const key of manifest?.raw ?? []) raw.delete(key);
  for (const { key } of manifest?.files ?? []) raw.set(key, sealed.get(key) ?? 0);
  const files = [...raw].map(([key, bytes]) => ({ key, bytes, firstMs: firstMsOf(key, hourMs) }));
  return { files: files.sort(byTime), faults };
}

/** Manifests are kept, other hidden files are not. */
async function sizes(store: LakeStore, prefix: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for await (const { key, bytes } of store.list(prefix)) {
    const path = key.slice(prefix.length);
    if (path.endsWith(`/${MANIFEST_NAME}`) || !(path.endsWith('/') || path === '' || isHidden(path)))
      found.set(key, bytes);
  }
  return found;
}

/** Of one manifest alone; whatever else fails, fails for the lake. */
const UNREADABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['DL_MANIFEST_INVALID', 'DL_FILE_UNREADABLE']);

/** A generation without a manifest is not finished: nothing refers to it yet. */
async function newestGeneration(
  store: LakeStore,
  table: TableName,
  hourMs: number,
  sealed: ReadonlyMap<string, number>,
): Promise<{ manifest: Manifest | null; faults: HourFiles['faults'] }> {
  const path = sealedPath(table, partitionOf(hourMs));
  const generations = [...sealed.keys()]
    .map((key) => Number(/^generation=(\d+)\/_manifest\.json$/.exec(key.slice(path.length))?.[1]))
    .filter((generation) => generation > 0);
  const faults: { key: string; reason: string }[] = [];
  for (const generation of generations.sort((a, b) => b - a)) {
    const folder = `${path}generation=${generation}/`;
    const key = folder + MANIFEST_NAME;
    try {
      const text = (await store.get(key)).toString('utf8');
      return { manifest: readManifest(text, folder, { table, hour_ms: hourMs, generation }), faults };
    } catch (error) {
      if (!(error instanceof DepthlakeError && UNREADABLE.has(error.code))) throw error;
      faults.push({ key, reason: error.message });
    }
  }
  return { manifest: null, faults };
}

/** A time of another hour is none of ours: foreign writers name files as they like. */
function firstMsOf(key: string, hourMs: number): number {
  const time = Number(/(?:^|\/)(\d{1,15})-[^/]*$/.exec(key)?.[1]);
  return time >= hourMs && time < hourMs + HOUR_MS ? time : hourMs;
}

function byTime(a: HourFile, b: HourFile): number {
  return a.firstMs - b.firstMs || (a.key < b.key ? -1 : 1);
}
