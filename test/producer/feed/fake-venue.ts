/** A venue at the edge of the process: connections that a test opens, feeds and ends by hand. */
import { BehaviorSubject, Observable, type Subscriber } from 'rxjs';
import type { ConnectionSignal } from '../../../producer/feed/connection.ts';
import { type FeedOptions, feed } from '../../../producer/feed/feed.ts';
import type { FeedSignal, SlotPlan } from '../../../producer/feed/signal.ts';
import { venueOf } from '../../../producer/feed/venues.ts';
import { frameText } from '../samples.ts';
import { VirtualClock } from '../virtual-clock.ts';

export class FakeConnection {
  readonly symbols: readonly string[];
  readonly dialledMs: number;
  /** When it was closed by our side. */
  closedMs: number | null = null;
  readonly #clock: VirtualClock;
  readonly #subscriber: Subscriber<ConnectionSignal>;

  constructor(symbols: readonly string[], clock: VirtualClock, subscriber: Subscriber<ConnectionSignal>) {
    this.symbols = symbols;
    this.dialledMs = clock.now();
    this.#clock = clock;
    this.#subscriber = subscriber;
  }

  open(): this {
    this.#subscriber.next({ kind: 'opened', atMs: this.#clock.now() });
    return this;
  }

  text(text: string): this {
    this.#subscriber.next({ kind: 'message', atMs: this.#clock.now(), text });
    return this;
  }

  frame(id: number, symbol = 'BTCUSDT'): this {
    return this.text(frameText(symbol, id));
  }

  diff(firstId: number, lastId = firstId, symbol = 'BTCUSDT'): this {
    return this.text(diffText(symbol, firstId, lastId));
  }

  notice(): this {
    return this.text('{"e":"serverShutdown","E":1770123456789}');
  }

  end(reason = 'code 1006'): void {
    this.#subscriber.next({ kind: 'closed', atMs: this.#clock.now(), reason });
    this.#subscriber.complete();
  }

  fail(error: unknown): void {
    this.#subscriber.error(error);
  }
}

export function diffText(symbol: string, firstId: number, lastId: number): string {
  const data = { e: 'depthUpdate', E: 1_700_000_000_000, s: symbol, U: firstId, u: lastId, b: [['99', '1']], a: [] };
  return JSON.stringify({ stream: `${symbol.toLowerCase()}@depth@100ms`, data });
}

/** A feed that follows a fake venue, its slots as planned; `handOverMs` is a day unless told. */
export function following(slots: readonly (readonly string[])[] = [['BTCUSDT']], options: Partial<FeedOptions> = {}) {
  const clock = new VirtualClock();
  const connections: FakeConnection[] = [];
  const signals: FeedSignal[] = [];
  const logged: { event: string; fields: unknown }[] = [];
  const asked: { symbol: string; atMs: number }[] = [];
  const ids = new Map<string, number>();
  const plans = new BehaviorSubject<readonly SlotPlan[]>(slots.map((symbols, slot) => ({ slot, symbols })));
  let failure: unknown = null;
  const subscription = feed({
    plans,
    connect: (symbols) =>
      new Observable((subscriber) => {
        const connection = new FakeConnection(symbols, clock, subscriber);
        connections.push(connection);
        return () => {
          connection.closedMs = clock.now();
        };
      }),
    reader: (symbols) => venueOf('binance.us').reader(symbols, 'witness'),
    bookId: async (symbol) => {
      asked.push({ symbol, atMs: clock.now() });
      const id = ids.get(symbol);
      if (id === undefined) throw new Error('HTTP 503');
      return id;
    },
    handOverMs: 24 * 3_600_000,
    scheduler: clock,
    random: () => 0,
    log: (_, event, fields) => logged.push({ event, fields }),
    ...options,
  }).subscribe({
    next: (signal) => signals.push(signal),
    error: (error) => {
      failure = error;
    },
  });
  return {
    clock,
    connections,
    signals,
    logged,
    /** Questions to the REST side; they fail unless `ids` knows the symbol. */
    asked,
    ids,
    plans,
    subscription,
    failure: () => failure,
    last: () => connections.at(-1)!,
    ofKind: <K extends FeedSignal['kind']>(kind: K) =>
      signals.filter((signal): signal is Extract<FeedSignal, { kind: K }> => signal.kind === kind),
    /** `<symbol> <last id>` of every frame and diff that came. */
    heard: () =>
      signals.flatMap((signal) => {
        if (signal.kind !== 'message') return [];
        const { message } = signal;
        if (message.kind === 'frame') return [`${message.symbol} ${message.lastUpdateId}`];
        return message.kind === 'diff' ? [`${message.symbol} ${message.lastId}`] : [];
      }),
    /** The kinds of what came besides messages. */
    kinds: () => signals.filter(({ kind }) => kind !== 'message').map(({ kind }) => kind),
  };
}
