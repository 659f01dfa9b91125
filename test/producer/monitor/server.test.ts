import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { DepthlakeError } from '../../../producer/errors.ts';
import { type Monitor, type MonitorSources, startMonitor } from '../../../producer/monitor/server.ts';
import { producing } from './producing.ts';
import { readPrometheusText } from './prometheus-text.ts';

const monitors: Monitor[] = [];

afterEach(async () => {
  for (const monitor of monitors.splice(0)) await monitor.close();
});

async function monitoring(sources: Partial<MonitorSources> = {}): Promise<string> {
  const well = () => ({ reasons: [] });
  const metrics = async () => ({ contentType: 'text/plain', body: 'x 1\n' });
  const all = { health: well, readiness: well, metrics, ...sources };
  const monitor = await startMonitor({ host: '127.0.0.1', port: 0 }, all);
  monitors.push(monitor);
  return monitor.url;
}

describe('a probe', () => {
  test.each([
    ['/healthz', 'health'],
    ['/readyz', 'readiness'],
  ] as const)(
    '%s is answered with 200 while nothing is the matter, else with 503 and the reasons',
    async (path, name) => {
      let reasons: string[] = [];
      const url = await monitoring({ [name]: () => ({ reasons }) });

      const well = await fetch(url + path);
      expect([well.status, await well.json()]).toEqual([200, { status: 'ok' }]);

      reasons = ['no frame has come yet'];
      const unwell = await fetch(`${url}${path}?verbose`);
      expect([unwell.status, await unwell.json()]).toEqual([503, { status: 'unavailable', reasons }]);
      expect(unwell.headers.get('content-type')).toBe('application/json; charset=utf-8');
      expect(unwell.headers.get('cache-control')).toBe('no-store');
    },
  );

  test('by HEAD has the same answer without a body', async () => {
    const url = await monitoring({ readiness: () => ({ reasons: ['no'] }) });

    const answer = await fetch(`${url}/readyz`, { method: 'HEAD' });

    expect([answer.status, await answer.text()]).toEqual([503, '']);
    expect(Number(answer.headers.get('content-length'))).toBeGreaterThan(0);
  });
});

describe('/metrics', () => {
  test('is Prometheus’ text format, with its content type', async () => {
    const { figures } = producing();
    const url = await monitoring({ metrics: () => figures.text() });

    const answer = await fetch(`${url}/metrics`);

    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(readPrometheusText(await answer.text()).has('depthlake_frames_total')).toBe(true);
  });

  test('that cannot be had is a 500, and the next request is answered', async () => {
    const url = await monitoring({ metrics: () => Promise.reject(new Error('broken')) });

    const answer = await fetch(`${url}/metrics`);

    expect([answer.status, await answer.json()]).toEqual([500, { status: 'failed', reasons: ['broken'] }]);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });
});

describe('everything else is refused', () => {
  test('another path with 404', async () => {
    const url = await monitoring();

    for (const path of ['/', '/metrics/', '/healthz/../secret', '//x', '/%2e%2e/']) {
      expect((await fetch(url + path)).status, path).toBe(404);
    }
  });

  test('another method with 405', async () => {
    const url = await monitoring();

    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const answer = await fetch(`${url}/healthz`, { method, ...(method === 'POST' && { body: 'x'.repeat(100_000) }) });
      expect([answer.status, answer.headers.get('allow')], method).toEqual([405, 'GET, HEAD']);
    }
  });

  test('headers beyond 8 KiB with 431, no HTTP with 400', async () => {
    const url = await monitoring();

    expect(await exchange(url, `GET /healthz HTTP/1.1\r\nx: ${'x'.repeat(9_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /);
    expect(await exchange(url, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
  });

  test('the 65th connection by closing it', async () => {
    const url = await monitoring();
    const idle = await Promise.all(Array.from({ length: 64 }, () => connected(url)));

    expect(await exchange(url, 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')).toBe('');

    for (const socket of idle) socket.destroy();
  });
});

test('a port that is taken is DL_PORT_IN_USE', async () => {
  const { port } = new URL(await monitoring());
  const well = () => ({ reasons: [] });
  const sources = { health: well, readiness: well, metrics: async () => ({ contentType: '', body: '' }) };

  const error = await startMonitor({ host: '127.0.0.1', port: Number(port) }, sources).catch((thrown) => thrown);

  expect(error).toBeInstanceOf(DepthlakeError);
  expect(error.code).toBe('DL_PORT_IN_USE');
  expect(error.message).toContain(`127.0.0.1:${port}`);
});

test('an address that this machine does not have is DL_SETTINGS', async () => {
  const well = () => ({ reasons: [] });
  const sources = { health: well, readiness: well, metrics: async () => ({ contentType: '', body: '' }) };

  // Reserved for documentation: nobody's address.
  const error = await startMonitor({ host: '192.0.2.1', port: 0 }, sources).catch((thrown) => thrown);

  expect(error).toBeInstanceOf(DepthlakeError);
  expect(error.code).toBe('DL_SETTINGS');
  expect(error.message).toContain('--monitor 192.0.2.1:0');
});

test('closing ends connections that are open', async () => {
  const url = await monitoring();
  const socket = await connected(url);
  const closed = once(socket.resume(), 'close');

  await monitors.pop()!.close();

  await closed;
  await expect(fetch(`${url}/healthz`)).rejects.toThrow();
});

async function connected(url: string) {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

/** Everything that is answered to a text, until the other side closes or a head has come. */
async function exchange(url: string, text: string): Promise<string> {
  const socket = await connected(url);
  let answer = '';
  socket.setEncoding('utf8').on('data', (part) => {
    answer += part;
    if (answer.includes('\r\n\r\n')) socket.destroy();
  });
  // A connection that is refused may be reset.
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(text);
  await closed;
  return answer;
}
