import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FirehosePace, type Paced } from '../../../infra/replay/sinks/firehose-pace.ts';

const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;
/** As deployed: about one full file an invocation, the least delivery interval. */
const OPTIONS = { lambdaBufferBytes: MIB, lambdaBufferMs: 60_000, deliveryMs: 60_000, partitionQuota: 50 };
const LONGEST_DELIVERY_MS = 1.5 * 60_000;

const pack = (hour: number, bytes = 1_000, table: Paced['table'] = 'order_book'): Paced => ({
  table,
  hourMs: hour * HOUR_MS,
  data: { length: bytes },
});

/** Sends as fast as the pace allows, a call of at most 500 after the other, and says when each pack went. */
function sendAll(packs: readonly Paced[], options = OPTIONS) {
  const pace = new FirehosePace(options);
  const sent: { pack: Paced; atMs: number }[] = [];
  let nowMs = 0;
  while (sent.length < packs.length) {
    const fitting = pace.fitting(packs.slice(sent.length, sent.length + 500), nowMs);
    for (const each of packs.slice(sent.length, sent.length + fitting)) {
      pace.sent(each, nowMs);
      sent.push({ pack: each, atMs: nowMs });
    }
    if (fitting > 0) continue;
    const nextMs = pace.nextMs();
    // A pace that lets nothing go and names no later time would hang its sink.
    expect(nextMs).toBeGreaterThan(nowMs);
    nowMs = nextMs;
  }
  return sent;
}

interface File {
  readonly madeMs: number;
  readonly deliveredMs: number;
}

/**
 * What Firehose and the transformer make of it: batches by size and time since their first pack, one file a table and
 * hour in each, more where that passes 1,000 KiB, each active until it is delivered.
 */
function filesOf(sent: ReturnType<typeof sendAll>, { lambdaBufferBytes, lambdaBufferMs }: typeof OPTIONS): File[] {
  const files: File[] = [];
  let groups = new Map<string, number>();
  let bytes = 0;
  let openedMs = 0;
  const close = (atMs: number) => {
    for (const size of groups.values()) {
      for (let n = 0; n < Math.ceil(size / 1_024_000); n += 1) {
        files.push({ madeMs: atMs, deliveredMs: atMs + LONGEST_DELIVERY_MS });
      }
    }
    groups = new Map();
    bytes = 0;
  };
  for (const { pack: each, atMs } of sent) {
    if (bytes > 0 && atMs >= openedMs + lambdaBufferMs) close(openedMs + lambdaBufferMs);
    if (bytes + each.data.length > lambdaBufferBytes) close(atMs);
    if (bytes === 0) openedMs = atMs;
    const key = `${each.table} ${each.hourMs}`;
    groups.set(key, (groups.get(key) ?? 0) + each.data.length);
    bytes += each.data.length;
  }
  close(openedMs + lambdaBufferMs);
  return files;
}

function mostActive(files: readonly File[]): number {
  const activeAt = (ms: number) => files.filter(({ madeMs, deliveredMs }) => madeMs <= ms && ms < deliveredMs).length;
  return Math.max(0, ...files.map(({ madeMs }) => activeAt(madeMs)));
}

describe('the pace of a replay into a delivery stream', () => {
  it('lets packs of one hour go at once: many make one file', () => {
    const packs = Array.from({ length: 400 }, () => pack(0));

    expect(sendAll(packs).every(({ atMs }) => atMs === 0)).toBe(true);
  });

  it('lets so many hours go as make files for four fifths of the quota, and the others once these are delivered', () => {
    const sent = sendAll(Array.from({ length: 100 }, (_, hour) => pack(hour)));

    // The 40 are collected for 60 s, transformed within 5 s and delivered within 90 s.
    const times = [0, 155_000, 310_000];
    expect(sent.map(({ atMs }) => atMs)).toEqual(sent.map((_, i) => times[Math.floor(i / 40)]));
  });

  it('reckons with a file of each table, and with two where packs of an hour fill one', () => {
    const small = Array.from({ length: 40 }, (_, i) => pack(i >> 1, 1_000, i % 2 === 0 ? 'order_book' : 'feed_event'));
    const large = Array.from({ length: 40 }, (_, i) => pack(i, MIB));
    const goAtOnce = (packs: readonly Paced[]) => new FirehosePace(OPTIONS).fitting(packs, 0);

    expect(goAtOnce([...small, pack(99)])).toBe(40);
    expect(goAtOnce(large)).toBe(20);
  });

  it('lets a pack go where even that is above the quota, one after the other', () => {
    const sent = sendAll([pack(0), pack(1), pack(2)], { ...OPTIONS, partitionQuota: 1 });

    expect(sent.map(({ atMs }) => atMs)).toEqual([0, 155_000, 310_000]);
  });

  it('begins where the service begins: time in which nothing is sent counts', () => {
    const pace = new FirehosePace(OPTIONS);
    for (let hour = 0; hour < 40; hour += 1) pace.sent(pack(hour), 0);

    expect(pace.fitting([pack(40)], 154_999)).toBe(0);
    expect(pace.fitting([pack(40)], 155_000)).toBe(1);
  });

  it('keeps below the quota whatever is sent, and is done in finite time', () => {
    const packs = fc.array(
      fc.record({ hour: fc.nat(5), bytes: fc.integer({ min: 100, max: 200_000 }), event: fc.boolean() }),
      { maxLength: 300 },
    );
    const settings = fc.record({
      lambdaBufferBytes: fc.constantFrom(0.2 * MIB, MIB, 3 * MIB),
      lambdaBufferMs: fc.constantFrom(0, 5_000, 60_000, 900_000),
      partitionQuota: fc.integer({ min: 10, max: 60 }),
    });
    fc.assert(
      fc.property(packs, settings, fc.boolean(), (given, chosen, advancing) => {
        const options = { ...OPTIONS, ...chosen };
        const hourOf = (i: number, hour: number) => (advancing ? Math.floor(i / 3) : hour);
        const sent = sendAll(
          given.map(({ hour, bytes, event }, i) => pack(hourOf(i, hour), bytes, event ? 'feed_event' : 'order_book')),
          options,
        );
        expect(mostActive(filesOf(sent, options))).toBeLessThanOrEqual(Math.max(4, 0.8 * options.partitionQuota));
      }),
      { numRuns: 150 },
    );
  });
});
