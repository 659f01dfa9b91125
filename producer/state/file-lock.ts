/**
 * A lock file that names the process which holds it, for work of milliseconds. The lock of a process that died is
 * broken; only one process at a time does that (`<lock>-takeover` says who), so that none breaks the lock that another
 * has just taken.
 */
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ageOf, createFile, readIdentity } from '../lock-file.ts';
import { isRunning, ownIdentity } from '../process-identity.ts';

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
  while (!(await createFile(lock, own))) {
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

async function isStale(lock: string): Promise<boolean> {
  const holder = await readIdentity(lock);
  return holder === null ? ((await ageOf(lock)) ?? 0) > WRITTEN_WITHIN_MS : !(await isRunning(holder));
}

async function breakLock(lock: string): Promise<void> {
  const takeover = `${lock}-takeover`;
  if (!(await createFile(takeover, ''))) {
    if (((await ageOf(takeover)) ?? 0) > WRITTEN_WITHIN_MS) await rm(takeover, { force: true });
    else await sleep(POLL_MS);
    return;
  }
  try {
    if (await isStale(lock)) await rm(lock, { force: true });
  } finally {
    await rm(takeover, { force: true });
  }
}
