/** Feed events that come from elsewhere than the feed, on their way among its observations. */
import {
  connect,
  defer,
  last,
  map,
  merge,
  type Observable,
  type OperatorFunction,
  type SchedulerLike,
  takeUntil,
} from 'rxjs';
import { clockJumps } from './clock-watch.ts';
import type { FeedEvent, Observation } from './feed/observation.ts';
import type { Log } from './log.ts';

/** Events from elsewhere, from before the first observation until the last. */
export function withEvents(events: Observable<FeedEvent>): OperatorFunction<Observation, Observation> {
  return connect((observations: Observable<Observation>) =>
    merge(
      events.pipe(
        takeUntil(observations.pipe(last(null, null))),
        map((event) => ({ kind: 'event' as const, event })),
      ),
      observations,
    ),
  );
}

/** @param monotonicNow milliseconds of a clock that cannot be set */
export function clockEvents(scheduler: SchedulerLike, monotonicNow: () => number, log: Log): Observable<FeedEvent> {
  return clockJumps({ wallNow: () => scheduler.now(), monotonicNow, scheduler }).pipe(
    map(({ atMs, byMs }) => {
      log('warn', 'clock_jumped', { ms: byMs });
      return { timestamp_ms: atMs, kind: 'clock_jumped', from_ms: atMs - byMs, to_ms: atMs, detail: { ms: byMs } };
    }),
  );
}

/** Where the store could not be read, nobody knows what lies before this session. */
export function unknownGaps(symbols: readonly string[], now: () => number): Observable<FeedEvent> {
  return defer(() => symbols.map((symbol) => unknownGap(symbol, now())));
}

export function unknownGap(symbol: string, atMs: number): FeedEvent {
  const detail = { bounds: 'unknown', reason: 'the state store could not be read' };
  return { timestamp_ms: atMs, kind: 'gap', symbol, to_ms: atMs, detail };
}
