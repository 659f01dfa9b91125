import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { checkAddress, type Handshake, judgeTls } from '../../infra/doctor/address.ts';
import { lackingCures } from './findings.ts';

const NOW = Date.UTC(2026, 8, 1);
const DAY_MS = 86_400_000;
const GOOD: Handshake = { protocol: 'TLSv1.3', validUntilMs: NOW + 60 * DAY_MS, distrust: null };

let server: Server | null = null;

const sockets = new Set<Socket>();

afterEach(async () => {
  const open = server;
  server = null;
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  if (open !== null) await new Promise((resolve) => open.close(resolve));
});

async function listen(made: Server): Promise<number> {
  server = made;
  made.on('connection', (socket) => sockets.add(socket.on('error', () => {})));
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
  return (made.address() as AddressInfo).port;
}

describe('a certificate', () => {
  it('that lasts is told with protocol and last day', () => {
    expect(judgeTls('venue', GOOD, NOW)).toEqual({
      what: 'TLS of venue',
      verdict: 'ok',
      detail: 'TLSv1.3, certificate valid until 2026-10-31',
      cure: null,
    });
  });

  it.each([
    [14, 'ok'],
    [13, 'warning'],
    [0, 'warning'],
  ])('that ends in %i days is %s', (days, verdict) => {
    const finding = judgeTls('venue', { ...GOOD, validUntilMs: NOW + days * DAY_MS }, NOW);
    expect(finding.verdict).toBe(verdict);
    if (verdict === 'warning') expect(finding.detail).toContain(`, ${days} days from now`);
    expect(lackingCures([finding])).toEqual([]);
  });

  it('that is not trusted is a failure, however long it lasts', () => {
    expect(judgeTls('venue', { ...GOOD, distrust: 'CERT_HAS_EXPIRED' }, NOW)).toMatchObject({
      verdict: 'failure',
      detail: expect.stringContaining('not trusted: CERT_HAS_EXPIRED'),
    });
  });
});

describe('a host', () => {
  it('whose certificate nobody vouches for is described and failed', async () => {
    const folder = path.dirname(createRequire(import.meta.url).resolve('kinesis-local/package.json'));
    const { server: pair } = JSON.parse(readFileSync(path.join(folder, 'server.json'), 'utf8'));
    const port = await listen(createTlsServer(pair));

    const [address, tls] = await checkAddress(new URL(`wss://127.0.0.1:${port}`), 5_000, NOW);

    expect(address).toMatchObject({ verdict: 'ok', detail: '127.0.0.1' });
    expect(tls).toMatchObject({
      what: `TLS of 127.0.0.1:${port}`,
      verdict: 'failure',
      detail: expect.stringMatching(/^TLSv1\.3, certificate valid until \d{4}-\d\d-\d\d, and not trusted: /),
    });
  });

  it('that speaks no TLS where TLS is asked for is a failure', async () => {
    const port = await listen(createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));

    const [, tls] = await checkAddress(new URL(`https://127.0.0.1:${port}`), 5_000, NOW);

    expect(tls).toMatchObject({ verdict: 'failure', detail: expect.stringMatching(/^no TLS handshake: /) });
  });

  it('that says nothing is given up at the deadline', async () => {
    const port = await listen(createServer((socket) => socket.resume()));

    const [, tls] = await checkAddress(new URL(`https://127.0.0.1:${port}`), 200, NOW);

    expect(tls).toMatchObject({ verdict: 'failure', detail: 'no TLS handshake: no answer within 0.2 s' });
  });

  it('without TLS is warned of, unless it is this machine', async () => {
    // RFC 5737: an address that nobody has; an address needs no name server.
    const [, elsewhere] = await checkAddress(new URL('ws://192.0.2.1:9443'), 5_000, NOW);
    const [, here] = await checkAddress(new URL('ws://[::1]:9443'), 5_000, NOW);

    expect(elsewhere).toMatchObject({ verdict: 'warning', cure: 'Use wss:// and https://.' });
    expect(here).toMatchObject({ verdict: 'ok', detail: 'none, and none needed on this machine' });
  });

  it('that has no address is a failure', async () => {
    const findings = await checkAddress(new URL('wss://stream.invalid'), 5_000, NOW);

    expect(findings).toEqual([
      {
        what: 'address of stream.invalid',
        verdict: 'failure',
        detail: expect.stringMatching(/^no address is known: /),
        cure: expect.stringContaining('--ws-url'),
      },
    ]);
  });
});
