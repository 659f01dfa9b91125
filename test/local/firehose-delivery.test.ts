import { describe, expect, it } from 'vitest';
import { DepthlakeError } from '../../producer/errors.ts';
import { encodeLine, encodePack, type OrderBookRow } from '../../producer/record.ts';
import { readContainerFile, writeContainerFile } from '../../transformer/container-file.ts';
import { createHandler } from '../../transformer/handler.ts';
import { PREFIX_EXPRESSION } from '../../transformer/partition.ts';
import { echo, harness, type LambdaRequest, ok, settle } from './firehose-harness.ts';

const MIB = 1024 * 1024;
const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const PLAIN = { dynamicPartitioning: false, prefix: 'table/!{timestamp:yyyy/MM/dd/HH}/' };

function row(seq: number): OrderBookRow {
  const zero = { spread: 0, mid_price: 1, imbalance_ratio: 0, bids: [], asks: [], bid_reach: 0, ask_reach: 0 };
  const covered = { bid_levels_covered: 0, ask_levels_covered: 0, verified: null, top_bids: null, top_asks: null };
  const id = { venue: 'local', symbol: 'BTCUSDT', session_id: 's', seq, last_update_id: seq };
  return { ...zero, ...covered, ...id, timestamp_ms: seq, received_ms: seq };
}

/** Answers each record with a container file of its own. */
function containerFiles(request: LambdaRequest) {
  return ok(
    request.records.map(({ recordId }, index) => ({
      recordId,
      result: 'Ok',
      data: Buffer.from(writeContainerFile('order_book', [row(index + 1)], 'deflate')).toString('base64'),
      metadata: { partitionKeys: { first: `${request.invocationId}-${index}` } },
    })),
  );
}

const withKeys = (partitionKeys: Record<string, unknown>) => (request: LambdaRequest) =>
  ok(request.records.map(({ recordId, data }) => ({ recordId, result: 'Ok', data, metadata: { partitionKeys } })));

describe('without dynamic partitioning', () => {
  it('records of one buffer are one object, with nothing between them', async () => {
    const { put, stream, bucket } = await harness(PLAIN);
    put('apple', 'bread', 'cheese');
    await stream.drain();
    expect(bucket.texts('')).toEqual(['applebreadcheese']);
  });

  it('two container files end up in one object, which no reader accepts', async () => {
    const { put, stream, bucket } = await harness({ ...PLAIN, invoke: containerFiles });
    put('one', 'two');
    await stream.drain();
    const [object, ...others] = [...bucket.objects.values()];
    expect(others).toEqual([]);
    expect(() => readContainerFile(object!)).toThrow(DepthlakeError);
  });

  it('a prefix without any expression gets the hour of arrival', async () => {
    const { put, stream, bucket } = await harness({ dynamicPartitioning: false, prefix: 'table/' });
    put('apple');
    await stream.drain();
    expect(bucket.keys('table/2024/02/29/23/books-1-')).toHaveLength(1);
  });
});

describe('dynamic partitioning', () => {
  it('makes each container file with a key of its own one object, byte for byte', async () => {
    const { put, stream, bucket } = await harness({ invoke: containerFiles });
    put('one', 'two', 'three');
    await stream.drain();
    const files = [...bucket.objects.values()].map(readContainerFile);
    expect(files.map(({ rows }) => (rows as OrderBookRow[]).map(({ seq }) => seq)).sort()).toEqual([[1], [2], [3]]);
    expect(files).toHaveLength(3);
  });

  it('buffers each evaluated prefix separately', async () => {
    const { put, stream, bucket } = await harness();
    put('apple', 'bread', 'avocado');
    await stream.drain();
    expect(bucket.texts('table/a/')).toEqual(['appleavocado']);
    expect(bucket.texts('table/b/')).toEqual(['bread']);
  });

  it('lets a key that is the same on a retried invocation meet its twin in one buffer', async () => {
    const { put, stream, bucket } = await harness({
      invoke: withKeys({ first: 'same' }),
      faults: { duplicateBatches: 1 },
    });
    put('apple');
    await stream.drain();
    expect(bucket.texts('table/same/')).toEqual(['appleapple']);
  });

  it.each([
    ['null', { first: null }],
    ['empty', { first: '' }],
    ['missing', {}],
    ['inherited', JSON.parse('{"__proto__": {"first": "a"}}')],
  ])('fails a record whose key is %s', async (_, keys) => {
    const { put, stream, bucket } = await harness({ invoke: withKeys(keys) });
    put('apple');
    await stream.drain();
    expect(bucket.keys('errors/processing-failed/')).toHaveLength(1);
    expect(bucket.errors()).toMatchObject([
      {
        attemptsMade: 1,
        errorCode: 'DynamicPartitioning.MetadataExtractionFailed',
        errorMessage: 'The partition key first is null or empty',
        rawData: Buffer.from('apple').toString('base64'),
      },
    ]);
    expect(bucket.keys('table/')).toEqual([]);
  });

  it.each([
    ['original', 'cherry'],
    ['transformed', 'CHERRY'],
  ] as const)('sends what exceeds the active partitions to the error prefix, as %s bytes', async (exceededAs, raw) => {
    const upper = (request: LambdaRequest) =>
      ok(
        request.records.map(({ recordId, data }) => {
          const text = Buffer.from(data, 'base64').toString();
          const shouted = Buffer.from(text.toUpperCase()).toString('base64');
          return { recordId, result: 'Ok', data: shouted, metadata: { partitionKeys: { first: text[0] } } };
        }),
      );
    const { put, stream, bucket } = await harness({ activePartitions: 2, faults: { exceededAs }, invoke: upper });
    put('apple', 'bread', 'cherry', 'avocado');
    await stream.drain();
    expect(bucket.texts('table/')).toEqual(['APPLEAVOCADO', 'BREAD']);
    expect(bucket.keys('errors/activePartitionExceeded/')).toHaveLength(1);
    expect(bucket.errors().map(({ rawData }) => Buffer.from(String(rawData), 'base64').toString())).toEqual([raw]);
  });

  it('has room for another partition once one is delivered, and counts the same partition once', async () => {
    const { put, clock, bucket } = await harness({
      activePartitions: 1,
      hints: { lambdaBufferMs: 0, s3BufferMs: 1000 },
    });
    put('apple', 'avocado');
    await clock.advance(1000);
    put('bread');
    await clock.advance(1000);
    expect(bucket.texts('table/')).toEqual(['appleavocado', 'bread']);
    expect(bucket.errors()).toEqual([]);
  });

  it('allows an evaluated prefix of 512 characters and no more', async () => {
    const long = 'x'.repeat(512 - 'table//'.length);
    const fits = await harness({ invoke: withKeys({ first: long }) });
    fits.put('apple');
    await fits.stream.drain();
    expect(fits.bucket.texts(`table/${long}/`)).toEqual(['apple']);
    const passes = await harness({ invoke: withKeys({ first: `${long}x` }) });
    passes.put('apple');
    await passes.stream.drain();
    expect(passes.bucket.errors()).toMatchObject([
      { errorMessage: 'The evaluated prefix has 513 characters, more than 512' },
    ]);
  });
});

describe('object keys', () => {
  it('are the evaluated prefix, the stream, its version, the arrival, a uuid and the extension', async () => {
    const { put, stream, bucket } = await harness({ prefix: 'table/!{partitionKeyFromLambda:first}-' });
    put('apple');
    await stream.drain();
    expect(bucket.keys('')).toEqual([
      expect.stringMatching(new RegExp(`^table/a-books-1-2024-02-29-23-59-58-${UUID}\\.avro$`)),
    ]);
  });

  it('have no extension under the error prefix', async () => {
    const { put, stream, bucket } = await harness({ invoke: withKeys({}) });
    put('apple');
    await stream.drain();
    const name = new RegExp(`^errors/processing-failed/books-1-2024-02-29-23-59-58-${UUID}$`);
    expect(bucket.keys('')).toEqual([expect.stringMatching(name)]);
  });

  it('take the arrival of the oldest record: at the edge of an hour, later records lie in the wrong one', async () => {
    const { put, clock, bucket } = await harness({ ...PLAIN, hints: { lambdaBufferMs: 0, s3BufferMs: 5000 } });
    put('before ');
    await clock.advance(4000);
    put('after');
    await clock.advance(5000);
    expect(bucket.keys('')).toEqual([expect.stringMatching(/^table\/2024\/02\/29\/23\/books-1-2024-02-29-23-59-58-/)]);
    expect(bucket.texts('')).toEqual(['before after']);
  });
});

describe('settings that the service refuses', () => {
  it.each([
    ['no error-output-type in the error prefix', { errorPrefix: 'errors/' }],
    [
      'a partition key in the error prefix',
      { errorPrefix: 'errors/!{firehose:error-output-type}/!{partitionKeyFromLambda:first}/' },
    ],
    ['a partition key without dynamic partitioning', { dynamicPartitioning: false }],
    ['dynamic partitioning without a partition key', { prefix: 'table/' }],
    ['an unknown expression', { prefix: '!{partitionKeyFromLambda:first}/!{s3:bucket}/' }],
    ['an extension without a dot', { fileExtension: 'avro' }],
    ['an object below 64 MiB with dynamic partitioning', { hints: { s3BufferBytes: 64 * MIB - 1 } }],
    ['an object above 128 MiB with dynamic partitioning', { hints: { s3BufferBytes: 128 * MIB + 1 } }],
  ])('%s', async (_, options) => {
    await expect(harness(options)).rejects.toMatchObject({ name: 'InvalidArgumentException' });
  });

  it.each([64, 128])('but not an object of %s MiB with dynamic partitioning', async (mib) => {
    const { stream } = await harness({ hints: { s3BufferBytes: mib * MIB } });
    await stream.stop();
  });
});

describe('the buffer hints of S3', () => {
  it('close an object when its first record has waited for the interval', async () => {
    const { put, clock, bucket } = await harness({ hints: { lambdaBufferMs: 0, s3BufferMs: 5000 } });
    put('apple');
    await clock.advance(4999);
    expect(bucket.keys('')).toEqual([]);
    await clock.advance(1);
    expect(bucket.texts('')).toEqual(['apple']);
  });

  it('are hints: a slow delivery takes up to one and a half of the interval', async () => {
    const { put, clock, bucket } = await harness({
      hints: { lambdaBufferMs: 0, s3BufferMs: 60_000 },
      faults: { slowness: 1.5 },
    });
    put('apple');
    await clock.advance(89_999);
    expect(bucket.keys('')).toEqual([]);
    await clock.advance(1);
    expect(bucket.texts('')).toEqual(['apple']);
  });

  it('close an object before it would pass the size', async () => {
    const { put, clock, bucket } = await harness({ ...PLAIN, hints: { lambdaBufferMs: 0, s3BufferBytes: 12 } });
    put('apple', 'bread', 'cheese');
    await clock.advance(1);
    expect(bucket.texts('')).toEqual(['applebread']);
  });
});

describe('the fault of records in no order', () => {
  it('concatenates the records of one buffer in any order, each whole and once', async () => {
    const { put, stream, bucket } = await harness({ ...PLAIN, faults: { shuffle: true, random: () => 0.9 } });
    put('apple ', 'bread ', 'cheese ');
    await stream.drain();
    expect(bucket.texts('')).toEqual(['cheese bread apple ']);
  });

  it('leaves container files with keys of their own as they are', async () => {
    const { put, stream, bucket } = await harness({ invoke: containerFiles, faults: { shuffle: true } });
    put('one', 'two', 'three');
    await stream.drain();
    const files = [...bucket.objects.values()].map(readContainerFile);
    expect(files.map(({ rows }) => (rows as OrderBookRow[]).map(({ seq }) => seq)).sort()).toEqual([[1], [2], [3]]);
  });
});

describe('the fault of dropped records that need partition keys', () => {
  const dropped = (partitionKeys: Record<string, unknown>) => (request: LambdaRequest) =>
    ok(request.records.map(({ recordId }) => ({ recordId, result: 'Dropped', data: '', metadata: { partitionKeys } })));

  it.each([
    ['fails those without', {}, 1],
    ['drops those with them', { first: 'a' }, 0],
  ])('%s', async (_, keys, errorRecords) => {
    const { put, stream, bucket } = await harness({ invoke: dropped(keys), faults: { droppedNeedKeys: true } });
    put('apple');
    await stream.drain();
    expect(stream.stats).toMatchObject({ dropped: 1, errorRecords });
    const codes = bucket.errors().map(({ errorCode }) => errorCode);
    expect(codes).toEqual(codes.map(() => 'DynamicPartitioning.MetadataExtractionFailed'));
  });

  it('finds nothing to fail in what the transformer drops', async () => {
    const handler = createHandler('deflate', null, () => {});
    const { stream, bucket } = await harness({
      prefix: PREFIX_EXPRESSION,
      faults: { droppedNeedKeys: true },
      invoke: async (request) => ({ payload: await handler(request), functionError: null, log: [] }),
    });
    const packs = [1, 2, 3].map((seq) => encodePack([encodeLine({ table: 'order_book', row: row(seq) })]));
    stream.putRecordBatch(packs);
    await stream.drain();
    expect(stream.stats).toMatchObject({ succeeded: 1, dropped: 2, errorRecords: 0 });
    const [file] = [...bucket.objects.values()].map(readContainerFile);
    expect((file!.rows as OrderBookRow[]).map(({ seq }) => seq)).toEqual([1, 2, 3]);
  });
});

describe('records put directly', () => {
  it('are refused beyond 500 a call, 4 MiB a call and 1,000 KiB a record', async () => {
    const { stream } = await harness();
    const refused = expect.objectContaining({ name: 'InvalidArgumentException' });
    const put = (count: number, bytes: number) => () =>
      stream.putRecordBatch(Array.from({ length: count }, () => Buffer.alloc(bytes)));
    expect(put(501, 1)).toThrow(refused);
    expect(put(5, 900_000)).toThrow(refused);
    expect(put(1, 1_024_001)).toThrow(refused);
    expect(put(1, 1_024_000)()).toMatchObject({ FailedPutCount: 0 });
    expect(stream.stats.records).toBe(1);
  });

  it('are refused while too much is buffered, and taken again when that is delivered', async () => {
    const { put, stream, bucket } = await harness({ maxBufferedBytes: 10 });
    put('0123456789');
    expect(() => put('apple')).toThrow(expect.objectContaining({ name: 'ServiceUnavailableException' }));
    await stream.drain();
    expect(stream.stats.bufferedBytes).toBe(0);
    put('apple');
    await stream.drain();
    expect(bucket.texts('table/a')).toEqual(['apple']);
  });
});

describe('a bucket that refuses', () => {
  it('is tried again with growing pauses, and nothing is lost or doubled', async () => {
    const { put, clock, bucket, stream, fatal } = await harness({ hints: { lambdaBufferMs: 0, s3BufferMs: 0 } });
    bucket.refusals.push(new Error('slow down'), new Error('slow down'), new Error('slow down'));
    put('apple');
    await clock.advance(0);
    await clock.advance(100 + 200 + 399);
    expect(stream.stats).toMatchObject({ putRetries: 3, objects: 0, bufferedBytes: 5 });
    await clock.advance(1);
    expect(bucket.texts('')).toEqual(['apple']);
    expect(stream.stats).toMatchObject({ objects: 1, objectBytes: 5, bufferedBytes: 0 });
    expect(fatal).toEqual([]);
  });

  it.each(['DL_DISK_FULL', 'DL_DATA_FOLDER'] as const)('for good, with %s, is reported at once', async (code) => {
    const { put, bucket, stream, fatal } = await harness();
    bucket.refusals.push(new DepthlakeError(code, 'the folder'), new DepthlakeError(code, 'the folder'));
    put('apple', 'bread');
    await expect(stream.drain()).rejects.toMatchObject({ code });
    expect(fatal.map((error) => error.code)).toEqual([code]);
  });

  it('ten times is reported, so that a drain never hangs', async () => {
    const { put, clock, bucket, stream, fatal } = await harness();
    for (let refusal = 0; refusal < 10; refusal += 1) bucket.refusals.push(new Error('no'));
    put('apple');
    const drained = expect(stream.drain()).rejects.toMatchObject({ code: 'DL_DATA_FOLDER' });
    await settle();
    await clock.advance(60_000);
    await drained;
    expect(fatal[0]!.message).toMatch(/^table\/a\/books.* was refused 10 times: no$/);
  });
});

describe('stop', () => {
  it('delivers nothing more', async () => {
    const { put, clock, bucket, stream } = await harness({ invoke: echo, hints: { lambdaBufferMs: 1000 } });
    put('apple');
    await stream.stop();
    await clock.advance(900_000);
    expect(bucket.keys('')).toEqual([]);
  });
});
