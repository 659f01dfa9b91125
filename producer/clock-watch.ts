/**
 * Tells when the wall clock was set: times of rows before and after cannot be compared by it.
 *
 * The wall clock is compared with one that cannot be set, look by look: the slow correction of a clock never adds up to
 * a jump. A machine that was suspended counts too: `performance.now()` stands still meanwhile on Linux.
 */
import { defer, filter, interval, map, type Observable, type SchedulerLike } from 'rxjs';

export interface ClockJump {
  /** The wall clock after it, UTC epoch ms. */
  readonly atMs: number;
  /** Positive: the wall clock went forward. */
  readonly byMs: number;
}

interface Clocks {
  /** UTC epoch ms, like `Date.now`. */
  readonly wallNow: () => number;
  /** ms from any origin, like `performance.now`. */
  readonly monotonicNow: () => number;
  readonly scheduler: SchedulerLike;
  /** Time between two looks. Default 1,000. */
  readonly everyMs?: number;
  /** Not yet a jump. Default 500. */
  readonly toleranceMs?: number;
}

export function clockJumps(clocks: Clocks): Observable<ClockJump> {
  const { wallNow, monotonicNow, scheduler, everyMs = 1_000, toleranceMs = 500 } = clocks;
  return defer(() => {
    let offsetMs = wallNow() - monotonicNow();
    return interval(everyMs, scheduler).pipe(
      map(() => {
        const atMs = wallNow();
        const beforeMs = offsetMs;
        offsetMs = atMs - monotonicNow();
        return { atMs, byMs: Math.round(offsetMs - beforeMs) };
      }),
      filter(({ byMs }) => Math.abs(byMs) > toleranceMs),
    );
  });
}
