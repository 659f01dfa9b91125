/** A venue's host as the network shows it: its addresses, its certificate. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';
import { type Finding, failure, failureOf, ok, warning } from './finding.ts';
import { within } from './within.ts';

const DAY_MS = 86_400_000;
/** Certificates of the venues are renewed weeks before their end. */
const CERTIFICATE_SOON_MS = 14 * DAY_MS;
const TLS_CURE =
  'Check --ws-url and --rest-url, this machine’s clock and its certificate authorities (a proxy that opens TLS?).';

/** What a TLS handshake told. */
export interface Handshake {
  /** `TLSv1.3` */
  readonly protocol: string;
  /** UTC epoch ms. */
  readonly validUntilMs: number;
  /** Why the certificate is not trusted; null: it is. */
  readonly distrust: string | null;
}

/** The addresses of a host, and its TLS where the URL asks for it. */
export async function checkAddress(url: URL, timeoutMs: number, nowMs: number): Promise<Finding[]> {
  const host = hostOf(url);
  let addresses: string[];
  try {
    addresses = await addressesOf(host, timeoutMs);
  } catch (error) {
    return [failureOf(`address of ${url.host}`, error)];
  }
  const address = ok(`address of ${url.host}`, addresses.join(', '));
  if (url.protocol !== 'wss:' && url.protocol !== 'https:') return [address, withoutTls(url, addresses)];
  try {
    return [address, judgeTls(url.host, await shakeHands(url, timeoutMs), nowMs)];
  } catch (error) {
    return [address, failureOf(`TLS of ${url.host}`, error)];
  }
}

/** @throws DL_VENUE_UNREACHABLE */
async function addressesOf(host: string, timeoutMs: number): Promise<string[]> {
  try {
    const found = await within(timeoutMs, lookup(host, { all: true }));
    return found.map(({ address }) => address);
  } catch (cause) {
    throw new DepthlakeError('DL_VENUE_UNREACHABLE', `no address is known: ${reasonOf(cause)}`, { cause });
  }
}

function withoutTls({ host }: URL, addresses: readonly string[]): Finding {
  const what = `TLS of ${host}`;
  if (addresses.every(isLoopback)) return ok(what, 'none, and none needed on this machine');
  return warning(what, 'none: what comes can be read and changed on the way', 'Use wss:// and https://.');
}

export function judgeTls(host: string, { protocol, validUntilMs, distrust }: Handshake, nowMs: number): Finding {
  const what = `TLS of ${host}`;
  const day = Number.isNaN(validUntilMs) ? 'an unknown day' : new Date(validUntilMs).toISOString().slice(0, 10);
  const detail = `${protocol}, certificate valid until ${day}`;
  if (distrust !== null) return failure(what, `${detail}, and not trusted: ${distrust}`, TLS_CURE);
  if (validUntilMs - nowMs >= CERTIFICATE_SOON_MS) return ok(what, detail);
  const days = Math.floor((validUntilMs - nowMs) / DAY_MS);
  return warning(
    what,
    `${detail}, ${days} days from now`,
    'The venue has to renew it; without that, connections fail then.',
  );
}

/** @throws DL_VENUE_UNREACHABLE */
async function shakeHands(url: URL, timeoutMs: number): Promise<Handshake> {
  const host = hostOf(url);
  const servername = isIP(host) === 0 ? { servername: host } : {};
  // A certificate that is not trusted is to be described, not hidden behind an error; nothing is sent.
  const socket = connect({ host, port: Number(url.port || 443), rejectUnauthorized: false, ...servername });
  const shaken = new Promise<Handshake>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed during the handshake')));
    socket.once('secureConnect', () =>
      resolve({
        protocol: socket.getProtocol() ?? 'TLS of an unknown version',
        validUntilMs: Date.parse(socket.getPeerCertificate().valid_to),
        distrust: socket.authorized ? null : String(socket.authorizationError),
      }),
    );
  });
  try {
    return await within(timeoutMs, shaken);
  } catch (cause) {
    throw new DepthlakeError('DL_VENUE_UNREACHABLE', `no TLS handshake: ${reasonOf(cause)}`, { cause });
  } finally {
    socket.destroy();
  }
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}
