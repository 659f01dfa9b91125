/**
 * The feed: connections that are opened again whenever they end.
 *
 * Until the first message a failure is the operator's to see (a wrong host, a refusal): the feed fails. After it a
 * failure is the network's, and is answered by another attempt: exponential back-off, reset after a healthy minute.
 */
import {
  catchError,
  concat,
  defer,
  EMPTY,
  map,
  merge,
  type Observable,
  of,
  repeat,
  type SchedulerLike,
  tap,
  throwError,
  timer,
} from 'rxjs';
import { type Backoff, fullJitter } from '../backoff.ts';
import { DepthlakeError, reasonOf } from '../errors.ts';
import type { ConnectionSignal } from './connection.ts';

/** What a connection of the feed signals: its life, and the text of its messages. */
export type FeedSignal = (
  | ConnectionSignal
  | { readonly kind: 'failed'; readonly atMs: number; readonly reason: string }
) & {
  /** Index of the connection within the feed. */
  readonly connection: number;
};

export interface FeedBackoff extends Backoff {
  /** A connection that lived so long was healthy: the next back-off starts from the base again. */
  readonly healthyMs: number;
}

export const FEED_BACKOFF: FeedBackoff = { baseMs: 500, capMs: 30_000, healthyMs: 60_000 };

/** How many connections may end before their first message until the feed gives up on a venue it never heard. */
const SILENT_CONNECTIONS = 3;

/** @param connect opens connection `i` anew at each subscription */
export function feed(
  connect: readonly (() => Observable<ConnectionSignal>)[],
  scheduler: SchedulerLike,
  random: () => number,
  backoff: FeedBackoff = FEED_BACKOFF,
): Observable<FeedSignal> {
  return defer(() => {
    const venue = { heard: false };
    return merge(...connect.map((open, index) => reconnecting(open, index, venue, scheduler, random, backoff)));
  });
}

function reconnecting(
  open: () => Observable<ConnectionSignal>,
  index: number,
  venue: { heard: boolean },
  scheduler: SchedulerLike,
  random: () => number,
  backoff: FeedBackoff,
): Observable<FeedSignal> {
  return defer(() => {
    let silent = 0;
    let attempt = 0;
    let openedMs = 0;

    return concat(
      defer(open).pipe(
        tap((signal) => {
          if (signal.kind === 'opened') openedMs = signal.atMs;
          if (signal.kind === 'message') venue.heard = true;
          if (signal.kind === 'closed' && signal.atMs - openedMs >= backoff.healthyMs) attempt = 0;
        }),
        catchError((error) =>
          venue.heard
            ? of({ kind: 'failed' as const, atMs: scheduler.now(), reason: reasonOf(error) })
            : throwError(() => error),
        ),
      ),
      defer(() => {
        if (venue.heard || ++silent < SILENT_CONNECTIONS) return EMPTY;
        const words = `the venue closed ${silent} connections before the first message`;
        return throwError(() => new DepthlakeError('DL_VENUE_SILENT', words));
      }),
    ).pipe(repeat({ delay: () => timer(fullJitter(attempt++, backoff, random), scheduler) }));
  }).pipe(map((signal) => ({ ...signal, connection: index })));
}
