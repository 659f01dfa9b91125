/**
 * The folders of the spill: one a session, `<folder>/<session id>/`, with its segments and a lock that names its process.
 *
 * A folder whose process has ended is taken over by the next session, with one rename into its own folder: of two that
 * start at once, one has it. The folder belongs to one machine: a process on another one cannot be asked whether it runs.
 */
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder } from '../make-folder.ts';
import { isRunning, ownIdentity, type ProcessIdentity } from '../process-identity.ts';

const LOCK = 'lock';
const ADOPTED = 'from-';
const SEGMENT = /^(\d+)\.seg$/;

/** A segment file as a folder listing shows it. */
export interface SegmentFile {
  /** The session that wrote it. */
  readonly session: string;
  readonly number: number;
  readonly file: string;
  readonly bytes: number;
}

/** Makes a session's folder; it appears together with its lock. */
export async function makeSessionFolder(folder: string, sessionId: string): Promise<string> {
  const own = path.join(folder, sessionId);
  const hidden = path.join(folder, `.${sessionId}`);
  await makeFolder(hidden);
  try {
    await writeFile(path.join(hidden, LOCK), JSON.stringify(await ownIdentity()));
    await rename(hidden, own);
  } catch (error) {
    await rm(hidden, { recursive: true, force: true });
    throw error;
  }
  return own;
}

/** Gives a session's folder up: what it still holds is for the next session. */
export async function releaseSessionFolder(own: string): Promise<void> {
  await rm(path.join(own, LOCK), { force: true });
}

/**
 * Takes over the folders of sessions that have ended.
 * @returns their segments, those of the earliest session first
 */
export async function adoptSegments(folder: string, own: string): Promise<SegmentFile[]> {
  for (const session of await foldersIn(folder)) {
    const found = path.join(folder, session);
    if (found === own || (await isHeld(found))) continue;
    // Another session that starts now may have been faster.
    await rename(found, path.join(own, ADOPTED + session)).catch(() => {});
  }
  await liftFolders(own);
  const adopted = (await foldersIn(own)).filter((name) => name.startsWith(ADOPTED));
  const sessions = await Promise.all(
    adopted.map(async (name) => {
      const segments = await segmentsIn(path.join(own, name), name.slice(ADOPTED.length));
      const began = segments[0] === undefined ? 0 : (await stat(segments[0].file)).mtimeMs;
      if (segments.length === 0) await rm(path.join(own, name), { recursive: true, force: true });
      return { segments, began };
    }),
  );
  return sessions.sort((a, b) => a.began - b.began).flatMap(({ segments }) => segments);
}

/** Bytes of the segments of all sessions but one. */
export async function bytesOfOthers(folder: string, own: string): Promise<number> {
  const others = (await foldersIn(folder)).map((name) => path.join(folder, name)).filter((other) => other !== own);
  return sumOf(others.map(bytesIn));
}

/** What vanishes meanwhile has no bytes: another session removes what it has sent. */
async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return sumOf(
    entries.map(async (entry) => {
      const found = path.join(folder, entry.name);
      if (entry.isDirectory()) return bytesIn(found);
      const sized = SEGMENT.test(entry.name) ? await stat(found).catch(() => null) : null;
      return sized?.size ?? 0;
    }),
  );
}

async function sumOf(sizes: readonly Promise<number>[]): Promise<number> {
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** What a session took over and did not send itself, lies a folder deeper with each session: one level is enough. */
async function liftFolders(own: string): Promise<void> {
  const waiting = (await foldersIn(own)).map((name) => path.join(own, name));
  for (let parent = waiting.pop(); parent !== undefined; parent = waiting.pop()) {
    for (const name of await foldersIn(parent)) {
      await rename(path.join(parent, name), path.join(own, name));
      waiting.push(path.join(own, name));
    }
  }
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
}

async function segmentsIn(folder: string, session: string): Promise<SegmentFile[]> {
  const names = (await readdir(folder)).filter((name) => SEGMENT.test(name));
  const segments = names.map(async (name) => {
    const file = path.join(folder, name);
    return { session, number: Number.parseInt(name, 10), file, bytes: (await stat(file)).size };
  });
  return (await Promise.all(segments)).sort((a, b) => a.number - b.number);
}

/** Whether the process of a session's folder runs; a folder without a lock was given up. */
async function isHeld(session: string): Promise<boolean> {
  try {
    return await isRunning(JSON.parse(await readFile(path.join(session, LOCK), 'utf8')) as ProcessIdentity);
  } catch {
    return false;
  }
}
