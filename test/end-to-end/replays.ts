/** The built `depthlake replay` as a process, and the rows that it reads and writes. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeLine, type TableRow } from '../../producer/record.ts';
import type { ReplaySummary } from '../../producer/replay/counts.ts';
import { compareKeys } from '../../producer/replay/key.ts';
import { depthlake, type Ended, startDepthlake } from '../cli/process.ts';
import { readLake } from './lake.ts';
import { until } from './wait.ts';

export function replay(args: readonly string[]): Promise<Ended> {
  return depthlake(['replay', ...args]);
}

/** A replay that leaves nothing out. @returns its summary */
export async function replayed(args: readonly string[]): Promise<ReplaySummary> {
  const { status, stdout, stderr } = await replay([...args, '--json']);
  if (status !== 0) throw new Error(`replay ended with status ${status}: ${stderr}`);
  return JSON.parse(stdout) as ReplaySummary;
}

export interface RunningReplay {
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended & { readonly signal: NodeJS.Signals | null }>;
}

export function startReplay(args: readonly string[]): RunningReplay {
  const child = startDepthlake(['replay', ...args]);
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  return {
    kill: (signal) => void child.kill(signal),
    ended: new Promise((resolve) => {
      child.once('close', (status, signal) => resolve({ ...texts, status, signal }));
    }),
  };
}

/** Sends a signal so long after something holds; a replay that ended before is a failure of the test. */
export async function killWhen(
  { kill, ended }: RunningReplay,
  signal: NodeJS.Signals,
  holds: () => boolean,
  afterMs = 0,
): Promise<void> {
  const early = ended.then(({ status, stderr }) => {
    throw new Error(`the replay ended with status ${status} before ${signal}: ${stderr}`);
  });
  await Promise.race([until(`the moment of ${signal}`, holds), early]);
  await Promise.race([sleep(afterMs), early]);
  early.catch(() => {});
  kill(signal);
}

/** Of every file of a lake, duplicates among them. */
export async function rowsOf(folder: string): Promise<TableRow[]> {
  const { rows, events } = await readLake(folder);
  return [
    ...rows.map((row) => ({ table: 'order_book' as const, row })),
    ...events.map((row) => ({ table: 'feed_event' as const, row })),
  ];
}

/** Of a file of JSON lines. */
export function linesOf(file: string): TableRow[] {
  return readFileSync(file, 'utf8').trimEnd().split('\n').map(decodeLine);
}

/** In the order of a replay, each row once. */
export function inOrder(rows: readonly TableRow[]): TableRow[] {
  const sorted = rows.toSorted(compareKeys);
  return sorted.filter((row, at) => at === 0 || compareKeys(row, sorted[at - 1]!) !== 0);
}
