/** Container files as a source: given by name, and large ones block by block. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileSource } from '../../infra/replay/file-source.ts';
import { lakeSource } from '../../infra/replay/lake-source.ts';
import type { FeedEventRow, TableName } from '../../producer/record.ts';
import { writeContainerFile } from '../../transformer/container-file.ts';
import { partitionOf, partitionPath } from '../../transformer/partition.ts';
import { temporaryFolder } from '../cli/lake.ts';
import { feedEventAt, orderBookAt } from '../transformer/arbitrary-rows.ts';
import { brokenFrontiers, type Given, MemoryLake, readAll } from './lakes.ts';

const NOON = Date.UTC(2026, 8, 1, 12);
const DETAIL = 'x'.repeat(100_000);
/** With a detail of 100 kB: three make a block, 90 a file above 8 MiB. */
const events = (times: readonly number[]) =>
  times.map((ms) => feedEventAt(NOON + ms, ms, { detail: DETAIL }) satisfies FeedEventRow);
const range = (count: number, from = 0, step = 1) => Array.from({ length: count }, (_, index) => from + index * step);
const seqsOf = ({ runs }: Given) => runs.map(({ rows }) => rows.map(({ row }) => row.seq));

function put(folder: string, name: string, bytes: Uint8Array): string {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  return file;
}

describe('container files as a source', () => {
  const books = (...times: number[]) => times.map((ms) => orderBookAt(NOON + ms, ms));

  it('come in order of their earliest rows, whatever their names and the order they are given in', async () => {
    const folder = temporaryFolder();
    const late = put(folder, '1-a.avro', writeContainerFile('order_book', books(50, 60), 'deflate'));
    const early = put(folder, '9-z', writeContainerFile('order_book', books(30, 2), 'snappy'));
    const event = put(folder, '5.avro', writeContainerFile('feed_event', [feedEventAt(NOON + 40, 40)], 'null'));
    const last = put(folder, '0.avro', writeContainerFile('order_book', books(70), 'null'));
    const empty = put(folder, 'empty.avro', writeContainerFile('feed_event', [], 'null'));
    const given = await readAll(fileSource([late, last, empty, early, event, path.join(folder, '.', '9-z'), early]));
    expect(seqsOf(given)).toEqual([[30, 2], [40], [50, 60], [70]]);
    expect(given.items.map(({ frontierMs }) => frontierMs - NOON)).toEqual([40, 50, 70, Number.POSITIVE_INFINITY]);
    expect(given.problems).toEqual([]);
  });

  it('are those of a folder and below, but for hidden and other ones', async () => {
    const folder = temporaryFolder();
    for (const [index, name] of [
      'b.avro',
      'deep/er/a.avro',
      '_hidden.avro',
      'deep/_er/a.avro',
      'notes.txt',
    ].entries()) {
      put(folder, name, writeContainerFile('order_book', books(index), 'null'));
    }
    expect(seqsOf(await readAll(fileSource([folder])))).toEqual([[0], [1]]);
  });

  it('are told one by one where they are damaged or of no table, and the others are given', async () => {
    const folder = temporaryFolder();
    const good = put(folder, 'good', writeContainerFile('order_book', books(1), 'null'));
    const torn = put(folder, 'torn', writeContainerFile('order_book', books(2), 'null').subarray(0, -20));
    const text = put(folder, 'text', Buffer.from('timestamp_ms,symbol\n'));
    const foreign = Buffer.from(writeContainerFile('order_book', books(3), 'null'));
    foreign.write('OrderBuch', foreign.indexOf('"OrderBook"') + 1);
    foreign.write('other_book', foreign.indexOf('order_book', foreign.indexOf('depthlake.table')));
    foreign.write('foreign', foreign.indexOf('depthlake.crc32'));
    const other = put(folder, 'other', foreign);
    const given = await readAll(fileSource([torn, good, text, other]));
    expect(seqsOf(given)).toEqual([[1]]);
    expect(given.problems).toEqual([
      { code: 'DL_CONTAINER_INVALID', where: torn, message: expect.stringMatching(/^block 1: it is cut off/) },
      { code: 'DL_CONTAINER_INVALID', where: text, message: expect.stringMatching(/four bytes of a container file/) },
      { code: 'DL_CONTAINER_INVALID', where: other, message: 'its schema, OrderBuch, is not one of a table' },
    ]);
  });

  it('end the replay where a name is of nothing that could be read', async () => {
    const folder = temporaryFolder();
    const good = put(folder, 'good', writeContainerFile('order_book', books(1), 'null'));
    const missing = path.join(folder, 'missing.avro');
    const error = { code: 'DL_FILE_UNREADABLE', message: expect.stringContaining(missing) };
    await expect(readAll(fileSource([good, missing]))).rejects.toMatchObject(error);
    mkdirSync(path.join(folder, 'none'));
    await expect(readAll(fileSource([path.join(folder, 'none')]))).rejects.toMatchObject({ code: 'DL_LAKE_MISSING' });
  });
});

describe('large files', () => {
  const folder = partitionPath('feed_event', partitionOf(NOON));
  const even = writeContainerFile('feed_event', events(range(90, 0, 2)), 'null');
  const odd = writeContainerFile('feed_event', events(range(90, 61, 2)), 'null');
  const lakeOf = (files: Record<string, Buffer>) => {
    const lake = new MemoryLake();
    for (const [name, bytes] of Object.entries(files)) lake.objects.set(folder + name, bytes);
    return lake;
  };
  const read = (lake: MemoryLake, ...rest: [Parameters<typeof readAll>[2]?]) =>
    readAll(lakeSource(lake, 'lake'), { tables: new Set<TableName>(['feed_event']) }, ...rest);

  it('are given block by block, merged with whatever overlaps them', async () => {
    expect(even.length).toBeGreaterThan(8 * 1024 * 1024);
    const small = writeContainerFile('feed_event', [feedEventAt(NOON + 100, 100)], 'null');
    const given = await read(lakeOf({ [`${NOON}-a`]: even, [`${NOON + 61}-b`]: odd, [`${NOON + 100}-c`]: small }));
    expect(brokenFrontiers(given.items)).toEqual([]);
    const seqs = seqsOf(given);
    expect(seqs.flat().sort((a, b) => a - b)).toEqual(
      [...range(90, 0, 2), ...range(90, 61, 2), 100].sort((a, b) => a - b),
    );
    const firsts = seqs.map(([first]) => first!);
    expect(firsts).toEqual([...firsts].sort((a, b) => a - b));
    expect(Math.max(...seqs.map(({ length }) => length))).toBe(3);
    expect(seqs.findIndex(([first]) => first === 61)).toBeLessThan(seqs.findIndex(([first]) => first === 66));
  });

  it('may hold their rows in any order: each block has its time', async () => {
    const rows = events(range(90, 0, 2)).reverse();
    const given = await read(lakeOf({ 'part-0': writeContainerFile('feed_event', rows, 'null') }));
    expect(brokenFrontiers(given.items)).toEqual([]);
    expect(seqsOf(given)[0]).toEqual([4, 2, 0]);
  });

  it('are fetched when their time has come', async () => {
    const lake = lakeOf({
      [`${NOON}-a`]: writeContainerFile('feed_event', events([0]), 'null'),
      [`${NOON + 1}-b`]: odd,
    });
    const source = lakeSource(lake, 'lake');
    const selection = { fromMs: NOON, toMs: NOON + 10, tables: new Set<TableName>(['feed_event']), symbol: () => true };
    const items = source.read(selection, null, new AbortController().signal)[Symbol.asyncIterator]();
    await items.next();
    expect(lake.got).toEqual([`${folder}${NOON}-a`]);
    await items.next();
    expect(lake.got).toHaveLength(2);
    await items.return!(undefined);
  });

  it('give nothing where their last byte is damaged', async () => {
    const given = await read(lakeOf({ [`${NOON}-a`]: even.subarray(0, -1), [`${NOON}-b`]: odd }));
    expect(given.problems).toMatchObject([{ code: 'DL_CONTAINER_INVALID', where: `${folder}${NOON}-a` }]);
    expect(given.rows.map(({ row }) => row.seq)).toEqual(range(90, 61, 2));
  });

  it('go on behind the block that was taken last', async () => {
    const lake = lakeOf({ [`${NOON}-a`]: even });
    const { runs } = await read(lake);
    const { position } = runs[20]!;
    const again = await read(lake, { fromMs: NOON, taken: { '': position } });
    expect(again.runs.map(({ taken }) => taken)).toEqual(runs.map((_, index) => index <= 20));
  });

  it('that sealing made since of what was taken count as taken, block by block', async () => {
    const lake = new MemoryLake();
    const raw = range(9).map((index) => lake.putRaw('feed_event', events(range(10, 10 * index))));
    const { runs } = await read(lake);
    const rows = events(range(90));
    const manifest = lake.seal('feed_event', rows, raw);
    lake.objects.set(
      manifest.replace('_manifest.json', `${NOON}-sealed.avro`),
      writeContainerFile('feed_event', rows, 'null'),
    );
    // Two files were taken, so that every row before the third one's first has left.
    const again = await read(lake, { fromMs: NOON, taken: { '': runs[1]!.position } });
    const later = again.runs.flatMap((run) => run.rows.filter(({ row }) => !run.taken || row.seq >= 20));
    expect(later.map(({ row }) => row.seq)).toEqual(range(70, 20));
  });

  it('are told by their size alone where it is beyond what is taken into memory', async () => {
    const lake = lakeOf({ [`${NOON}-a`]: writeContainerFile('feed_event', events([0]), 'null') });
    const list = lake.list.bind(lake);
    lake.list = async function* (prefix) {
      for await (const { key } of list(prefix)) yield { key, bytes: 512 * 1024 * 1024 + 1 };
    };
    const { problems } = await read(lake);
    expect(problems).toMatchObject([
      { code: 'DL_FILE_UNREADABLE', message: 'it has 536870913 bytes, above the 536870912 that are read' },
    ]);
    expect(lake.got).toEqual([]);
  });
});
