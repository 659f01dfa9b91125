import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { runReplay } from '../../../producer/replay/replay.ts';
import { bookRow } from '../samples.ts';
import { EVERYTHING, File, fileSink, sourceOf } from './parts.ts';

test('by a real clock the pace of a minute and a half drifts by less than 10 ms', async () => {
  // 20 rows a second of event time, at ten times the speed: a row every 5 ms.
  const rows = Array.from({ length: 18_000 }, (_, at) => bookRow('BTCUSDT', at + 1, 1_700_000_000_000 + at * 50));
  const written: number[] = [];
  const beforeWrite = (given: readonly unknown[]) => {
    for (const _ of given) written.push(performance.now());
  };
  await runReplay({
    source: sourceOf([{ rows }]),
    selection: EVERYTHING,
    keepDuplicates: false,
    oneRowPerBook: false,
    speed: 10,
    strict: false,
    clock: { now: () => performance.now(), sleep: (ms, signal) => sleep(ms, undefined, { signal }) },
    signal: new AbortController().signal,
    sink: fileSink(new File(), null, { beforeWrite }),
    checkpoint: null,
  });
  const lateness = written.map((atMs, at) => atMs - written[0]! - at * 5);
  expect(lateness).toHaveLength(18_000);
  // A timer may be late on a busy machine; drift is what all rows of a time are late by.
  const leastOf = (from: number, to: number) => Math.min(...lateness.slice(from, to));
  expect(Math.abs(leastOf(17_800, 18_000) - leastOf(0, 200))).toBeLessThan(10);
  const median = lateness.toSorted((a, b) => a - b)[9000]!;
  expect(median).toBeLessThan(10);
}, 200_000);
