/** The session around its observations: `started`, a tally a minute, the last tallies, `stopped`. */
import {
  concat,
  concatMap,
  connect,
  defer,
  from,
  interval,
  last,
  merge,
  type Observable,
  type OperatorFunction,
  of,
  type SchedulerLike,
  takeUntil,
} from 'rxjs';
import type { Observation } from './feed/observation.ts';
import type { TableRow } from './record.ts';
import type { Session } from './session.ts';

const TALLY_EVERY_MS = 60_000;

/** @param detail of the `started` event */
export function asRows(
  session: Session,
  endReason: () => string,
  detail: object,
  scheduler: SchedulerLike,
): OperatorFunction<Observation, TableRow> {
  const now = () => scheduler.now();
  const rows = connect((observations: Observable<Observation>) =>
    merge(
      observations.pipe(concatMap((observation) => session.rows(observation))),
      interval(TALLY_EVERY_MS, scheduler).pipe(
        takeUntil(observations.pipe(last(null, null))),
        concatMap(() => session.tallies(now())),
      ),
    ),
  );
  return (observations) =>
    concat(
      defer(() => of(session.started(now(), detail))),
      observations.pipe(rows),
      defer(() => from(session.stopped(now(), endReason()))),
    );
}
