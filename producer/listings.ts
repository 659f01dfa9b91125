/** What changes in a session because the venue lists or delists symbols: slots, and events. */
import { concatMap, map, type Observable, scan, share, startWith, tap } from 'rxjs';
import type { FeedEvent } from './feed/observation.ts';
import type { SlotPlan } from './feed/signal.ts';
import { assignSlots, NO_SLOTS } from './feed/slots.ts';
import type { SymbolChange } from './feed/symbols.ts';
import type { Log } from './log.ts';

export interface Listings {
  readonly plans: Observable<readonly SlotPlan[]>;
  readonly delisted: Observable<readonly string[]>;
  readonly events: Observable<FeedEvent>;
}

/** @param symbolsASlot most symbols that one connection may follow */
export function followListings(
  symbols: readonly string[],
  changes: Observable<SymbolChange>,
  symbolsASlot: number,
  log: Log,
): Listings {
  const shared = changes.pipe(
    tap(({ listed, delisted }) => log('info', 'listing_changed', { listed, delisted })),
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

function eventsOf({ listed, delisted, atMs }: SymbolChange): FeedEvent[] {
  const event = (kind: 'listed' | 'delisted') => (symbol: string) => ({ timestamp_ms: atMs, kind, symbol });
  return [...listed.map(event('listed')), ...delisted.map(event('delisted'))];
}
