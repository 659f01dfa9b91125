/** The real clock of a replay. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReplayClock } from '../../producer/replay/options.ts';

export const REPLAY_CLOCK: ReplayClock = {
  now: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
};
