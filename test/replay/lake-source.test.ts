import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openBucket } from '../../infra/local/s3.ts';
import { lakeSource } from '../../infra/replay/lake-source.ts';
import { DepthlakeError } from '../../producer/errors.ts';
import type { RowTypes, TableName, TableRow } from '../../producer/record.ts';
import { HOUR_MS, partitionOf, partitionPath } from '../../transformer/partition.ts';
import { putWholeLake, temporaryFolder } from '../cli/lake.ts';
import { feedEventAt, orderBookAt } from '../transformer/arbitrary-rows.ts';
import { brokenFrontiers, MemoryLake, readAll, textsOf } from './lakes.ts';

const NOON = Date.UTC(2026, 8, 1, 12);
const LONG_AFTER = NOON + 1000 * HOUR_MS;
const sourceOf = (lake: MemoryLake, nowMs = LONG_AFTER) => lakeSource(lake, 'the lake', () => nowMs);
const book = (ms: number, seq = ms) => orderBookAt(NOON + ms, seq);
const wrapped = <T extends TableName>(table: T, rows: readonly RowTypes[T][]) =>
  rows.map((row) => ({ table, row }) as unknown as TableRow);

/** Raw files and generations over three hours; what is sealed has left out nothing and added nothing. */
const lakes = fc
  .array(
    fc.record({
      hour: fc.integer({ min: 0, max: 2 }),
      events: fc.boolean(),
      times: fc.array(fc.nat(HOUR_MS - 1), { minLength: 1, maxLength: 12 }),
      sealed: fc.constantFrom(0, 1, 2),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((files) => {
    const lake = new MemoryLake();
    const all: TableRow[] = [];
    const hours = new Map<string, { rows: RowTypes[TableName][]; raw: string[]; sealed: number }[]>();
    for (const [index, { hour, events, times, sealed }] of files.entries()) {
      const table = events ? 'feed_event' : 'order_book';
      const at = events ? feedEventAt : orderBookAt;
      const rows = times.map((ms, seq) => at(NOON + hour * HOUR_MS + ms, seq + 1, { session_id: `${index}` }));
      const raw = [lake.putRaw(table, rows as never, `${index}`)];
      all.push(...wrapped(table, rows as never));
      const name = `${table}/${hour}`;
      hours.set(name, [...(hours.get(name) ?? []), { rows, raw, sealed }]);
    }
    for (const [name, parts] of hours) {
      for (const generation of [1, 2]) {
        const consumed = parts.filter(({ sealed }) => sealed > 0 && sealed <= generation);
        if (consumed.length === 0) continue;
        const rows = consumed.flatMap((part) => part.rows);
        lake.seal(
          name.split('/')[0] as TableName,
          rows as never,
          consumed.flatMap((part) => part.raw),
          generation,
        );
      }
    }
    return { lake, all };
  });

describe('a lake as a source', () => {
  it('gives every row once, sealed and raw, and none before the time it promised to be past', async () => {
    await fc.assert(
      fc.asyncProperty(lakes, async ({ lake, all }) => {
        const { items, rows } = await readAll(sourceOf(lake));
        expect(textsOf(rows)).toEqual(textsOf(all));
        expect(brokenFrontiers(items)).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });

  it('says of each file how far the next one lets rows leave', async () => {
    const lake = new MemoryLake();
    lake.putRaw('order_book', [book(10), book(500)]);
    lake.putRaw('feed_event', [feedEventAt(NOON + 300, 1)]);
    lake.putRaw('order_book', [book(HOUR_MS + 7)]);
    const { items } = await readAll(sourceOf(lake), { toMs: NOON + HOUR_MS + 8 });
    expect(items.filter(({ run }) => run).map(({ run, frontierMs }) => [run!.rows.length, frontierMs - NOON])).toEqual([
      [2, 300],
      [1, HOUR_MS],
      [1, 2 * HOUR_MS],
    ]);
  });

  it('reads a folder as it reads a bucket', async () => {
    const folder = temporaryFolder();
    putWholeLake(folder);
    const { rows, runs } = await readAll(lakeSource(openBucket(folder), folder));
    expect(rows.map(({ table, row }) => [table, row.seq])).toEqual([
      ...[1, 2, 3].map((seq) => ['feed_event', seq]),
      ...[1, 2, 3, 4, 5, 6].map((seq) => ['order_book', seq]),
    ]);
    expect(runs.every(({ taken }) => !taken)).toBe(true);
  });

  it('reads files without a time in their name from the hour’s begin on, and names of another hour likewise', async () => {
    const lake = new MemoryLake();
    const folder = partitionPath('order_book', partitionOf(NOON));
    const bytes = (ms: number) => {
      const other = new MemoryLake();
      return other.objects.get(other.putRaw('order_book', [book(ms)]))!;
    };
    lake.objects.set(`${folder}part-0.avro`, bytes(5));
    lake.objects.set(`${folder}${NOON + HOUR_MS}-x.avro`, bytes(6));
    lake.objects.set(`${folder}deeper/${NOON + 4}-x.avro`, bytes(4));
    lake.objects.set(`${folder}_hidden.avro`, bytes(7));
    const { rows, items } = await readAll(sourceOf(lake), { tables: new Set(['order_book']) });
    expect(rows.map(({ row }) => row.seq).sort()).toEqual([4, 5, 6]);
    expect(brokenFrontiers(items)).toEqual([]);
  });

  it('fetches two files beyond the one that is read, and lists one hour', async () => {
    const lake = new MemoryLake();
    for (let ms = 0; ms < 10; ms += 1) lake.putRaw('order_book', [book(ms)]);
    for (let hour = 1; hour < 5; hour += 1) lake.putRaw('order_book', [book(hour * HOUR_MS)]);
    const source = sourceOf(lake);
    const items = source.read(
      { fromMs: NOON, toMs: Infinity, tables: new Set(['order_book']), symbol: () => true },
      null,
      new AbortController().signal,
    );
    const iterator = items[Symbol.asyncIterator]();
    await iterator.next();
    await new Promise((resolve) => setImmediate(resolve));
    expect(lake.got).toHaveLength(3);
    expect(lake.lookedInto.filter((prefix) => /^orderbook.*hour=\d\d\/$/.test(prefix))).toHaveLength(2);
    await iterator.return!(undefined);
    expect(lake.got).toHaveLength(3);
  });

  it('ends when it is told to, without a further file', async () => {
    const lake = new MemoryLake();
    for (let ms = 0; ms < 10; ms += 1) lake.putRaw('order_book', [book(ms)]);
    const stop = new AbortController();
    const selection = { fromMs: NOON, toMs: Infinity, tables: new Set<TableName>(['order_book']), symbol: () => true };
    let items = 0;
    for await (const _ of sourceOf(lake).read(selection, null, stop.signal)) {
      items += 1;
      if (items === 4) stop.abort();
    }
    expect(items).toBe(4);
  });
});

describe('a selection of a lake', () => {
  it('is looked for in the folders of its hours alone', async () => {
    const lake = new MemoryLake();
    for (const day of [-400, -40, -1, 0, 1, 40]) lake.putRaw('order_book', [book(day * 24 * HOUR_MS)]);
    lake.putRaw('order_book', [book(-HOUR_MS)]);
    const { rows } = await readAll(sourceOf(lake), {
      fromMs: NOON - 1,
      toMs: NOON + 2,
      tables: new Set(['order_book']),
    });
    expect(rows.map(({ row }) => row.timestamp_ms - NOON)).toEqual([-HOUR_MS, 0]);
    const days = lake.lookedInto.filter((prefix) => /^orderbook.*day=/.test(prefix));
    expect(days.every((prefix) => prefix.startsWith('orderbook/year=2026/month=09/day=01/'))).toBe(true);
  });

  it('leaves files unread that begin at its end', async () => {
    const lake = new MemoryLake();
    for (const ms of [0, 10, 20]) lake.putRaw('order_book', [book(ms)]);
    const { rows } = await readAll(sourceOf(lake), { toMs: NOON + 20, tables: new Set(['order_book']) });
    expect(rows.map(({ row }) => row.seq)).toEqual([0, 10]);
    expect(lake.got).toHaveLength(2);
  });
});

describe('what a lake lacks', () => {
  const torn = (lake: MemoryLake, key: string) => lake.objects.set(key, lake.objects.get(key)!.subarray(0, -1));

  it('is told file by file, and nothing of a file that is not right to its last byte is given', async () => {
    const lake = new MemoryLake();
    const [cut, foreign, gone, whole] = [0, 1, 2, 3].map((ms) => lake.putRaw('order_book', [book(ms), book(ms + 10)]));
    torn(lake, cut!);
    lake.objects.set(foreign!, lake.objects.get(lake.putRaw('feed_event', [feedEventAt(NOON, 1)]))!);
    lake.failures.set(gone!, new DepthlakeError('DL_FILE_UNREADABLE', 'the object is not there'));
    const { rows, problems, items } = await readAll(sourceOf(lake), { toMs: NOON + 30 });
    expect(rows.filter(({ table }) => table === 'order_book').map(({ row }) => row.seq)).toEqual([3, 13]);
    expect(whole).toBeDefined();
    expect(problems).toEqual([
      { code: 'DL_CONTAINER_INVALID', where: cut, message: 'block 1: it is cut off' },
      {
        code: 'DL_CONTAINER_INVALID',
        where: foreign,
        message: 'it holds rows of feed_event among those of order_book',
      },
      { code: 'DL_FILE_UNREADABLE', where: gone, message: 'the object is not there' },
    ]);
    expect(brokenFrontiers(items)).toEqual([]);
  });

  it('ends the replay where it is not one file that fails', async () => {
    const lake = new MemoryLake();
    const key = lake.putRaw('order_book', [book(0)]);
    lake.failures.set(key, new DepthlakeError('DL_REPLAY_DENIED', 'S3 refuses'));
    await expect(readAll(sourceOf(lake))).rejects.toMatchObject({ code: 'DL_REPLAY_DENIED' });
  });

  it('is told by table and hour, hours in a row together', async () => {
    const lake = new MemoryLake();
    for (const hour of [0, 1, 4, 5]) lake.putRaw('order_book', [book(hour * HOUR_MS)]);
    for (const hour of [0, 5]) lake.putRaw('feed_event', [feedEventAt(NOON + hour * HOUR_MS, 1)]);
    const { problems } = await readAll(sourceOf(lake));
    expect(problems).toEqual([
      {
        code: 'DL_HOUR_EMPTY',
        where: 'order_book 2026-09-01T14:00:00.000Z',
        message: '2 hours from there on have no file',
      },
      {
        code: 'DL_HOUR_EMPTY',
        where: 'feed_event 2026-09-01T13:00:00.000Z',
        message: '4 hours from there on have no file',
      },
    ]);
  });

  it.each([
    [
      'long after, every hour of the selection',
      100,
      [
        [-1, 1],
        [2, 3],
      ],
    ],
    [
      '22 minutes after an hour’s end, the hours before it',
      4 + 22 / 60,
      [
        [-1, 1],
        [2, 1],
      ],
    ],
    [
      '23 minutes after its end, that hour too',
      4 + 23 / 60,
      [
        [-1, 1],
        [2, 2],
      ],
    ],
    ['while the hour after the last file runs, none after it', 2.5, [[-1, 1]]],
  ])('counts when it is due: %s', async (_, hoursPastNoon, expected) => {
    const lake = new MemoryLake();
    for (const hour of [0, 1]) lake.putRaw('order_book', [book(hour * HOUR_MS)]);
    const { problems } = await readAll(sourceOf(lake, NOON + hoursPastNoon * HOUR_MS), {
      fromMs: NOON - 10,
      toMs: NOON + 4 * HOUR_MS + 1,
      tables: new Set(['order_book']),
    });
    const words = (count: number) =>
      count === 1 ? 'the hour has no file' : `${count} hours from there on have no file`;
    expect(problems.map(({ where, message }) => [where, message])).toEqual(
      expected.map(([hour, count]) => [`order_book ${new Date(NOON + hour! * HOUR_MS).toISOString()}`, words(count!)]),
    );
  });

  it('is told with what the lake has, where nothing of the selection is there', async () => {
    const lake = new MemoryLake();
    for (const hour of [0, 30, 2000]) lake.putRaw('order_book', [book(hour * HOUR_MS)]);
    const { rows, problems } = await readAll(sourceOf(lake, NOON), { fromMs: 0, toMs: NOON - HOUR_MS });
    expect(rows).toEqual([]);
    expect(problems.map(({ code, where }) => [code, where])).toEqual([
      ['DL_HOUR_EMPTY', 'order_book 1970-01-01T00:00:00.000Z'],
      ['DL_HOUR_EMPTY', 'feed_event 1970-01-01T00:00:00.000Z'],
    ]);
    expect(problems[0]!.message).toMatch(
      /hours from there on have no file; the lake has order_book from 2026-09-01T12:00:00.000Z to 2026-11-23T21:00:00.000Z$/,
    );
    expect(problems[1]!.message).toMatch(/; the lake has none of feed_event$/);
  });

  it('is told of a table that is not there at all, over an open selection', async () => {
    const lake = new MemoryLake();
    lake.putRaw('order_book', [book(0)]);
    const { problems } = await readAll(sourceOf(lake), { tables: new Set(['feed_event']) });
    expect(problems).toEqual([
      { code: 'DL_HOUR_EMPTY', where: 'feed_event', message: 'there is no file; the lake has none of feed_event' },
    ]);
  });

  it('is not an hour before the first one, whose folder is there and holds nothing', async () => {
    const lake = new MemoryLake();
    lake.putRaw('order_book', [book(0)]);
    lake.objects.set(`${partitionPath('order_book', partitionOf(NOON - 5 * HOUR_MS))}_SUCCESS`, Buffer.alloc(0));
    expect((await readAll(sourceOf(lake), { tables: new Set(['order_book']) })).problems).toEqual([]);
  });

  it('ends the replay where there is no lake', async () => {
    const lake = new MemoryLake();
    lake.objects.set('other/things', Buffer.from('x'));
    await expect(readAll(sourceOf(lake))).rejects.toMatchObject({
      code: 'DL_LAKE_MISSING',
      message: 'the lake holds no lake: none of orderbook/, feed_event/, sealed/ is there',
    });
  });
});

describe('a damaged manifest', () => {
  const sealedTwice = () => {
    const lake = new MemoryLake();
    const raw = [1, 2, 3].map((ms) => lake.putRaw('order_book', [book(ms)]));
    lake.seal('order_book', [book(1)], raw.slice(0, 1), 1);
    const newest = lake.seal('order_book', [book(1), book(2)], raw.slice(0, 2), 2);
    return { lake, raw, newest };
  };
  const seqs = { tables: new Set<TableName>(['order_book']) };

  it('is told, and the generation before it with the raw files since gives the same rows', async () => {
    const { lake, newest } = sealedTwice();
    lake.objects.set(newest, Buffer.from('{"version":1'));
    const { rows, problems } = await readAll(sourceOf(lake), seqs);
    expect(rows.map(({ row }) => row.seq)).toEqual([1, 2, 3]);
    expect(problems).toMatchObject([{ code: 'DL_MANIFEST_INVALID', where: newest }]);
    expect(lake.got.filter((key) => key.endsWith('.avro'))).toEqual([
      expect.stringMatching(/generation=1/),
      expect.stringMatching(/^orderbook/),
      expect.stringMatching(/^orderbook/),
    ]);
  });

  it('is told, too, where it is listed and cannot be read', async () => {
    const { lake, newest } = sealedTwice();
    lake.failures.set(newest, new DepthlakeError('DL_FILE_UNREADABLE', 'the object is archived'));
    const { rows, problems } = await readAll(sourceOf(lake), seqs);
    expect(rows.map(({ row }) => row.seq)).toEqual([1, 2, 3]);
    expect(problems).toMatchObject([{ code: 'DL_MANIFEST_INVALID', where: newest, message: 'the object is archived' }]);

    lake.failures.set(newest, new DepthlakeError('DL_REPLAY_DENIED', 'S3 refuses'));
    await expect(readAll(sourceOf(lake), seqs)).rejects.toMatchObject({ code: 'DL_REPLAY_DENIED' });
  });

  it('that is missing makes no generation: it was not finished', async () => {
    const { lake, newest } = sealedTwice();
    lake.objects.delete(newest);
    const { rows, problems } = await readAll(sourceOf(lake), seqs);
    expect(rows.map(({ row }) => row.seq)).toEqual([1, 2, 3]);
    expect(problems).toEqual([]);
  });

  it('is no cause to pass over a file that is gone: that is told too', async () => {
    const { lake, newest } = sealedTwice();
    const file = newest.replace('_manifest.json', `${NOON + 1}-sealed.avro`);
    expect(lake.objects.delete(file)).toBe(true);
    lake.failures.set(file, new DepthlakeError('DL_FILE_UNREADABLE', 'the object is not there'));
    const { rows, problems } = await readAll(sourceOf(lake), seqs);
    expect(rows.map(({ row }) => row.seq)).toEqual([3]);
    expect(problems).toMatchObject([{ code: 'DL_FILE_UNREADABLE', where: file }]);
  });
});

describe('a replay that goes on', () => {
  it('knows again exactly the runs that it had taken, wherever it stopped', async () => {
    await fc.assert(
      fc.asyncProperty(lakes, fc.nat(), async ({ lake }, cut) => {
        const { runs } = await readAll(sourceOf(lake));
        const last = cut % runs.length;
        const resume = { fromMs: Number.NEGATIVE_INFINITY, taken: { '': runs[last]!.position } };
        const again = await readAll(sourceOf(lake), {}, resume);
        expect(again.runs.map(({ position, taken }) => [position, taken])).toEqual(
          runs.map(({ position }, index) => [position, index <= last]),
        );
      }),
      { numRuns: 15 },
    );
  });

  it('begins with the hour of the time it needs', async () => {
    const lake = new MemoryLake();
    const keys = [0, 1, 2].map((hour) => lake.putRaw('order_book', [book(hour * HOUR_MS)]));
    const resume = { fromMs: NOON + 2 * HOUR_MS - 1, taken: {} };
    await readAll(sourceOf(lake), { fromMs: NOON - 100 * HOUR_MS, tables: new Set(['order_book']) }, resume);
    expect(lake.got).toEqual(keys.slice(1));
  });

  it('after its hours were sealed neither repeats nor leaves out a row', async () => {
    const lake = new MemoryLake();
    const parts = [
      [0, 9],
      [10, 14],
      [12, 30],
      [20, 21],
    ].map((times) => times.map((ms) => book(ms)));
    const raw = parts.map((rows, index) => lake.putRaw('order_book', rows, `${index}`));
    const selection = { tables: new Set<TableName>(['order_book']) };
    const { items } = await readAll(sourceOf(lake), selection);
    const stopped = items.findIndex(({ run }) => run?.rows.some(({ row }) => row.timestamp_ms === NOON + 10));
    const { run, frontierMs } = items[stopped]!;
    // As the order does it: what is before the frontier has left.
    const left = items.slice(0, stopped + 1).flatMap((item) => item.run?.rows ?? []);
    const accepted = left.filter(({ row }) => row.timestamp_ms < frontierMs);
    const greatest = Math.max(...accepted.map(({ row }) => row.timestamp_ms));

    lake.seal('order_book', parts.flat(), raw);
    const again = await readAll(sourceOf(lake), selection, { fromMs: NOON, taken: { '': run!.position } });
    const later = again.runs.flatMap(({ rows, taken }) =>
      rows.filter(({ row }) => !taken || row.timestamp_ms > greatest),
    );
    expect(textsOf([...accepted, ...later])).toEqual(textsOf(wrapped('order_book', parts.flat())));
  });

  it('reads again the hour before, where rows of it may have been on their way', async () => {
    const lake = new MemoryLake();
    const keys = [0, 1, 2].map((hour) => lake.putRaw('order_book', [book(hour * HOUR_MS)]));
    const resume = { fromMs: NOON + 2 * HOUR_MS + 60_000, taken: {} };
    await readAll(sourceOf(lake), { tables: new Set(['order_book']) }, resume);
    expect(lake.got).toEqual(keys.slice(1));
  });

  it('misses no hour in front of the first one there is', async () => {
    const lake = new MemoryLake();
    lake.putRaw('order_book', [book(10)]);
    const resume = { fromMs: NOON - 60_000, taken: {} };
    const { items } = await readAll(sourceOf(lake), { tables: new Set(['order_book']) }, resume);
    expect(items.filter(({ problem }) => problem !== null)).toEqual([]);
  });

  it('is refused a position that is none', async () => {
    const lake = new MemoryLake();
    lake.putRaw('order_book', [book(0)]);
    const resume = { fromMs: NOON, taken: { '': 'shard 1' } };
    await expect(readAll(sourceOf(lake), {}, resume)).rejects.toMatchObject({ code: 'DL_CHECKPOINT_INVALID' });
  });
});
