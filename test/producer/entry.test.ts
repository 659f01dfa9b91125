/** The producer as a process: its own entry, a venue and a Kinesis endpoint on loopback. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { decodePack, type TableRow } from '../../producer/record.ts';
import { frameText } from './samples.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const AWS = { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

function producer(args: readonly string[], env: Record<string, string> = {}) {
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', 'producer/entry.ts', ...args], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, ...AWS, DEPTHLAKE_WORK: workFolder(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  cleanups.push(() => child.kill('SIGKILL'));
  const out = { stdout: '', stderr: '' };
  child.stdout!.on('data', (data) => {
    out.stdout += data;
  });
  child.stderr!.on('data', (data) => {
    out.stderr += data;
  });
  const exit = once(child, 'close').then(([status]) => ({ status, ...out }));
  return { child, exit };
}

function workFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'depthlake-entry-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The lines of a log, each of which must be JSON: a stack trace is none. */
function logOf(stderr: string): Record<string, unknown>[] {
  return stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A venue that lists BTCUSDT and sends a frame every 20 ms. */
async function venue(): Promise<string> {
  const server = createServer((_, response) => response.end('{"symbols":[{"symbol":"BTCUSDT","status":"TRADING"}]}'));
  const sockets = new WebSocketServer({ server });
  let id = 0;
  const beat = setInterval(() => {
    id += 1;
    for (const client of sockets.clients) client.send(frameText('BTCUSDT', id));
  }, 20);
  cleanups.push(() => clearInterval(beat));
  return listening(server);
}

/** As much of the Kinesis API as the producer asks for; `stream` null: there is no such stream. */
async function kinesis(stream: TableRow[] | null, onRows: () => void = () => {}): Promise<string> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    if (stream === null) return response.writeHead(400).end('{"__type":"ResourceNotFoundException","message":"none"}');
    if (request.headers['x-amz-target']?.toString().endsWith('.PutRecords')) {
      const { Records } = JSON.parse(Buffer.concat(chunks).toString());
      for (const { Data } of Records) stream.push(...decodePack(Buffer.from(Data, 'base64')));
      const accepted = Records.map((_: unknown, i: number) => ({ SequenceNumber: `${i}`, ShardId: 'shard-0' }));
      response.end(JSON.stringify({ FailedRecordCount: 0, Records: accepted }));
      return onRows();
    }
    response.end(JSON.stringify({ StreamDescriptionSummary: { StreamName: 'depthlake', StreamStatus: 'ACTIVE' } }));
  });
  return `http://${await listening(server)}`;
}

describe('the producer as a process', () => {
  test('names all bad settings in one line of JSON and exits with 2', async () => {
    const { exit } = producer(['--venue', 'kraken', '--lanes', '0'], { DEPTHLAKE_LINGER: 'soon' });

    const { status, stdout, stderr } = await exit;

    const lines = logOf(stderr);
    expect([status, stdout, lines.length]).toEqual([2, '', 1]);
    expect(lines[0]).toMatchObject({
      level: 'error',
      event: 'failed',
      code: 'DL_SETTINGS',
      remedy: expect.any(String),
    });
    expect(lines[0]!.message).toMatch(/--venue kraken: .*\nDEPTHLAKE_LINGER=soon: .*\n--lanes 0: /);
  });

  test.each([
    ['an unknown option', ['--speed', '7'], 'DL_USAGE'],
    ['an option without its value', ['--symbols'], 'DL_USAGE'],
    ['an argument that is no option', ['BTCUSDT'], 'DL_USAGE'],
    ['a local venue without hosts', ['--venue', 'local'], 'DL_SETTINGS'],
  ])('refuses %s with exit status 2', async (_, args, code) => {
    const { status, stderr } = await producer(args).exit;

    expect(status).toBe(2);
    expect(logOf(stderr)).toMatchObject([{ event: 'failed', code }]);
  });

  test('a stream that does not exist is told with how to create it', async () => {
    const { status, stderr } = await producer([], { AWS_ENDPOINT_URL_KINESIS: await kinesis(null) }).exit;

    expect(status).toBe(1);
    expect(logOf(stderr)).toMatchObject([
      { code: 'DL_STREAM_MISSING', message: expect.stringContaining('aws kinesis create-stream --stream-name') },
    ]);
  });

  test('on SIGTERM it flushes, prints its summary and exits with 0', async () => {
    const stream: TableRow[] = [];
    let child: ChildProcess | null = null;
    const AWS_ENDPOINT_URL_KINESIS = await kinesis(stream, () => {
      if (!stream.some(({ table }) => table === 'order_book')) return;
      // Once: a second signal would end it without the flush.
      child?.kill('SIGTERM');
      child = null;
    });
    const host = await venue();
    const args = ['--venue', 'local', '--ws-url', `ws://${host}`, '--rest-url', `http://${host}`, '--linger', '100ms'];
    const running = producer([...args, '--raw-levels'], { AWS_ENDPOINT_URL_KINESIS });
    child = running.child;

    const { status, stdout, stderr } = await running.exit;

    const summary = JSON.parse(stdout);
    const books = stream.flatMap((row) => (row.table === 'order_book' ? [row.row.seq] : []));
    const events = stream.flatMap((row) => (row.table === 'feed_event' ? [row.row] : [])).sort((a, b) => a.seq - b.seq);
    expect([status, summary.lost]).toEqual([0, 0]);
    expect(summary).toMatchObject({ venue: 'local', rows: stream.length, snapshots: books.length });
    expect(books).toEqual(books.map((_, i) => i + 1));
    const book = stream.find(({ table }) => table === 'order_book');
    expect(book?.row).toMatchObject({ top_bids: [[99, 1]], top_asks: [[101, 2]] });
    expect(events.map(({ kind }) => kind)).toEqual(['started', 'connected', 'tally', 'tally', 'stopped']);
    expect(events.at(-1)!.detail).toBe('{"reason":"SIGTERM"}');
    expect(logOf(stderr).map(({ event }) => event)).toEqual(['monitoring', 'connected']);
  });

  test('a fault of its own is told in one line of JSON, and ends it with 1', async () => {
    const fault = 'setInterval(()=>{if(process.listenerCount("disconnect"))throw(new(Error)("boom"))},50)';
    const silent = createServer(() => {});
    const AWS_ENDPOINT_URL_KINESIS = `http://${await listening(silent)}`;
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(fault)}`;

    const { status, stderr } = await producer([], { AWS_ENDPOINT_URL_KINESIS, NODE_OPTIONS }).exit;

    expect(status).toBe(1);
    expect(logOf(stderr)).toMatchObject([{ event: 'failed', code: 'DL_INTERNAL', message: 'boom' }]);
  });

  test('ends by itself after its duration', async () => {
    const stream: TableRow[] = [];
    const host = await venue();
    const hosts = ['--ws-url', `ws://${host}`, '--rest-url', `http://${host}`];
    const env = { AWS_ENDPOINT_URL_KINESIS: await kinesis(stream), DEPTHLAKE_DURATION: '500ms' };

    const { status, stdout } = await producer(['--venue', 'local', ...hosts], env).exit;

    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ lost: 0, rows: stream.length });
    const stopped = stream.find(({ row }) => 'kind' in row && row.kind === 'stopped');
    expect(stopped?.row).toMatchObject({ detail: '{"reason":"the duration has passed"}' });
  });
});
