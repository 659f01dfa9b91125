import CRC32 from 'crc-32';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { append, BLOCK_BYTES, closed, emptyDraft, encodeRow, fileOf } from '../../transformer/container-draft.ts';
import {
  CODECS,
  type Codec,
  indexContainerFile,
  readContainerFile,
  writeContainerFile,
} from '../../transformer/container-file.ts';
import { feedEventAt, feedEventRow, orderBookAt, orderBookRow } from './arbitrary-rows.ts';

const SYNC = Buffer.from('0123456789abcdef');
const HOUR = Date.UTC(2024, 1, 29, 23);
const plain = <V>(value: V): V => JSON.parse(JSON.stringify(value)) as V;
const someRows = (count: number) =>
  Array.from({ length: count }, (_, index) => feedEventAt(HOUR + index, index + 1, { detail: `{"n":${index}}` }));
const written = (codec: Codec, count = 3) => writeContainerFile('feed_event', someRows(count), codec, SYNC);

describe.each(CODECS)('a container file in codec %s', { timeout: 30_000 }, (codec) => {
  it('gives back every row, value for value and in order', () => {
    fc.assert(
      fc.property(fc.array(orderBookRow, { maxLength: 8 }), (rows) => {
        const file = readContainerFile(writeContainerFile('order_book', rows, codec));
        expect(file).toMatchObject({ table: 'order_book', codec, count: rows.length });
        expect(file.rows.map((row) => ({ ...(row as object) }))).toEqual(rows);
      }),
    );
    fc.assert(
      fc.property(fc.array(feedEventRow, { maxLength: 8 }), (rows) => {
        const file = readContainerFile(writeContainerFile('feed_event', rows, codec));
        expect(file.rows.map((row) => ({ ...(row as object) }))).toEqual(rows);
      }),
    );
  });

  it('spreads many rows over blocks of bounded size', () => {
    const rows = Array.from({ length: 4000 }, (_, index) => orderBookAt(HOUR + index, index + 1));
    const file = readContainerFile(writeContainerFile('order_book', rows, codec));
    expect(plain(file.rows)).toEqual(rows);
    const bytes = writeContainerFile('order_book', rows, 'null').length;
    expect(file.blocks).toBeGreaterThanOrEqual(Math.floor(bytes / (BLOCK_BYTES + 1024)));
    expect(file.blocks).toBeLessThanOrEqual(Math.ceil(bytes / BLOCK_BYTES));
  });

  it('can be read block by block, in any order, each with the time of its earliest row', () => {
    const rows = Array.from({ length: 2000 }, (_, index) => orderBookAt(HOUR + ((index * 7919) % 2000), index + 1));
    const bytes = writeContainerFile('order_book', rows, codec);
    const { table, blocks, rowsOf } = indexContainerFile(bytes);
    expect(table).toBe('order_book');
    expect(blocks).toHaveLength(readContainerFile(bytes).blocks);
    const read = new Map([...blocks].reverse().map((block) => [block, rowsOf(block)]));
    expect(blocks.flatMap((block) => read.get(block)!)).toEqual(rows);
    for (const block of blocks) {
      expect(block.firstMs).toBe(Math.min(...read.get(block)!.map(({ timestamp_ms }) => timestamp_ms)));
    }
  });

  it('can be empty', () => {
    expect(readContainerFile(writeContainerFile('order_book', [], codec))).toMatchObject({
      rows: [],
      blocks: 0,
      count: 0,
    });
  });
});

describe('a file that is none', { timeout: 30_000 }, () => {
  const header = (metadata: Record<string, string>) =>
    Buffer.concat([
      Buffer.from('Obj\x01'),
      long(Object.keys(metadata).length),
      ...Object.entries(metadata).flatMap(([key, value]) => [text(key), text(value)]),
      long(0),
      SYNC,
    ]);
  const long = (value: number) => {
    const bytes: number[] = [];
    let rest = BigInt(value) * 2n;
    for (; rest >= 128n; rest /= 128n) bytes.push(Number(rest % 128n) + 128);
    return Buffer.from([...bytes, Number(rest)]);
  };
  const text = (value: string) => Buffer.concat([long(Buffer.byteLength(value)), Buffer.from(value)]);
  const doubles = { 'avro.schema': '{"type":"array","items":"double"}' };
  const block = (count: number, data: Buffer) => Buffer.concat([long(count), long(data.length), data, SYNC]);

  it.each([
    ['an empty file', Buffer.alloc(0), 'the file is empty'],
    ['other bytes', Buffer.from('PAR1'), 'the file does not begin with the four bytes of a container file'],
    ['a magic without more', Buffer.from('Obj\x01'), 'the header: it is cut off'],
    ['no schema', header({}), 'the header: it has no schema'],
    ['a schema that is none', header({ 'avro.schema': '{' }), 'the header: its schema: '],
    [
      'a codec of others',
      header({ ...doubles, 'avro.codec': 'zstandard' }),
      'the header: its codec is "zstandard", not one of deflate, snappy, null',
    ],
    [
      'a row count that is none',
      header({ ...doubles, 'depthlake.rows': '-1' }),
      'the header: its depthlake.rows is "-1", not a count',
    ],
    [
      'a CRC-32 that is none',
      header({ ...doubles, 'depthlake.crc32': '0x1' }),
      'the header: its depthlake.crc32 is "0x1", not eight hexadecimal digits',
    ],
    [
      'rows with another CRC-32',
      Buffer.concat([header({ ...doubles, 'depthlake.crc32': '00000000' }), block(1, long(0))]),
      'the CRC-32 of its schema and rows is ',
    ],
    [
      'metadata of a terabyte',
      Buffer.concat([Buffer.from('Obj\x01'), long(1), text('a'), long(2 ** 40)]),
      'the header: it is cut off: 0 bytes of 1099511627776 are left',
    ],
    [
      'metadata without end',
      Buffer.concat([Buffer.from('Obj\x01'), long(2 ** 40), text('a')]),
      'the header: it is cut off: 2 bytes cannot hold 1099511627776 items',
    ],
    [
      'a block of a terabyte',
      Buffer.concat([header(doubles), long(1), long(2 ** 40), Buffer.alloc(40)]),
      'block 1: it is cut off: 40 bytes of 1099511627776 are left',
    ],
    [
      'more rows than bytes',
      Buffer.concat([header(doubles), block(2 ** 40, long(0))]),
      'block 1: it cannot hold 1099511627776 rows in 1 bytes',
    ],
    [
      'rows without bytes',
      Buffer.concat([header({ 'avro.schema': '"null"' }), block(2 ** 40, Buffer.alloc(0))]),
      'block 1: it cannot hold 1099511627776 rows in 0 bytes',
    ],
    [
      'an array of a terabyte',
      Buffer.concat([header(doubles), block(1, Buffer.concat([long(2 ** 40), Buffer.alloc(8)]))]),
      'block 1: row 1: it is cut off: 8 bytes cannot hold 1099511627776 items',
    ],
    [
      'rows that end before their block',
      Buffer.concat([header(doubles), block(1, Buffer.concat([long(0), Buffer.alloc(3)]))]),
      'block 1: 3 bytes follow its last row',
    ],
    [
      'a block of another file',
      Buffer.concat([header(doubles), block(1, long(0)).subarray(0, -1), Buffer.from('x')]),
      'block 1: its sync marker is not the one of the file',
    ],
    [
      'a string that is not UTF-8',
      Buffer.concat([header({ 'avro.schema': '"string"' }), block(1, Buffer.from([2, 0xff]))]),
      'block 1: row 1: a string in it is not UTF-8',
    ],
    [
      'a snappy block of a terabyte',
      Buffer.concat([
        header({ ...doubles, 'avro.codec': 'snappy' }),
        block(1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0])),
      ]),
      'block 1: it would be 34359738367 bytes uncompressed, above 67108864',
    ],
    [
      'a snappy literal without end',
      Buffer.concat([
        header({ ...doubles, 'avro.codec': 'snappy' }),
        block(1, Buffer.from([1, 0xfc, 0xfb, 0xff, 0xff, 0xff, 0, 0, 0, 0])),
      ]),
      'block 1: it is cut off',
    ],
  ])('is refused with its reason: %s', (_, bytes, reason) => {
    expect(() => readContainerFile(bytes)).toThrow(reason);
    expect(() => readContainerFile(bytes)).toThrow(expect.objectContaining({ code: 'DL_CONTAINER_INVALID' }));
    expect(() => indexContainerFile(bytes)).toThrow(reason);
  });

  it('is refused when a block inflates without bound', () => {
    const bytes = writeContainerFile('feed_event', [feedEventAt(0, 1, { detail: ' '.repeat(65 << 20) })], 'deflate');
    expect(bytes.length).toBeLessThan(100_000);
    expect(() => readContainerFile(bytes)).toThrow(/^block 1: /);
  });
});

describe('the metadata of a container file', () => {
  it('names the table and counts the rows', () => {
    expect(readContainerFile(written('deflate', 7)).metadata).toMatchObject({
      'avro.codec': 'deflate',
      'depthlake.table': 'feed_event',
      'depthlake.rows': '7',
    });
  });

  it.each(CODECS)('holds the CRC-32 of schema and rows, over all blocks and packs, in codec %s', (codec) => {
    const rows = Array.from({ length: 20_000 }, (_, index) => feedEventAt(HOUR + index, index + 1));
    const encoded = rows.map((row) => encodeRow('feed_event', row));
    const packs = [encoded.slice(0, 10), encoded.slice(10, 15_000), encoded.slice(15_000)];
    const draft = packs.reduce((grown, pack) => closed(append(grown, pack)), emptyDraft('feed_event', codec));
    const { metadata, blocks } = readContainerFile(fileOf(draft));
    expect(blocks).toBeGreaterThan(3);
    const crc = CRC32.buf(Buffer.concat([Buffer.from(metadata['avro.schema']!), ...encoded])) >>> 0;
    expect(metadata['depthlake.crc32']).toBe(crc.toString(16).padStart(8, '0'));
    expect(readContainerFile(writeContainerFile('feed_event', rows, codec)).metadata).toEqual(metadata);
  });
});

describe('an integer that a double does not hold', () => {
  it('is not written', () => {
    expect(() => writeContainerFile('feed_event', [feedEventAt(2 ** 53, 1)], 'null')).toThrow(
      'invalid "long": 9007199254740992',
    );
  });
});
