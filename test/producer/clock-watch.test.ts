import { describe, expect, test } from 'vitest';
import { type ClockJump, clockJumps } from '../../producer/clock-watch.ts';
import { VirtualClock } from './virtual-clock.ts';

/** A watch over two clocks, of which the wall clock can be set. */
function watching() {
  const clock = new VirtualClock();
  const setting = { wallMs: 1_000_000, driftAMs: 0 };
  const jumps: ClockJump[] = [];
  const subscription = clockJumps({
    wallNow: () => setting.wallMs + clock.now() * (1 + setting.driftAMs),
    monotonicNow: () => clock.now(),
    scheduler: clock,
  }).subscribe((jump) => jumps.push(jump));
  return { clock, setting, jumps, subscription };
}

describe('the watch over the clock', () => {
  test('clocks that go together are no jump', async () => {
    const { clock, jumps } = watching();
    await clock.advance(600_000);
    expect(jumps).toEqual([]);
  });

  test('a jump forward and one back are told once each, with their size, at the next look', async () => {
    const { clock, setting, jumps } = watching();
    await clock.advance(1_500);
    setting.wallMs += 3_600_000;
    await clock.advance(5_000);
    setting.wallMs -= 7_200_000;
    await clock.advance(5_000);

    expect(jumps).toEqual([
      { atMs: 1_000_000 + 3_600_000 + 2_000, byMs: 3_600_000 },
      { atMs: 1_000_000 - 3_600_000 + 7_000, byMs: -7_200_000 },
    ]);
  });

  test('half a second is tolerated, a millisecond more is a jump', async () => {
    const { clock, setting, jumps } = watching();
    setting.wallMs += 500;
    await clock.advance(1_000);
    expect(jumps).toEqual([]);
    setting.wallMs += 501;
    await clock.advance(1_000);
    expect(jumps.map(({ byMs }) => byMs)).toEqual([501]);
  });

  test('a clock that is corrected slowly never jumps', async () => {
    const { clock, setting, jumps } = watching();
    setting.driftAMs = 0.0005;
    await clock.advance(3_600_000);
    expect(jumps).toEqual([]);
  });

  test('a look that comes late is no jump: both clocks went on', async () => {
    const clock = new VirtualClock();
    let lateMs = 0;
    const jumps: ClockJump[] = [];
    clockJumps({
      wallNow: () => 1_000_000 + clock.now() + lateMs,
      monotonicNow: () => clock.now() + lateMs,
      scheduler: clock,
    }).subscribe((jump) => jumps.push(jump));
    lateMs = 30_000;
    await clock.advance(2_000);
    expect(jumps).toEqual([]);
  });

  test('ends with its subscription', async () => {
    const { clock, setting, jumps, subscription } = watching();
    subscription.unsubscribe();
    setting.wallMs += 60_000;
    await clock.advance(10_000);
    expect(jumps).toEqual([]);
  });
});
