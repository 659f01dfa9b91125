/** Waits that a clock and a signal end. */
import type { Clock } from '../../local/clock.ts';

/** @throws the signal's reason as soon as it is aborted */
export function pause(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    timed(ms, clock, signal, resolve, reject);
  });
}

/** @throws where `promise` has not settled after so long, and the signal's reason as soon as it is aborted */
export function within<T>(ms: number, promise: Promise<T>, clock: Clock, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`no answer within ${ms / 1000} s`));
    const stop = timed(ms, clock, signal, late, reject);
    promise.then(resolve, reject).finally(stop);
  });
}

/** @returns ends it; listeners and timers do not outlive it, because the signal does */
function timed(ms: number, clock: Clock, signal: AbortSignal, onTime: () => void, onAbort: (reason: unknown) => void) {
  if (signal.aborted) {
    onAbort(signal.reason);
    return () => {};
  }
  const stop = () => {
    clock.clearTimeout(timer);
    signal.removeEventListener('abort', aborted);
  };
  const aborted = () => {
    stop();
    onAbort(signal.reason);
  };
  const timer = clock.setTimeout(() => {
    stop();
    onTime();
  }, ms);
  signal.addEventListener('abort', aborted);
  return stop;
}
