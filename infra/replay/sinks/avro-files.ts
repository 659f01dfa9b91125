/** The files that a replay wrote into a folder before, told by the id in their names. */
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { DepthlakeError, reasonOf } from '../../../producer/errors.ts';
import { TABLE_NAMES, TABLES } from '../../../producer/record.ts';
import type { Json } from '../../../producer/replay/sink.ts';
import { plural } from '../../terminal.ts';
import { countIn } from './checkpoint-state.ts';
import { writeFailure } from './write-failure.ts';

interface WrittenFile {
  readonly path: string;
  readonly number: number;
  /** False for one that a kill left under its hidden name. */
  readonly whole: boolean;
}

/**
 * Removes the files of the replay that its checkpoint does not know.
 * @returns how many it keeps: the number of the next one
 * @throws DL_SINK_EXISTS, DL_CHECKPOINT_INVALID, DL_FILE_UNREADABLE, DL_OUTPUT_FAILED
 */
export async function clearedFiles(replay: {
  readonly folder: string;
  readonly id: string;
  readonly state: Json;
  readonly overwrite: boolean;
}): Promise<number> {
  const { folder, id, state, overwrite } = replay;
  const known = state === null ? 0 : countIn(state, 'files');
  const found = (
    await Promise.all(TABLE_NAMES.map((table) => filesIn(path.join(folder, TABLES[table].folder), id)))
  ).flat();
  const whole = found.filter((file) => file.whole);
  const kept = whole.filter(({ number }) => number < known);
  if (kept.length < known) {
    const message = `${folder} has ${kept.length} of the ${known} files (*-${id}-*.avro) that its checkpoint knows`;
    throw new DepthlakeError('DL_CHECKPOINT_INVALID', message);
  }
  if (state === null && whole.length > 0 && !overwrite) {
    const message = `${folder} has ${plural(whole.length, 'file')} of the same replay (*-${id}-*.avro)`;
    throw new DepthlakeError('DL_SINK_EXISTS', message);
  }
  for (const file of found) if (!kept.includes(file)) await remove(file.path);
  return known;
}

async function filesIn(folder: string, id: string): Promise<WrittenFile[]> {
  // Half-written ones have a dot in front and a random end.
  const name = new RegExp(`^(\\.?)\\d+-${id}-(\\d+)\\.avro(?:-[0-9a-f-]{36})?$`);
  return (await pathsIn(folder)).flatMap((file) => {
    const match = name.exec(path.basename(file));
    return match === null ? [] : [{ path: file, number: Number(match[2]), whole: match[1] === '' }];
  });
}

async function pathsIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder, { recursive: true })).map((name) => path.join(folder, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new DepthlakeError('DL_FILE_UNREADABLE', `${folder}: ${reasonOf(error)}`, { cause: error });
  }
}

async function remove(file: string): Promise<void> {
  await rm(file, { force: true }).catch((error) => {
    throw writeFailure(file, error);
  });
}
