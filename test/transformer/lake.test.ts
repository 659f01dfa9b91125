import { describe, expect, it } from 'vitest';
import { writeContainerFile } from '../../transformer/container-file.ts';
import { type LakeFile, listFiles, type ObjectStore, parseKey, readFile } from '../../transformer/lake.ts';
import { hoursOf } from '../../transformer/lake-hours.ts';
import { type Manifest, readManifest, sealedPath } from '../../transformer/manifest.ts';
import { HOUR_MS, partitionOf } from '../../transformer/partition.ts';
import { MemoryLake } from '../replay/lakes.ts';
import { feedEventAt, orderBookAt } from './arbitrary-rows.ts';

const HOUR = 'orderbook/year=2024/month=02/day=29/hour=23/';

function storeOf(objects: Record<string, Buffer>): ObjectStore {
  return {
    async *list(prefix) {
      for (const [key, body] of Object.entries(objects)) if (key.startsWith(prefix)) yield { key, bytes: body.length };
    },
    get: async (key) => objects[key]!,
    put: async (key, body) => {
      objects[key] = Buffer.from(body);
    },
  };
}

describe('a lake', () => {
  it('lists a table’s files with their places, and nothing that Athena would not read', async () => {
    const store = storeOf({
      [`${HOUR}1-a.avro`]: Buffer.from('abc'),
      [`${HOUR}_manifest.json`]: Buffer.from('{}'),
      [`${HOUR}.1-a.avro.part`]: Buffer.from('x'),
      'orderbook/_tmp/1-a.avro': Buffer.from('x'),
      'orderbook/': Buffer.alloc(0),
      'orderbook/stray.avro': Buffer.from('x'),
      'feed_event/year=2024/month=02/day=29/hour=23/1-a.avro': Buffer.from('x'),
      'errors/processing-failed/x': Buffer.from('x'),
    });
    const files: LakeFile[] = [];
    for await (const file of listFiles(store, 'order_book')) files.push(file);
    expect(files).toEqual([
      {
        key: `${HOUR}1-a.avro`,
        bytes: 3,
        place: {
          table: 'order_book',
          partition: { year: '2024', month: '02', day: '29', hour: '23' },
          hourMs: Date.UTC(2024, 1, 29, 23),
        },
      },
      { key: 'orderbook/stray.avro', bytes: 1, place: null },
    ]);
  });

  it('reads a file back', async () => {
    const store = storeOf({});
    await store.put('k', writeContainerFile('order_book', [orderBookAt(1, 1)], 'snappy'));
    expect((await readFile(store, 'k')).rows).toMatchObject([orderBookAt(1, 1)]);
  });
});

describe('a key', () => {
  it.each([
    'orderbook/year=2024/month=2/day=29/hour=23/a.avro',
    'orderbook/year=2023/month=02/day=29/hour=23/a.avro',
    'orderbook/year=2024/month=02/day=30/hour=23/a.avro',
    'orderbook/year=2024/month=13/day=01/hour=00/a.avro',
    'orderbook/year=2024/month=02/day=29/hour=24/a.avro',
    'order_book/year=2024/month=02/day=29/hour=23/a.avro',
    'sealed/orderbook/year=2024/month=02/day=29/hour=23/generation=1/a.avro',
    'orderbook/year=2024/month=02/day=29/hour=23/deeper/a.avro',
    'orderbook/year=2024/month=02/day=29/hour=23/',
    '/orderbook/year=2024/month=02/day=29/hour=23/a.avro',
    '',
  ])('of another layout or of no hour has no place: %s', (key) => {
    expect(parseKey(key)).toBeNull();
  });
});

describe('the hours of a lake', () => {
  const NEW_YEAR = Date.UTC(2024, 0, 1);
  const LEAP_DAY = Date.UTC(2024, 1, 29, 23);
  const lake = new MemoryLake();
  for (const ms of [LEAP_DAY, NEW_YEAR, NEW_YEAR - 1, LEAP_DAY + HOUR_MS])
    lake.putRaw('order_book', [orderBookAt(ms, 1)]);
  lake.seal('feed_event', [feedEventAt(LEAP_DAY - HOUR_MS, 1)], []);
  for (const path of [
    'year=2024/month=02/day=30/hour=00',
    'year=2024/month=02/day=29/hour=24',
    'year=24/month=01/day=01/hour=00',
  ]) {
    lake.objects.set(`orderbook/${path}/x.avro`, Buffer.alloc(0));
  }
  const found = async (fromMs: number, toMs: number, descending = false) => {
    const hours: number[] = [];
    for await (const hour of hoursOf(lake, ['order_book', 'feed_event'], fromMs, toMs, descending)) hours.push(hour);
    return hours;
  };
  const all = [NEW_YEAR - HOUR_MS, NEW_YEAR, LEAP_DAY - HOUR_MS, LEAP_DAY, LEAP_DAY + HOUR_MS];

  it('are those of all tables, raw and sealed, from the first to the last or back', async () => {
    expect(await found(-Infinity, Infinity)).toEqual(all);
    expect(await found(-Infinity, Infinity, true)).toEqual([...all].reverse());
  });

  it('are those that a part of lies in the range', async () => {
    for (const fromMs of all) {
      for (const toMs of all) {
        const inside = all.filter((hour) => hour + HOUR_MS > fromMs && hour < toMs);
        expect(await found(fromMs, toMs)).toEqual(inside);
        expect(await found(fromMs + 1, toMs + 1)).toEqual(all.filter((hour) => hour >= fromMs && hour <= toMs));
      }
    }
  });
});

describe('a manifest', () => {
  const due = { table: 'order_book', hour_ms: Date.UTC(2024, 1, 29, 23), generation: 2 } as const;
  const path = `${sealedPath('order_book', partitionOf(due.hour_ms))}generation=2/`;
  const good: Manifest = { version: 1, ...due, files: [{ key: `${path}1-a.avro`, rows: 3 }], raw: [`${HOUR}1-a.avro`] };
  const read = (value: unknown) => readManifest(JSON.stringify(value), path, due);

  it('lies in the folder of its generation, beside the files that it lists', () => {
    expect(path).toBe('sealed/order_book/year=2024/month=02/day=29/hour=23/generation=2/');
    expect(read(good)).toEqual(good);
    expect(read({ ...good, coverage: 'of a later version of sealing' })).toMatchObject(good);
  });

  it.each([
    ['no JSON', undefined, /JSON/],
    ['no object', null, 'it is not a JSON object'],
    ['another version', { ...good, version: 2 }, 'its version is 2, not 1'],
    ['another table', { ...good, table: 'coverage' }, 'its table is "coverage"'],
    ['another hour', { ...good, hour_ms: 0 }, 'it is of generation 2 of hour 0 of order_book'],
    ['another generation', { ...good, generation: 1 }, 'it is of generation 1 of hour'],
    [
      'files elsewhere',
      { ...good, files: [{ key: `${HOUR}1-a.avro`, rows: 3 }] },
      'its files are no list of files beside it',
    ],
    [
      'files without rows',
      { ...good, files: [{ key: `${path}1-a.avro` }] },
      'its files are no list of files beside it',
    ],
    ['files that are null', { ...good, files: [null] }, 'its files are no list of files beside it'],
    ['no files', { ...good, files: undefined }, 'its files are no list of files beside it'],
    ['no raw keys', { ...good, raw: undefined }, 'its raw is no list of keys'],
    ['raw keys that are none', { ...good, raw: [1] }, 'its raw is no list of keys'],
  ])('is refused with its reason: %s', (_, value, reason) => {
    expect(() => read(value)).toThrow(expect.objectContaining({ code: 'DL_MANIFEST_INVALID' }));
    expect(() => read(value)).toThrow(reason);
  });
});
