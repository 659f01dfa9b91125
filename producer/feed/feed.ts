/**
 * The feed: slots that are kept filled with connections, whatever ends them.
 *
 * Until the first message a failure is the operator's to see (a wrong host, a refusal): the feed fails. After it a
 * failure is the network's, and is answered by another attempt: exponential back-off, reset after a healthy minute.
 * A connection is replaced before the venue ends it, and no message is lost over that: see slot.ts.
 */
import { interval, Observable, type SchedulerLike } from 'rxjs';
import type { Backoff } from '../backoff.ts';
import type { Log } from '../log.ts';
import type { ConnectionSignal } from './connection.ts';
import type { FeedSignal, SlotPlan } from './signal.ts';
import { SilenceWatch } from './silence.ts';
import { Slot, type SlotEdge } from './slot.ts';
import { Pace, Turn } from './turns.ts';
import type { VenueMessage } from './venue.ts';

export interface FeedBackoff extends Backoff {
  /** A connection that lived so long was healthy: the next back-off starts from the base again. */
  readonly healthyMs: number;
}

export const FEED_BACKOFF: FeedBackoff = { baseMs: 500, capMs: 30_000, healthyMs: 60_000 };

/** Between two openings over all slots; binance.com allows 300 in 5 minutes per address. */
const OPENING_GAP_MS = 250;
const TICK_MS = 1_000;

export interface FeedOptions {
  /** Emits the whole list at each change; a slot that is not in it is closed. */
  readonly plans: Observable<readonly SlotPlan[]>;
  /** Opens a connection anew at each subscription. */
  readonly connect: (symbols: readonly string[]) => Observable<ConnectionSignal>;
  readonly reader: (symbols: readonly string[]) => (text: string) => VenueMessage;
  /** Asks the venue's REST side for the id of a symbol's book; a failure is no evidence of anything. */
  readonly bookId: (symbol: string) => Promise<number>;
  /** Age at which a connection is replaced, up to a tenth sooner. */
  readonly handOverMs: number;
  readonly scheduler: SchedulerLike;
  readonly random: () => number;
  readonly log: Log;
  readonly backoff?: FeedBackoff;
}

/**
 * Follows the plans until unsubscribed from.
 * @throws what `connect` failed with before the venue's first message, or DL_VENUE_SILENT
 */
export function feed(options: FeedOptions): Observable<FeedSignal> {
  const { plans, bookId, scheduler, backoff = FEED_BACKOFF } = options;
  return new Observable((subscriber) => {
    const slots = new Map<number, Slot>();
    const silence = new SilenceWatch(bookId);
    const openings = new Pace(OPENING_GAP_MS, scheduler);
    const edge: SlotEdge = {
      ...options,
      backoff,
      openings,
      lifeTurn: new Turn(),
      venue: { heard: false },
      emit: (signal) => subscriber.next(signal),
      heard: (message) => silence.heard(message),
      fail: (error) => subscriber.error(error),
    };

    const apply = (wanted: readonly SlotPlan[]) => {
      const filled = wanted.filter(({ symbols }) => symbols.length > 0);
      const numbers = new Set(filled.map(({ slot }) => slot));
      silence.watch(filled.flatMap(({ symbols }) => symbols));
      for (const [number, slot] of slots) {
        if (numbers.has(number)) continue;
        slots.delete(number);
        slot.close();
      }
      for (const { slot: number, symbols } of filled) {
        const slot = slots.get(number);
        if (slot !== undefined) slot.follow(symbols);
        else open(number, symbols);
      }
    };
    const open = (number: number, symbols: readonly string[]) => {
      const slot = new Slot(number, symbols, edge);
      slots.set(number, slot);
      slot.start();
    };

    subscriber.add(() => {
      openings.close();
      for (const slot of slots.values()) slot.close();
    });
    subscriber.add(plans.subscribe({ next: apply, error: (error) => subscriber.error(error) }));
    subscriber.add(
      interval(TICK_MS, scheduler).subscribe(() => {
        for (const slot of slots.values()) slot.tick();
        silence.tick(slots.values());
      }),
    );
  });
}
