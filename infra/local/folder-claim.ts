/**
 * One pipeline at a time has a data folder: `DIR/.lock` names its process. What a crash left behind is taken over.
 *
 * Only one process at a time removes a lock of a dead one (`DIR/.lock-takeover` says which), so that none removes the
 * lock that another has just taken.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';
import { ageOf, createFile, readIdentity } from '../../producer/lock-file.ts';
import { makeFolder } from '../../producer/make-folder.ts';
import { isRunning, ownIdentity, type ProcessIdentity } from '../../producer/process-identity.ts';
import { putWhole, writeError } from './s3.ts';

/** A file without content is being written; for longer than this, its writer has died. */
const WRITTEN_WITHIN_MS = 5000;
/** Removing a lock is a matter of milliseconds; for longer than this, who began has died. */
const TAKEN_OVER_WITHIN_MS = 10_000;
const POLL_MS = 50;

export interface FolderClaim {
  release(): Promise<void>;
}

/**
 * Claims a folder, which is created if need be, and makes sure that it can be written to.
 * @throws DL_DATA_FOLDER, DL_DISK_FULL, DL_ALREADY_RUNNING
 */
export async function claimFolder(folder: string): Promise<FolderClaim> {
  try {
    await makeFolder(folder);
  } catch (cause) {
    throw new DepthlakeError('DL_DATA_FOLDER', `${folder} cannot be created: ${reasonOf(cause)}`, { cause });
  }
  const lock = join(folder, '.lock');
  await takeLock(folder, lock);
  const release = () => rm(lock, { force: true });
  try {
    const probe = join(folder, '_probe');
    await putWhole(probe, Buffer.alloc(4096));
    await rm(probe);
  } catch (error) {
    await release();
    throw error;
  }
  return { release };
}

async function takeLock(folder: string, lock: string): Promise<void> {
  const own = JSON.stringify(await ownIdentity());
  while (!(await createWith(lock, own))) {
    const holder = await holderOf(lock);
    if (holder !== null) {
      const message = `a pipeline runs on ${folder} already, process ${holder.pid}; if that is none, remove ${lock}`;
      throw new DepthlakeError('DL_ALREADY_RUNNING', message);
    }
    await removeStale(lock);
  }
}

/** @returns whether it was created: false where it existed. @throws DL_DATA_FOLDER, DL_DISK_FULL */
async function createWith(file: string, content: string): Promise<boolean> {
  return createFile(file, content).catch((error) => {
    throw writeError(file, error);
  });
}

/** The running process that holds a lock; null where there is no lock or no such process any more. */
async function holderOf(lock: string): Promise<ProcessIdentity | null> {
  for (;;) {
    const holder = await readIdentity(lock);
    if (holder !== null) return (await isRunning(holder)) ? holder : null;
    if (((await ageOf(lock)) ?? Number.POSITIVE_INFINITY) > WRITTEN_WITHIN_MS) return null;
    await sleep(POLL_MS);
  }
}

async function removeStale(lock: string): Promise<void> {
  const takeover = `${lock}-takeover`;
  if (!(await createWith(takeover, ''))) {
    if (((await ageOf(takeover)) ?? Number.POSITIVE_INFINITY) > TAKEN_OVER_WITHIN_MS)
      await rm(takeover, { force: true });
    else await sleep(POLL_MS);
    return;
  }
  try {
    if ((await holderOf(lock)) === null) await rm(lock, { force: true });
  } finally {
    await rm(takeover, { force: true });
  }
}
