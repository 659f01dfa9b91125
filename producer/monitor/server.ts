/**
 * Where the producer can be looked at over HTTP: `/healthz` for whoever restarts it, `/readyz` for whoever relies on
 * it, `/metrics` for Prometheus. It reads nothing that a client sends but the method and the path, and holds no more
 * than 64 connections.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DepthlakeError, reasonOf } from '../errors.ts';
import type { Verdict } from './health.ts';

export interface MonitorSources {
  readonly health: () => Verdict;
  readonly readiness: () => Verdict;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly body: string }>;
}

export interface Monitor {
  /** With the port that was taken, without a slash at its end. */
  readonly url: string;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const MAX_CONNECTIONS = 64;
const MAX_HEADER_BYTES = 8 * 1024;
/** For the headers, for the whole request, and for a socket on which nothing moves. */
const TIMEOUT_MS = 5_000;

/** @throws DL_PORT_IN_USE, DL_SETTINGS where this machine has no such address, or it may not be used */
export async function startMonitor(address: { host: string; port: number }, sources: MonitorSources): Promise<Monitor> {
  const limits = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: TIMEOUT_MS,
    requestTimeout: TIMEOUT_MS,
    keepAliveTimeout: TIMEOUT_MS,
    connectionsCheckingInterval: 1_000,
  };
  const server = createServer(limits, (request, response) => void respond(request, response, sources));
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(TIMEOUT_MS);
  await listen(server, address);
  const { address: host, family, port } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${host}]` : host}:${port}`,
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    },
  };
}

async function respond(request: IncomingMessage, response: ServerResponse, sources: MonitorSources): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    // What else the client sends is not read.
    response.setHeader('connection', 'close');
    write(request, response, json(405, { status: 'method not allowed' }));
    return;
  }
  const path = request.url?.split('?', 1)[0];
  const answer = await answerTo(path, sources).catch((error: unknown) =>
    json(500, { status: 'failed', reasons: [reasonOf(error)] }),
  );
  write(request, response, answer);
}

async function answerTo(path: string | undefined, sources: MonitorSources): Promise<Answer> {
  switch (path) {
    case '/healthz':
      return verdictAnswer(sources.health());
    case '/readyz':
      return verdictAnswer(sources.readiness());
    case '/metrics':
      return { status: 200, ...(await sources.metrics()) };
    default:
      return json(404, { status: 'not found', paths: ['/healthz', '/readyz', '/metrics'] });
  }
}

function verdictAnswer({ reasons }: Verdict): Answer {
  return reasons.length === 0 ? json(200, { status: 'ok' }) : json(503, { status: 'unavailable', reasons });
}

function json(status: number, body: object): Answer {
  return { status, contentType: 'application/json; charset=utf-8', body: `${JSON.stringify(body)}\n` };
}

function write(request: IncomingMessage, response: ServerResponse, { status, contentType, body }: Answer): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function listen(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.on('error', (cause) => {
      const isTaken = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
      const message = `--monitor ${host}:${port}: the monitor cannot listen there: ${reasonOf(cause)}`;
      reject(new DepthlakeError(isTaken ? 'DL_PORT_IN_USE' : 'DL_SETTINGS', message, { cause }));
    });
    server.listen(port, host, resolve);
  });
}
