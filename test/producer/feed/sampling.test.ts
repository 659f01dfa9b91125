import fc from 'fast-check';
import { Subject } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { Counters } from '../../../producer/counters.ts';
import type { Observation, Snapshot } from '../../../producer/feed/observation.ts';
import { sampleEvery } from '../../../producer/feed/sampling.ts';
import { snapshot } from '../samples.ts';
import { VirtualClock } from '../virtual-clock.ts';

function sampling(everyMs: number, startMs = 0) {
  const clock = new VirtualClock(startMs);
  const counters = new Counters();
  const input = new Subject<Observation>();
  const out: { atMs: number; observation: Observation }[] = [];
  let completed = false;
  const subscription = input.pipe(sampleEvery(everyMs, counters, clock)).subscribe({
    next: (observation) => out.push({ atMs: clock.now(), observation }),
    complete: () => {
      completed = true;
    },
  });
  return {
    clock,
    counters,
    input,
    subscription,
    completed: () => completed,
    frame: (symbol = 'BTCUSDT') => input.next(snapshot(symbol, clock.now())),
    /** [when it left, its symbol, when it came] */
    released: () =>
      out
        .filter((entry): entry is { atMs: number; observation: Snapshot } => entry.observation.kind === 'snapshot')
        .map(({ atMs, observation }) => [atMs, observation.symbol, observation.receivedMs]),
    out,
  };
}

describe('sampling', () => {
  test('lets everything pass where each frame is asked for', async () => {
    const { frame, clock, released, counters } = sampling(0);

    frame();
    await clock.advance(1);
    frame();

    expect(released()).toEqual([
      [0, 'BTCUSDT', 0],
      [1, 'BTCUSDT', 1],
    ]);
    expect(counters.of('BTCUSDT').discarded).toEqual({});
  });

  test('keeps the last snapshot of each interval, aligned to the clock, and counts the others', async () => {
    const { clock, frame, released, counters } = sampling(1_000, 10_700);
    const at = async (ms: number) => {
      await clock.advance(ms - clock.now());
      frame();
    };

    for (const ms of [10_750, 10_900, 11_000, 11_500, 11_999, 12_000]) await at(ms);
    await clock.advance(5_000);

    expect(released()).toEqual([
      [11_000, 'BTCUSDT', 10_900],
      [12_000, 'BTCUSDT', 11_999],
      [13_000, 'BTCUSDT', 12_000],
    ]);
    expect(counters.of('BTCUSDT').discarded).toEqual({ sampled: 3 });
  });

  test('releases by the clock when no further frame comes', async () => {
    const { clock, frame, released } = sampling(60_000);
    frame();
    frame('ETHUSDT');

    await clock.advance(59_999);
    expect(released()).toEqual([]);
    await clock.advance(1);

    expect(released()).toEqual([
      [60_000, 'BTCUSDT', 0],
      [60_000, 'ETHUSDT', 0],
    ]);
  });

  test('a snapshot of the next interval that comes before the clock’s tick replaces none', async () => {
    const { clock, frame, input, released, counters } = sampling(1_000);
    frame();
    await clock.advance(999);

    input.next(snapshot('BTCUSDT', 1_000));
    await clock.advance(1_001);

    expect(released().map(([, , receivedMs]) => receivedMs)).toEqual([0, 1_000]);
    expect(counters.of('BTCUSDT').discarded).toEqual({});
  });

  test('keeps each symbol by itself', async () => {
    const { clock, frame, released, counters } = sampling(1_000);
    frame();
    frame('ETHUSDT');
    frame();

    await clock.advance(1_000);

    expect(released().map(([, symbol]) => symbol)).toEqual(['BTCUSDT', 'ETHUSDT']);
    expect(counters.of('BTCUSDT').discarded).toEqual({ sampled: 1 });
    expect(counters.of('ETHUSDT').discarded).toEqual({});
  });

  test('releases what it holds at the end, then completes', async () => {
    const { clock, input, frame, released, completed } = sampling(1_000);
    frame();
    await clock.advance(300);

    input.complete();

    expect(released()).toEqual([[300, 'BTCUSDT', 0]]);
    expect(completed()).toBe(true);
    await clock.advance(10_000);
    expect(released()).toHaveLength(1);
  });

  test('lets events pass at once', () => {
    const { input, out } = sampling(3_600_000);
    const event: Observation = { kind: 'event', event: { timestamp_ms: 1, kind: 'disconnected' } };

    input.next(snapshot('BTCUSDT', 0));
    input.next(event);

    expect(out.map(({ observation }) => observation)).toEqual([event]);
  });

  test('runs no clock once nobody listens', async () => {
    const { clock, frame, released, subscription } = sampling(1_000);
    frame();

    subscription.unsubscribe();
    await clock.advance(10_000);

    expect(released()).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  test('gives exactly the last of each symbol and interval, whatever comes when', async () => {
    const step = fc.record({ waitMs: fc.nat(2_500), symbol: fc.constantFrom('BTCUSDT', 'ETHUSDT') });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.nat(2_000), async (steps, startMs) => {
        const { clock, frame, input, released, counters } = sampling(1_000, startMs);
        const last = new Map<string, [string, number]>();
        for (const { waitMs, symbol } of steps) {
          await clock.advance(waitMs);
          frame(symbol);
          last.set(`${symbol} ${Math.floor(clock.now() / 1_000)}`, [symbol, clock.now()]);
        }
        input.complete();

        const got = released().map(([, symbol, receivedMs]) => `${symbol} ${receivedMs}`);
        expect(got.sort()).toEqual([...last.values()].map(([symbol, ms]) => `${symbol} ${ms}`).sort());
        expect((counters.total().discarded.sampled ?? 0) + got.length).toBe(steps.length);
      }),
      { numRuns: 100 },
    );
  });
});
