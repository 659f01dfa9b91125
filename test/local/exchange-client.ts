/** What the tests of the local exchange hold at the process edge: a subscriber on a real socket, and the time. */
import { setImmediate } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Clock } from '../../infra/local/exchange.ts';

/** Time that passes only when told; timers run in the order in which they are due. */
export class ManualClock implements Clock {
  #nowMs: number;
  #timers = new Map<number, { dueMs: number; run: () => void }>();
  #next = 1;

  constructor(nowMs = 1_700_000_000_000) {
    this.#nowMs = nowMs;
  }

  get timers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#nowMs;
  }

  setTimeout(run: () => void, ms: number): number {
    this.#timers.set(this.#next, { dueMs: this.#nowMs + ms, run });
    return this.#next++;
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as number);
  }

  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const [next] = [...this.#timers].sort(([, a], [, b]) => a.dueMs - b.dueMs);
      if (next === undefined || next[1].dueMs > endMs) break;
      this.#timers.delete(next[0]);
      this.#nowMs = Math.max(this.#nowMs, next[1].dueMs);
      next[1].run();
    }
    this.#nowMs = endMs;
  }

  /** Passes without timers running in between, as for a process that was held up. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }
}

export interface Level extends Array<string> {
  0: string;
  1: string;
}

export interface Body {
  [field: string]: unknown;
  lastUpdateId: number;
  bids: Level[];
  asks: Level[];
  U: number;
  u: number;
  b: Level[];
  a: Level[];
}

/** A subscriber that keeps every message. */
export class Subscriber {
  readonly texts: string[] = [];
  readonly pings: string[] = [];
  readonly closed: Promise<number>;
  readonly socket: WebSocket;
  isClosed = false;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => this.texts.push(data.toString()));
    socket.on('ping', (data) => this.pings.push(data.toString()));
    socket.on('error', () => {});
    this.closed = new Promise((resolve) =>
      socket.on('close', (code) => {
        this.isClosed = true;
        resolve(code);
      }),
    );
  }

  static async open(url: string, options: { autoPong?: boolean } = {}): Promise<Subscriber> {
    const socket = new WebSocket(url, { perMessageDeflate: false, ...options });
    const subscriber = new Subscriber(socket);
    await new Promise<void>((resolve, reject) => {
      socket.on('open', resolve);
      socket.on('error', reject);
      socket.on('unexpected-response', (_request, response) => {
        response.resume();
        reject(new Error(`HTTP ${response.statusCode} retry-after ${response.headers['retry-after'] ?? 'none'}`));
      });
    });
    return subscriber;
  }

  /** Sends a request and returns its answer. */
  async request(request: unknown): Promise<unknown> {
    let at = this.texts.length;
    this.socket.send(typeof request === 'string' ? request : JSON.stringify(request));
    const answered = () => {
      while (at < this.texts.length && !/"(result|error|code)":/.test(this.texts[at]!)) at += 1;
      return at < this.texts.length;
    };
    await until(() => answered() || this.isClosed);
    return JSON.parse(this.texts.splice(at, 1)[0]!);
  }

  /** Resolves when everything that the exchange sent so far has arrived: the socket keeps the order. */
  async settled(): Promise<void> {
    await this.request({ method: 'LIST_SUBSCRIPTIONS', id: 0 });
  }

  /** The bodies of a combined stream, in the order of arrival. */
  bodies(stream: string): Body[] {
    return this.texts
      .filter((text) => text.startsWith(`{"stream":"${stream}"`))
      .map((text) => (JSON.parse(text) as { data: Body }).data);
  }
}

/** Lets sockets do their work until the condition holds. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setImmediate();
}

export async function getJson(url: string): Promise<{ status: number; headers: Headers; body: Body }> {
  const response = await fetch(url);
  return { status: response.status, headers: response.headers, body: (await response.json()) as Body };
}
