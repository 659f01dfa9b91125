/** The built `depthlake start` as a process of its own, in a process group of its own, as a terminal would run it. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { TestContext } from 'vitest';
import { type Endpoints, readEndpoints } from '../../infra/local/endpoints.ts';
import type { PipelineSummary } from '../../infra/local/pipeline.ts';
import { CLI } from '../cli/process.ts';
import { isAlive, until } from './wait.ts';

export interface EndedPipeline {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What `--json` printed; null where nothing was printed. */
  readonly summary: PipelineSummary | null;
}

export interface PipelineProcess {
  readonly pid: number;
  readonly endpoints: Endpoints;
  readonly ended: Promise<EndedPipeline>;
  stderr(): string;
  /** Sends a signal to its process group, as Ctrl-C in a terminal does. */
  interrupt(signal: NodeJS.Signals): void;
  kill(signal: NodeJS.Signals): void;
}

export interface ProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Starts `depthlake start --json` on a folder and waits until it wrote its endpoints. What it started ends with the test. */
export async function startPipelineProcess(
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  folder: string,
  args: readonly string[] = [],
  { env = {}, cwd }: ProcessOptions = {},
): Promise<PipelineProcess> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('DEPTHLAKE_'));
  const child = spawn(process.execPath, [CLI, 'start', '--json', '--data', folder, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...Object.fromEntries(inherited), ...env },
    cwd,
  });
  const pid = child.pid!;
  const output = collect(child);
  let exited = false;
  const ended = new Promise<EndedPipeline>((resolve) => {
    child.once('close', (status, signal) => {
      exited = true;
      resolve({ status, signal, ...output, summary: summaryIn(output.stdout) });
    });
  });
  let endpoints: Endpoints | null = null;
  onTestFinished(() => {
    const pids = [pid, endpoints?.producer_pid, endpoints?.kinesis_pid];
    if (!exited) for (const each of pids) if (each !== undefined && isAlive(each)) process.kill(each, 'SIGKILL');
  });

  await until('the pipeline writes its endpoints', async () => {
    if (exited) throw new Error(`start ended with status ${child.exitCode}: ${output.stderr}`);
    endpoints = await readEndpoints(folder);
    return endpoints?.pid === pid;
  });
  return {
    pid,
    endpoints: endpoints!,
    ended,
    stderr: () => output.stderr,
    interrupt: (signal) => process.kill(-pid, signal),
    kill: (signal) => child.kill(signal),
  };
}

function collect(child: ChildProcess): { stdout: string; stderr: string } {
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  return output;
}

function summaryIn(stdout: string): PipelineSummary | null {
  return stdout.trim() === '' ? null : (JSON.parse(stdout) as PipelineSummary);
}
