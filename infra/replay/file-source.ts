/**
 * Container files, given by name, as the source of a replay. Their names promise nothing, so each is looked through
 * once before the first row leaves: for damage, and for its earliest row.
 */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';
import type { Problem, ResumePoint, Selection, Source, SourceItem } from '../../producer/replay/source.ts';
import { indexContainerFile } from '../../transformer/container-file.ts';
import { isHidden } from '../../transformer/lake.ts';
import { openBucket } from '../local/s3.ts';
import { takenOf } from './file-position.ts';
import { byPlace, problemOf, requireSize, requireTable, runsOf, type TimedFile } from './file-runs.ts';

/**
 * @param paths files in any order, each read once however often it is named; of a folder, the `.avro` files in it and
 *   below, but for hidden ones
 * @throws when it is read: DL_FILE_UNREADABLE for a path that is not there, DL_LAKE_MISSING for a folder without files
 */
export function fileSource(paths: readonly string[]): Source {
  return { read: (selection, resume, signal) => readFiles(paths, selection, resume, signal) };
}

async function* readFiles(
  paths: readonly string[],
  selection: Selection,
  resume: ResumePoint | null,
  signal: AbortSignal,
): AsyncGenerator<SourceItem> {
  const taken = takenOf(resume);
  const files: TimedFile[] = [];
  for (const file of await filesAt(paths)) {
    if (signal.aborted) return;
    const timed = await timesOf(file);
    if ('code' in timed) yield { run: null, problem: timed, frontierMs: Number.NEGATIVE_INFINITY };
    else files.push(timed);
  }
  const wanted = files.filter(({ firstMs }) => firstMs < selection.toMs).sort(byPlace);
  yield* runsOf({ files: wanted, get: readLocal, endMs: Number.POSITIVE_INFINITY, taken }, signal);
}

interface FoundFile {
  readonly key: string;
  readonly bytes: number;
}

async function filesAt(paths: readonly string[]): Promise<readonly FoundFile[]> {
  const found = new Map<string, FoundFile>();
  for (const given of paths) {
    const at = path.resolve(given);
    const { size, isFolder } = await stat(at).then(
      (so) => ({ size: so.size, isFolder: so.isDirectory() }),
      (cause) => {
        throw new DepthlakeError('DL_FILE_UNREADABLE', `${given}: ${reasonOf(cause)}`, { cause });
      },
    );
    const files = isFolder ? await filesBelow(at) : [{ key: at, bytes: size }];
    if (files.length === 0) throw new DepthlakeError('DL_LAKE_MISSING', `${given} holds no container file (.avro)`);
    for (const file of files) found.set(file.key, file);
  }
  return [...found.values()];
}

async function filesBelow(folder: string): Promise<FoundFile[]> {
  const files: FoundFile[] = [];
  for await (const { key, bytes } of openBucket(folder).list('')) {
    if (key.endsWith('.avro') && !isHidden(key)) files.push({ key: path.join(folder, key), bytes });
  }
  return files;
}

/** Without its rows, of which a later reading gives the same; a file without rows is after everything. */
async function timesOf({ key, bytes }: FoundFile): Promise<TimedFile | Problem> {
  try {
    requireSize(bytes);
    const { table, schema, blocks } = indexContainerFile(await readLocal(key));
    const firstMs = blocks.reduce((least, block) => Math.min(least, block.firstMs), Number.POSITIVE_INFINITY);
    return { key, bytes, firstMs, table: requireTable(table, schema, null) };
  } catch (error) {
    return problemOf(key, error);
  }
}

async function readLocal(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new DepthlakeError('DL_FILE_UNREADABLE', reasonOf(cause), { cause });
  }
}
