/** The built command as a child process. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';

// Each test starts processes, and the machine may be busy with the other test files.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

export const CLI = fileURLToPath(new URL('../../dist/cli/index.mjs', import.meta.url));

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Options {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Settings in the surroundings of the tests are kept out. */
function cleanEnv(given: Options['env'] = {}): Record<string, string | undefined> {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(DEPTHLAKE_|NO_COLOR|FORCE_COLOR)/.test(name));
  return { ...Object.fromEntries(inherited), ...given };
}

export function startDepthlake(args: readonly string[], options: Options = {}): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [CLI, ...args], { env: cleanEnv(options.env), cwd: options.cwd });
}

export function depthlake(args: readonly string[], options: Options = {}): Promise<Ended> {
  return ended(startDepthlake(args, options), options.input);
}

/** A line for `sh -c`, in which `depthlake` is the command. */
export function shell(script: string, options: Options = {}): Promise<Ended> {
  const command = `depthlake() { '${process.execPath}' '${CLI}' "$@"; }\n${script}`;
  return ended(spawn('bash', ['-c', command], { env: cleanEnv(options.env), cwd: options.cwd }), options.input);
}

/** @param input what it reads on stdin */
export function ended(child: ChildProcessWithoutNullStreams, input = ''): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}
