/** How a session comes to its end: asked to stop, or failed before the feed was ever heard. */
import { EMPTY, firstValueFrom, from, map, type Observable, race, tap } from 'rxjs';
import { reasonOf } from './errors.ts';

export class Ending {
  reason = 'the feed ended';
  failure: unknown = null;
  /** Emits when the session is to end. */
  readonly begins: Observable<string>;

  constructor(stop: Observable<string>) {
    this.begins = stop.pipe(
      tap((reason) => {
        this.reason = reason;
      }),
    );
  }

  /** For `catchError`: the feed ends with this failure, and what was recorded is flushed all the same. */
  fail(error: unknown): Observable<never> {
    this.failure = error;
    this.reason = reasonOf(error);
    return EMPTY;
  }
}

/** What was prepared, or null where the session is to end before that. */
export function preparedBefore<T>(stop: Observable<string>, prepared: Promise<T>): Promise<T | null> {
  return firstValueFrom(race(from(prepared), stop.pipe(map(() => null))));
}
