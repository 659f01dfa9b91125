/** Contenders in processes of their own, each on the same core: they run a pass when asked, and measure it themselves. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import type { Cost } from './rounds.ts';

/** What a pass says of itself, in one line of JSON. */
export interface Pass extends Cost {
  /** Rows read, or books. */
  readonly rows: number;
}

export interface PinnedProcess<P extends Pass> {
  /** @throws Error with what it wrote, when it has ended */
  pass(): Promise<P>;
  stop(): void;
}

/** The last one: whatever else there is begins at the first. */
const CORE = String(cpus().length - 1);

/** Whether processes can be kept on one core here. */
export const canPin = spawnSync('taskset', ['-c', CORE, 'true']).status === 0;

/** A TypeScript file, under the loader that runs this process. */
export function startPinnedScript<P extends Pass>(script: string, args: readonly string[]): PinnedProcess<P> {
  return startPinned(process.execPath, [...process.execArgv, script, ...args]);
}

/** Whatever the command does in other threads then waits for the same core. */
export function startPinned<P extends Pass>(command: string, args: readonly string[]): PinnedProcess<P> {
  const line = canPin ? ['taskset', '-c', CORE, command, ...args] : [command, ...args];
  const child = spawn(line[0]!, line.slice(1));
  const ended = failureOf(child);
  ended.catch(() => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async pass() {
      child.stdin.write('pass\n');
      const next = await Promise.race([lines.next(), ended]);
      return JSON.parse(next.done ? await ended : next.value) as P;
    },
    stop: () => void child.kill(),
  };
}

function failureOf(child: ChildProcessWithoutNullStreams): Promise<never> {
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-10_000);
  });
  child.stdin.on('error', () => {});
  return new Promise((_, reject) => {
    child.once('error', reject);
    child.once('close', (status) => reject(new Error(`a contender ended with status ${status}: ${said}`)));
  });
}
