/** The wall clock is set back by an hour while something waits for a time to pass. */
import { Subject } from 'rxjs';
import { expect, test } from 'vitest';
import { Counters } from '../../../producer/counters.ts';
import type { Observation } from '../../../producer/feed/observation.ts';
import { sampleEvery } from '../../../producer/feed/sampling.ts';
import { stateReader } from '../../../producer/state/reader.ts';
import { snapshot } from '../samples.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { diff, frame, observing, opened, seed } from './observing.ts';

const START_MS = 10_000_000;
const BACK_MS = START_MS - 3_600_000;

test('a diff beyond a hole waits no longer for those before it', async () => {
  const run = observing({ book: 'full' });
  await run.play([opened(START_MS), diff(START_MS, 11, 12), seed(START_MS, 12), diff(START_MS + 1_000, 14, 15)]);
  run.clock.set(BACK_MS);
  await run.clock.advance(2_000);

  expect(run.snapshots.map(({ lastUpdateId }) => lastUpdateId)).toEqual([15]);
});

test('a frame waits no longer for its proof', async () => {
  const run = observing({ book: 'witness' });
  await run.play([opened(START_MS), diff(START_MS, 11, 12), seed(START_MS, 12), frame(START_MS + 1_000, 13)]);
  run.clock.set(BACK_MS);
  await run.clock.advance(2_000);

  expect(run.snapshots.map(({ lastUpdateId, verified }) => [lastUpdateId, verified])).toEqual([[13, false]]);
});

test('ids that began anew are accepted after 10 s more', async () => {
  const run = observing();
  await run.play([opened(START_MS), frame(START_MS, 500), frame(START_MS + 1_000, 1)]);
  run.clock.set(BACK_MS);
  await run.play(Array.from({ length: 11 }, (_, i) => frame(BACK_MS + i * 1_000, 2 + i)));

  expect(run.events.map(({ kind }) => kind)).toContain('ids_restarted');
  expect(run.snapshots).toHaveLength(13);
});

test('a sampled snapshot is held no longer than its interval', async () => {
  const clock = new VirtualClock(START_MS);
  const input = new Subject<Observation>();
  const out: Observation[] = [];
  input.pipe(sampleEvery(1_000, new Counters(), clock)).subscribe((observation) => out.push(observation));
  input.next(snapshot('BTCUSDT', clock.now()));
  clock.set(BACK_MS);
  await clock.advance(2_000);

  expect(out).toHaveLength(1);
});

test('the store is read again, not what was read before', async () => {
  let reads = 0;
  let nowMs = START_MS;
  const store = {
    load: async () => {
      reads += 1;
      return new Map();
    },
    save: async () => {},
  };
  const read = stateReader(
    store,
    'local',
    () => ['BTCUSDT'],
    () => nowMs,
  );
  await read('BTCUSDT');
  nowMs = BACK_MS;
  await read('BTCUSDT');

  expect(reads).toBe(2);
});
