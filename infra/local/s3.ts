/** The local S3: a bucket that is a folder. A key is a path below it; an object appears whole or not at all. */
import { randomUUID } from 'node:crypto';
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { DepthlakeError, type ErrorCode, reasonOf } from '../../producer/errors.ts';
import { makeFolder } from '../../producer/make-folder.ts';
import type { LakeStore, ObjectStore } from '../../transformer/lake.ts';

/**
 * The bucket in a folder, which is created with the first object.
 *
 * Keys are listed in S3's order (by UTF-8 bytes). A key with an empty segment or one that begins with a dot is refused:
 * it could leave the folder, or be taken for an object that is still being written.
 * @throws `put`: DL_DISK_FULL, DL_DATA_FOLDER; the others: DL_FILE_UNREADABLE
 */
export function openBucket(folder: string): ObjectStore & LakeStore {
  const root = path.resolve(folder);
  return {
    list: (prefix) => listKeys(root, prefix),
    folders: async (prefix) => {
      const names = await namesIn(prefix === '' ? root : fileOf(root, prefix.slice(0, -1)));
      return names.filter((name) => name.endsWith('/')).map((name) => name.slice(0, -1));
    },
    get: async (key) => {
      const file = fileOf(root, key);
      try {
        return await readFile(file);
      } catch (error) {
        throw new DepthlakeError('DL_FILE_UNREADABLE', `${file}: ${reasonOf(error)}`, { cause: error });
      }
    },
    put: async (key, body) => putWhole(fileOf(root, key), body),
  };
}

/** Writes under a hidden name, then renames: a reader sees the old file, the new file or none, never half of one. */
export async function putWhole(file: string, body: Uint8Array | string): Promise<void> {
  const hidden = path.join(path.dirname(file), `.${path.basename(file).slice(0, 100)}-${randomUUID()}`);
  try {
    await makeFolder(path.dirname(file));
    const handle = await open(hidden, 'wx');
    try {
      await handle.writeFile(body);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(hidden, file);
  } catch (error) {
    await rm(hidden, { force: true }).catch(() => {});
    throw writeError(file, error);
  }
}

const CODES: Record<string, ErrorCode> = { ENOSPC: 'DL_DISK_FULL', EDQUOT: 'DL_DISK_FULL' };

/** The error of a failed write. EACCES, EPERM, EROFS, ENOTDIR and whatever else keeps a file from being written mean: this folder will not do. */
export function writeError(file: string, error: unknown): DepthlakeError {
  const code = CODES[(error as NodeJS.ErrnoException).code ?? ''] ?? 'DL_DATA_FOLDER';
  return new DepthlakeError(code, `${file} cannot be written: ${reasonOf(error)}`, { cause: error });
}

function fileOf(root: string, key: string): string {
  const segments = key.split('/');
  const unsafe = segments.some((segment) => segment === '' || segment.startsWith('.')) || /[\0\\]/.test(key);
  if (unsafe) throw new DepthlakeError('DL_INTERNAL', `${JSON.stringify(key)} is no key for a bucket in a folder`);
  return path.join(root, ...segments);
}

async function* listKeys(root: string, prefix: string): AsyncGenerator<{ key: string; bytes: number }> {
  const parent = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  if (parent !== '') fileOf(root, parent.slice(0, -1));
  yield* walk(root, parent, prefix);
}

/** @param parent '' or a key's beginning that ends in '/' */
async function* walk(root: string, parent: string, prefix: string): AsyncGenerator<{ key: string; bytes: number }> {
  for (const name of await namesIn(path.join(root, parent))) {
    const key = parent + name;
    if (!key.startsWith(prefix) && !prefix.startsWith(key)) continue;
    if (name.endsWith('/')) yield* walk(root, key, prefix);
    else {
      const found = await stat(path.join(root, key)).catch(() => null);
      if (found !== null) yield { key, bytes: found.size };
    }
  }
}

/** Sorted as keys sort: a folder's name counts with its slash, so `a-b` comes before `a/`. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => !entry.name.startsWith('.') && (entry.isFile() || entry.isDirectory()))
      .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new DepthlakeError('DL_FILE_UNREADABLE', `${folder}: ${reasonOf(error)}`, { cause: error });
  }
}
