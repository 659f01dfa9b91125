import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { DurationLimit } from '../../producer/duration-limit.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function limited(durationMs: number | undefined) {
  const passed: string[] = [];
  return { limit: new DurationLimit(durationMs, (reason) => passed.push(reason)), passed };
}

describe('a duration', () => {
  test('counts from the first frame, not from the start of the process', () => {
    const { limit, passed } = limited(10_000);
    vi.advanceTimersByTime(8_000);
    limit.report(0);
    limit.report(3);
    vi.advanceTimersByTime(5_000);
    limit.report(50);
    vi.advanceTimersByTime(4_999);
    expect(passed).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(passed).toEqual(['the duration has passed']);
  });

  test('begins after 30 s where no frame comes', () => {
    const { passed } = limited(10_000);
    vi.advanceTimersByTime(39_999);
    expect(passed).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(passed).toHaveLength(1);
  });

  test('of a run that ended otherwise ends nothing, even where frames still come', () => {
    const { limit, passed } = limited(10_000);
    limit.close();
    limit.report(1);
    vi.advanceTimersByTime(100_000);
    expect(passed).toEqual([]);
  });

  test('that is as long as a timer can be does not end at once', () => {
    const { limit, passed } = limited(0x7fffffff);
    vi.advanceTimersByTime(1_000);
    limit.report(1);
    vi.advanceTimersByTime(1_000);
    expect(passed).toEqual([]);
  });

  test('that is not set never ends', () => {
    const { limit, passed } = limited(undefined);
    limit.report(1);
    vi.advanceTimersByTime(100_000_000);
    expect(passed).toEqual([]);
  });
});
