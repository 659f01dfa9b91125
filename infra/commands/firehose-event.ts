/** Firehose's transformation event: reading one, and an example. */
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';
import { encodeLine, encodePack, type FeedEventRow, type OrderBookRow } from '../../producer/record.ts';
import type { FirehoseEvent } from '../../transformer/firehose-event.ts';

/** @throws DL_EVENT_INVALID that says what is missing */
export function parseEvent(text: string): unknown {
  let event: unknown;
  try {
    event = JSON.parse(text);
  } catch (cause) {
    throw new DepthlakeError('DL_EVENT_INVALID', `the event is not JSON: ${reasonOf(cause)}`, { cause });
  }
  const { invocationId, records } = fieldsOf(event, 'the event');
  if (typeof invocationId !== 'string') throw missing('the event', 'invocationId, a string');
  if (!Array.isArray(records)) throw missing('the event', 'records, an array');
  for (const [at, record] of records.entries()) {
    const { recordId, data } = fieldsOf(record, `records[${at}]`);
    if (typeof recordId !== 'string') throw missing(`records[${at}]`, 'recordId, a string');
    if (typeof data !== 'string') throw missing(`records[${at}]`, 'data, a string in base64');
  }
  return event;
}

function fieldsOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new DepthlakeError('DL_EVENT_INVALID', `${what} is no JSON object`);
}

function missing(what: string, field: string): DepthlakeError {
  return new DepthlakeError('DL_EVENT_INVALID', `${what} lacks ${field}`);
}

const EXAMPLE_MS = Date.UTC(2026, 8, 1, 12);
const SESSION = { venue: 'local', session_id: 'example' } as const;

/** Two small packs, one of each table, and a record that does not decode. */
export function exampleEvent(): FirehoseEvent {
  const packs = [
    encodePack([1, 2].map((seq) => encodeLine({ table: 'order_book', row: exampleSnapshot(seq) }))),
    encodePack([encodeLine({ table: 'feed_event', row: exampleFeedEvent() })]),
    Buffer.from('this is no pack'),
  ];
  return {
    invocationId: 'c3c8e3a5-0000-4000-8000-000000000001',
    deliveryStreamArn: 'arn:aws:firehose:us-east-1:000000000000:deliverystream/depthlake',
    sourceKinesisStreamArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/depthlake',
    region: 'us-east-1',
    records: packs.map((pack, index) => ({
      recordId: String(index + 1).padStart(56, '0'),
      approximateArrivalTimestamp: EXAMPLE_MS + 1000,
      data: pack.toString('base64'),
      kinesisRecordMetadata: {
        shardId: 'shardId-000000000000',
        partitionKey: 'lane-0',
        sequenceNumber: String(index + 1).padStart(56, '0'),
        subsequenceNumber: '',
        approximateArrivalTimestamp: EXAMPLE_MS + 1000,
      },
    })),
  };
}

function exampleSnapshot(seq: number): OrderBookRow {
  const mid = 60_000 + seq;
  const distances = [0.0001, 0.0005, 0.001, 0.005, 0.01];
  return {
    timestamp_ms: EXAMPLE_MS + seq * 100,
    bids: distances.map((distance, level) => [mid * (1 - distance), level + 1]),
    asks: distances.map((distance, level) => [mid * (1 + distance), level + 1]),
    spread: 2,
    mid_price: mid,
    imbalance_ratio: 0,
    ...SESSION,
    symbol: 'BTCUSDT',
    last_update_id: 1000 + seq,
    received_ms: EXAMPLE_MS + seq * 100,
    seq,
    bid_levels_covered: 5,
    ask_levels_covered: 5,
    bid_reach: 0.012,
    ask_reach: 0.012,
    verified: null,
    top_bids: null,
    top_asks: null,
  };
}

function exampleFeedEvent(): FeedEventRow {
  return {
    timestamp_ms: EXAMPLE_MS,
    ...SESSION,
    symbol: null,
    seq: 1,
    kind: 'started',
    from_ms: null,
    to_ms: null,
    missed_updates: null,
    last_seq: null,
    detail: '{"symbols":["BTCUSDT"]}',
  };
}
