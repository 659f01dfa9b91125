#!/usr/bin/env node
/** The `depthlake` command: from a command line to an exit status. */
import { DepthlakeError, reasonOf } from '../producer/errors.ts';
import type { Context, Settings } from './commands/command.ts';
import { COMMANDS } from './commands/list.ts';
import { packageVersion } from './commands/package.ts';
import { type Invocation, readCommandLine } from './commands/program.ts';
import { Output, Terminal } from './terminal.ts';

// Read when the AWS SDK is loaded, which every command does later than this; on Node 20 it would print a warning.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';

/** Exit statuses of a process that a signal ended, as shells report them: 128 + the signal's number. */
const SIGNAL_STATUS = { SIGHUP: 129, SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 } as const;
type EndSignal = keyof typeof SIGNAL_STATUS;

/** npm passes Ctrl-C on to a process that the terminal has told already: within this time it is the same keypress. */
const SAME_KEYPRESS_MS = 1000;

const abort = new AbortController();
let running: Invocation | null = null;
let firstSignalAt: number | null = null;

const outputs = { env: process.env, onClosed: () => end('SIGPIPE') };
const stdout = new Output(process.stdout, outputs);
const stderr = new Output(process.stderr, outputs);
const terminal = new Terminal(stderr);

function end(signal: EndSignal): void {
  const repeated = firstSignalAt !== null && Date.now() - firstSignalAt > SAME_KEYPRESS_MS && signal !== 'SIGPIPE';
  if (running?.command.flushes !== true || repeated) {
    terminal.clear();
    process.exit(SIGNAL_STATUS[signal]);
  }
  firstSignalAt ??= Date.now();
  abort.abort(signal);
}

async function run(invocation: Invocation): Promise<number> {
  running = invocation;
  const status = await invocation.command.run({
    values: invocation.values as Context<Settings>['values'],
    arguments: invocation.arguments,
    env: process.env,
    stdout,
    stderr,
    terminal,
    signal: abort.signal,
  });
  return status === 0 && abort.signal.reason === 'SIGPIPE' ? SIGNAL_STATUS.SIGPIPE : status;
}

async function main(args: readonly string[]): Promise<number> {
  const request = readCommandLine(args, process.env, COMMANDS, packageVersion());
  if ('invocation' in request) return run(request.invocation);
  await stdout.write(request.text);
  return 0;
}

async function report(thrown: unknown): Promise<number> {
  const error =
    thrown instanceof DepthlakeError ? thrown : new DepthlakeError('DL_INTERNAL', reasonOf(thrown), { cause: thrown });
  terminal.clear();
  const { red, bold } = stderr.paint;
  await stderr.line(`${bold(red(`depthlake: ${error.code}:`))} ${error.message}\n  what to do: ${error.remedy}`);
  if (process.env['DEPTHLAKE_DEBUG'] === '1') {
    const { cause } = error;
    await stderr.line(cause instanceof Error ? `${error.stack}\ncaused by ${cause.stack}` : `${error.stack}`);
  }
  return error.exit;
}

/** A message that cannot be written changes nothing about the status. */
async function fail(thrown: unknown): Promise<never> {
  const status = await report(thrown).catch(() => 1);
  process.exit(status);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(signal));
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);

try {
  const status = await main(process.argv.slice(2));
  terminal.clear();
  process.exit(status);
} catch (error) {
  await fail(error);
}
