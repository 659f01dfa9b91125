import { NEVER, Subject, startWith, tap } from 'rxjs';
import { expect, test } from 'vitest';
import { Random } from '../../../infra/local/exchange/random.ts';
import { BOOK_MODES, type BookMode } from '../../../producer/config.ts';
import { Counters } from '../../../producer/counters.ts';
import { feed } from '../../../producer/feed/feed.ts';
import { observe } from '../../../producer/feed/observe.ts';
import { Restarts } from '../../../producer/feed/restarts.ts';
import type { FeedSignal, SlotPlan } from '../../../producer/feed/signal.ts';
import type { RestBook } from '../../../producer/feed/venue.ts';
import { venueOf } from '../../../producer/feed/venues.ts';
import { settle, VirtualClock } from '../virtual-clock.ts';
import { WeekVenue } from './week-venue.ts';

const HOUR_MS = 3_600_000;
const WEEK_HOURS = 7 * 24;
const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'ADAUSDT'];
const SEED_MS = 300;
/** One week for all modes, in which an old connection that closed without an overlap would lose messages. */
const SEED = 'week witness';

/** A week of a producer's feed on three slots: what the venue had, what was recorded, what befell the feed. */
async function week(book: BookMode) {
  const clock = new VirtualClock(Date.UTC(2026, 8, 1));
  const random = new Random(SEED);
  const next = () => random.next();
  const venue = new WeekVenue(SYMBOLS, book, clock, next);
  const reader = venueOf('local');
  const log = () => {};
  const plans: SlotPlan[] = SYMBOLS.map((symbol, slot) => ({ slot, symbols: [symbol] }));
  const results = new Subject<{ symbol: string; book: RestBook }>();
  const seeds = {
    request: (symbol: string) =>
      void clock.schedule(() => results.next({ symbol, book: venue.restBook(symbol) }), SEED_MS),
    cancel: () => {},
    results,
  };
  const recorded = new Map<string, number[]>(SYMBOLS.map((symbol) => [symbol, []]));
  const verified = new Map<boolean | null, number>();
  const kinds: Record<string, number> = {};
  const handOvers: Extract<FeedSignal, { kind: 'handed_over' }>[] = [];
  const subscription = feed({
    plans: NEVER.pipe(startWith(plans)),
    connect: (symbols) => venue.connect(symbols),
    reader: (symbols) => reader.reader(symbols, book),
    bookId: async (symbol) => venue.restBook(symbol).lastUpdateId,
    handOverMs: 23 * HOUR_MS,
    scheduler: clock,
    random: next,
    log,
  })
    .pipe(
      tap((signal) => {
        if (signal.kind === 'handed_over') handOvers.push(signal);
      }),
      observe({
        book,
        rawLevels: false,
        seeds,
        restarts: new Restarts({ previous: new Map(), sessionId: 'week', scheduler: clock, log }),
        delisted: NEVER,
        counters: new Counters(),
        log,
        scheduler: clock,
      }),
    )
    .subscribe((observation) => {
      if (observation.kind === 'event') {
        kinds[observation.event.kind] = (kinds[observation.event.kind] ?? 0) + 1;
        return;
      }
      recorded.get(observation.symbol)!.push(observation.lastUpdateId);
      verified.set(observation.verified, (verified.get(observation.verified) ?? 0) + 1);
    });

  for (let hour = 0; hour < WEEK_HOURS; hour++) {
    clock.pass(HOUR_MS);
    await settle();
  }
  subscription.unsubscribe();
  return { venue, recorded, verified, kinds, handOvers };
}

test.each(BOOK_MODES)('a week of hand-overs loses no snapshot and doubles none: %s', async (book) => {
  const { venue, recorded, verified, kinds, handOvers } = await week(book);

  for (const symbol of SYMBOLS) {
    const ids = venue.ids.get(symbol)!;
    const got = recorded.get(symbol)!;
    const begin = ids.indexOf(got[0]!);
    // The first connection, and the first seed, take some seconds; the last move may still be on its way.
    expect(begin).toBeLessThan(10);
    expect(got.length).toBeGreaterThanOrEqual(ids.length - begin - 1);
    expect(got).toEqual(ids.slice(begin, begin + got.length));
  }
  expect(venue.ended).toBe(0);
  expect(handOvers.length).toBeGreaterThanOrEqual(SYMBOLS.length * 7);
  expect(new Set(handOvers.map(({ reason }) => reason))).toEqual(new Set(['life', 'shutdown_notice']));
  expect(venue.dialledMs.slice(1).every((ms, i) => ms - venue.dialledMs[i]! >= 250)).toBe(true);
  const seeded = book === 'depth20' ? {} : { book_seeded: SYMBOLS.length };
  expect(kinds).toEqual({ connected: SYMBOLS.length, handed_over: handOvers.length, ...seeded });
  // The first frame of a symbol comes before the seed of the book that is to prove it.
  expect(verified.get(false) ?? 0).toBe(book === 'witness' ? SYMBOLS.length : 0);
});
