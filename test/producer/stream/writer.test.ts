import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PutPacks } from '../../../producer/stream/lanes.ts';
import { settle } from '../virtual-clock.ts';
import { nameOf, pack, throttle, writing } from './writing.ts';

/** A put that each call answers by hand. */
function manualPut() {
  const calls: { packs: string[]; answer: (outcomes: (string | null)[]) => Promise<void> }[] = [];
  const put: PutPacks = (packs) =>
    new Promise((resolve) => {
      const answer = (outcomes: (string | null)[]) => {
        resolve(outcomes);
        return settle();
      };
      calls.push({ packs: packs.map(nameOf), answer });
    });
  return { calls, put };
}

describe('the Kinesis writer', () => {
  test('has every pack accepted exactly once and in the order of its lane, whatever is refused', async () => {
    const packs = fc.array(fc.nat(4), { maxLength: 60 });
    const fates = fc.array(fc.constantFrom('accept', 'accept', 'refuse', 'fail', 'short'), {
      minLength: 1,
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(packs, fates, fc.double({ min: 0, max: 1, noNaN: true }), async (lanes, given, jitter) => {
        let fate = 0;
        let inStream: string[] = [];
        const next = () => (fate < given.length ? given[fate++] : 'accept');
        const flying = new Set<string>();
        const put: PutPacks = async (sent) => {
          expect(sent.map(({ lane }) => lane).filter((lane) => flying.has(lane))).toEqual([]);
          expect(new Set(sent.map(({ lane }) => lane)).size).toBe(sent.length);
          for (const { lane } of sent) flying.add(lane);
          await settle();
          for (const { lane } of sent) flying.delete(lane);
          if (next() === 'fail') throw new Error('ECONNRESET');
          const outcomes = sent.map(() => (next() === 'refuse' ? throttle : null));
          if (next() === 'short') outcomes.pop();
          inStream = inStream.concat(sent.filter((_, i) => outcomes[i] === null).map(nameOf));
          return outcomes;
        };
        const { clock, writer, accepted } = writing(put, () => jitter);
        const written = lanes.map((lane, i) => pack(lane, i));
        for (const one of written) writer.write(one);
        // A call may take two turns of the event loop: each round moves the clock over one back-off at the most.
        for (let round = 0; round < 500 && writer.queuedRows > 0; round++) await clock.advance(5_000);

        expect([...accepted].sort()).toEqual(written.map(nameOf).sort());
        expect(inStream).toEqual(accepted);
        for (const lane of new Set(lanes)) {
          const ofLane = (name: string) => name.startsWith(`${lane}/`);
          expect(accepted.filter(ofLane)).toEqual(written.map(nameOf).filter(ofLane));
        }
        expect([writer.queuedBytes, writer.queuedRows]).toEqual([0, 0]);
        expect(writer.counts).toMatchObject({
          packs: written.length,
          rows: 2 * written.length,
          bytes: 16 * written.length,
        });
      }),
      { numRuns: 150 },
    );
  });

  test('sends only the refused entries again, after a back-off', async () => {
    const { calls, put } = manualPut();
    const { clock, writer } = writing(put);
    for (const lane of [0, 1, 2]) writer.write(pack(lane, 0));
    // The first pack flies alone: it was the only one when it was written.
    await calls[0]!.answer([null]);
    expect(calls.map(({ packs }) => packs)).toEqual([['0/0'], ['1/0'], ['2/0']]);

    await calls[1]!.answer([throttle]);
    await calls[2]!.answer([null]);
    await clock.advance(99);
    expect(calls).toHaveLength(3);
    await clock.advance(1);

    expect(calls.map(({ packs }) => packs).slice(3)).toEqual([['1/0']]);
    expect(writer.counts).toMatchObject({ calls: 4, retries: 1, throttles: 1, packs: 2 });
  });

  test('of one call sends the refused entries again and none of the accepted', async () => {
    const { calls, put } = manualPut();
    const { clock, writer, accepted } = writing(put);
    // Four calls are all that fly at once: what is written meanwhile goes out together.
    for (const lane of [0, 1, 2, 3, 4, 5, 6]) writer.write(pack(lane, 0));
    await calls[0]!.answer([null]);
    expect(calls[4]!.packs).toEqual(['4/0', '5/0', '6/0']);

    await calls[4]!.answer([null, throttle, null]);
    await clock.advance(100);

    expect(calls[5]!.packs).toEqual(['5/0']);
    expect(accepted).toEqual(['0/0', '4/0', '6/0']);
  });

  test('has one pack of a lane in flight', async () => {
    const { calls, put } = manualPut();
    const { writer } = writing(put);

    for (const number of [0, 1, 2]) writer.write(pack(7, number));
    expect(calls.map(({ packs }) => packs)).toEqual([['7/0']]);
    await calls[0]!.answer([null]);

    expect(calls.map(({ packs }) => packs)).toEqual([['7/0'], ['7/1']]);
  });

  test('sends no more than 500 records in a call, and makes four calls at once', async () => {
    const { calls, put } = manualPut();
    const { writer } = writing(put);
    for (let lane = 0; lane < 1_024; lane++) writer.write(pack(lane, 0));
    expect(calls).toHaveLength(4);

    await calls[0]!.answer([null]);
    await calls[1]!.answer([null]);
    await calls[2]!.answer([null]);

    expect(calls.map(({ packs }) => packs.length)).toEqual([1, 1, 1, 1, 500, 500, 20]);
  });

  test('sends no more than 5 MiB in a call, partition keys included', async () => {
    const sizes: number[] = [];
    const put: PutPacks = async (packs) => {
      sizes.push(packs.reduce((sum, { data, lane }) => sum + data.length + Buffer.byteLength(lane), 0));
      return packs.map(() => null);
    };
    const { writer, accepted } = writing(put);

    for (let lane = 0; lane < 100; lane++) writer.write(pack(lane, 0, 256 * 1024));
    await settle();

    expect(accepted).toHaveLength(100);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(5 * 1024 * 1024);
    expect(Math.max(...sizes)).toBeGreaterThan(4 * 1024 * 1024);
  });

  test('sends everything again when a call fails as a whole', async () => {
    let calls = 0;
    const put: PutPacks = async (packs) => {
      calls += 1;
      if (calls <= 3) throw new Error('ECONNRESET');
      return packs.map(() => null);
    };
    const { clock, writer, accepted, logged } = writing(put);

    writer.write(pack(0, 0));
    await clock.advance(10_000);

    expect(accepted).toEqual(['0/0']);
    expect(writer.counts).toMatchObject({ calls: 4, retries: 3, packs: 1 });
    expect(logged).toEqual([
      ['kinesis_refuses', { reason: 'ECONNRESET' }],
      ['kinesis_accepts', { queued_bytes: 0 }],
    ]);
  });

  test('waits twice as long after each refusal, from 100 ms to 5 s, and starts anew once accepted', async () => {
    const sentAt: number[] = [];
    let refusals = 9;
    const put: PutPacks = async (packs) => {
      sentAt.push(clock.now());
      return packs.map(() => (refusals-- > 0 ? throttle : null));
    };
    const { clock, writer } = writing(put);
    writer.write(pack(0, 0));
    await clock.advance(60_000);
    const waits = sentAt.slice(1).map((atMs, i) => atMs - sentAt[i]!);
    expect(waits).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]);

    refusals = 1;
    writer.write(pack(0, 1));
    await clock.advance(1_000);

    expect(sentAt.at(-1)! - sentAt.at(-2)!).toBe(100);
  });

  test('holds back one lane while it waits, and no other', async () => {
    const put: PutPacks = async (packs) => packs.map(({ lane }) => (lane === 'lane-0' ? throttle : null));
    const { clock, writer, accepted } = writing(put);

    for (const number of [0, 1, 2]) for (const lane of [0, 1]) writer.write(pack(lane, number));
    await clock.advance(60_000);

    expect(accepted).toEqual(['1/0', '1/1', '1/2']);
    expect([writer.queuedRows, writer.queuedBytes]).toEqual([6, 3 * (16 + 512)]);
  });

  test('sends nothing more once stopped, and still counts what it holds', async () => {
    let calls = 0;
    const { clock, writer } = writing(async (packs) => {
      calls += 1;
      return packs.map(() => throttle);
    });
    writer.write(pack(0, 0));
    writer.write(pack(0, 1));
    await clock.advance(1_000);
    const before = calls;

    void writer.stop();
    await clock.advance(60_000);

    expect(calls).toBe(before);
    expect(writer.queuedRows).toBe(4);
  });

  test('counts an answer that comes after it was stopped: those rows are in the stream', async () => {
    const { calls, put } = manualPut();
    const { writer, accepted } = writing(put);
    writer.write(pack(0, 0));

    void writer.stop();
    await calls[0]!.answer([null]);

    expect(accepted).toEqual(['0/0']);
    expect(writer.queuedRows).toBe(0);
  });
});
