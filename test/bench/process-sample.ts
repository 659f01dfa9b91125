/** What a running process has taken so far, from /proc: Linux only. */
import { readFileSync } from 'node:fs';

export interface ProcessSample {
  /** On the clock of `performance.now()`. */
  readonly atMs: number;
  readonly cpuSeconds: number;
  /** Resident now. */
  readonly memoryMb: number;
  /** The most that was ever resident. */
  readonly peakMb: number;
}

/** USER_HZ, in which /proc/<pid>/stat counts: 100 on every Linux that Node runs on (proc(5), sysconf(_SC_CLK_TCK)). */
const TICKS_A_SECOND = 100;

/** null: the process has ended, or there is no /proc. */
export function sampleOf(pid: number): ProcessSample | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    // Fields 14 and 15, utime and stime; the second field, the name in brackets, may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    return {
      atMs: performance.now(),
      cpuSeconds: ticks / TICKS_A_SECOND,
      memoryMb: megabytes(status, 'VmRSS'),
      peakMb: megabytes(status, 'VmHWM'),
    };
  } catch {
    return null;
  }
}

/** @throws Error for a process without memory: it has ended and waits for its parent */
function megabytes(status: string, field: string): number {
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  if (kib === undefined) throw new Error(`no ${field}`);
  return (Number(kib) * 1024) / 1e6;
}

/** Of one core, between two samples of one process, 0 to the number of cores. */
export function cpuShare(first: ProcessSample, last: ProcessSample): number {
  return (last.cpuSeconds - first.cpuSeconds) / ((last.atMs - first.atMs) / 1000);
}
