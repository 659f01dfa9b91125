/** Every metric that alarms and the dashboard look at: namespace, name, dimensions, unit. */
import { EMF_METRICS, EMF_NAMESPACE } from '../../producer/monitor/emf.ts';

export interface Metric {
  readonly namespace: string;
  readonly name: string;
  /** Their names; a value for each makes a series of it. */
  readonly dimensions: readonly string[];
  readonly unit: string;
}

/** One metric of one thing. `V`: how names of resources are known, as text or as an output to come. */
export interface Series<V> {
  readonly metric: Metric;
  readonly dimensions: Readonly<Record<string, V | string>>;
}

/** @param values of the metric's dimensions, in their order */
export function seriesOf<V>(metric: Metric, ...values: readonly (V | string)[]): Series<V> {
  if (values.length !== metric.dimensions.length) {
    throw new TypeError(`${metric.name} has the dimensions ${metric.dimensions.join(', ')}`);
  }
  return { metric, dimensions: Object.fromEntries(metric.dimensions.map((name, at) => [name, values[at]!])) };
}

/** Of a producer, once a minute. */
export const PRODUCER = family(EMF_NAMESPACE, ['stack', 'producer'], EMF_METRICS);

/** The dimension `function` of the transformer's own metrics. */
export const TRANSFORMER_FUNCTION = 'transformer';

/** Of the transformer, for each call, as transformer/figures.ts writes them. */
export const TRANSFORMER = family(EMF_NAMESPACE, ['stack', 'function'], {
  TransformedRecords: 'Count',
  TransformedRows: 'Count',
  TransformedFiles: 'Count',
  TransformedBytes: 'Bytes',
  RefusedRecords: 'Count',
  UnregisteredPartitions: 'Count',
});

/**
 * Of a service. ECS has no metric for the number of running tasks that costs nothing, but each running task gives one
 * sample a minute, so the sample count is that number
 * (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service_utilization.html, "Service RUNNING task count").
 */
export const ECS = family('AWS/ECS', ['ClusterName', 'ServiceName'], {
  CPUUtilization: 'Percent',
  MemoryUtilization: 'Percent',
});

/** Of a stream (https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html). */
export const KINESIS = family('AWS/Kinesis', ['StreamName'], {
  IncomingBytes: 'Bytes',
  IncomingRecords: 'Count',
  WriteProvisionedThroughputExceeded: 'Count',
  ReadProvisionedThroughputExceeded: 'Count',
});

/** Of a function (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html). */
export const LAMBDA = family('AWS/Lambda', ['FunctionName'], {
  Invocations: 'Count',
  Errors: 'Count',
  Throttles: 'Count',
  Duration: 'Milliseconds',
});

/**
 * Of a delivery stream (https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-metrics.html).
 * KinesisMillisBehindLatest exists only where it reads from Kinesis, PartitionCount and DeliveryToS3.ObjectCount only with
 * dynamic partitioning.
 */
export const FIREHOSE = family('AWS/Firehose', ['DeliveryStreamName'], {
  KinesisMillisBehindLatest: 'Milliseconds',
  PartitionCount: 'Count',
  'DeliveryToS3.DataFreshness': 'Seconds',
  'DeliveryToS3.Bytes': 'Bytes',
  'DeliveryToS3.ObjectCount': 'Count',
});

/** Of a bucket, once a day (https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html). */
export const S3 = family('AWS/S3', ['BucketName', 'StorageType'], {
  BucketSizeBytes: 'Bytes',
  NumberOfObjects: 'Count',
});

/** Of a queue (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html). */
export const SQS = family('AWS/SQS', ['QueueName'], { ApproximateNumberOfMessagesVisible: 'Count' });

function family<N extends string>(
  namespace: string,
  dimensions: readonly string[],
  units: Readonly<Record<N, string>>,
): Readonly<Record<N, Metric>> {
  const metrics = Object.entries<string>(units).map(([name, unit]) => [name, { namespace, name, dimensions, unit }]);
  return Object.fromEntries(metrics) as Record<N, Metric>;
}
