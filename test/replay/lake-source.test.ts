import { describe, expect, it } from 'vitest';
import { openBucket } from '../../infra/local/s3.ts';
import { lakeSource } from '../../infra/replay/lake-source.ts';
import type { Selection, SourceItem } from '../../producer/replay/source.ts';
import { HOUR_MS, NOON, putRows, putWholeLake, snapshots, temporaryFolder } from '../cli/lake.ts';

const ALL: Selection = {
  fromMs: -Infinity,
  toMs: Infinity,
  tables: new Set(['order_book', 'feed_event']),
  symbol: () => true,
};

async function itemsOf(folder: string, selection: Partial<Selection> = {}): Promise<SourceItem[]> {
  const source = lakeSource(openBucket(folder), folder);
  const items: SourceItem[] = [];
  for await (const item of source.read({ ...ALL, ...selection }, null, new AbortController().signal)) items.push(item);
  return items;
}

describe('a lake as a source', () => {
  it('gives every row', async () => {
    const folder = temporaryFolder();
    putWholeLake(folder);
    const items = await itemsOf(folder);
    expect(items.flatMap(({ run }) => run?.rows ?? [])).toHaveLength(9);
  });
});
