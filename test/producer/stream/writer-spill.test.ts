import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { Subject } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { FeedEvent } from '../../../producer/feed/observation.ts';
import type { PutPacks } from '../../../producer/stream/lanes.ts';
import type { Pack } from '../../../producer/stream/packs.ts';
import { writeTo } from '../../../producer/stream/write-to.ts';
import type { PackSource } from '../../../producer/stream/writer.ts';
import { settle, VirtualClock } from '../virtual-clock.ts';
import { crash, MIB, openIn, spillFolder, until } from './spilling.ts';
import { nameOf, pack, throttle, writing } from './writing.ts';

/** A Kinesis that a test makes accept, refuse or stay silent, and what is in its stream. */
function kinesis() {
  const state = {
    mode: 'accept' as 'accept' | 'refuse' | 'silent',
    stream: [] as string[],
    silent: [] as (() => void)[],
  };
  const put: PutPacks = (packs) =>
    new Promise((resolve) => {
      const accept = () => {
        state.stream.push(...packs.map(nameOf));
        resolve(packs.map(() => null));
      };
      if (state.mode === 'accept') accept();
      else if (state.mode === 'refuse') resolve(packs.map(() => throttle));
      else state.silent.push(accept);
    });
  return { state, put };
}

async function spilling({ folder = spillFolder(), session = 'a', boundBytes = 64 * MIB } = {}) {
  const { state, put } = kinesis();
  const { spill, recovered } = await openIn(folder, session, { boundBytes, scheduler: new VirtualClock() });
  const events: FeedEvent[] = [];
  const sources: [string, PackSource][] = [];
  const written = writing(put, () => 1, {
    spill,
    onEvent: (event) => events.push(event),
    onAccepted: (accepted, source) => sources.push([nameOf(accepted), source]),
  });
  const { clock, writer } = written;
  /** Lets the clock and the disk go on in turns. */
  const goOn = async (ms: number, what: string, isSo: () => boolean) => {
    for (let i = 0; i < 2_000 && !isSo(); i++) {
      await clock.advance(ms);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(isSo(), what).toBe(true);
  };
  const idle = () => goOn(50, 'everything is accepted', () => writer.isIdle);
  const onDisk = () => until(() => writer.queuedRows === 0, 'the disk has it');
  return { ...written, kinesis: state, spill, recovered, folder, events, sources, goOn, idle, onDisk };
}

const kinds = (events: readonly FeedEvent[]) => events.map(({ kind }) => kind);
const ofLane = (lane: number, names: readonly string[]) => names.filter((name) => name.startsWith(`${lane}/`));
const numbered = (lane: number, count: number) => Array.from({ length: count }, (_, i) => `${lane}/${i}`);

describe('packs that Kinesis does not take', () => {
  test('stay in memory for 2 s, and are on disk and out of memory after that', async () => {
    const { writer, clock, kinesis, events, onDisk, spill } = await spilling();
    kinesis.mode = 'refuse';
    for (const number of [0, 1, 2]) writer.write(pack(0, number));

    await clock.advance(1_999);
    expect([writer.queuedRows, writer.spilledRows, kinds(events)]).toEqual([6, 0, []]);
    await clock.advance(1);
    await onDisk();

    // One is in flight; the others are not held in memory beside the disk.
    expect([writer.queuedBytes, writer.spilledRows, spill.remaining, spill.unread]).toEqual([0, 6, 3, 2]);
    expect(events).toEqual([
      {
        timestamp_ms: 2_000,
        kind: 'spill_began',
        detail: { reason: 'kinesis_is_slow', packs: 3, bytes: 3 * 528, earlier_packs: 0 },
      },
    ]);
  });

  test('are drained in the order of each lane once it takes them, those in flight sent once, and then the way is direct again', async () => {
    const { writer, clock, kinesis, events, sources, idle, spill } = await spilling();
    kinesis.mode = 'silent';
    for (let number = 0; number < 20; number++) {
      for (const lane of [0, 1, 2]) writer.write(pack(lane, number));
      await clock.advance(400);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    kinesis.mode = 'accept';
    for (const answer of kinesis.silent) answer();
    await idle();

    for (const lane of [0, 1, 2]) expect(ofLane(lane, kinesis.stream)).toEqual(numbered(lane, 20));
    expect(kinds(events)).toEqual(['spill_began', 'spill_ended']);
    expect(events[1]!.detail).toMatchObject({ packs: 60 - sources.filter(([, source]) => source === 'memory').length });
    expect(writer.counts).toMatchObject({ packs: 60, rows: 120, drainedPacks: writer.counts.spilledPacks });
    await until(() => spill.bytes === 0, 'the segments are removed');

    writer.write(pack(0, 20));
    await settle();
    expect(sources.at(-1)).toEqual(['0/20', 'memory']);
  });

  test('come into the stream once each and in order, however Kinesis and the clock go', async () => {
    const step = fc.record({
      lane: fc.nat(3),
      waitMs: fc.constantFrom(0, 0, 100, 900, 2_500),
      mode: fc.constantFrom('accept' as const, 'refuse' as const, 'refuse' as const),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
        const { writer, clock, kinesis, idle, spill } = await spilling();
        const next = [0, 0, 0, 0];
        for (const { lane, waitMs, mode } of steps) {
          kinesis.mode = mode;
          writer.write(pack(lane, next[lane]!++));
          await clock.advance(waitMs);
        }
        kinesis.mode = 'accept';
        await idle();

        for (const lane of [0, 1, 2, 3]) expect(ofLane(lane, kinesis.stream)).toEqual(numbered(lane, next[lane]!));
        expect([writer.queuedBytes, writer.spilledRows, writer.counts.packs]).toEqual([0, 0, steps.length]);
        await spill.close();
      }),
      { numRuns: 40 },
    );
  });

  test('beyond the bound of the disk stay in memory, told once; they follow in order when it is drained', async () => {
    // More on disk than is read back at once: what is in memory must not overtake it.
    const bound = 6 * MIB;
    const { writer, clock, kinesis, events, idle, goOn } = await spilling({ boundBytes: bound });
    kinesis.mode = 'refuse';
    for (let number = 0; number < 30; number++) writer.write(pack(0, number, 300_000));
    await goOn(500, 'the disk is full', () => kinds(events).includes('spill_full'));
    await clock.advance(30_000);

    expect(kinds(events)).toEqual(['spill_began', 'spill_full']);
    expect(events[1]!.detail).toMatchObject({ reason: `the bound of ${bound} bytes is reached` });
    expect(writer.spillDepthBytes).toBeLessThanOrEqual(bound);
    expect(writer.queuedBytes).toBeGreaterThan(9 * 300_000);
    kinesis.mode = 'accept';
    await idle();

    expect(kinesis.stream).toEqual(numbered(0, 30));
    expect(kinds(events)).toEqual(['spill_began', 'spill_full', 'spill_ended']);
  });

  test('stay in memory where the disk fails, reach Kinesis from there, and go to the disk 5 s after it works again', async () => {
    const { writer, clock, kinesis, events, goOn, folder, idle } = await spilling();
    rmSync(path.join(folder, 'a'), { recursive: true });
    kinesis.mode = 'refuse';
    for (const number of [0, 1, 2]) writer.write(pack(0, number));
    await goOn(100, 'the disk fails', () => kinds(events).includes('spill_full'));
    kinesis.mode = 'accept';
    await idle();
    expect(kinesis.stream).toEqual(numbered(0, 3));
    expect(kinds(events)).toEqual(['spill_began', 'spill_full', 'spill_ended']);

    kinesis.mode = 'refuse';
    for (const number of [3, 4]) writer.write(pack(0, number));
    await goOn(100, 'it fails again', () => kinds(events).length === 5);
    mkdirSync(path.join(folder, 'a'));
    const fromMs = clock.now();
    await goOn(100, 'the disk has it', () => writer.queuedRows === 0);

    expect(clock.now() - fromMs).toBeLessThanOrEqual(5_500);
    expect(writer.spilledRows).toBe(4);
    kinesis.mode = 'accept';
    await idle();
    expect(kinesis.stream).toEqual(numbered(0, 5));
  });

  test('wait no longer than 2 s in memory when the clock is set back', async () => {
    const { writer, clock, kinesis, onDisk } = await spilling();
    kinesis.mode = 'refuse';
    clock.set(10_000_000);
    writer.write(pack(0, 0));
    clock.set(5_000_000);
    writer.write(pack(0, 1));

    await onDisk();

    expect(writer.spilledRows).toBe(4);
  });
});

describe('what an earlier session left', () => {
  test('goes first, and is told apart', async () => {
    const folder = spillFolder();
    const before = await spilling({ folder, session: 'before' });
    before.kinesis.mode = 'refuse';
    for (const number of [0, 1]) before.writer.write(pack(0, number));
    await before.clock.advance(2_000);
    await before.onDisk();
    crash(folder, 'before');

    const { writer, recovered, sources, events, idle } = await spilling({ folder, session: 'after' });
    writer.write(pack(0, 2));
    await idle();

    expect(recovered.packs).toBe(2);
    expect(sources).toEqual([
      ['0/0', 'earlier_session'],
      ['0/1', 'earlier_session'],
      ['0/2', 'spill'],
    ]);
    expect(kinds(events)).toEqual(['spill_began', 'spill_ended']);
    expect(events[0]!.detail).toMatchObject({ reason: 'spill_is_not_empty', earlier_packs: 2 });
  });
});

describe('the end of a session', () => {
  test('leaves on disk what Kinesis did not take in time, however short it waited', async () => {
    const folder = spillFolder();
    const { writer, clock, kinesis, spill } = await spilling({ folder });
    const packs = new Subject<Pack>();
    let completedAt: number | null = null;
    packs.pipe(writeTo(writer, 20_000, clock)).subscribe({
      complete: () => {
        completedAt = clock.now();
      },
    });
    kinesis.mode = 'silent';
    for (const number of [0, 1]) packs.next(pack(0, number));
    await clock.advance(5_000);
    await until(() => writer.spilledRows === 4, 'the first are on disk');
    packs.complete();
    await clock.advance(19_999);
    writer.write(pack(0, 2));
    expect(completedAt).toBe(null);
    await clock.advance(1);
    await until(() => completedAt !== null, 'the end');
    await spill.close();
    await spill.release();

    expect([writer.queuedRows, writer.spilledRows]).toEqual([0, 6]);
    const { recovered } = await openIn(folder, 'next');
    expect(recovered.packs).toBe(3);
  });

  test('waits for the spill to be drained, and leaves no folder behind', async () => {
    const { writer, clock, kinesis, spill, idle, onDisk, events } = await spilling();
    const packs = new Subject<Pack>();
    let completed = false;
    packs.pipe(writeTo(writer, 20_000, clock)).subscribe({
      complete: () => {
        completed = true;
      },
    });
    kinesis.mode = 'refuse';
    for (const number of [0, 1, 2]) packs.next(pack(0, number));
    await clock.advance(2_000);
    await onDisk();
    packs.complete();
    expect(completed).toBe(false);
    kinesis.mode = 'accept';
    await idle();

    expect(completed).toBe(true);
    expect(kinds(events)).toEqual(['spill_began', 'spill_ended']);
    await spill.close();
    await spill.release();
    expect(spill.segments).toEqual([]);
  });
});
