/**
 * The local Lambda: runs a built bundle in worker threads as the service would. JSON goes in and JSON comes out, each
 * environment has its own variables and handles one invocation at a time, and stays warm for the next.
 */
import { randomUUID } from 'node:crypto';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { DepthlakeError } from '../../producer/errors.ts';

/** Synchronous invocations: 6 MB each way; the service's own figures, in bytes. */
const MAX_REQUEST_BYTES = 6_291_456;
const MAX_RESPONSE_BYTES = 6_291_556;
/** Lines kept of one invocation. */
const MAX_LOG_LINES = 10_000;
/** A longer line is passed on in pieces. */
const MAX_LINE_CHARACTERS = 65_536;

export interface LambdaOptions {
  /** An ES module with the export `handler`. */
  readonly bundle: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Environments at once; further invocations wait for one. Default 2. */
  readonly concurrency?: number;
  /** One line that a handler wrote. */
  readonly log: (line: string) => void;
}

export interface FunctionError {
  readonly errorType: string;
  readonly errorMessage: string;
}

export interface Invocation {
  /** What the handler returned; the function error where there is one. */
  readonly payload: unknown;
  readonly functionError: FunctionError | null;
  /** The lines that the handler wrote meanwhile. */
  readonly log: readonly string[];
}

export interface LocalLambda {
  /** @throws RequestTooLargeException (the error's name), and DL_SERVICE_DIED after `stop` */
  invoke(event: unknown): Promise<Invocation>;
  stop(): Promise<void>;
}

/** @throws DL_NOT_BUILT where the bundle does not exist */
export async function startLambda(options: LambdaOptions): Promise<LocalLambda> {
  const bundle = path.resolve(options.bundle);
  await access(bundle).catch((cause) => {
    throw new DepthlakeError('DL_NOT_BUILT', `${bundle} does not exist`, { cause });
  });
  const url = pathToFileURL(bundle).href;
  const idle: Environment[] = [];
  const busy = new Set<Environment>();
  const waiting: (() => void)[] = [];
  let stopped = false;

  const freeEnvironment = async (): Promise<Environment> => {
    while (!stopped && busy.size >= (options.concurrency ?? 2)) {
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
    if (stopped) throw new DepthlakeError('DL_SERVICE_DIED', 'the local Lambda is stopped');
    let environment = idle.pop();
    while (environment?.dead) environment = idle.pop();
    environment ??= new Environment(url, options);
    busy.add(environment);
    return environment;
  };

  return {
    invoke: async (event) => {
      const request = JSON.stringify(event);
      refuseLargeRequest(request);
      const environment = await freeEnvironment();
      try {
        return await environment.invoke(request);
      } finally {
        busy.delete(environment);
        if (!environment.dead && !stopped) idle.push(environment);
        waiting.shift()?.();
      }
    },
    stop: async () => {
      stopped = true;
      for (const wake of waiting.splice(0)) wake();
      await Promise.all([...idle.splice(0), ...busy].map((environment) => environment.end()));
    },
  };
}

/** Runs in the worker. Lines are sent as messages, so that they arrive before the response they belong to. */
const BOOTSTRAP = `
  const { parentPort, workerData } = require('node:worker_threads');
  for (const stream of [process.stdout, process.stderr]) {
    stream.write = (chunk, encoding, callback) => {
      parentPort.postMessage({ text: typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString() });
      const done = typeof encoding === 'function' ? encoding : callback;
      if (done) process.nextTick(done);
      return true;
    };
  }
  const loaded = import(workerData.url);
  loaded.catch(() => {});
  parentPort.on('message', async ({ request, requestId, deadlineMs }) => {
    const context = {
      awsRequestId: requestId,
      functionName: workerData.name,
      invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:' + workerData.name,
      getRemainingTimeInMillis: () => Math.max(0, deadlineMs - Date.now()),
    };
    try {
      const { handler } = await loaded;
      if (typeof handler !== 'function') throw new TypeError('the bundle exports no function named handler');
      const response = await handler(JSON.parse(request), context);
      parentPort.postMessage({ response: JSON.stringify(response) ?? 'null' });
    } catch (error) {
      const known = error instanceof Error;
      parentPort.postMessage({
        failure: { errorType: known ? error.name : typeof error, errorMessage: known ? error.message : String(error) },
      });
    }
  });
`;

type Message = { text: string } | { response: string } | { failure: FunctionError };

/** One warm environment: a worker thread that handles one invocation at a time. */
class Environment {
  dead = false;
  readonly #options: LambdaOptions;
  readonly #worker: Worker;
  #lines: string[] = [];
  #rest = '';
  #settle: ((payload: unknown, error: FunctionError | null) => void) | null = null;

  constructor(url: string, options: LambdaOptions) {
    this.#options = options;
    const name = options.environment.AWS_LAMBDA_FUNCTION_NAME ?? 'transformer';
    this.#worker = new Worker(BOOTSTRAP, {
      eval: true,
      env: { AWS_REGION: 'us-east-1', AWS_LAMBDA_FUNCTION_NAME: name, TZ: ':UTC', ...options.environment },
      workerData: { url, name },
      execArgv: [],
    });
    this.#worker.on('message', (message: Message) => this.#receive(message));
    this.#worker.on('error', (error: Error) => this.#die({ errorType: error.name, errorMessage: error.message }));
    this.#worker.on('exit', (code) =>
      this.#die({ errorType: 'Runtime.ExitError', errorMessage: `Runtime exited with status ${code}` }),
    );
  }

  async invoke(request: string): Promise<Invocation> {
    const { timeoutMs } = this.#options;
    const seconds = (timeoutMs / 1000).toFixed(2);
    const lines: string[] = [];
    this.#lines = lines;
    const outcome = new Promise<Omit<Invocation, 'log'>>((resolve) => {
      const timer = setTimeout(
        () => this.#die({ errorType: 'Sandbox.Timedout', errorMessage: `Task timed out after ${seconds} seconds` }),
        timeoutMs,
      );
      this.#settle = (payload, functionError) => {
        clearTimeout(timer);
        this.#settle = null;
        resolve({ payload, functionError });
      };
    });
    this.#worker.postMessage({ request, requestId: randomUUID(), deadlineMs: Date.now() + timeoutMs });
    const { payload, functionError } = await outcome;
    if (this.dead) await this.end();
    return { payload, functionError, log: lines };
  }

  async end(): Promise<void> {
    this.#die({ errorType: 'Sandbox.Stopped', errorMessage: 'the local Lambda was stopped' });
    await this.#worker.terminate();
  }

  #receive(message: Message): void {
    if ('text' in message) {
      this.#write(message.text);
      return;
    }
    this.#flush();
    const error = 'failure' in message ? message.failure : tooLarge(message.response);
    if (error !== null) this.#settle?.(error, error);
    else if ('response' in message) this.#settle?.(JSON.parse(message.response), null);
  }

  #write(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) this.#line(line);
    if (this.#rest.length > MAX_LINE_CHARACTERS) this.#flush();
  }

  #flush(): void {
    if (this.#rest !== '') this.#line(this.#rest);
    this.#rest = '';
  }

  #line(line: string): void {
    if (this.#lines.length < MAX_LOG_LINES) this.#lines.push(line);
    this.#options.log(line);
  }

  #die(error: FunctionError): void {
    this.dead = true;
    this.#flush();
    this.#settle?.(error, error);
  }
}

function refuseLargeRequest(request: string): void {
  const bytes = Buffer.byteLength(request);
  if (bytes <= MAX_REQUEST_BYTES) return;
  const error = new Error(
    `${bytes} byte payload is too large for the RequestResponse invocation type (limit ${MAX_REQUEST_BYTES} bytes)`,
  );
  error.name = 'RequestTooLargeException';
  throw error;
}

function tooLarge(response: string): FunctionError | null {
  if (Buffer.byteLength(response) <= MAX_RESPONSE_BYTES) return null;
  const errorMessage = `Response payload size exceeded maximum allowed payload size (${MAX_RESPONSE_BYTES} bytes).`;
  return { errorType: 'Function.ResponseSizeTooLarge', errorMessage };
}
