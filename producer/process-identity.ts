/** Tells a process from a later one with the same id: in a container, every first process has the same. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

export interface ProcessIdentity {
  readonly pid: number;
  /** When it began, in the system's own words; null where the system does not say. */
  readonly process_started: string | null;
}

/** A process that has ended, and whose parent has not asked how. */
const ENDED = 'ended';

export async function ownIdentity(): Promise<ProcessIdentity> {
  return { pid: process.pid, process_started: await startOf(process.pid) };
}

/** Whether that very process runs. Where the system does not say when it began, a process of that id counts as it. */
export async function isRunning({ pid, process_started }: ProcessIdentity): Promise<boolean> {
  const started = await startOf(pid);
  if (started === ENDED) return false;
  if (started !== null && process_started !== null) return started === process_started;
  return pid !== process.pid && exists(pid);
}

async function startOf(pid: number): Promise<string | null> {
  try {
    return process.platform === 'linux' ? await linuxStart(pid) : await listedStart(pid);
  } catch {
    return null;
  }
}

/** Clock ticks since the boot, the 22nd field of /proc/<pid>/stat; its 3rd is the state, its 2nd (in parentheses) may hold spaces. */
async function linuxStart(pid: number): Promise<string> {
  const [boot, stat] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    readFile(`/proc/${pid}/stat`, 'utf8'),
  ]);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z') return ENDED;
  return `${boot.trim()} ${fields[19]}`;
}

async function listedStart(pid: number): Promise<string | null> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)], { env: { LC_ALL: 'C' } });
  return stdout.trim() || null;
}

/** A process of another user may not be signalled, which says that there is one. */
function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
