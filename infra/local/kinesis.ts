/**
 * The local Kinesis: npm's `kinesis-local`, the real API in memory, as a child process on 127.0.0.1.
 *
 * The child has its own process group, so Ctrl-C in a terminal reaches only us and everything in flight can still be
 * flushed; it ends when the channel to its parent closes, however the parent dies.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DescribeStreamSummaryCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';

const LAST_LINES = 20;
const READY_WITHIN_MS = 60_000;
/** One call while it starts. */
const CALL_TIMEOUT_MS = 5000;
const READY_POLL_MS = 100;
const KILL_AFTER_MS = 3000;

export interface KinesisOptions {
  /** Default: a free one. */
  readonly port?: number;
  readonly streams: readonly { readonly name: string; readonly shards: number }[];
  /** Further settings of `kinesis-local`, by its own variables' names: limits and delays. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Default 60,000. */
  readonly readyWithinMs?: number;
  /** One line that the service wrote. */
  readonly log: (line: string) => void;
}

export interface LocalKinesis {
  readonly endpoint: string;
  readonly port: number;
  readonly pid: number;
  /** Settles when the process has ended: null after `stop`, DL_SERVICE_DIED with its last lines otherwise. Never rejects. */
  readonly exited: Promise<DepthlakeError | null>;
  stop(): Promise<void>;
}

/**
 * Starts the service and waits until every stream is ACTIVE.
 * @throws DL_PORT_IN_USE, DL_SERVICE_DIED
 */
export async function startKinesis(options: KinesisOptions): Promise<LocalKinesis> {
  const child = spawnService(options);
  const lastLines: string[] = [];
  forEachLine(child, (line) => {
    lastLines.push(line);
    if (lastLines.length > LAST_LINES) lastLines.shift();
    options.log(line);
  });

  let stopping = false;
  const exited = new Promise<DepthlakeError | null>((resolve) => {
    const ended = (how: string) => resolve(stopping ? null : died(how, lastLines));
    child.once('error', (error) => ended(`could not be started: ${reasonOf(error)}`));
    child.once('close', (code, signal) => ended(signal === null ? `ended with status ${code}` : `ended by ${signal}`));
  });

  const stop = async () => {
    stopping = true;
    child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
    await exited;
    clearTimeout(killer);
  };

  const starting = new AbortController();
  const late = startsLate(options.readyWithinMs ?? READY_WITHIN_MS, starting.signal);
  try {
    const failed = exited.then((error) => {
      throw error ?? died('was stopped', lastLines);
    });
    failed.catch(() => {});
    const port = await Promise.race([listeningPort(child, options.port), failed, late]);
    const endpoint = `http://127.0.0.1:${port}`;
    await Promise.race([allActive(endpoint, options.streams, starting.signal), failed, late]);
    return { endpoint, port, pid: child.pid!, exited, stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    starting.abort();
  }
}

const SILENT = { trace: () => {}, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/**
 * A client for a local endpoint: no credentials are looked up, and HTTP/1.1, because the service speaks no HTTP/2.
 * Its own warnings are silenced; a call that may hang needs an `abortSignal`.
 */
export function kinesisClient(endpoint: string): KinesisClient {
  return new KinesisClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    logger: SILENT,
    requestHandler: new NodeHttpHandler({ connectionTimeout: 5000, logger: SILENT }),
  });
}

/** What `kinesis-local` is told; the preload below puts other ports in their place. */
const PLAIN_PORT = 4568;
const TLS_PORT = 4567;

/**
 * Runs in the child before the service. `kinesis-local` listens on every interface and has no setting for that, so its
 * listeners are pinned to 127.0.0.1 here, the TLS one to any free port. It is a data: URL because the command is bundled,
 * and no file of this folder lies beside the bundle.
 */
function preload(port: number): string {
  const source = `
    import net from 'node:net';
    const listen = net.Server.prototype.listen;
    net.Server.prototype.listen = function (asked, ...rest) {
      const plain = asked === ${PLAIN_PORT};
      this.once('error', (error) => process.send({ refused: error.code ?? String(error) }, () => process.exit(1)));
      if (plain) this.once('listening', () => process.send({ port: this.address().port }));
      return listen.call(this, plain ? ${port} : 0, '127.0.0.1', ...rest.filter((each) => typeof each === 'function'));
    };
    // The event alone is missed when the parent dies while this process is still loading.
    setInterval(() => process.connected || process.exit(0), 1000).unref();
    process.on('disconnect', () => process.exit(0));`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

/** Its settings are ours alone: of the user's environment, it sees only what a process needs to start. */
function spawnService({ port, streams, variables }: KinesisOptions): ChildProcess {
  const folder = path.dirname(createRequire(import.meta.url).resolve('kinesis-local/package.json'));
  const { PATH, LD_LIBRARY_PATH, TMPDIR, SystemRoot } = process.env;
  return spawn(process.execPath, ['--import', preload(port ?? 0), path.join(folder, 'main.js')], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
    env: {
      ...{ PATH, LD_LIBRARY_PATH, TMPDIR, SystemRoot },
      ...variables,
      KINESIS_MOCK_CERT_PATH: path.join(folder, 'server.json'),
      KINESIS_MOCK_PLAIN_PORT: String(PLAIN_PORT),
      KINESIS_MOCK_TLS_PORT: String(TLS_PORT),
      INITIALIZE_STREAMS: streams.map(({ name, shards }) => `${name}:${shards}`).join(','),
      LOG_LEVEL: 'ERROR',
    },
  });
}

function listeningPort(child: ChildProcess, asked: number | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on('message', (message: { port?: number; refused?: string }) => {
      if (message.port !== undefined) resolve(message.port);
      if (message.refused === undefined) return;
      const where = asked === undefined ? '127.0.0.1' : `127.0.0.1:${asked}`;
      reject(new DepthlakeError('DL_PORT_IN_USE', `the local Kinesis cannot listen on ${where}: ${message.refused}`));
    });
  });
}

/** Rejects when the time is over before the service is up; `over` ends the waiting. */
function startsLate(withinMs: number, over: AbortSignal): Promise<never> {
  const late = new Promise<never>((_, reject) => {
    const message = `the local Kinesis is not ready after ${withinMs / 1000} s`;
    const timer = setTimeout(() => reject(new DepthlakeError('DL_SERVICE_DIED', message)), withinMs);
    over.addEventListener('abort', () => clearTimeout(timer));
  });
  late.catch(() => {});
  return late;
}

/** Settles when every stream is ACTIVE, or soon after `over`. */
async function allActive(endpoint: string, streams: KinesisOptions['streams'], over: AbortSignal): Promise<void> {
  const client = kinesisClient(endpoint);
  try {
    for (const { name } of streams) {
      while (!over.aborted && !(await isActive(client, name))) await sleep(READY_POLL_MS);
    }
  } finally {
    client.destroy();
  }
}

async function isActive(client: KinesisClient, stream: string): Promise<boolean> {
  try {
    const command = new DescribeStreamSummaryCommand({ StreamName: stream });
    const answer = await client.send(command, { abortSignal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
    return answer.StreamDescriptionSummary?.StreamStatus === 'ACTIVE';
  } catch {
    return false;
  }
}

function died(how: string, lastLines: readonly string[]): DepthlakeError {
  const words = lastLines.length === 0 ? [] : ['its last lines:', ...lastLines];
  return new DepthlakeError('DL_SERVICE_DIED', [`the local Kinesis ${how}`, ...words].join('\n'));
}

function forEachLine(child: ChildProcess, onLine: (line: string) => void): void {
  for (const stream of [child.stdout!, child.stderr!]) {
    let rest = '';
    stream.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!.slice(-10_000);
      for (const line of lines.filter((each) => each.trim() !== '')) onLine(line);
    });
    stream.on('end', () => {
      if (rest.trim() !== '') onLine(rest);
    });
  }
}
