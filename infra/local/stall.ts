/** A bound for work whose length is not known, but that shows when it moves. */
import { DepthlakeError } from '../../producer/errors.ts';
import { type Clock, SYSTEM_CLOCK } from './clock.ts';

/**
 * Waits for a drain as long as `state` changes.
 * @throws DL_KINESIS_UNREACHABLE when it has been the same for that time, and what the drain throws
 */
export function whileMoving(
  drain: Promise<void>,
  state: () => string,
  stalledMs: number,
  clock: Clock = SYSTEM_CLOCK,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let last = state();
    let timer: unknown;
    const look = () => {
      const now = state();
      if (now === last) {
        const message = `nothing of the stream was read or delivered for ${stalledMs / 1000} s`;
        reject(new DepthlakeError('DL_KINESIS_UNREACHABLE', message));
        return;
      }
      last = now;
      timer = clock.setTimeout(look, stalledMs);
    };
    timer = clock.setTimeout(look, stalledMs);
    drain.then(resolve, reject).finally(() => clock.clearTimeout(timer));
  });
}
