/** HTTP and WebSocket on one loopback port. */
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { DepthlakeError, reasonOf } from '../../../producer/errors.ts';
import { MAX_STREAMS, parseTarget, type Target } from './protocol.ts';
import type { RestAnswer } from './rest.ts';
import type { Hangup } from './rest-faults.ts';

export const HOST = '127.0.0.1';
/** Room for a request line with 1,024 streams in it. */
const MAX_HEADER_BYTES = 128 * 1024;
/** The largest request that a client may send on a connection. */
const MAX_REQUEST_BYTES = 128 * 1024;
const RETRY_AFTER_S = '1';

export interface ServerOptions {
  /** 0: a free one. */
  readonly port: number;
  /** HTTP status that refuses everything; 0: none. */
  readonly refuseWith: () => number;
  /** Answers a GET request. */
  readonly rest: (target: string) => RestAnswer | Hangup;
  /** UTC epoch ms. */
  readonly now: () => number;
  /** Takes a connection that was asked for. */
  readonly accept: (ws: WebSocket, socket: Socket, target: Target) => void;
}

export interface RunningServer {
  readonly port: number;
  /** Ends the requests that hung long enough. */
  beat(nowMs: number): void;
  /** Stops listening and ends what is open. */
  close(): Promise<void>;
}

/** @throws DL_PORT_IN_USE where the port cannot be had */
export async function openServer(options: ServerOptions): Promise<RunningServer> {
  const hanging = new Map<ServerResponse, number>();
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) => {
    const given = answer(request, options);
    if ('status' in given) reply(response, given);
    else if (given.afterMs === 0) response.destroy();
    else {
      hanging.set(response, options.now() + given.afterMs);
      response.on('close', () => hanging.delete(response));
    }
  });
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    autoPong: false,
    maxPayload: MAX_REQUEST_BYTES,
  });
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    // A plain HTTP server's connections are sockets.
    const socket = stream as Socket;
    socket.on('error', () => socket.destroy());
    const target = upgradeTarget(request, options);
    if ('status' in target) refuse(socket, target);
    else webSockets.handleUpgrade(request, socket, head, (ws) => options.accept(ws, socket, target));
  });
  await listen(server, options.port);
  return {
    port: (server.address() as AddressInfo).port,
    beat: (nowMs) => {
      for (const [response, dueMs] of hanging) if (nowMs >= dueMs) response.destroy();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(request: IncomingMessage, { refuseWith, rest }: ServerOptions): RestAnswer | Hangup {
  if (refuseWith() > 0) return refusal(refuseWith());
  if (request.method !== 'GET') return plain(405);
  return isTarget(request.url) ? rest(request.url) : plain(400);
}

function upgradeTarget(request: IncomingMessage, { refuseWith }: ServerOptions): Target | RestAnswer {
  if (refuseWith() > 0) return refusal(refuseWith());
  const target = isTarget(request.url) ? parseTarget(request.url) : null;
  if (target === null) return plain(404);
  return target.streams.length > MAX_STREAMS ? plain(400) : target;
}

function isTarget(url: string | undefined): url is string {
  return url !== undefined && URL.canParse(url, `http://${HOST}`);
}

function refusal(status: number): RestAnswer {
  const headers: Record<string, string> = status === 418 || status === 429 ? { 'retry-after': RETRY_AFTER_S } : {};
  return { ...plain(status), headers };
}

function plain(status: number): RestAnswer {
  return { status, body: JSON.stringify({ code: 0, msg: STATUS_CODES[status] ?? 'Refused' }), headers: {} };
}

function reply(response: ServerResponse, { status, body, headers }: RestAnswer): void {
  response.writeHead(status, { 'content-type': 'application/json;charset=UTF-8', ...headers });
  response.end(body);
}

function refuse(socket: Socket, { status, body, headers }: RestAnswer): void {
  const lines = Object.entries({ ...headers, connection: 'close', 'content-length': Buffer.byteLength(body) });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    ...lines.map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const message = `cannot listen on ${HOST}:${port}: ${reasonOf(cause)}`;
      reject(new DepthlakeError('DL_PORT_IN_USE', message, { cause }));
    });
    server.listen(port, HOST, resolve);
  });
}
