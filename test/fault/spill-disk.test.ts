/** A full disk under the spill: what does not fit stays in memory, in order, and goes on when Kinesis takes packs again. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { asyncScheduler } from 'rxjs';
import { expect, test } from 'vitest';
import type { FeedEvent } from '../../producer/feed/observation.ts';
import { openSpill } from '../../producer/stream/open-spill.ts';
import { KinesisWriter } from '../../producer/stream/writer.ts';
import { until } from '../end-to-end/wait.ts';
import { spillFolder } from '../producer/stream/spilling.ts';
import { nameOf, pack, throttle } from '../producer/stream/writing.ts';

const DISK = '1m';
const PACKS = 40;
const PACK_BYTES = 50_000;

test('a full disk costs no pack and no order, is told once with the reason, and keeps what it took readable', {
  timeout: 60_000,
}, async (context) => {
  const mount = path.join(spillFolder(), 'disk');
  mkdirSync(mount);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', mount]);
  context.skip(mounted.status !== 0, 'skipped: mounting a small disk needs root and mount(8)');
  context.onTestFinished(() => void spawnSync('umount', ['-l', mount]));
  const stream: string[] = [];
  const events: FeedEvent[] = [];
  let isUp = false;
  const { spill } = await openSpill({
    folder: path.join(mount, 'spill'),
    sessionId: 'a',
    boundBytes: 1024 ** 3,
    scheduler: asyncScheduler,
    log: () => {},
  });
  const writer = new KinesisWriter({
    put: async (packs) => {
      if (!isUp) return packs.map(() => throttle);
      stream.push(...packs.map(nameOf));
      return packs.map(() => null);
    },
    scheduler: asyncScheduler,
    random: () => 0.1,
    log: () => {},
    spill,
    onEvent: (event) => events.push(event),
  });
  const kinds = () => events.map(({ kind }) => kind);

  for (let number = 0; number < PACKS; number++) writer.write(pack(0, number, PACK_BYTES));
  await until('the disk is full', () => kinds().includes('spill_full'));
  const taken = { spilled: writer.spilledRows, queued: writer.queuedRows };
  isUp = true;
  await until('everything is accepted', () => writer.isIdle);
  await writer.stop();
  await spill.close();

  expect(events[1]!.detail).toMatchObject({ reason: expect.stringContaining('ENOSPC') });
  expect(taken.queued).toBeGreaterThan(0);
  expect(taken.spilled + taken.queued).toBe(2 * PACKS);
  expect(stream).toEqual(Array.from({ length: PACKS }, (_, i) => `0/${i}`));
  expect(kinds()).toEqual(['spill_began', 'spill_full', 'spill_ended']);
  expect(writer.damagedEntries).toBe(0);
});
