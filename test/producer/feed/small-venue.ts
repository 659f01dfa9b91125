/** A venue of a few paths and weights, and REST hosts that a test answers for. */
import type { SchedulerLike } from 'rxjs';
import { RestClient } from '../../../producer/feed/rest.ts';
import type { Listing, RestBook, RestRequest, Venue } from '../../../producer/feed/venue.ts';
import type { Log } from '../../../producer/log.ts';

export const WEIGHTS: Readonly<Record<string, number>> = { '/listing': 10, '/book': 50, '/id': 1, '/time': 1 };

function request<T>(path: string, field: string): RestRequest<T> {
  const read = (body: unknown) => (body as Record<string, T> | null)?.[field] ?? null;
  return { path, weight: WEIGHTS[path.split('?')[0]!]!, read };
}

export function smallVenue(weightAMinute = 1200): Venue {
  const unused = () => {
    throw new Error('a REST test opens no stream');
  };
  return {
    name: 'small',
    hosts: null,
    connectionLifeMs: 86_400_000,
    weightAMinute,
    symbolsAConnection: unused,
    streamUrl: unused,
    reader: unused,
    listing: () => request<Listing>('/listing', 'listing'),
    book: (symbol) => request<RestBook>(`/book?symbol=${symbol}`, 'book'),
    bookId: (symbol) => request<number>(`/id?symbol=${symbol}`, 'id'),
    time: () => request<number>('/time', 'time'),
  };
}

export function bookOf(lastUpdateId: number): RestBook {
  return { lastUpdateId, bids: [], asks: [], limit: 5000 };
}

export interface Asked {
  readonly atMs: number;
  readonly path: string;
  readonly symbol: string | null;
  readonly weight: number;
}

type Answer = (asked: Asked, index: number) => Response | Promise<Response>;

/** A REST host: answers as the test says, after `delayMs` of the virtual clock, and remembers when it was asked what. */
export function fakeHost(scheduler: SchedulerLike, answer: Answer, delayMs = 0) {
  const asked: Asked[] = [];
  const fetcher: typeof fetch = (input, options) =>
    new Promise((resolve, reject) => {
      const { pathname: path, searchParams } = new URL(String(input));
      const one = { atMs: scheduler.now(), path, symbol: searchParams.get('symbol'), weight: WEIGHTS[path]! };
      const index = asked.push(one) - 1;
      options?.signal?.addEventListener('abort', () => reject(options.signal?.reason));
      scheduler.schedule(() => void Promise.resolve(answer(one, index)).then(resolve, reject), delayMs);
    });
  return { asked, fetcher };
}

/** The answer of a host where all is well. */
export function good({ path }: Asked, headers: Record<string, string> = {}): Response {
  const listing = { symbols: [{ symbol: 'BTCUSDT', status: 'TRADING' }], weightAMinute: null };
  const fields = { '/listing': { listing }, '/book': { book: bookOf(7) }, '/id': { id: 7 }, '/time': { time: 1_000 } };
  return new Response(JSON.stringify(fields[path as keyof typeof fields]), { headers });
}

export function refusal(status: number, headers: Record<string, string> = {}): Response {
  return new Response('{"code":-1003,"msg":"Too many requests."}', { status, headers });
}

export interface Logged {
  readonly level: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function logInto(lines: Logged[]): Log {
  return (level, event, fields = {}) => lines.push({ level, event, fields });
}

export function clientOf(
  scheduler: SchedulerLike,
  fetcher: typeof fetch,
  { venue = smallVenue(), log = () => {} }: { venue?: Venue; log?: Log } = {},
): RestClient {
  return new RestClient({ restUrl: 'http://small.example', venue, fetcher, scheduler, random: () => 0, log });
}

/** The most weight that was sent in any minute. */
export function mostInAMinute(asked: readonly Asked[]): number {
  const sums = asked.map(({ atMs: from }) =>
    asked.filter(({ atMs }) => atMs >= from && atMs < from + 60_000).reduce((sum, { weight }) => sum + weight, 0),
  );
  return Math.max(0, ...sums);
}
