/**
 * A lock file that names the process which holds it, for work of milliseconds. The lock of a process that died is
 * broken; only one process at a time does that (`<lock>-takeover` says who), so that none breaks the lock that another
 * has just taken.
 */
import { open, readFile, rm, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning, ownIdentity, type ProcessIdentity } from '../process-identity.ts';

/** The longest wait for a lock. */
const WAIT_MS = 3_000;
const POLL_MS = 10;
/** A lock without content is being written, and breaking one takes milliseconds; for longer than this, who did it has died. */
const WRITTEN_WITHIN_MS = 1_000;

/**
 * Does the work while no other process holds the lock.
 * @throws Error where another holds it for longer than 3 s, or the lock cannot be written
 */
export async function withLock<T>(lock: string, work: () => Promise<T>): Promise<T> {
  const own = JSON.stringify(await ownIdentity());
  const untilMs = performance.now() + WAIT_MS;
  while (!(await create(lock, own))) {
    if (performance.now() > untilMs) throw new Error(`another process holds ${lock} for more than ${WAIT_MS / 1000} s`);
    if (await isStale(lock)) await breakLock(lock);
    else await sleep(POLL_MS * (0.5 + Math.random()));
  }
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}

/** @returns whether it was created: false where it existed */
async function create(file: string, content: string): Promise<boolean> {
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

async function isStale(lock: string): Promise<boolean> {
  const holder = await readIdentity(lock);
  return holder === null ? (await ageOf(lock)) > WRITTEN_WITHIN_MS : !(await isRunning(holder));
}

async function breakLock(lock: string): Promise<void> {
  const takeover = `${lock}-takeover`;
  if (!(await create(takeover, ''))) {
    if ((await ageOf(takeover)) > WRITTEN_WITHIN_MS) await rm(takeover, { force: true });
    else await sleep(POLL_MS);
    return;
  }
  try {
    if (await isStale(lock)) await rm(lock, { force: true });
  } finally {
    await rm(takeover, { force: true });
  }
}

/** null: being written, damaged or gone. */
async function readIdentity(lock: string): Promise<ProcessIdentity | null> {
  try {
    const { pid, process_started } = JSON.parse(await readFile(lock, 'utf8')) as ProcessIdentity;
    return Number.isInteger(pid) ? { pid, process_started } : null;
  } catch {
    return null;
  }
}

/** In ms; 0 for a file that is gone. */
async function ageOf(file: string): Promise<number> {
  const found = await stat(file).catch(() => null);
  return found === null ? 0 : Date.now() - found.mtimeMs;
}
