/**
 * A venue for long spans of exchange time: books that move every ten seconds, connections that live 24 h at the most,
 * are sometimes told of their end before, lag, and sometimes cannot be opened. Deterministic for a seed.
 */
import { Observable, type SchedulerLike, type Subscriber } from 'rxjs';
import type { BookMode } from '../../../producer/config.ts';
import type { ConnectionSignal } from '../../../producer/feed/connection.ts';
import type { RestBook } from '../../../producer/feed/venue.ts';
import { frameText } from '../samples.ts';
import { diffText } from './fake-venue.ts';

const FIRST_ID = 1_000;
const HOUR_MS = 3_600_000;
const LIFE_MS = 24 * HOUR_MS;
const MOVE_MS = 10_000;
/** From the notice of a connection's end to its end. */
const NOTICE_MS = 600_000;
const MAX_LAG_MS = 900;
const MAX_OPENING_MS = 5_000;

export class WeekVenue {
  /** The ids that each symbol's book had. */
  readonly ids = new Map<string, number[]>();
  readonly dialledMs: number[] = [];
  /** Connections that the venue ended itself, because they reached their life or their notice ran out. */
  ended = 0;
  readonly #book: BookMode;
  readonly #clock: SchedulerLike;
  readonly #random: () => number;
  readonly #receivers = new Set<(symbol: string, texts: readonly string[]) => void>();

  constructor(symbols: readonly string[], book: BookMode, clock: SchedulerLike, random: () => number) {
    this.#book = book;
    this.#clock = clock;
    this.#random = random;
    for (const symbol of symbols) this.#move(symbol);
  }

  connect(symbols: readonly string[]): Observable<ConnectionSignal> {
    return new Observable((subscriber) => {
      this.dialledMs.push(this.#clock.now());
      // A venue that was never heard may not refuse: the feed would give up.
      const refused = this.#clock.now() - this.dialledMs[0]! > HOUR_MS && this.#random() < 0.1;
      this.#later(subscriber, this.#random() * MAX_OPENING_MS, () => {
        if (refused) subscriber.error(new Error('ECONNREFUSED'));
        else this.#serve(symbols, subscriber);
      });
    });
  }

  /** The book as it is now: the diffs restate its one bid, its one ask stays. */
  restBook(symbol: string): RestBook {
    return {
      lastUpdateId: this.ids.get(symbol)!.at(-1) ?? FIRST_ID,
      bids: [[9_900_000_000, 100_000_000]],
      asks: [[10_100_000_000, 200_000_000]],
      limit: 5_000,
    };
  }

  #serve(symbols: readonly string[], subscriber: Subscriber<ConnectionSignal>): void {
    const lagMs = this.#random() * MAX_LAG_MS;
    const message = (text: string) => subscriber.next({ kind: 'message', atMs: this.#clock.now(), text });
    const receive = (symbol: string, texts: readonly string[]) => {
      if (symbols.includes(symbol)) this.#later(subscriber, lagMs, () => texts.forEach(message));
    };
    const end = () => {
      this.ended += 1;
      subscriber.next({ kind: 'closed', atMs: this.#clock.now(), reason: 'code 1001' });
      subscriber.complete();
    };
    this.#receivers.add(receive);
    subscriber.add(() => this.#receivers.delete(receive));
    subscriber.next({ kind: 'opened', atMs: this.#clock.now() });
    this.#later(subscriber, LIFE_MS, end);
    if (this.#random() < 0.3) {
      this.#later(subscriber, this.#random() * 20 * HOUR_MS, () => {
        message('{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}');
        this.#later(subscriber, NOTICE_MS, end);
      });
    }
  }

  #move(symbol: string): void {
    const ids: number[] = [];
    this.ids.set(symbol, ids);
    const random = this.#random;
    const receivers = this.#receivers;
    const [frames, diffs] = [this.#book !== 'full', this.#book !== 'depth20'];
    let lastId = FIRST_ID;
    this.#clock.schedule(function () {
      const firstId = lastId + 1;
      lastId += 1 + Math.floor(random() * 5);
      ids.push(lastId);
      const texts = [
        ...(diffs ? [diffText(symbol, firstId, lastId)] : []),
        ...(frames ? [frameText(symbol, lastId)] : []),
      ];
      for (const receive of receivers) receive(symbol, texts);
      this.schedule(undefined, MOVE_MS);
    }, random() * MOVE_MS);
  }

  #later(subscriber: Subscriber<unknown>, ms: number, act: () => void): void {
    const action = this.#clock.schedule(() => {
      subscriber.remove(action);
      act();
    }, ms);
    subscriber.add(action);
  }
}
