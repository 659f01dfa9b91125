import fc from 'fast-check';
import { concat, defer, map, NEVER, type Observable, of, throwError, timer } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import { fullJitter } from '../../../producer/backoff.ts';
import { DepthlakeError } from '../../../producer/errors.ts';
import type { ConnectionSignal } from '../../../producer/feed/connection.ts';
import { FEED_BACKOFF, type FeedSignal, feed } from '../../../producer/feed/feed.ts';
import { VirtualClock } from '../virtual-clock.ts';

const signals: Record<string, ConnectionSignal> = {
  o: { kind: 'opened', atMs: 0 },
  m: { kind: 'message', atMs: 1, text: '{}' },
  c: { kind: 'closed', atMs: 2, reason: 'code 1006' },
};

function on(connection: number): Record<string, FeedSignal> {
  return Object.fromEntries(Object.entries(signals).map(([mark, signal]) => [mark, { ...signal, connection }]));
}

const refusal = new DepthlakeError('DL_VENUE_REFUSED', 'host answers HTTP 403');
const silence = new DepthlakeError('DL_VENUE_SILENT', 'the venue closed 3 connections before the first message');

function marbles(body: Parameters<TestScheduler['run']>[0], scheduler: TestScheduler): void {
  scheduler.run(body);
}

function testScheduler(): TestScheduler {
  return new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
}

describe('the feed', () => {
  test('opens a connection again whenever it ends, after exponentially longer waits', () => {
    const scheduler = testScheduler();
    marbles(({ cold, expectObservable }) => {
      const open = () => cold('om(c|)', signals);

      const followed = feed([open], scheduler, () => 0.5);

      expectObservable(followed, '^ 1800ms !').toBe('omc 249ms omc 499ms omc 999ms omc', on(0));
    }, scheduler);
  });

  test('waits no longer than the bound', () => {
    const scheduler = testScheduler();
    marbles(({ cold, expectObservable }) => {
      const open = () => cold('om(c|)', signals);

      const followed = feed([open], scheduler, () => 1, { baseMs: 10, capMs: 15, healthyMs: 60_000 });

      expectObservable(followed, '^ 50ms !').toBe('omc 9ms omc 14ms omc 14ms omc', on(0));
    }, scheduler);
  });

  test('fails with the first refusal while it never heard the venue', () => {
    const scheduler = testScheduler();
    marbles(({ cold, expectObservable }) => {
      const open = () => cold<ConnectionSignal>('--#', {}, refusal);

      expectObservable(feed([open], scheduler, () => 1)).toBe('--#', {}, refusal);
    }, scheduler);
  });

  test('once one of its connections heard the venue, the failure of another is answered by another attempt', () => {
    const scheduler = testScheduler();
    marbles(({ cold, expectObservable }) => {
      const attempts = [cold<ConnectionSignal>('--#', {}, refusal), cold('o', signals)];
      const connections = [() => cold('m', signals), () => attempts.shift()!];

      const followed = feed(connections, scheduler, () => 1, { baseMs: 10, capMs: 10, healthyMs: 60_000 });

      expectObservable(followed).toBe('m-f 9ms o', {
        m: on(0).m!,
        f: { kind: 'failed', atMs: 2, reason: refusal.message, connection: 1 } satisfies FeedSignal,
        o: on(1).o!,
      });
    }, scheduler);
  });

  test('fails when three connections in a row end before the first message', () => {
    const scheduler = testScheduler();
    marbles(({ cold, expectObservable }) => {
      const open = () => cold('o-(c|)', signals);

      const followed = feed([open], scheduler, () => 1, { baseMs: 10, capMs: 10, healthyMs: 60_000 });

      expectObservable(followed).toBe('o-c 9ms o-c 9ms o-(c#)', on(0), silence);
    }, scheduler);
  });

  test('answers a refusal after the first message with another attempt, and tells of it', () => {
    const scheduler = testScheduler();
    marbles(({ cold, expectObservable }) => {
      const attempts = [cold('m|', signals), cold<ConnectionSignal>('--#', {}, refusal), cold('m', signals)];
      const open = () => attempts.shift()!;

      const followed = feed([open], scheduler, () => 1, { baseMs: 10, capMs: 10, healthyMs: 60_000 });

      const failed = { kind: 'failed', atMs: 13, reason: 'host answers HTTP 403', connection: 0 };
      expectObservable(followed).toBe('m 12ms f 9ms m', { ...on(0), f: failed });
    }, scheduler);
  });

  test('follows several connections, each with its number and its own attempts', () => {
    const scheduler = testScheduler();
    marbles(({ cold, expectObservable }) => {
      const first = () => cold('om', signals);
      const second = () => cold('---om(c|)', signals);

      const followed = feed([first, second], scheduler, () => 1, { baseMs: 10, capMs: 10, healthyMs: 60_000 });

      expectObservable(followed, '^ 19ms !').toBe('om-OMC 12ms OM', {
        ...on(0),
        O: on(1).o,
        M: on(1).m,
        C: on(1).c,
      });
    }, scheduler);
  });

  test('makes no further attempt once nobody listens', async () => {
    const clock = new VirtualClock();
    const { connect, openedAt } = connections(clock, [1_000, 1_000]);
    const subscription = feed([connect], clock, () => 1).subscribe();
    await clock.advance(1_200);

    subscription.unsubscribe();
    await clock.advance(600_000);

    expect(openedAt).toEqual([0]);
  });
});

/** Connections that live so long each, one message at the start, then one that stays. */
function connections(clock: VirtualClock, livesMs: readonly number[]) {
  const openedAt: number[] = [];
  const connect = (): Observable<ConnectionSignal> =>
    defer(() => {
      const lifeMs = livesMs[openedAt.length];
      openedAt.push(clock.now());
      const closed = () => ({ kind: 'closed' as const, atMs: clock.now(), reason: '' });
      return concat(
        of<ConnectionSignal[]>(
          { kind: 'opened', atMs: clock.now() },
          { kind: 'message', atMs: clock.now(), text: '{}' },
        ),
        lifeMs === undefined ? NEVER : timer(lifeMs, clock).pipe(map(closed)),
      );
    });
  return { connect, openedAt };
}

/** From the end of each connection to the opening of the next. */
async function waits(livesMs: readonly number[], random: () => number): Promise<number[]> {
  const clock = new VirtualClock();
  const { connect, openedAt } = connections(clock, livesMs);
  const subscription = feed([connect], clock, random).subscribe();
  await clock.advance(3_600_000);
  subscription.unsubscribe();
  return livesMs.map((lifeMs, i) => openedAt[i + 1]! - openedAt[i]! - lifeMs);
}

describe('the back-off', () => {
  test('doubles from half a second to half a minute at the most', async () => {
    expect(await waits(Array(9).fill(1_000), () => 1)).toEqual([
      500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000,
    ]);
  });

  test('starts from its base again after a healthy minute, not before', async () => {
    expect(await waits([1_000, 59_999, 1_000, 60_000, 1_000], () => 1)).toEqual([500, 1_000, 2_000, 500, 1_000]);
  });

  test('jitters over everything from 0 to the bound', () => {
    fc.assert(
      fc.property(fc.nat(5_000), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, random) => {
        const bound = Math.min(30_000, 500 * 2 ** attempt);
        const waitMs = fullJitter(attempt, FEED_BACKOFF, () => random);

        expect(waitMs).toBe(random * bound);
        expect(waitMs).toBeLessThan(30_000);
      }),
    );
    expect(fullJitter(7, FEED_BACKOFF, () => 0)).toBe(0);
  });

  test('goes on for as long as the venue stays away', async () => {
    const clock = new VirtualClock();
    let attempts = 0;
    const failures: FeedSignal[] = [];
    const connect = () =>
      defer(() => {
        attempts += 1;
        return attempts === 1 ? of(signals.m!) : throwError(() => refusal);
      });
    const subscription = feed([connect], clock, () => 1).subscribe((signal) => failures.push(signal));

    await clock.advance(3_600_000);
    subscription.unsubscribe();

    expect(attempts).toBeGreaterThan(100);
    expect(failures.filter(({ kind }) => kind === 'failed')).toHaveLength(attempts - 1);
  });
});
