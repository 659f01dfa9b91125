/** A delivery stream as `DescribeDeliveryStream` shows it. */
import type { DeliveryStreamDescription, ProcessingConfiguration } from '@aws-sdk/client-firehose';
import { type DeliveryHints, type DeliveryStreamOptions, MIB } from './options.ts';

const ROLE_ARN = 'arn:aws:iam::000000000000:role/depthlake-local';

/** @param createdMs UTC epoch ms */
export function describeDeliveryStream(
  options: DeliveryStreamOptions,
  bucketArn: string,
  createdMs: number,
): DeliveryStreamDescription {
  const { source, hints = {} } = options;
  return {
    DeliveryStreamName: options.name,
    DeliveryStreamARN: options.arn,
    DeliveryStreamStatus: 'ACTIVE',
    DeliveryStreamType: source === undefined ? 'DirectPut' : 'KinesisStreamAsSource',
    VersionId: '1',
    CreateTimestamp: new Date(createdMs),
    ...(source === undefined
      ? {}
      : { Source: { KinesisStreamSourceDescription: { KinesisStreamARN: source.arn, RoleARN: ROLE_ARN } } }),
    Destinations: [
      {
        DestinationId: 'destinationId-000000000001',
        ExtendedS3DestinationDescription: {
          RoleARN: ROLE_ARN,
          BucketARN: bucketArn,
          Prefix: options.prefix,
          ErrorOutputPrefix: options.errorPrefix,
          FileExtension: options.fileExtension ?? '',
          BufferingHints: {
            SizeInMBs: (hints.s3BufferBytes ?? 64 * MIB) / MIB,
            IntervalInSeconds: (hints.s3BufferMs ?? 60_000) / 1000,
          },
          CompressionFormat: 'UNCOMPRESSED',
          EncryptionConfiguration: { NoEncryptionConfig: 'NoEncryption' },
          S3BackupMode: 'Disabled',
          DynamicPartitioningConfiguration: { Enabled: options.dynamicPartitioning },
          ProcessingConfiguration: processing(options, hints),
        },
      },
    ],
    HasMoreDestinations: false,
  };
}

function processing({ lambdaArn, numberOfRetries = 3 }: DeliveryStreamOptions, hints: DeliveryHints) {
  const { lambdaBufferBytes = MIB, lambdaBufferMs = 60_000 } = hints;
  return {
    Enabled: true,
    Processors: [
      {
        Type: 'Lambda',
        Parameters: [
          { ParameterName: 'LambdaArn', ParameterValue: lambdaArn },
          { ParameterName: 'NumberOfRetries', ParameterValue: String(numberOfRetries) },
          { ParameterName: 'RoleArn', ParameterValue: ROLE_ARN },
          { ParameterName: 'BufferSizeInMBs', ParameterValue: String(lambdaBufferBytes / MIB) },
          { ParameterName: 'BufferIntervalInSeconds', ParameterValue: String(lambdaBufferMs / 1000) },
        ],
      },
    ],
  } satisfies ProcessingConfiguration;
}
