import { describe, expect, it } from 'vitest';
import {
  encodeLine,
  encodePack,
  type OrderBookRow,
  PACK_MAX_LINE_BYTES,
  type TableRow,
} from '../../producer/record.ts';
import { FILE_MAX_BYTES, transform } from '../../transformer/batch.ts';
import { bufferSizeMb } from '../../transformer/buffer-size.ts';
import { CODECS, type Codec } from '../../transformer/codec.ts';
import { type FirehoseEvent, type FirehoseRecord, RESPONSE_LIMIT } from '../../transformer/firehose-event.ts';
import { simulatedFrames } from '../bench/market.ts';
import { packsOf, rowsOf, SESSION_ID, VENUE } from '../bench/row-sizes.ts';
import { HOUR, noise } from './invocations.ts';

const MIB = 1024 * 1024;
const REQUEST_LIMIT = 6_000_000;
const CHOICES = CODECS.flatMap((codec) => [false, true].map((rawLevels) => ({ codec, rawLevels })));

/** A record of a stream with every part as long as the service makes it, and two digits more. */
function recordOf(data: Buffer, index: number): FirehoseRecord {
  const sequenceNumber = `49${String(index).padStart(56, '0')}`;
  return {
    recordId: `${sequenceNumber}${'0'.repeat(12)}`,
    approximateArrivalTimestamp: 1_798_761_600_000,
    data: data.toString('base64'),
    kinesisRecordMetadata: {
      sequenceNumber,
      subsequenceNumber: 0,
      partitionKey: 'lane-1023',
      shardId: 'shardId-000000000000',
      approximateArrivalTimestamp: 1_798_761_600_000,
    },
  };
}

/** Packs again and again until the hint is reached, and the last one on top: the buffer is a hint. */
function batchOf(packs: readonly Buffer[], bufferMb: number, last = packs.at(-1)!): FirehoseEvent {
  const records: FirehoseRecord[] = [];
  let bytes = 0;
  for (let index = 0; ; index += 1) {
    const data = packs[index % packs.length]!;
    if (bytes + data.length > bufferMb * MIB) break;
    records.push(recordOf(data, index));
    bytes += data.length;
  }
  return {
    invocationId: '3c0a9c9e-0000-4000-8000-000000000000',
    deliveryStreamArn: `arn:aws:firehose:us-east-1:123456789012:deliverystream/${'d'.repeat(64)}`,
    sourceKinesisStreamArn: `arn:aws:kinesis:us-east-1:123456789012:stream/${'s'.repeat(128)}`,
    region: 'us-east-1',
    records: [...records, recordOf(last, records.length)],
  };
}

const bytesOf = (json: object) => Buffer.byteLength(JSON.stringify(json));

function expectRoom(event: FirehoseEvent, codec: Codec) {
  const transformation = transform(event, { codec });
  expect(transformation.refused).toEqual([]);
  expect(bytesOf(event)).toBeLessThanOrEqual(REQUEST_LIMIT);
  expect(bytesOf(transformation.response)).toBeLessThanOrEqual(RESPONSE_LIMIT);
  return transformation;
}

/** 20 symbols, ten times a second, every snapshot unlike the one before. */
const moving = [false, true].map((rawLevels) =>
  packsOf(rowsOf(simulatedFrames(6_000), rawLevels)).map(({ data }) => data),
);

/** As many symbols and snapshots, while nothing but times and ids changes: gzip makes least of these. */
const still = [false, true].map((rawLevels) => {
  const row = ({ row: given }: TableRow, at: number): TableRow => {
    const more = { timestamp_ms: HOUR + at, received_ms: HOUR + at, last_update_id: 1_700_000_000 + at, seq: at };
    return { table: 'order_book', row: { ...(given as OrderBookRow), ...more } };
  };
  const first = [...new Map(rowsOf(simulatedFrames(1_000), rawLevels).map((one) => [one.row.symbol, one])).values()];
  const rows = Array.from({ length: 30 }, (_, frame) => first.map((one) => row(one, frame * 100))).flat();
  return packsOf(rows).map(({ data }) => data);
});

describe('the buffer of an invocation', { timeout: 30_000 }, () => {
  it('is of 0.2 to 3 MB by tenths, and smaller the more a codec makes of a pack', () => {
    expect(CHOICES.map(({ codec, rawLevels }) => [codec, rawLevels, bufferSizeMb(codec, rawLevels)])).toEqual([
      ['deflate', false, 1],
      ['deflate', true, 0.8],
      ['snappy', false, 0.7],
      ['snappy', true, 0.6],
      ['null', false, 0.3],
      ['null', true, 0.2],
    ]);
  });

  it.each(CHOICES)(
    'has room in request and response while books move: $codec, raw levels $rawLevels',
    ({ codec, rawLevels }) => {
      const { response } = expectRoom(batchOf(moving[Number(rawLevels)]!, bufferSizeMb(codec, rawLevels)), codec);
      const files = response.records.flatMap(({ data }) => (data === '' ? [] : [Buffer.byteLength(data!, 'base64')]));
      const largest = Math.max(...files);
      // One full file, and what the hint went over; where the service's least is more than that, two.
      expect(largest).toBeGreaterThan(FILE_MAX_BYTES * 0.7);
      expect(files.length).toBeLessThanOrEqual(2);
    },
  );

  // Deflate follows gzip: it is the codecs that look less far back whose files grow beside their packs.
  it.each(CHOICES.filter(({ codec }) => codec !== 'deflate'))(
    'has room in request and response while books stand still: $codec, raw levels $rawLevels',
    ({ codec, rawLevels }) => {
      const packs = still[Number(rawLevels)]!;
      expectRoom(batchOf(packs, bufferSizeMb(codec, rawLevels)), codec);
    },
  );

  it('has room for the smallest packs and one of the largest where it is largest itself', () => {
    const event = {
      timestamp_ms: HOUR,
      venue: VENUE,
      symbol: null,
      session_id: SESSION_ID,
      seq: 1,
      kind: 'started',
    } as const;
    const none = { from_ms: null, to_ms: null, missed_updates: null, last_seq: null };
    const lineOf = (detail: string | null) => encodeLine({ table: 'feed_event', row: { ...event, ...none, detail } });
    const largest = encodePack([lineOf(noise(PACK_MAX_LINE_BYTES - 400, 1))]);
    expect(largest.length).toBeGreaterThan(200_000);
    expectRoom(batchOf([encodePack([lineOf(null)])], bufferSizeMb('deflate', false), largest), 'deflate');
  });
});
