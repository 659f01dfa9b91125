/**
 * A lake as the source of a replay: hour by hour, the newest generation of each and the raw files since, the wanted
 * tables together in order of time.
 *
 * Files that lie outside the layout of an hour are not found. A row in another hour's partition comes where its file
 * is read, with its own time. What is delivered into an hour after its listing is not read, unless the replay goes on
 * later from a checkpoint in that hour, or within the time that a delivery takes.
 */
import { DepthlakeError } from '../../producer/errors.ts';
import { TABLE_NAMES, TABLES, type TableName } from '../../producer/record.ts';
import type { Problem, ResumePoint, Selection, Source, SourceItem } from '../../producer/replay/source.ts';
import type { LakeStore } from '../../transformer/lake.ts';
import { filesOfHour, hoursOf } from '../../transformer/lake-hours.ts';
import { HOUR_MS } from '../../transformer/partition.ts';
import { formatCount, formatTime } from '../terminal.ts';
import { takenOf } from './file-position.ts';
import { byPlace, runsOf, type TimedFile } from './file-runs.ts';
import { DELIVERY_MS, MissingHours, type MissingRange } from './missing-hours.ts';

/**
 * @param name the lake's, for messages
 * @param now UTC epoch ms
 */
export function lakeSource(store: LakeStore, name: string, now: () => number = Date.now): Source {
  return { read: (selection, resume, signal) => readLake(store, name, selection, resume, signal, now()) };
}

async function* readLake(
  store: LakeStore,
  name: string,
  selection: Selection,
  resume: ResumePoint | null,
  signal: AbortSignal,
  nowMs: number,
): AsyncGenerator<SourceItem> {
  await requireLake(store, name);
  const taken = takenOf(resume);
  const tables = TABLE_NAMES.filter((table) => selection.tables.has(table));
  // What was on its way to an earlier hour has come since.
  const againMs = (resume?.fromMs ?? Number.NEGATIVE_INFINITY) - DELIVERY_MS;
  const fromMs = Math.max(selection.fromMs, againMs);
  // Hours before the first one that is read again were told of before.
  const missingFromMs = againMs > selection.fromMs ? Number.NEGATIVE_INFINITY : selection.fromMs;
  const missing = new MissingHours(tables, missingFromMs, selection.toMs, nowMs);
  let frontierMs = Number.NEGATIVE_INFINITY;
  const told = (problems: readonly Problem[]) => problems.map((problem) => ({ run: null, problem, frontierMs }));

  for await (const hour of hoursAhead(store, tables, fromMs, selection.toMs)) {
    if (signal.aborted) return;
    frontierMs = hour.hourMs;
    yield* told([...missing.before(hour.hourMs, hour.present).map(emptyHours), ...hour.problems]);
    const files = hour.files.filter(({ firstMs }) => firstMs < selection.toMs);
    const get = (key: string) => store.get(key);
    for await (const item of runsOf({ files, get, endMs: hour.hourMs + HOUR_MS, taken }, signal)) {
      frontierMs = item.frontierMs;
      yield item;
    }
  }
  if (signal.aborted) return;
  for (const range of missing.atEnd()) {
    const problem = emptyHours(range);
    const { message } = problem;
    yield* told([range.all ? { ...problem, message: `${message}; ${await extent(store, range.table)}` } : problem]);
  }
}

const LAKE_FOLDERS = [...TABLE_NAMES.map((table) => TABLES[table].folder), 'sealed'];

/** @throws what the store throws */
export async function isLake(store: LakeStore): Promise<boolean> {
  const found = await store.folders('');
  return LAKE_FOLDERS.some((folder) => found.includes(folder));
}

/** @throws DL_LAKE_MISSING, and what the store throws */
async function requireLake(store: LakeStore, name: string): Promise<void> {
  if (await isLake(store)) return;
  throw new DepthlakeError('DL_LAKE_MISSING', `${name} holds no lake: none of ${LAKE_FOLDERS.join('/, ')}/ is there`);
}

interface Hour {
  readonly hourMs: number;
  readonly files: readonly TimedFile[];
  readonly problems: readonly Problem[];
  /** The tables that have a file in it. */
  readonly present: ReadonlySet<TableName>;
}

/** The next hour is listed while one is read. */
async function* hoursAhead(
  store: LakeStore,
  tables: readonly TableName[],
  fromMs: number,
  toMs: number,
): AsyncGenerator<Hour> {
  const hours = hoursOf(store, tables, fromMs, toMs);
  const list = async (): Promise<Hour | null> => {
    const { value, done } = await hours.next();
    return done ? null : listHour(store, tables, value);
  };
  let next = list();
  for (let hour = await next; hour !== null; hour = await next) {
    next = list();
    // Heard of when its turn comes; where that never comes it is no unhandled failure.
    next.catch(() => {});
    yield hour;
  }
}

async function listHour(store: LakeStore, tables: readonly TableName[], hourMs: number): Promise<Hour> {
  const files: TimedFile[] = [];
  const problems: Problem[] = [];
  for (const table of tables) {
    const found = await filesOfHour(store, table, hourMs);
    files.push(...found.files.map((file) => ({ ...file, table })));
    problems.push(...found.faults.map(({ key, reason }) => manifestProblem(key, reason)));
  }
  const present = new Set(files.map(({ table }) => table!));
  return { hourMs, files: files.sort(byPlace), problems, present };
}

function manifestProblem(key: string, reason: string): Problem {
  return { code: 'DL_MANIFEST_INVALID', where: key, message: reason };
}

function emptyHours({ table, fromMs, toMs }: MissingRange): Problem {
  const hours = (toMs - fromMs) / HOUR_MS;
  const where = Number.isFinite(fromMs) ? `${table} ${formatTime(fromMs)}` : table;
  if (!(hours > 0 && Number.isFinite(hours))) return { code: 'DL_HOUR_EMPTY', where, message: 'there is no file' };
  const message = hours === 1 ? 'the hour has no file' : `${formatCount(hours)} hours from there on have no file`;
  return { code: 'DL_HOUR_EMPTY', where, message };
}

/** What a lake has of a table. */
async function extent(store: LakeStore, table: TableName): Promise<string> {
  const [first, last] = await Promise.all(
    [false, true].map((descending) => hoursOf(store, [table], -Infinity, Infinity, descending).next()),
  );
  if (first!.done || last!.done) return `the lake has none of ${table}`;
  return `the lake has ${table} from ${formatTime(first!.value)} to ${formatTime(last!.value + HOUR_MS)}`;
}
