import { describe, expect, it } from 'vitest';
import { writeContainerFile } from '../../transformer/container-file.ts';
import { type LakeFile, listFiles, type ObjectStore, parseKey, readFile } from '../../transformer/lake.ts';
import { orderBookAt } from './arbitrary-rows.ts';

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
