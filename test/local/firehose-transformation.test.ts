import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Invocation, startLambda } from '../../infra/local/lambda.ts';
import { echo, harness, type LambdaAnswer, type LambdaRequest, ok, START_MS, settle } from './firehose-harness.ts';

const functionError = (errorMessage: string): Invocation => {
  const error = { errorType: 'Error', errorMessage };
  return { payload: error, functionError: error, log: [] };
};

describe('the request to the transformation', () => {
  it('has the documented fields, and no Kinesis metadata for records that were put directly', async () => {
    const requests: LambdaRequest[] = [];
    const { stream, put } = await harness({
      invoke: (request) => {
        requests.push(request);
        return echo(request);
      },
    });
    put('apple', 'bread');
    await stream.drain();
    expect(requests).toEqual([
      {
        invocationId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        deliveryStreamArn: 'arn:aws:firehose:us-east-1:000000000000:deliverystream/books',
        region: 'us-east-1',
        records: ['apple', 'bread'].map((text) => ({
          recordId: expect.any(String),
          approximateArrivalTimestamp: START_MS,
          data: Buffer.from(text).toString('base64'),
        })),
      },
    ]);
    expect(new Set(requests[0]!.records.map(({ recordId }) => recordId)).size).toBe(2);
  });
});

describe('the buffer hints of the transformation', () => {
  const sizes = async (lambdaBufferBytes: number, lambdaBufferMs: number) => {
    const batches: number[] = [];
    const given = await harness({
      hints: { lambdaBufferBytes, lambdaBufferMs },
      invoke: (request) => {
        batches.push(request.records.length);
        return echo(request);
      },
    });
    return { ...given, batches };
  };

  it('close a batch before its data would pass the size', async () => {
    const { batches, put } = await sizes(250_000, 60_000);
    put(...Array.from({ length: 5 }, () => 'x'.repeat(100_000)));
    await settle();
    expect(batches).toEqual([2, 2]);
  });

  it('close a batch when its first record has waited for the interval', async () => {
    const { batches, put, clock } = await sizes(1_048_576, 5000);
    put('one');
    await clock.advance(3000);
    put('two');
    await clock.advance(1999);
    expect(batches).toEqual([]);
    await clock.advance(1);
    expect(batches).toEqual([2]);
  });

  it('count data alone: at 3 MiB many small records pass the 6 MB of a request, and reach the error prefix', async (context) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'depthlake-firehose-'));
    const bundle = path.join(folder, 'index.mjs');
    await writeFile(bundle, 'export const handler = () => { throw new Error("never called"); };');
    const lambda = await startLambda({ bundle, environment: {}, timeoutMs: 20_000, log: () => {} });
    context.onTestFinished(async () => {
      await lambda.stop();
      await rm(folder, { recursive: true });
    });
    const { put, stream, bucket } = await harness({
      hints: { lambdaBufferBytes: 3 * 1_048_576 },
      invoke: (request) => lambda.invoke(request),
    });
    for (let call = 0; call < 60; call += 1) put(...Array.from({ length: 500 }, () => 'x'.repeat(100)));
    await stream.drain();
    expect(stream.stats).toMatchObject({ batches: 1, invocations: 4, retries: 3, errorRecords: 30_000, succeeded: 0 });
    expect(bucket.errors()[0]).toMatchObject({
      attemptsMade: 4,
      errorCode: 'Lambda.InvokeFailed',
      errorMessage: expect.stringContaining('payload is too large for the RequestResponse invocation type'),
      rawData: Buffer.from('x'.repeat(100)).toString('base64'),
    });
    expect(bucket.keys('table/')).toEqual([]);
  });

  it.each([
    ['a size below 0.2 MiB', { lambdaBufferBytes: 200_000 }],
    ['a size above 3 MiB', { lambdaBufferBytes: 3_145_729 }],
    ['an interval above 900 s', { lambdaBufferMs: 900_001 }],
  ])('are refused: %s', async (_, hints) => {
    await expect(harness({ hints })).rejects.toMatchObject({ name: 'InvalidArgumentException' });
  });
});

describe('concurrency', () => {
  it('has five invocations of a shard in flight, and batches overtake each other', async () => {
    const open: { request: LambdaRequest; answer: (invocation: Invocation) => void }[] = [];
    const { put, bucket, stream } = await harness({
      hints: { lambdaBufferBytes: 210_000 },
      invoke: (request) => new Promise((answer) => open.push({ request, answer })),
    });
    put(...['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((letter) => letter.repeat(210_000)));
    await settle();
    expect(open).toHaveLength(5);
    open[4]!.answer(echo(open[4]!.request));
    await settle();
    expect(open).toHaveLength(6);
    const drained = stream.drain();
    for (const { request, answer } of open) answer(echo(request));
    await settle();
    open[6]!.answer(echo(open[6]!.request));
    await drained;
    expect(bucket.keys('table/')).toHaveLength(7);
    expect([...bucket.objects.keys()][0]).toMatch(/^table\/e\//);
  });
});

describe('retries', () => {
  it('call four times with new invocation ids and the same records, then write the batch to the error prefix', async () => {
    const requests: LambdaRequest[] = [];
    const { put, stream, bucket } = await harness({
      invoke: (request) => {
        requests.push(request);
        return functionError('out of luck');
      },
    });
    put('apple', 'bread');
    await stream.drain();
    expect(requests).toHaveLength(4);
    expect(new Set(requests.map(({ invocationId }) => invocationId)).size).toBe(4);
    for (const { records } of requests) expect(records).toEqual(requests[0]!.records);
    expect(bucket.errors()).toEqual(
      ['apple', 'bread'].map((text) => ({
        attemptsMade: 4,
        arrivalTimestamp: START_MS,
        errorCode: 'Lambda.FunctionError',
        errorMessage: 'The function returned an error: Error: out of luck',
        attemptEndingTimestamp: START_MS,
        rawData: Buffer.from(text).toString('base64'),
        lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:transformer',
      })),
    );
    expect(bucket.keys('table/')).toEqual([]);
    expect(stream.stats).toMatchObject({ invocations: 4, retries: 3, errorRecords: 2, errorObjects: 1 });
  });

  it('deliver once when a later call succeeds', async () => {
    let calls = 0;
    const { put, stream, bucket } = await harness({
      invoke: (request) => (++calls < 4 ? functionError('not yet') : echo(request)),
    });
    put('apple');
    await stream.drain();
    expect(bucket.texts('table/')).toEqual(['apple']);
    expect(bucket.errors()).toEqual([]);
  });

  it('follow a call that cannot be made at all', async () => {
    const { put, stream, bucket } = await harness({
      numberOfRetries: 1,
      invoke: () => Promise.reject(new Error('no such function')),
    });
    put('apple');
    await stream.drain();
    expect(bucket.errors()).toMatchObject([
      { attemptsMade: 2, errorMessage: 'The function could not be invoked: no such function' },
    ]);
  });

  it('follow a call that takes longer than the time-out, and its late answer is ignored', async () => {
    const late: (() => void)[] = [];
    const { put, stream, bucket, clock } = await harness({
      lambdaTimeoutMs: 300_000,
      numberOfRetries: 1,
      hints: { lambdaBufferMs: 0 },
      invoke: (request) => new Promise((answer) => late.push(() => answer(echo(request)))),
    });
    put('apple');
    await clock.advance(299_999);
    expect(late).toHaveLength(1);
    await clock.advance(1);
    expect(late).toHaveLength(2);
    await clock.advance(300_000);
    for (const answer of late) answer();
    await stream.drain();
    expect(bucket.errors()).toMatchObject([{ attemptsMade: 2, errorCode: 'Lambda.FunctionTimedOut' }]);
    expect(bucket.keys('table/')).toEqual([]);
  });
});

describe('the response', () => {
  /** Puts two records; `answer` scripts the first one's, the second is echoed. */
  const respond = async (answer: (recordId: string, good: LambdaAnswer) => LambdaAnswer[], log: string[] = []) => {
    let calls = 0;
    const { put, stream, bucket } = await harness({
      invoke: (request) => {
        calls += 1;
        const [first, second] = (echo(request).payload as { records: LambdaAnswer[] }).records;
        const lines = log.map((line) => line.replace('RECORD', first!.recordId));
        return ok([...answer(first!.recordId, first!), second], lines);
      },
    });
    put('apple', 'bread');
    await stream.drain();
    expect(calls).toBe(1);
    expect(bucket.texts('table/b')).toEqual(['bread']);
    return { bucket, stream };
  };

  it.each<[string, string, (recordId: string, good: LambdaAnswer) => LambdaAnswer[]]>([
    ['a missing id', 'Lambda.MissingRecordId', () => []],
    ['a repeated id', 'Lambda.DuplicatedRecordId', (_, good) => [good, good]],
    ['Ok with null data', 'Lambda.InvalidReturnFormat', (_, good) => [{ ...good, data: null }]],
    ['Ok without data', 'Lambda.InvalidReturnFormat', (recordId) => [{ recordId, result: 'Ok' }]],
    ['data that is not base64', 'Lambda.InvalidReturnFormat', (_, good) => [{ ...good, data: '%%%%' }]],
    ['an unknown result', 'Lambda.InvalidReturnFormat', (_, good) => [{ ...good, result: 'ok' }]],
    ['ProcessingFailed', 'Lambda.ProcessingFailedStatus', (_, good) => [{ ...good, result: 'ProcessingFailed' }]],
  ])('with %s fails that record alone, without a retry', async (_, errorCode, answer) => {
    const { bucket } = await respond(answer);
    const rawData = Buffer.from('apple').toString('base64');
    expect(bucket.errors()).toMatchObject([{ attemptsMade: 1, errorCode, rawData }]);
    expect(bucket.keys('table/a')).toEqual([]);
  });

  it('may hold ids that nobody asked for: they are ignored', async () => {
    const { bucket } = await respond((_, good) => [good, { ...good, recordId: 'stranger' }]);
    expect(bucket.texts('table/a')).toEqual(['apple']);
    expect(bucket.errors()).toEqual([]);
  });

  it('may drop a record, with partition keys or without', async () => {
    const { bucket, stream } = await respond((recordId) => [{ recordId, result: 'Dropped', data: '' }]);
    expect(bucket.keys('table/a')).toEqual([]);
    expect(bucket.errors()).toEqual([]);
    expect(stream.stats.dropped).toBe(1);
  });

  it('has the reason of a refusal from the log appended to the error message', async () => {
    const { bucket } = await respond(
      (recordId) => [{ recordId, result: 'ProcessingFailed' }],
      [
        'not JSON, record_refused',
        '{"event":"record_refused","recordId":"RECORD","code":"DL_PACK_INVALID","reason":"a pack holds no rows"}',
      ],
    );
    expect(bucket.errors()).toMatchObject([
      { errorMessage: 'ProcessingFailed status set for record: DL_PACK_INVALID: a pack holds no rows' },
    ]);
  });

  it('is counted as succeeded by its Ok alone: with one Ok a batch, by objects and not by records', async () => {
    const results = ['Ok', 'Dropped', 'ProcessingFailed', 'Dropped'];
    const { put, stream } = await harness({
      invoke: (request) => {
        const { records } = echo(request).payload as { records: LambdaAnswer[] };
        return ok(records.map((answer, index) => ({ ...answer, result: results[index] })));
      },
    });
    put('apple', 'bread', 'cheese', 'dates');
    await stream.drain();
    expect(stream.stats).toMatchObject({ records: 4, succeeded: 1, dropped: 2, errorRecords: 1, objects: 1 });
  });

  it('without a list of records fails the whole batch, without a retry', async () => {
    const { put, stream, bucket } = await harness({
      invoke: () => ({ payload: { result: 'fine' }, functionError: null, log: [] }),
    });
    put('apple', 'bread');
    await stream.drain();
    expect(stream.stats.invocations).toBe(1);
    expect(bucket.errors().map(({ errorCode }) => errorCode)).toEqual([
      'Lambda.InvalidReturnFormat',
      'Lambda.InvalidReturnFormat',
    ]);
  });
});

describe('the fault of duplicated batches', () => {
  it('delivers a batch twice, transformed under two invocation ids', async () => {
    const ids: string[] = [];
    const { put, stream, bucket } = await harness({
      faults: { duplicateBatches: 0.5, random: () => 0.4 },
      invoke: (request) => {
        ids.push(request.invocationId);
        return echo(request);
      },
    });
    put('apple');
    await stream.drain();
    expect(new Set(ids).size).toBe(2);
    expect(bucket.texts('table/a')).toEqual(['appleapple']);
    expect(stream.stats.duplicatedBatches).toBe(1);
  });
});
