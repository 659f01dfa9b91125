import { expect, test } from 'vitest';
import { Counters } from '../../../producer/counters.ts';
import { readingsOf } from '../../../producer/monitor/readings.ts';
import type { PutPacks } from '../../../producer/stream/lanes.ts';
import type { Pack } from '../../../producer/stream/packs.ts';
import { KinesisWriter } from '../../../producer/stream/writer.ts';
import { VirtualClock } from '../virtual-clock.ts';

const PACK: Pack = {
  lane: 'lane-0',
  table: 'order_book',
  rows: 3,
  lineBytes: 900,
  data: Buffer.alloc(400),
  openedMs: 0,
  marks: [],
  receivedMs: [1, 2, 3],
};

test('the readings are what the counters and the writer say at that moment', async () => {
  const counters = new Counters();
  counters.of('BTCUSDT').frames = 5;
  counters.of('BTCUSDT').snapshots = 3;
  counters.discard('BTCUSDT', 'repeat', 2);
  counters.verified = 2;
  counters.unverified = 1;
  counters.eventsRefused = 4;
  const clock = new VirtualClock(7_000);
  let refusal: string | null = null;
  const put: PutPacks = async (packs) => packs.map(() => refusal);
  const writer = new KinesisWriter({ put, scheduler: clock, random: () => 1, log: () => {} });
  const readings = () => readingsOf({ counters, writer, symbols: () => 1, logLinesDropped: () => 0 });

  writer.write(PACK);
  await clock.advance(0);
  expect(readings()).toMatchObject({
    frames: 5,
    snapshots: 3,
    verified: 2,
    unverified: 1,
    eventsRefused: 4,
    symbols: 1,
  });
  expect(readings().discarded).toEqual({ repeat: 2 });
  expect(readings()).toMatchObject({ packs: 1, rows: 3, bytes: 400, lineBytes: 900, queuedRows: 0, queuedBytes: 0 });
  expect(readings()).toMatchObject({ refusingSinceMs: null, retries: 0, throttles: 0, spillRows: 0, spillBytes: 0 });

  refusal = 'ProvisionedThroughputExceededException';
  writer.write(PACK);
  await clock.advance(0);
  expect(readings()).toMatchObject({ packs: 1, queuedRows: 3, retries: 1, throttles: 1, refusingSinceMs: 7_000 });
  expect(readings().queuedBytes).toBeGreaterThan(500);
});
