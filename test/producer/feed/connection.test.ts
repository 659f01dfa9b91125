import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { asyncScheduler, type Observable, type SchedulerLike, type Subscription } from 'rxjs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import type { DepthlakeError } from '../../../producer/errors.ts';
import { CONNECTION_LIMITS, type ConnectionSignal, connection } from '../../../producer/feed/connection.ts';
import { VirtualClock } from '../virtual-clock.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A venue on loopback: its address, and the next socket that it accepts. */
async function venue(options: { autoPong?: boolean } = {}) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  await once(server, 'listening');
  cleanups.push(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  const accepted = once(server, 'connection').then(([socket]) => socket as WebSocket);
  return { url: urlOf(server.address() as AddressInfo), accepted };
}

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => server.close());
  return urlOf(server.address() as AddressInfo);
}

function urlOf({ port }: AddressInfo): string {
  return `ws://127.0.0.1:${port}`;
}

/** Follows a connection; `signal` resolves when one of that kind has come. */
function follow(signals: Observable<ConnectionSignal>) {
  const seen: ConnectionSignal[] = [];
  const waiting = new Set<() => void>();
  let ended = false;
  let failure: DepthlakeError | null = null;
  const tell = () => {
    for (const check of waiting) check();
  };
  const subscription: Subscription = signals.subscribe({
    next(signal) {
      seen.push(signal);
      tell();
    },
    error(error) {
      failure = error;
      tell();
    },
    complete() {
      ended = true;
      tell();
    },
  });
  cleanups.push(() => subscription.unsubscribe());
  const until = (isDone: () => boolean) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (!isDone()) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  return {
    seen,
    subscription,
    count: (kind: string, least: number) => until(() => seen.filter((signal) => signal.kind === kind).length >= least),
    end: () => until(() => ended),
    failure: async () => {
      await until(() => failure !== null);
      return failure!;
    },
  };
}

function open(url: string, scheduler: SchedulerLike = asyncScheduler, limits = CONNECTION_LIMITS) {
  return follow(connection(url, scheduler, limits));
}

describe('a connection', () => {
  test('signals its opening, every message in order with its time, and its end with the venue’s reason', async () => {
    const { url, accepted } = await venue();
    const clock = new VirtualClock(5_000);
    const followed = open(url, clock);
    const socket = await accepted;
    const texts = Array.from({ length: 500 }, (_, i) => `{"n":${i}}`);

    for (const text of texts) socket.send(text);
    socket.close(1001, 'going away');
    await followed.end();

    expect(followed.seen).toEqual([
      { kind: 'opened', atMs: 5_000 },
      ...texts.map((text) => ({ kind: 'message', atMs: 5_000, text })),
      { kind: 'closed', atMs: 5_000, reason: 'code 1001: going away' },
    ]);
  });

  test('that breaks without a farewell ends with a reason too', async () => {
    const { url, accepted } = await venue();
    const followed = open(url);
    const socket = await accepted;
    await followed.count('opened', 1);

    socket.terminate();
    await followed.end();

    expect(followed.seen.at(-1)).toMatchObject({ kind: 'closed', reason: 'code 1006' });
  });

  test('answers the venue’s ping with a pong that carries its payload', async () => {
    const { url, accepted } = await venue();
    open(url);
    const socket = await accepted;

    socket.ping('1630000000000');
    const [payload] = await once(socket, 'pong');

    expect(String(payload)).toBe('1630000000000');
  });

  test('closes its socket when nobody listens any more', async () => {
    const { url, accepted } = await venue();
    const followed = open(url);
    const socket = await accepted;
    await followed.count('opened', 1);

    followed.subscription.unsubscribe();
    const [code] = await once(socket, 'close');

    expect(code).toBe(1000);
  });

  test('gives up a handshake at once when nobody listens any more', async () => {
    const server = createServer();
    const url = await listening(server);
    const followed = open(url);
    const [socket] = (await once(server, 'connection')) as [Socket];
    socket.on('error', () => {});
    socket.resume();

    // No timer passes from here on: the socket has to close without one.
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    cleanups.push(() => vi.useRealTimers());
    followed.subscription.unsubscribe();
    await once(socket, 'close');

    expect(followed.seen).toEqual([]);
  });
});

describe('the watchdog', () => {
  test('ends a connection that gives no sign of life for 60 s, and at most 5 s more', async () => {
    const { url } = await venue({ autoPong: false });
    const clock = new VirtualClock();
    const followed = open(url, clock);
    await followed.count('opened', 1);

    await clock.advance(60_000);
    expect(followed.seen).toHaveLength(1);
    await clock.advance(5_000);
    await followed.end();

    expect(followed.seen.at(-1)).toEqual({ kind: 'closed', atMs: 65_000, reason: 'no frame, ping or pong for 60 s' });
  });

  test('does not take a jump of the clock for silence', async () => {
    const { url } = await venue({ autoPong: false });
    const clock = new VirtualClock();
    const jumping = {
      now: () => clock.now() * 1_000,
      schedule: clock.schedule.bind(clock) as VirtualClock['schedule'],
    };
    const followed = open(url, jumping);
    await followed.count('opened', 1);

    await clock.advance(55_000);

    expect(followed.seen.map(({ kind }) => kind)).toEqual(['opened']);
  });

  test('takes the venue’s pings for life, however quiet the symbols', async () => {
    const { url, accepted } = await venue({ autoPong: false });
    const clock = new VirtualClock();
    const followed = open(url, clock);
    const socket = await accepted;
    await followed.count('opened', 1);

    for (let minute = 0; minute < 10; minute++) {
      await clock.advance(50_000);
      socket.ping();
      await once(socket, 'pong');
    }

    expect(followed.seen).toEqual([{ kind: 'opened', atMs: 0 }]);
  });

  test('asks for life itself every 20 s, and takes the pongs for it', async () => {
    const { url, accepted } = await venue();
    const clock = new VirtualClock();
    const followed = open(url, clock);
    const socket = await accepted;
    await followed.count('opened', 1);

    for (let n = 0; n < 20; n++) {
      const ping = once(socket, 'ping');
      await clock.advance(20_000);
      await ping;
    }

    expect(followed.seen).toEqual([{ kind: 'opened', atMs: 0 }]);
  });

  test('takes a message of any symbol for life', async () => {
    const { url, accepted } = await venue({ autoPong: false });
    const clock = new VirtualClock();
    const followed = open(url, clock);
    const socket = await accepted;
    await followed.count('opened', 1);

    for (let n = 1; n <= 10; n++) {
      await clock.advance(50_000);
      socket.send('{}');
      await followed.count('message', n);
    }

    expect(followed.seen.filter(({ kind }) => kind === 'closed')).toEqual([]);
  });
});

describe('a connection that cannot be opened', () => {
  test.each([403, 418, 429, 451])('HTTP %i is a refusal, and Retry-After is told', async (status) => {
    const server = createHttpServer((_, response) => response.writeHead(status, { 'retry-after': '120' }).end());
    const url = await listening(server);

    const error = await open(url).failure();

    expect(error.code).toBe('DL_VENUE_REFUSED');
    expect(error.message).toBe(`${url.slice(5)} answers HTTP ${status}; it says to retry after 120 s`);
  });

  test('another HTTP answer is no venue', async () => {
    const url = await listening(createHttpServer((_, response) => response.writeHead(404).end()));

    expect(await open(url).failure()).toMatchObject({
      code: 'DL_VENUE_FOREIGN',
      message: expect.stringMatching(/404$/),
    });
  });

  test('nobody listens there: unreachable', async () => {
    const server = createServer();
    const url = await listening(server);
    server.close();
    await once(server, 'close');

    expect(await open(url).failure()).toMatchObject({
      code: 'DL_VENUE_UNREACHABLE',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  test('a host that does not exist: unreachable, named', async () => {
    const limits = { ...CONNECTION_LIMITS, handshakeMs: 3_000 };

    expect(await open('ws://nowhere.invalid', asyncScheduler, limits).failure()).toMatchObject({
      code: 'DL_VENUE_UNREACHABLE',
      message: expect.stringContaining('nowhere.invalid'),
    });
  });

  test('a host that never answers the handshake: unreachable', async () => {
    const url = await listening(createServer());
    const limits = { ...CONNECTION_LIMITS, handshakeMs: 50 };

    expect(await open(url, asyncScheduler, limits).failure()).toMatchObject({
      code: 'DL_VENUE_UNREACHABLE',
      message: expect.stringContaining('handshake has timed out'),
    });
  });
});
