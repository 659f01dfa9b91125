/**
 * `--every`: of each symbol the last snapshot of each interval, the intervals aligned to the clock. Events pass at once.
 * Holds one snapshot a symbol. What a later snapshot of the same interval replaces is counted as `sampled`.
 */
import { Observable, type OperatorFunction, type SchedulerLike } from 'rxjs';
import type { Counters } from '../counters.ts';
import type { Observation, Snapshot } from './observation.ts';

/** @param everyMs length of an interval, milliseconds; 0 passes everything */
export function sampleEvery(
  everyMs: number,
  counters: Counters,
  scheduler: SchedulerLike,
): OperatorFunction<Observation, Observation> {
  if (everyMs === 0) return (observations) => observations;
  const intervalOf = (ms: number) => Math.floor(ms / everyMs);

  return (observations) =>
    new Observable((subscriber) => {
      const held = new Map<string, Snapshot>();
      const release = (isDue: (snapshot: Snapshot) => boolean) => {
        for (const [symbol, snapshot] of held) {
          if (!isDue(snapshot)) continue;
          held.delete(symbol);
          subscriber.next(snapshot);
        }
      };
      const untilNext = () => everyMs - (scheduler.now() % everyMs);
      const ticks = scheduler.schedule(function () {
        const current = intervalOf(scheduler.now());
        // Of a later interval, too: the clock may have been set back.
        release((snapshot) => intervalOf(snapshot.receivedMs) !== current);
        this.schedule(undefined, untilNext());
      }, untilNext());

      subscriber.add(ticks);
      subscriber.add(
        observations.subscribe({
          next(observation) {
            if (observation.kind === 'event') return subscriber.next(observation);
            const { symbol, receivedMs } = observation;
            // The clock's tick may come after the first snapshot of the next interval.
            const before = held.get(symbol);
            if (before !== undefined) {
              if (intervalOf(before.receivedMs) === intervalOf(receivedMs)) counters.discard(symbol, 'sampled');
              else subscriber.next(before);
            }
            held.set(symbol, observation);
          },
          error: (error) => subscriber.error(error),
          complete() {
            release(() => true);
            subscriber.complete();
          },
        }),
      );
    });
}
