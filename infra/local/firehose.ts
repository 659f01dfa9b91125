/**
 * The local Firehose: a delivery stream with a transformation, dynamic partitioning and an error prefix, as the service
 * documents them. Its one deviation: the delivery interval may be shorter than the service's 60 s.
 *
 * Kinesis or direct put → batches per shard → transformation → buffers per evaluated prefix → S3
 */
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';
import { SYSTEM_CLOCK } from './clock.ts';
import { Backlog } from './firehose/backlog.ts';
import { Batcher } from './firehose/batcher.ts';
import { Buffers } from './firehose/buffers.ts';
import { Delivery, type Refused } from './firehose/delivery.ts';
import { putRecordBatch } from './firehose/direct-put.ts';
import { readStream } from './firehose/kinesis-source.ts';
import {
  checkHints,
  type DeliveryFaults,
  type DeliveryStream,
  type DeliveryStreamOptions,
  MIB,
} from './firehose/options.ts';
import { type BatchRecord, emptyStats, FirehoseError, type SourceRecord } from './firehose/record.ts';
import { errorRecordOf, type Outcome, type TransformationOptions, transformBatch } from './firehose/transformation.ts';

export type { DeliveredObject } from './firehose/buffers.ts';
export type { DeliveryFaults, DeliveryHints, DeliveryStream, DeliveryStreamOptions } from './firehose/options.ts';
export type { DeliveryStats } from './firehose/record.ts';

/** @throws InvalidArgumentException (the error's name) for settings that the service refuses */
export async function startDeliveryStream(options: DeliveryStreamOptions): Promise<DeliveryStream> {
  const { source, hints = {}, clock = SYSTEM_CLOCK, faults = {}, log } = options;
  checkHints(hints);
  const stats = emptyStats();
  const backlog = new Backlog(options.maxBufferedBytes ?? 64 * MIB, stats);
  const fatal = fatalSignal(options.onFatal);

  const bufferOptions = {
    bucket: options.bucket,
    maxBytes: hints.s3BufferBytes ?? 64 * MIB,
    maxMs: hints.s3BufferMs ?? 60_000,
    clock,
    backlog,
    stats,
    log,
    onDelivered: options.onDelivered ?? (() => {}),
    onFatal: fatal.raise,
  };
  const delivery = new Delivery(
    {
      name: options.name,
      version: 1,
      prefix: options.prefix,
      errorPrefix: options.errorPrefix,
      fileExtension: options.fileExtension ?? '',
      dynamicPartitioning: options.dynamicPartitioning,
      activePartitions: options.activePartitions ?? 500,
    },
    new Buffers(bufferOptions),
    new Buffers(bufferOptions),
    stats,
  );
  const transformation: TransformationOptions = {
    invoke: options.invoke,
    deliveryStreamArn: options.arn,
    ...(source ? { sourceKinesisStreamArn: source.arn } : {}),
    region: options.region ?? 'us-east-1',
    lambdaArn: options.lambdaArn,
    numberOfRetries: options.numberOfRetries ?? 3,
    timeoutMs: options.lambdaTimeoutMs ?? 300_000,
    clock,
    stats,
    log,
  };

  const deliver = (outcome: Outcome, attempts: number) => {
    if (outcome.kind === 'dropped') stats.dropped += 1;
    else if (outcome.kind === 'failed') delivery.acceptError('processing-failed', outcome.error);
    else {
      const refused = delivery.accept(outcome.record, outcome.data, outcome.partitionKeys);
      if (refused) {
        const error = errorRecordOf(outcome.record, rawOf(outcome, refused, faults), attempts, refused, transformation);
        delivery.acceptError(refused.errorType, error);
      }
    }
  };
  const transform = async (batch: readonly BatchRecord[]) => {
    const { outcomes, attempts } = await transformBatch(batch, transformation);
    for (const outcome of outcomes) deliver(outcome, attempts);
  };
  const process = async (batch: readonly BatchRecord[]) => {
    try {
      stats.batches += 1;
      await transform(batch);
      if ((faults.random ?? Math.random)() < (faults.duplicateBatches ?? 0)) {
        stats.duplicatedBatches += 1;
        await transform(batch);
      }
    } catch (cause) {
      fatal.raise(new DepthlakeError('DL_INTERNAL', `the delivery stream failed: ${reasonOf(cause)}`, { cause }));
    } finally {
      backlog.release(batch.reduce((sum, { data }) => sum + data.length, 0));
    }
  };

  const batchers = new Map<string, Batcher>();
  const batcherOf = (shard: string): Batcher => {
    const known = batchers.get(shard);
    if (known) return known;
    const { lambdaBufferBytes = MIB, lambdaBufferMs = 60_000 } = hints;
    const batcher = new Batcher({ maxBytes: lambdaBufferBytes, maxMs: lambdaBufferMs, clock, transform: process });
    batchers.set(shard, batcher);
    return batcher;
  };
  const accept = (record: SourceRecord) => {
    stats.records += 1;
    stats.bytes += record.data.length;
    backlog.take(record.data.length);
    batcherOf(record.metadata?.shardId ?? 'direct').add(record);
  };

  let draining = 0;
  const flush = async () => {
    await Promise.all([...batchers.values()].map((batcher) => batcher.flush()));
    await delivery.flush();
  };

  const reader = source
    ? await readStream({
        client: source.client,
        stream: source.stream,
        position: source.position ?? 'LATEST',
        clock,
        accept,
        room: async () => {
          if (draining > 0 && backlog.full) await flush();
          await backlog.room();
        },
        stats,
        log,
      })
    : null;

  const drain = async () => {
    draining += 1;
    try {
      if (backlog.full) await flush();
      await reader?.toTip();
      await flush();
    } finally {
      draining -= 1;
    }
  };
  const stop = async () => {
    const stopped = reader?.stop();
    for (const batcher of batchers.values()) batcher.stop();
    delivery.stop();
    backlog.wake();
    await stopped;
  };
  fatal.raised.catch(() => stop());

  return {
    stats,
    putRecordBatch: (records) => {
      if (source) {
        const message = 'This operation is not permitted on a delivery stream whose source is a Kinesis stream';
        throw new FirehoseError('InvalidArgumentException', message);
      }
      return putRecordBatch(records, { backlog, clock, accept });
    },
    drain: () => Promise.race([drain(), fatal.raised]),
    stop,
  };
}

function rawOf({ record, data }: Outcome & { kind: 'ok' }, { errorType }: Refused, faults: DeliveryFaults): Buffer {
  const transformed = errorType === 'activePartitionExceeded' && faults.exceededAs === 'transformed';
  return transformed ? data : record.data;
}

function fatalSignal(onFatal: (error: DepthlakeError) => void) {
  let raise: (error: DepthlakeError) => void = () => {};
  let told = false;
  const raised = new Promise<never>((_, reject) => {
    raise = (error) => {
      if (told) return;
      told = true;
      reject(error);
      onFatal(error);
    };
  });
  return { raised, raise: (error: DepthlakeError) => raise(error) };
}
