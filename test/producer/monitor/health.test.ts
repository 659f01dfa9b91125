import { describe, expect, test } from 'vitest';
import { health, readiness, type Vitals } from '../../../producer/monitor/health.ts';

const NOW = 1_000_000;
const LINGER_MS = 1_000;
const WELL: Vitals = {
  lastFrameMs: NOW - 100,
  lastAcceptedMs: NOW - 1_000,
  queuedRows: 0,
  spillRows: 0,
  refusingSinceMs: null,
};

function reasons(vitals: Partial<Vitals>): readonly string[] {
  return readiness({ ...WELL, ...vitals }, LINGER_MS, NOW).reasons;
}

describe('alive', () => {
  test('from the first accepted pack on, whatever comes', () => {
    const nothing = { lastFrameMs: null, lastAcceptedMs: null, queuedRows: 0, spillRows: 0, refusingSinceMs: null };

    expect(health(nothing).reasons).toEqual(['Kinesis has not accepted a pack yet']);
    expect(health({ ...nothing, lastAcceptedMs: 1, refusingSinceMs: 2, queuedRows: 9 }).reasons).toEqual([]);
  });
});

describe('ready', () => {
  test('while frames flow and Kinesis accepts', () => {
    expect(reasons({})).toEqual([]);
  });

  test('not before the first frame and the first accepted pack', () => {
    expect(reasons({ lastFrameMs: null, lastAcceptedMs: null })).toEqual([
      'no frame has come yet',
      'Kinesis has not accepted a pack yet',
    ]);
  });

  test('until no frame has come for 60 s', () => {
    expect(reasons({ lastFrameMs: NOW - 60_000 })).toEqual([]);
    expect(reasons({ lastFrameMs: NOW - 60_001 })).toEqual(['no frame has come for 60 s']);
  });

  test('until Kinesis has refused for 10 s', () => {
    expect(reasons({ refusingSinceMs: NOW - 10_000 })).toEqual([]);
    expect(reasons({ refusingSinceMs: NOW - 12_500 })).toEqual(['Kinesis refuses for 12 s']);
  });

  test('until rows have waited for the linger and 30 s without an acceptance, in memory or on disk', () => {
    const lastAcceptedMs = NOW - 31_001;

    expect(reasons({ lastAcceptedMs })).toEqual([]);
    expect(reasons({ lastAcceptedMs: lastAcceptedMs + 1, queuedRows: 5 })).toEqual([]);
    expect(reasons({ lastAcceptedMs, queuedRows: 5 })).toEqual([
      '5 rows in memory and 0 on disk wait, and Kinesis has accepted nothing for 31 s',
    ]);
    expect(reasons({ lastAcceptedMs, spillRows: 2 })).toHaveLength(1);
  });

  test('while the clock is set back', () => {
    expect(reasons({ lastFrameMs: NOW + 3_600_000, lastAcceptedMs: NOW + 3_600_000, queuedRows: 1 })).toEqual([]);
  });
});
