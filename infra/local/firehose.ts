/**
 * The local Firehose: a delivery stream with a transformation, dynamic partitioning and an error prefix, as the service
 * documents them. Its two deviations:
 * - the delivery interval may be shorter than the service's 60 s;
 * - the `errorMessage` of a record that the transformation refused ends with the reason, taken from Lambda's log, which
 *   the service does not read.
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
  const { random = Math.random } = faults;
  checkHints(hints, options.dynamicPartitioning);
  const stats = emptyStats();
  const backlog = new Backlog(options.maxBufferedBytes ?? 64 * MIB, stats);
  const fatal = fatalSignal(options.onFatal);

  const bufferOptions = {
    bucket: options.bucket,
    maxBytes: hints.s3BufferBytes ?? 64 * MIB,
    maxMs: (hints.s3BufferMs ?? 60_000) * (faults.slowness ?? 1),
    arrange: (chunks: readonly Buffer[]) => (faults.shuffle ? shuffled(chunks, random) : chunks),
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
    if (outcome.kind === 'failed') return delivery.acceptError('processing-failed', outcome.error);
    if (outcome.kind === 'dropped') stats.dropped += 1;
    else stats.succeeded += 1;
    const refused = refusalOf(outcome, delivery, faults);
    if (refused === null) return;
    const error = errorRecordOf(outcome.record, rawOf(outcome, refused, faults), attempts, refused, transformation);
    delivery.acceptError(refused.errorType, error);
  };
  const transform = async (batch: readonly BatchRecord[]) => {
    const { outcomes, attempts } = await transformBatch(batch, transformation);
    for (const outcome of outcomes) deliver(outcome, attempts);
  };
  const process = async (batch: readonly BatchRecord[]) => {
    try {
      stats.batches += 1;
      await transform(batch);
      if (random() < (faults.duplicateBatches ?? 0)) {
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
  let beginStop = () => {};
  const stopping = new Promise<void>((resolve) => {
    beginStop = resolve;
  });
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
          if (draining > 0 && backlog.full) await Promise.race([flush(), stopping]);
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
    beginStop();
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

type Done = Exclude<Outcome, { kind: 'failed' }>;

/** Buffers what the transformation returned, if anything; why that cannot be, else null. */
function refusalOf(outcome: Done, delivery: Delivery, { droppedNeedKeys = false }: DeliveryFaults): Refused | null {
  if (outcome.kind === 'ok') return delivery.accept(outcome.record, outcome.data, outcome.partitionKeys);
  return droppedNeedKeys ? delivery.refusalOfKeys(outcome.partitionKeys) : null;
}

function rawOf(outcome: Done, { errorType }: Refused, { exceededAs }: DeliveryFaults): Buffer {
  const transformed = outcome.kind === 'ok' && errorType === 'activePartitionExceeded' && exceededAs === 'transformed';
  return transformed ? outcome.data : outcome.record.data;
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const rest = [...items];
  return items.map(() => rest.splice(Math.floor(random() * rest.length), 1)[0]!);
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
