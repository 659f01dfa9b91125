/** What changes in a session because the venue lists or delists symbols: slots, earlier states, and events. */
import {
  concatMap,
  from,
  map,
  type Observable,
  of,
  race,
  type SchedulerLike,
  scan,
  share,
  startWith,
  tap,
  timer,
} from 'rxjs';
import type { FeedEvent } from './feed/observation.ts';
import type { Restarts } from './feed/restarts.ts';
import type { SlotPlan } from './feed/signal.ts';
import { assignSlots, NO_SLOTS } from './feed/slots.ts';
import type { SymbolChange } from './feed/symbols.ts';
import { unknownGap } from './happenings.ts';
import type { Log } from './log.ts';
import type { Preparation } from './preparation.ts';

/** A store that hangs must not keep listed symbols from being followed. */
const STATES_WITHIN_MS = 10_000;

export interface Listings {
  readonly plans: Observable<readonly SlotPlan[]>;
  readonly delisted: Observable<readonly string[]>;
  readonly events: Observable<FeedEvent>;
}

export interface ListingsOptions extends Pick<Preparation, 'symbols' | 'previousOf'> {
  readonly changes: Observable<SymbolChange>;
  /** Told the earlier states of listed symbols before these are followed. */
  readonly restarts: Restarts;
  /** Most symbols that one connection may follow. */
  readonly symbolsASlot: number;
  readonly scheduler: SchedulerLike;
  readonly log: Log;
}

/** A change, and the listed symbols of which nobody knows what lies before. */
interface KnownChange extends SymbolChange {
  readonly unknown: readonly string[];
}

export function followListings({ symbols, changes, symbolsASlot, ...options }: ListingsOptions): Listings {
  const shared = changes.pipe(
    tap(({ listed, delisted }) => options.log('info', 'listing_changed', { listed, delisted })),
    concatMap((change) => withStates(change, options)),
    share(),
  );
  const first = assignSlots(NO_SLOTS, symbols, symbolsASlot);
  return {
    plans: shared.pipe(
      scan((slots, change) => assignSlots(slots, change.symbols, symbolsASlot), first),
      startWith(first),
      map(({ plans }) => plans),
    ),
    delisted: shared.pipe(map(({ delisted }) => delisted)),
    events: shared.pipe(concatMap(eventsOf)),
  };
}

type StatesOptions = Pick<ListingsOptions, 'previousOf' | 'restarts' | 'scheduler' | 'log'>;

function withStates(change: SymbolChange, options: StatesOptions): Observable<KnownChange> {
  const { previousOf, restarts, scheduler, log } = options;
  if (change.listed.length === 0) return of({ ...change, unknown: [] });
  const tooLate = timer(STATES_WITHIN_MS, scheduler).pipe(
    map(() => {
      log('error', 'state_not_read', { reason: `no answer in ${STATES_WITHIN_MS / 1000} s` });
      return null;
    }),
  );
  return race(from(previousOf(change.listed)), tooLate).pipe(
    map((states) => {
      if (states !== null) restarts.listed(states);
      const known = new Set(restarts.symbols);
      return { ...change, unknown: states === null ? change.listed.filter((symbol) => !known.has(symbol)) : [] };
    }),
  );
}

function eventsOf({ listed, delisted, unknown, atMs }: KnownChange): FeedEvent[] {
  const event = (kind: 'listed' | 'delisted') => (symbol: string) => ({ timestamp_ms: atMs, kind, symbol });
  return [
    ...listed.map(event('listed')),
    ...delisted.map(event('delisted')),
    ...unknown.map((symbol) => unknownGap(symbol, atMs)),
  ];
}
