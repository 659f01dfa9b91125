/** What Firehose asks of a transformation, and what it is answered. */

/** Bytes of JSON. Lambda stops at 6 MB; AWS's own blueprint stops here. */
export const RESPONSE_LIMIT = 6_000_000;

export interface FirehoseRecord {
  readonly recordId: string;
  /** Base64. */
  readonly data: string;
  /** When Firehose received it, epoch ms. */
  readonly approximateArrivalTimestamp?: number;
  /** Absent for what was put into the delivery stream directly. */
  readonly kinesisRecordMetadata?: object;
}

export interface FirehoseEvent {
  /** New for every attempt. */
  readonly invocationId: string;
  readonly deliveryStreamArn?: string;
  readonly sourceKinesisStreamArn?: string;
  readonly region?: string;
  readonly records: readonly FirehoseRecord[];
}

export interface FirehoseAnswer {
  readonly recordId: string;
  readonly result: 'Ok' | 'Dropped' | 'ProcessingFailed';
  /** Base64. */
  readonly data?: string;
  readonly metadata?: { readonly partitionKeys: Readonly<Record<string, string>> };
}

export interface FirehoseResponse {
  readonly records: readonly FirehoseAnswer[];
}
