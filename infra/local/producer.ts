/**
 * The producer as a child process: the built bundle, as the deployed task runs it. It has its own process group, so
 * Ctrl-C in a terminal reaches only its parent, which stops it in the right order.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { DepthlakeError, ERRORS, type ErrorCode } from '../../producer/errors.ts';
import type { Log, LogLevel } from '../../producer/log.ts';
import type { ProducerProgress, ProducerSummary } from '../../producer/summary.ts';

/** The producer flushes for 20 s at the most; beyond this it hangs. */
const KILL_AFTER_MS = 30_000;

export interface ProducerOptions {
  readonly bundle: string;
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  readonly progress: (progress: ProducerProgress) => void;
}

export interface LocalProducer {
  readonly pid: number;
  /** Settles when the process has ended; its `failure` is null after a clean end. Never rejects. */
  readonly ended: Promise<{ readonly summary: ProducerSummary | null; readonly failure: DepthlakeError | null }>;
  /** Asks it to flush and end; the reason stands in its `stopped` event. */
  stop(reason: string): void;
  /** Ends it after this time, flushed or not. */
  killAfter(ms: number): void;
}

export function startProducer({ bundle, flags, env, log, progress }: ProducerOptions): LocalProducer {
  const child = spawn(process.execPath, ['--enable-source-maps', bundle, ...flags], {
    env: { ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let failure: DepthlakeError | null = null;
  let output = '';
  child.on('message', (message) => progress(message as ProducerProgress));
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  createInterface({ input: child.stderr! }).on('line', (line) => {
    const { level, event, fields } = readLogLine(line);
    if (event === 'failed') failure = failureOf(fields);
    else log(level, event, fields);
  });

  const ended = new Promise<{ summary: ProducerSummary | null; failure: DepthlakeError | null }>((resolve) => {
    child.once('error', (error) => resolve({ summary: null, failure: died(error.message) }));
    child.once('close', (code, signal) => {
      const how = signal === null ? `ended with status ${code}` : `was ended by ${signal}`;
      resolve({ summary: readSummary(output), failure: code === 0 ? null : (failure ?? died(how)) });
    });
  });
  const killAfter = (ms: number) => {
    const killer = setTimeout(() => child.kill('SIGKILL'), ms);
    void ended.then(() => clearTimeout(killer));
  };
  return {
    pid: child.pid ?? 0,
    ended,
    stop(reason) {
      if (child.connected) child.send({ stop: reason });
      killAfter(KILL_AFTER_MS);
    },
    killAfter,
  };
}

interface LogLine {
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Lines that are no JSON come from the runtime (a warning, a crash) and are passed on as they are. */
function readLogLine(line: string): LogLine {
  try {
    const { time: _, level, event, ...fields } = JSON.parse(line) as { time: string } & LogLine;
    return { level, event, fields };
  } catch {
    return { level: 'warn', event: 'producer', fields: { line } };
  }
}

function failureOf({ code, message }: LogLine['fields']): DepthlakeError {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code)
    ? new DepthlakeError(code as ErrorCode, String(message))
    : died(String(message));
}

function readSummary(output: string): ProducerSummary | null {
  try {
    return JSON.parse(output) as ProducerSummary;
  } catch {
    return null;
  }
}

function died(how: string): DepthlakeError {
  return new DepthlakeError('DL_SERVICE_DIED', `the producer ${how}`);
}
