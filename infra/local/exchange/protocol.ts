/** The words of the exchange: stream names, requests on a connection and the answers to them. */

/** Streams that one connection may follow. */
export const MAX_STREAMS = 1024;

/** One message of a stream, in its bare form. */
export interface Message {
  readonly stream: string;
  /** JSON, as `/ws/<stream>` sends it. */
  readonly body: string;
  readonly kind: 'partial' | 'diff' | 'other';
  /** The book id: `lastUpdateId`, or the last one of a diff; null where there is none. */
  readonly id: number | null;
}

/** What a stream name asks for. */
export interface StreamName {
  /** Upper case. */
  readonly symbol: string;
  readonly kind: 'partial' | 'diff' | 'bookTicker';
  /** Levels a side of a partial book; 0 for the others. */
  readonly levels: number;
  /** Once a frame interval (`@100ms`), or once in ten (`@1000ms`, or no suffix). */
  readonly fast: boolean;
}

/** Reads a stream name of the simulated market; null for a misspelled one, which stays silent for ever. */
export function parseStreamName(name: string): StreamName | null {
  const match = /^([a-z0-9_]+)@(?:(bookTicker)|depth(5|10|20)?(?:@(100|1000)ms)?)$/.exec(name);
  if (match === null) return null;
  const symbol = match[1]!.toUpperCase();
  if (match[2] !== undefined) return { symbol, kind: 'bookTicker', levels: 0, fast: true };
  const levels = Number(match[3] ?? 0);
  return { symbol, kind: levels > 0 ? 'partial' : 'diff', levels, fast: match[4] === '100' };
}

/** How a connection was asked for: which streams, and whether its messages are wrapped with their stream's name. */
export interface Target {
  readonly wrapped: boolean;
  readonly streams: readonly string[];
}

/** Reads the address of an upgrade request: `/ws/a/b` or `/stream?streams=a/b`; null for any other path. */
export function parseTarget(url: string): Target | null {
  const { pathname, searchParams } = new URL(url, 'ws://127.0.0.1');
  if (pathname === '/stream') return { wrapped: true, streams: split(searchParams.get('streams') ?? '') };
  const match = /^\/ws(?:\/(.*))?$/.exec(pathname);
  return match === null ? null : { wrapped: false, streams: split(decoded(match[1] ?? '')) };
}

/** Clients may write `@` as `%40`; what is no such code stands for itself. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function split(path: string): string[] {
  return [...new Set(path.split('/').filter((name) => name !== ''))];
}

/** The combined form of a message. */
export function wrap(stream: string, body: string): string {
  return `{"stream":${JSON.stringify(stream)},"data":${body}}`;
}

/** A connection's streams, as requests change them. */
export interface Subscriptions {
  list(): readonly string[];
  add(streams: readonly string[]): void;
  remove(streams: readonly string[]): void;
}

type Id = number | string | null;

/** Carries out one request and returns its answer. Unknown streams are acknowledged like any other. */
export function answer(text: string, subscriptions: Subscriptions): string {
  let request: unknown;
  try {
    request = JSON.parse(text);
  } catch {
    return JSON.stringify({ code: 3, msg: 'Invalid JSON: expected value at line 1 column 1' });
  }
  const { method, params, id } = (request ?? {}) as Record<string, unknown>;
  if (!isId(id)) {
    return JSON.stringify({ code: 2, msg: 'Invalid request: request ID must be an unsigned integer' });
  }
  if (method === 'LIST_SUBSCRIPTIONS') return JSON.stringify({ result: subscriptions.list(), id });
  if (method !== 'SUBSCRIBE' && method !== 'UNSUBSCRIBE') {
    return failure(2, `Invalid request: unknown variant ${JSON.stringify(method) ?? 'undefined'}`, id);
  }
  if (!Array.isArray(params) || !params.every((param) => typeof param === 'string')) {
    return failure(2, 'Invalid request: params must be an array of stream names', id);
  }
  if (method === 'UNSUBSCRIBE') {
    subscriptions.remove(params);
  } else {
    const wanted = new Set([...subscriptions.list(), ...params]);
    if (wanted.size > MAX_STREAMS) return failure(2, `Invalid request: more than ${MAX_STREAMS} streams`, id);
    subscriptions.add(params);
  }
  return JSON.stringify({ result: null, id });
}

function failure(code: number, msg: string, id: Id): string {
  return JSON.stringify({ error: { code, msg }, id });
}

/** The documentation asks for an unsigned integer; the servers take strings and null as well. */
function isId(id: unknown): id is Id {
  return id === null || typeof id === 'string' || (Number.isSafeInteger(id) && (id as number) >= 0);
}
