/** How long CloudWatch keeps what the producer, the Lambdas and Firehose say. */
export const LOG_RETENTION_DAYS = 30;
