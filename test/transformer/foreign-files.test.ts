import { once } from 'node:events';
import { Readable } from 'node:stream';
import { deflateRawSync } from 'node:zlib';
import avro from 'avsc';
import CRC32 from 'crc-32';
import snappy from 'snappyjs';
import { describe, expect, it } from 'vitest';
import { TABLES } from '../../producer/record.ts';
import { CODECS, ROW_TYPES, readContainerFile, writeContainerFile } from '../../transformer/container-file.ts';
import { uncompressSnappy } from '../../transformer/snappy.ts';
import { feedEventAt, orderBookAt } from './arbitrary-rows.ts';

const ROWS = Array.from({ length: 3000 }, (_, index) => orderBookAt(1_700_000_000_000 + index, index + 1));
const plain = <V>(value: V): V => JSON.parse(JSON.stringify(value)) as V;

/** snappy as avsc's documentation shows it: the codec is the reader's own. */
const snappyCodec = (bytes: Buffer, done: (error: Error | null, bytes?: Buffer) => void): void => {
  const data = uncompressSnappy(bytes.subarray(0, -4), 1 << 30);
  done(CRC32.buf(data) === bytes.readInt32BE(bytes.length - 4) ? null : new Error('CRC'), data);
};

async function encoded(type: avro.Type, rows: readonly unknown[], codec: string): Promise<Buffer> {
  const encoder = new avro.streams.BlockEncoder(type, {
    codec,
    blockSize: 4096,
    codecs: {
      null: (bytes, done) => done(null, bytes),
      deflate: (bytes, done) => done(null, deflateRawSync(bytes)),
      snappy: (bytes, done) => {
        const crc = Buffer.alloc(4);
        crc.writeInt32BE(CRC32.buf(bytes));
        done(null, Buffer.concat([snappy.compress(bytes), crc]));
      },
    },
  });
  const chunks: Buffer[] = [];
  encoder.on('data', (chunk: Buffer) => chunks.push(chunk));
  for (const row of rows) encoder.write(row);
  encoder.end();
  await once(encoder, 'end');
  return Buffer.concat(chunks);
}

describe.each(CODECS)('in codec %s', { timeout: 30_000 }, (codec) => {
  it('avsc reads what we write', async () => {
    const decoder = new avro.streams.BlockDecoder({
      codecs: {
        null: (bytes, done) => done(null, bytes),
        deflate: avro.streams.BlockDecoder.defaultCodecs().deflate!,
        snappy: snappyCodec,
      },
    });
    const rows: unknown[] = [];
    decoder.on('data', (row: unknown) => rows.push(row));
    Readable.from([writeContainerFile('order_book', ROWS, codec)]).pipe(decoder);
    await once(decoder, 'end');
    expect(plain(rows)).toEqual(ROWS);
  });

  it('we read what avsc writes', async () => {
    const file = readContainerFile(await encoded(ROW_TYPES.order_book, ROWS, codec));
    expect(file).toMatchObject({ table: 'order_book', codec, count: ROWS.length });
    expect(file.blocks).toBeGreaterThan(1);
    expect(plain(file.rows)).toEqual(ROWS);
  });
});

describe('a file of another table', () => {
  it('is read under its own schema', async () => {
    const type = avro.Type.forSchema({
      type: 'record',
      name: 'Trade',
      fields: [
        { name: 'id', type: 'long' },
        { name: 'side', type: { type: 'enum', name: 'Side', symbols: ['BUY', 'SELL'] } },
        { name: 'tags', type: { type: 'map', values: ['null', 'string'] } },
        { name: 'hash', type: { type: 'fixed', name: 'Hash', size: 2 } },
        { name: 'before', type: ['null', 'Trade'], default: null },
      ],
    });
    const first = { id: 1, side: 'BUY', tags: { a: null }, hash: Buffer.from('ab'), before: null };
    const rows = [first, { id: 2, side: 'SELL', tags: { b: { string: 'x' } }, hash: Buffer.from('cd'), before: first }];
    const encodable = [first, { ...rows[1], tags: { b: 'x' }, before: first }];
    const file = readContainerFile(await encoded(type, encodable, 'deflate'));
    expect(file.table).toBeNull();
    expect(plain(file.rows)).toEqual(plain(encodable));
  });
});

describe('additive evolution', () => {
  const fields = TABLES.order_book.schema.fields;

  it('reads a file of the first six fields with the defaults of all later ones', async () => {
    const older = avro.Type.forSchema({ ...TABLES.order_book.schema, fields: fields.slice(0, 6) } as never);
    const { timestamp_ms, bids, asks, spread, mid_price, imbalance_ratio } = orderBookAt(5, 1);
    const six = { timestamp_ms, bids, asks, spread, mid_price, imbalance_ratio };
    const file = readContainerFile(await encoded(older, [six], 'null'));
    expect(file.table).toBe('order_book');
    expect(plain(file.rows)).toEqual([
      {
        ...six,
        venue: '',
        symbol: '',
        last_update_id: 0,
        received_ms: 0,
        session_id: '',
        seq: 0,
        bid_levels_covered: 0,
        ask_levels_covered: 0,
        bid_reach: 0,
        ask_reach: 0,
        verified: null,
        top_bids: null,
        top_asks: null,
      },
    ]);
  });

  it('reads a file of a newer producer without the fields that came later', async () => {
    const newer = avro.Type.forSchema({
      ...TABLES.feed_event.schema,
      fields: [...TABLES.feed_event.schema.fields, { name: 'operator', type: ['null', 'string'], default: null }],
    } as never);
    const file = readContainerFile(await encoded(newer, [{ ...feedEventAt(5, 1), operator: 'x' }], 'deflate'));
    expect(plain(file.rows)).toEqual([feedEventAt(5, 1)]);
  });

  it('takes a record of the same name with other fields for another table', async () => {
    const other = avro.Type.forSchema({ type: 'record', name: 'OrderBook', fields: [{ name: 'a', type: 'int' }] });
    const file = readContainerFile(await encoded(other, [{ a: 1 }], 'null'));
    expect(file).toMatchObject({ table: null, rows: [{ a: 1 }] });
  });

  it('has a default for every field after the first six of order_book', () => {
    expect(fields.slice(6).filter((field) => !('default' in field))).toEqual([]);
  });
});
