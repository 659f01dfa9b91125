/** The Python environment of these tests: `.venv` at the repository's root, or what DEPTHLAKE_PYTHON names. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ended } from '../cli/process.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const PYTHON = process.env['DEPTHLAKE_PYTHON'] || path.join(root, '.venv/bin/python');

/** Why tests that need Python are skipped; null where it is there. With DEPTHLAKE_INTEROP=required a lack is an error. */
export const absent = existsSync(PYTHON) ? null : lacking();

function lacking(): string {
  const message = 'no .venv/bin/python with test/interop/requirements.txt, and no DEPTHLAKE_PYTHON';
  if (process.env['DEPTHLAKE_INTEROP'] === 'required') throw new Error(message);
  console.warn(`interop tests are skipped: ${message}`);
  return `skipped: ${message}`;
}

/** A command of the environment: `moto_server`. */
export function commandOf(name: string): string {
  return path.join(path.dirname(PYTHON), name);
}

/**
 * Runs a script of this folder.
 * @param request what it reads on stdin, as JSON
 * @returns what it prints, one JSON value a line
 */
export async function runScript<Answer>(script: string, request: unknown): Promise<Answer[]> {
  const child = spawn(PYTHON, [fileURLToPath(new URL(script, import.meta.url))]);
  const { status, stdout, stderr } = await ended(child, JSON.stringify(request));
  if (status !== 0) throw new Error(`${script} ended with status ${status}:\n${stderr}`);
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Answer]));
}
