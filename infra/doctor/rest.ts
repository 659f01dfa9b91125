/** The venue's REST side: how far away it is, what its clock shows, what it trades. */
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';
import { type Fetch, httpError } from '../../producer/feed/rest.ts';
import type { RestRequest, Venue } from '../../producer/feed/venue.ts';
import { type Finding, failure, failureOf, ok, warning } from './finding.ts';

/** A request or two may be slow by chance; the median of five is not. */
const SAMPLES = 5;
/** The snapshots of depth20 bear the receive time: they are late by half of it. */
const SLOW_MS = 1_000;
/** A skew moves received_ms, timestamp_ms of depth20 snapshots with it, and the hour in which a row near its edge lies. */
const SKEW_WARNING_MS = 500;
const SKEW_FAILURE_MS = 5_000;
const SLOW_CURE = 'Record from a machine nearer to the venue, or look for what delays the network.';
const SKEW_CURE = 'Set this machine’s clock by NTP (chronyd, systemd-timesyncd): received_ms is its time.';

export interface RestSide {
  readonly venue: Venue;
  readonly url: URL;
  readonly fetcher: Fetch;
  /** For each request. */
  readonly timeoutMs: number;
  /** UTC epoch ms. */
  readonly now: () => number;
}

/**
 * One request, without a second try.
 * @throws DL_VENUE_UNREACHABLE, DL_VENUE_REFUSED, DL_VENUE_FOREIGN
 */
export async function askVenue<T>({ url, fetcher, timeoutMs }: RestSide, request: RestRequest<T>): Promise<T> {
  const { status, text, retryAfter } = await fetchText(url, request.path, fetcher, timeoutMs);
  if (status < 200 || status > 299) throw httpError(url.host, status, retryAfter);
  const value = request.read(parsed(text));
  if (value !== null) return value;
  throw new DepthlakeError('DL_VENUE_FOREIGN', `${url.host} answers ${request.path.split('?')[0]} in a foreign shape`);
}

async function fetchText(url: URL, path: string, fetcher: Fetch, timeoutMs: number) {
  try {
    const address = url.href.replace(/\/$/, '') + path;
    const response = await fetcher(address, { signal: AbortSignal.timeout(timeoutMs) });
    return { status: response.status, text: await response.text(), retryAfter: response.headers.get('retry-after') };
  } catch (cause) {
    const why = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
    const late = cause instanceof Error && cause.name === 'TimeoutError';
    const words = late ? `no answer within ${timeoutMs / 1000} s` : reasonOf(why);
    throw new DepthlakeError('DL_VENUE_UNREACHABLE', `${url.host} cannot be reached: ${words}`, { cause });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** One reading of the venue's clock. */
export interface ClockReading {
  readonly roundTripMs: number;
  /** The venue's clock minus this machine's, ms; the true value lies within half the round trip of it. */
  readonly skewMs: number;
}

/** Round trip and clock skew, or what keeps the REST side from answering. */
export async function checkClock(side: RestSide): Promise<Finding[]> {
  const readings: ClockReading[] = [];
  try {
    for (let i = 0; i < SAMPLES; i += 1) readings.push(await readClock(side));
  } catch (error) {
    return [failureOf('REST', error)];
  }
  readings.sort((a, b) => a.roundTripMs - b.roundTripMs);
  return [judgeRoundTrip(readings[Math.floor(SAMPLES / 2)]!.roundTripMs), judgeSkew(readings[0]!)];
}

async function readClock(side: RestSide): Promise<ClockReading> {
  const askedMs = side.now();
  const begin = performance.now();
  const venueMs = await askVenue(side, side.venue.time());
  const roundTripMs = performance.now() - begin;
  return { roundTripMs, skewMs: venueMs - (askedMs + roundTripMs / 2) };
}

function judgeRoundTrip(ms: number): Finding {
  const detail = `${ms.toFixed(1)} ms, the median of ${SAMPLES} REST requests`;
  return ms <= SLOW_MS ? ok('round trip', detail) : warning('round trip', detail, SLOW_CURE);
}

export function judgeSkew({ skewMs, roundTripMs }: ClockReading): Finding {
  const size = Math.abs(skewMs);
  const where = skewMs < 0 ? 'ahead of' : 'behind';
  const detail = `this machine is ${size.toFixed(0)} ms ${where} the venue, give or take ${(roundTripMs / 2).toFixed(0)} ms`;
  if (size > SKEW_FAILURE_MS) return failure('clock', detail, SKEW_CURE);
  return size > SKEW_WARNING_MS ? warning('clock', detail, SKEW_CURE) : ok('clock', detail);
}
