/** Lakes in memory, and what a source makes of them. */
import type { RowTypes, TableName, TableRow } from '../../producer/record.ts';
import type { Problem, ResumePoint, Run, Selection, Source, SourceItem } from '../../producer/replay/source.ts';
import { writeContainerFile } from '../../transformer/container-file.ts';
import type { LakeStore } from '../../transformer/lake.ts';
import { MANIFEST_NAME, type Manifest, sealedPath } from '../../transformer/manifest.ts';
import { hourStart, partitionOf, partitionPath } from '../../transformer/partition.ts';

export class MemoryLake implements LakeStore {
  readonly objects = new Map<string, Buffer>();
  /** Keys of the objects fetched, and prefixes looked into, in order. */
  readonly got: string[] = [];
  readonly lookedInto: string[] = [];
  /** What a call of `get` throws, by key. */
  readonly failures = new Map<string, Error>();

  async *list(prefix: string) {
    this.lookedInto.push(prefix);
    for (const [key, body] of [...this.objects].sort()) if (key.startsWith(prefix)) yield { key, bytes: body.length };
  }

  async folders(prefix: string): Promise<string[]> {
    this.lookedInto.push(prefix);
    const below = [...this.objects.keys()].filter((key) => key.startsWith(prefix));
    const names = below.map((key) => key.slice(prefix.length).split('/')).filter(({ length }) => length > 1);
    return [...new Set(names.map(([name]) => name!))];
  }

  async get(key: string): Promise<Buffer> {
    this.got.push(key);
    const failure = this.failures.get(key);
    if (failure !== undefined) throw failure;
    return this.objects.get(key)!;
  }

  /** A raw file as the transformer names it, in the hour of its first row. @returns its key */
  putRaw<T extends TableName>(table: T, rows: readonly RowTypes[T][], id = 'a'): string {
    const key = `${partitionPath(table, partitionOf(rows[0]!.timestamp_ms))}${leastTime(rows)}-${id}.avro`;
    this.objects.set(key, writeContainerFile(table, rows, 'null'));
    return key;
  }

  /** A generation of an hour in one file, with its manifest. @returns the manifest's key */
  seal<T extends TableName>(table: T, rows: readonly RowTypes[T][], raw: readonly string[], generation = 1): string {
    const hour_ms = hourStart(rows[0]!.timestamp_ms);
    const folder = `${sealedPath(table, partitionOf(hour_ms))}generation=${generation}/`;
    const sorted = [...rows].sort((a, b) => a.timestamp_ms - b.timestamp_ms);
    const key = `${folder}${sorted[0]!.timestamp_ms}-sealed.avro`;
    this.objects.set(key, writeContainerFile(table, sorted, 'deflate'));
    const files = [{ key, rows: rows.length }];
    const manifest: Manifest = { version: 1, table, hour_ms, generation, files, raw };
    this.objects.set(folder + MANIFEST_NAME, Buffer.from(JSON.stringify(manifest)));
    return folder + MANIFEST_NAME;
  }
}

function leastTime(rows: readonly RowTypes[TableName][]): number {
  return Math.min(...rows.map((row) => row.timestamp_ms));
}

const EVERYTHING: Selection = {
  fromMs: Number.NEGATIVE_INFINITY,
  toMs: Number.POSITIVE_INFINITY,
  tables: new Set<TableName>(['order_book', 'feed_event']),
  symbol: () => true,
};

export interface Given {
  readonly items: readonly SourceItem[];
  readonly runs: readonly Run[];
  readonly rows: readonly TableRow[];
  readonly problems: readonly Problem[];
}

/** Everything that a source gives. */
export async function readAll(
  source: Source,
  selection: Partial<Selection> = {},
  resume: ResumePoint | null = null,
): Promise<Given> {
  const items: SourceItem[] = [];
  for await (const item of source.read({ ...EVERYTHING, ...selection }, resume, new AbortController().signal)) {
    items.push(item);
  }
  const runs = items.flatMap(({ run }) => run ?? []);
  const problems = items.flatMap(({ problem }) => problem ?? []);
  return { items, runs, rows: runs.flatMap(({ rows }) => rows), problems };
}

/** Rows that come although an item before said that none would, and items whose frontier falls: none, in a right source. */
export function brokenFrontiers(items: readonly SourceItem[]): unknown[] {
  let frontierMs = Number.NEGATIVE_INFINITY;
  return items.flatMap(({ run, frontierMs: nextMs }) => {
    const early = (run?.rows ?? []).filter(({ row }) => row.timestamp_ms < frontierMs);
    const falls = nextMs < frontierMs ? [{ frontierMs, nextMs }] : [];
    frontierMs = nextMs;
    return [...early, ...falls];
  });
}

/** One text a row, sorted: two sources give the same rows where these are equal. */
export function textsOf(rows: readonly TableRow[]): string[] {
  return rows.map((row) => JSON.stringify(row)).sort();
}
