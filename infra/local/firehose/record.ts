/** What travels through a delivery stream. */

/** As the transformation receives it; absent for records that were put directly. */
export interface KinesisRecordMetadata {
  readonly shardId: string;
  readonly partitionKey: string;
  readonly sequenceNumber: string;
  readonly subsequenceNumber: string;
  /** UTC epoch ms. */
  readonly approximateArrivalTimestamp: number;
}

export interface SourceRecord {
  readonly data: Buffer;
  /** UTC epoch ms. */
  readonly arrivalMs: number;
  readonly metadata: KinesisRecordMetadata | null;
}

/** A record within one batch for the transformation. */
export interface BatchRecord extends SourceRecord {
  readonly recordId: string;
}

/** One line of an object under the error prefix. Times are UTC epoch ms, `rawData` is base64. */
export interface ErrorRecord {
  readonly attemptsMade: number;
  readonly arrivalTimestamp: number;
  readonly errorCode: string;
  readonly errorMessage: string;
  readonly attemptEndingTimestamp: number;
  readonly rawData: string;
  readonly lambdaArn: string;
}

/** Counters since the start; `bufferedBytes` is what is held right now. */
export interface DeliveryStats {
  records: number;
  bytes: number;
  readErrors: number;
  batches: number;
  duplicatedBatches: number;
  invocations: number;
  retries: number;
  /** Records answered with `Ok`, and no others. */
  succeeded: number;
  dropped: number;
  objects: number;
  objectBytes: number;
  errorObjects: number;
  errorRecords: number;
  putRetries: number;
  bufferedBytes: number;
}

export function emptyStats(): DeliveryStats {
  return {
    records: 0,
    bytes: 0,
    readErrors: 0,
    batches: 0,
    duplicatedBatches: 0,
    invocations: 0,
    retries: 0,
    succeeded: 0,
    dropped: 0,
    objects: 0,
    objectBytes: 0,
    errorObjects: 0,
    errorRecords: 0,
    putRetries: 0,
    bufferedBytes: 0,
  };
}

type FirehoseErrorName =
  | 'InvalidArgumentException'
  | 'ResourceNotFoundException'
  | 'SerializationException'
  | 'ServiceUnavailableException'
  | 'UnknownOperationException';

/** An error as the service answers it; `name` is the exception's. */
export class FirehoseError extends Error {
  constructor(name: FirehoseErrorName, message: string) {
    super(message);
    this.name = name;
  }
}
