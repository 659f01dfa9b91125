/** The exchange's one timer: runs once a frame interval, aligned to `startMs`, and never twice to catch up. */
import type { Clock } from '../clock.ts';

/** @returns stops it */
export function startBeat(clock: Clock, startMs: number, intervalMs: number, run: (nowMs: number) => void): () => void {
  let timer: unknown;
  const schedule = () => {
    const elapsedMs = clock.now() - startMs;
    // A wall clock that is set back must not stop the beat.
    const sinceLastMs = elapsedMs < 0 ? 0 : elapsedMs % intervalMs;
    timer = clock.setTimeout(() => {
      run(clock.now());
      schedule();
    }, intervalMs - sinceLastMs);
  };
  schedule();
  return () => clock.clearTimeout(timer);
}

/** Runs `cut` once every `periodMs()`, which may change at any time; 0 switches it off. */
export function periodicCut(periodMs: () => number, cut: () => void): (nowMs: number) => void {
  let lastMs: number | null = null;
  return (nowMs) => {
    if (periodMs() <= 0) {
      lastMs = null;
      return;
    }
    lastMs ??= nowMs;
    if (nowMs - lastMs < periodMs()) return;
    lastMs = nowMs;
    cut();
  };
}
