/** How long what is not the lake's own data is kept, in days. */

/** CloudWatch: what the producer, the Lambdas and Firehose say. */
export const LOG_DAYS = 30;
/** S3: who read and wrote what in the lake. */
export const ACCESS_LOG_DAYS = 90;
/**
 * S3: a raw file whose rows a sealed generation holds. Readers that listed the hour before it was sealed have finished,
 * and generation 1 can be compared with its sources.
 */
export const SEALED_RAW_DAYS = 7;
/** S3: what was overwritten or deleted; a mistake can be undone for a month. */
export const NONCURRENT_DAYS = 30;
