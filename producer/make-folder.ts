import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';

/** Creates a folder and those above it. mkdir's own `recursive` never returns where a parent refuses with ENOENT (/proc). */
export async function makeFolder(folder: string): Promise<void> {
  const parent = path.dirname(folder);
  try {
    await makeOne(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === folder) throw error;
    if (!(await isFolder(parent))) await makeFolder(parent);
    // Another writer may have made the parent meanwhile; one that is there and still says ENOENT refuses.
    await makeOne(folder);
  }
}

async function makeOne(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !(await isFolder(folder))) throw error;
  }
}

async function isFolder(place: string): Promise<boolean> {
  return stat(place).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
