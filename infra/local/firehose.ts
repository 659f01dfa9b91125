/**
 * The local Firehose: a delivery stream with a transformation, dynamic partitioning and an error prefix, as the service
 * documents them. Its one deviation: the delivery interval may be shorter than the service's 60 s.
 *
 * Kinesis or direct put → batches per shard → transformation → buffers per evaluated prefix → S3
 */
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';
import type { ObjectStore } from '../../transformer/lake.ts';
import { Backlog } from './firehose/backlog.ts';
import { Batcher } from './firehose/batcher.ts';
import { Buffers, type DeliveredObject } from './firehose/buffers.ts';
import { type Clock, SYSTEM_CLOCK } from './firehose/clock.ts';
import { Delivery, type Refused } from './firehose/delivery.ts';
import { type PutRecordBatchOutput, putRecordBatch } from './firehose/direct-put.ts';
import { readStream } from './firehose/kinesis-source.ts';
import {
  type BatchRecord,
  type DeliveryStats,
  emptyStats,
  FirehoseError,
  type SourceRecord,
} from './firehose/record.ts';
import { errorRecordOf, type Outcome, type TransformationOptions, transformBatch } from './firehose/transformation.ts';
import type { Invocation } from './lambda.ts';

const MIB = 1024 * 1024;

export interface DeliveryHints {
  /** Bytes of data in a batch for the transformation; 0.2 to 3 MiB, default 1 MiB. */
  readonly lambdaBufferBytes?: number;
  /** Time that a batch waits for more; 0 to 900,000, default 60,000. */
  readonly lambdaBufferMs?: number;
  /** Bytes in an object; default 64 MiB. */
  readonly s3BufferBytes?: number;
  /** Time that an object waits for more; to 900,000, default 60,000. Below 60,000 is the local deviation. */
  readonly s3BufferMs?: number;
}

/** What can go wrong on request. */
export interface DeliveryFaults {
  /** Probability that a batch is transformed and delivered twice, as after a re-read. */
  readonly duplicateBatches?: number;
  /** What reaches the error prefix when too many partitions are active; the service's choice is not documented. */
  readonly exceededAs?: 'original' | 'transformed';
  /** From 0 to 1; default Math.random. */
  readonly random?: () => number;
}

export interface DeliveryStreamOptions {
  readonly name: string;
  readonly arn: string;
  readonly lambdaArn: string;
  readonly region?: string;
  /**
   * Without a source, records are put directly. The service starts at LATEST; TRIM_HORIZON is for a stream that was
   * created together with its delivery stream, where nothing may be missed.
   */
  readonly source?: {
    readonly client: KinesisClient;
    readonly stream: string;
    readonly arn: string;
    readonly position?: 'LATEST' | 'TRIM_HORIZON';
  };
  readonly invoke: (event: unknown) => Promise<Invocation>;
  readonly bucket: ObjectStore;
  readonly clock?: Clock;
  readonly hints?: DeliveryHints;
  /** Calls after the first that fails; default 3. */
  readonly numberOfRetries?: number;
  /** Default 300,000. */
  readonly lambdaTimeoutMs?: number;
  readonly prefix: string;
  readonly errorPrefix: string;
  /** Default none. */
  readonly fileExtension?: string;
  readonly dynamicPartitioning: boolean;
  /** Default 500. */
  readonly activePartitions?: number;
  /** Bytes held in all buffers together, beyond which nothing more is read or taken; default 64 MiB. */
  readonly maxBufferedBytes?: number;
  readonly faults?: DeliveryFaults;
  readonly log: (line: string) => void;
  readonly onDelivered?: (object: DeliveredObject) => void;
  /** DL_DISK_FULL, DL_DATA_FOLDER, DL_INTERNAL: delivery has stopped for good. Called once. */
  readonly onFatal: (error: DepthlakeError) => void;
}

export interface DeliveryStream {
  /** @throws InvalidArgumentException (the error's name) where the stream has a Kinesis source; ServiceUnavailableException */
  putRecordBatch(records: readonly Uint8Array[]): PutRecordBatchOutput;
  /**
   * Reads to the tip, transforms and delivers everything, without waiting for the hints.
   * @throws what went to `onFatal`; DL_KINESIS_UNREACHABLE
   */
  drain(): Promise<void>;
  /** Ends at once; what is buffered is lost here, and still in Kinesis. */
  stop(): Promise<void>;
  readonly stats: Readonly<DeliveryStats>;
}

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

function checkHints({ lambdaBufferBytes = MIB, lambdaBufferMs = 60_000, s3BufferMs = 60_000 }: DeliveryHints): void {
  const refuse = (message: string): never => {
    throw new FirehoseError('InvalidArgumentException', message);
  };
  if (lambdaBufferBytes < 0.2 * MIB || lambdaBufferBytes > 3 * MIB) refuse('BufferSizeInMBs must be from 0.2 to 3');
  if (lambdaBufferMs < 0 || lambdaBufferMs > 900_000) refuse('BufferIntervalInSeconds must be from 0 to 900');
  if (s3BufferMs < 0 || s3BufferMs > 900_000) refuse('IntervalInSeconds must be at most 900');
}
