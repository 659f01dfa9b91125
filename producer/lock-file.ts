/** A file that names the process which made it: what locks between processes are made of. */
import { open, readFile, rm, stat } from 'node:fs/promises';
import type { ProcessIdentity } from './process-identity.ts';

/** @returns whether it was created: false where it existed */
export async function createFile(file: string, content: string): Promise<boolean> {
  try {
    const handle = await open(file, 'wx');
    try {
      await handle.writeFile(content);
    } catch (error) {
      await rm(file, { force: true });
      throw error;
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** null: being written, damaged or gone. */
export async function readIdentity(lock: string): Promise<ProcessIdentity | null> {
  try {
    const { pid, process_started } = JSON.parse(await readFile(lock, 'utf8')) as ProcessIdentity;
    return Number.isInteger(pid) ? { pid, process_started } : null;
  } catch {
    return null;
  }
}

/** In ms; null for a file that is gone. */
export async function ageOf(file: string): Promise<number | null> {
  const found = await stat(file).catch(() => null);
  return found === null ? null : Date.now() - found.mtimeMs;
}
