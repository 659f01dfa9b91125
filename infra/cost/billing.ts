/** How AWS counts: months, gigabytes, and what each service rounds up to. */

/** As AWS's own calculator has it. */
export const HOURS_A_MONTH = 730;
export const SECONDS_A_MONTH = HOURS_A_MONTH * 3600;
export const HOURS_A_DAY = 24;

const KB = 1024;
export const MB = 1024 * KB;
/** AWS bills by gigabytes of 2^30 bytes. */
export const GB = 1024 * MB;
export const TB = 1024 * GB;

/**
 * Firehose bills what it takes in by the record, each rounded up to 5 KB, from a Kinesis stream as from direct puts
 * (https://aws.amazon.com/firehose/pricing/).
 */
export function firehoseBytes(recordBytes: number): number {
  return roundedUp(recordBytes, 5 * KB);
}

/** A provisioned stream bills a record by put units of 25 KB (https://aws.amazon.com/kinesis/data-streams/pricing/). */
export function putUnits(recordBytes: number): number {
  return Math.max(1, Math.ceil(recordBytes / (25 * KB)));
}

/** A stream on demand bills what comes in by the record, each rounded up to 1 KB (same page). */
export function onDemandBytes(recordBytes: number): number {
  return roundedUp(recordBytes, KB);
}

/**
 * The archive classes bill at least 128 KB for an object, and a lifecycle rule leaves smaller ones where they are
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html).
 */
export const ARCHIVED_AT_LEAST = 128 * KB;

/** What a shard takes in a second (https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html). */
const SHARD_BYTES_A_SECOND = MB;
const SHARD_RECORDS_A_SECOND = 1000;

/** Shards that so many bytes and records a second need, spread evenly. */
export function shardsNeeded(bytesPerSecond: number, recordsPerSecond: number): number {
  const bytes = Math.ceil(bytesPerSecond / SHARD_BYTES_A_SECOND);
  return Math.max(1, bytes, Math.ceil(recordsPerSecond / SHARD_RECORDS_A_SECOND));
}

function roundedUp(bytes: number, step: number): number {
  return Math.max(1, Math.ceil(bytes / step)) * step;
}
