/** What a delivery stream is told, and what it offers. */
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import type { DepthlakeError } from '../../../producer/errors.ts';
import type { ObjectStore } from '../../../transformer/lake.ts';
import type { Clock } from '../clock.ts';
import type { Invocation } from '../lambda.ts';
import type { DeliveredObject } from './buffers.ts';
import type { PutRecordBatchOutput } from './direct-put.ts';
import { type DeliveryStats, FirehoseError } from './record.ts';

export const MIB = 1024 * 1024;

export interface DeliveryHints {
  /** Bytes of data in a batch for the transformation; 0.2 to 3 MiB, default 1 MiB. */
  readonly lambdaBufferBytes?: number;
  /** Time that a batch waits for more; 0 to 900,000, default 60,000. */
  readonly lambdaBufferMs?: number;
  /** Bytes in an object; default 64 MiB. With dynamic partitioning 64 to 128 MiB. */
  readonly s3BufferBytes?: number;
  /** Time that an object waits for more; to 900,000, default 60,000. Below 60,000 is a local deviation. */
  readonly s3BufferMs?: number;
}

/** What can go wrong on request. */
export interface DeliveryFaults {
  /** Probability that a batch is transformed and delivered twice, as after a re-read. */
  readonly duplicateBatches?: number;
  /** What reaches the error prefix when too many partitions are active; the service's choice is not documented. */
  readonly exceededAs?: 'original' | 'transformed';
  /** The records of one buffer are concatenated in any order, which the service does not promise. */
  readonly shuffle?: boolean;
  /** Dropped records without the partition keys fail too; whether the service wants them is not documented. */
  readonly droppedNeedKeys?: boolean;
  /** An object waits so many times its interval; 1 to 1.5, default 1. */
  readonly slowness?: number;
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

/** @throws InvalidArgumentException (the error's name) for hints that the service refuses */
export function checkHints(hints: DeliveryHints, dynamicPartitioning: boolean): void {
  const { lambdaBufferBytes = MIB, lambdaBufferMs = 60_000, s3BufferBytes = 64 * MIB, s3BufferMs = 60_000 } = hints;
  const refuse = (message: string): never => {
    throw new FirehoseError('InvalidArgumentException', message);
  };
  if (lambdaBufferBytes < 0.2 * MIB || lambdaBufferBytes > 3 * MIB) refuse('BufferSizeInMBs must be from 0.2 to 3');
  if (lambdaBufferMs < 0 || lambdaBufferMs > 900_000) refuse('BufferIntervalInSeconds must be from 0 to 900');
  if (dynamicPartitioning && (s3BufferBytes < 64 * MIB || s3BufferBytes > 128 * MIB)) {
    refuse('SizeInMBs must be from 64 to 128 when dynamic partitioning is enabled');
  }
  if (s3BufferMs < 0 || s3BufferMs > 900_000) refuse('IntervalInSeconds must be at most 900');
}
