/** The outputs of a deployed stack, as `pulumi stack output --json` prints them, and the environment among them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';
import { readObject } from './object-file.ts';

/** What the program's output `environment` holds: where the commands find a deployed stack. */
export const STACK_VARIABLES = [
  'AWS_REGION',
  'DEPTHLAKE_STREAM',
  'DEPTHLAKE_DELIVERY_STREAM',
  'DEPTHLAKE_BACKFILL_STREAM',
  'DEPTHLAKE_GLUE_DATABASE',
  'DEPTHLAKE_BUCKET',
  'DEPTHLAKE_WORKGROUP',
  'DEPTHLAKE_STACK',
  'DEPTHLAKE_VENUE',
  'DEPTHLAKE_SYMBOLS',
  'DEPTHLAKE_BOOK',
] as const;

/** A name that a shell may assign to. */
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

export interface PulumiStack {
  /** As `pulumi stack ls` lists it; undefined: the selected one. */
  readonly name: string | undefined;
  /** The folder of Pulumi.yaml, or one below it. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * What `pulumi stack output --json` prints.
 * @throws DL_PULUMI_FAILED with what Pulumi said
 */
export async function askPulumi({ name, folder, env }: PulumiStack): Promise<string> {
  const args = ['stack', 'output', '--json', '--non-interactive', '--cwd', folder];
  const child = spawn('pulumi', name === undefined ? args : [...args, '--stack', name], {
    env: { ...env, PULUMI_SKIP_UPDATE_CHECK: 'true' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const failed = once(child, 'error').then(([error]) => {
    throw error;
  });
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  let stdout: string;
  let stderr: string;
  let status: number | null;
  try {
    [stdout, stderr, [status]] = (await Promise.race([ended, failed])) as [string, string, [number | null]];
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const words = missing ? 'there is no command pulumi' : `pulumi does not run: ${reasonOf(cause)}`;
    throw new DepthlakeError('DL_PULUMI_FAILED', words, { cause });
  }
  if (status === 0) return stdout;
  const said = stderr.trim().replace(/^error: /, '') || stdout.trim() || `it ended with status ${status}`;
  throw new DepthlakeError('DL_PULUMI_FAILED', `pulumi stack output: ${said.replaceAll('\n', ' ')}`);
}

/**
 * Outputs that were saved.
 * @param file `-` reads standard input
 * @throws DL_FILE_UNREADABLE
 */
export async function readOutputs(file: string): Promise<string> {
  try {
    return (await readObject(file)).toString('utf8');
  } catch (cause) {
    throw new DepthlakeError('DL_FILE_UNREADABLE', `${file}: ${reasonOf(cause)}`, { cause });
  }
}

/**
 * The environment of the outputs.
 * @throws DL_STACK_OUTPUTS where they are not those of this program's stack
 */
export function environmentOf(outputs: string): Record<string, string> {
  const environment = membersOf(membersOf(parsed(outputs), 'the outputs')['environment'], 'the output environment');
  const lacking = STACK_VARIABLES.filter((name) => environment[name] === undefined);
  if (lacking.length > 0) throw foreign(`the output environment lacks ${lacking.join(', ')}`);
  for (const [name, value] of Object.entries(environment)) {
    if (!VARIABLE.test(name))
      throw foreign(`the output environment names ${JSON.stringify(name)}, which is no variable`);
    if (typeof value !== 'string') throw foreign(`${name} in the output environment is no text`);
  }
  return environment as Record<string, string>;
}

/** A line for a POSIX shell, in which nothing of the value is expanded. */
export function exportLine([name, value]: readonly [string, string]): string {
  return `export ${name}='${value.replaceAll("'", "'\\''")}'`;
}

function parsed(outputs: string): unknown {
  try {
    return JSON.parse(outputs);
  } catch (cause) {
    throw foreign('the outputs are not JSON', cause);
  }
}

function membersOf(value: unknown, what: string): Record<string, unknown> {
  if (value === undefined) throw foreign(`${what} is not there`);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw foreign(`${what} is no JSON object`);
}

function foreign(words: string, cause?: unknown): DepthlakeError {
  return new DepthlakeError('DL_STACK_OUTPUTS', words, { cause });
}
