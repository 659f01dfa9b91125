/**
 * The local Glue: the catalog's JSON 1.1 protocol on 127.0.0.1, for the operations in glue-catalog.ts. What it knows
 * lies in one file, which is replaced whole after every change and read at the start.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';
import { type Catalog, GlueError, isWrite, OPERATIONS, own } from './glue-catalog.ts';
import { putWhole } from './s3.ts';

/** A call with 100 partitions, each with a schema of a few KiB, stays well below it. */
const MAX_REQUEST_BYTES = 16 * 1024 * 1024;

export interface GlueOptions {
  /** Holds `catalog.json`. */
  readonly folder: string;
  /** Default: a free one. */
  readonly port?: number;
  readonly log: (line: string) => void;
}

export interface LocalGlue {
  readonly endpoint: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** @throws DL_PORT_IN_USE; DL_FILE_UNREADABLE where the catalog's file is no catalog */
export async function startGlue({ folder, port, log }: GlueOptions): Promise<LocalGlue> {
  const file = path.join(folder, 'catalog.json');
  let catalog = await load(file);
  let tail: Promise<unknown> = Promise.resolve();

  /** One operation after the other; a change counts once it is on the disk. */
  const run = (operation: string, input: Record<string, unknown>): Promise<object> => {
    const perform = own(OPERATIONS, operation);
    if (perform === undefined) throw new GlueError('UnknownOperationException', `unknown operation ${operation}`);
    const done = tail.then(async () => {
      if (!isWrite(operation)) return perform(catalog, input, Date.now());
      const changed = structuredClone(catalog);
      const output = perform(changed, input, Date.now());
      await putWhole(file, JSON.stringify(changed));
      catalog = changed;
      return output;
    });
    tail = done.catch(() => {});
    return done;
  };

  const server = createServer((request, response) => {
    answer(request, response, run).catch((error) => {
      log(`the local Glue failed to answer: ${reasonOf(error)}`);
      response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      const message = `the local Glue cannot listen on 127.0.0.1:${port ?? 0}: ${reasonOf(cause)}`;
      reject(new DepthlakeError('DL_PORT_IN_USE', message, { cause }));
    });
    server.listen(port ?? 0, '127.0.0.1', resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  return {
    endpoint: `http://127.0.0.1:${bound}`,
    port: bound,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      await tail;
    },
  };
}

async function load(file: string): Promise<Catalog> {
  try {
    const parsed = JSON.parse(await readFile(file, 'utf8')) as Partial<Catalog> | null;
    if (typeof parsed?.databases !== 'object') throw new Error('it holds no databases');
    return parsed as Catalog;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return { databases: {} };
    throw new DepthlakeError('DL_FILE_UNREADABLE', `${file} is no catalog: ${reasonOf(cause)}`, { cause });
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  run: (operation: string, input: Record<string, unknown>) => Promise<object>,
): Promise<void> {
  let status = 200;
  let body: object;
  try {
    const operation = /^AWSGlue\.(\w+)$/.exec(String(request.headers['x-amz-target']))?.[1] ?? '';
    const input = parseInput(await readBody(request));
    body = await run(operation, input);
  } catch (error) {
    const known = error instanceof GlueError;
    status = known ? 400 : 500;
    body = { __type: known ? error.name : 'InternalServiceException', Message: reasonOf(error) };
  }
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.1',
    'x-amzn-requestid': randomUUID(),
  });
  response.end(JSON.stringify(body));
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_REQUEST_BYTES) throw new GlueError('InvalidInputException', 'the request is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseInput(body: string): Record<string, unknown> {
  try {
    const input: unknown = JSON.parse(body);
    if (typeof input === 'object' && input !== null && !Array.isArray(input)) return input as Record<string, unknown>;
  } catch {}
  throw new GlueError('SerializationException', 'the body is not a JSON object');
}
