/** A lake's AWS side as `pulumi up` makes it, in whatever stands in AWS's place. */
import {
  CreateDeliveryStreamCommand,
  type ExtendedS3DestinationConfiguration,
  FirehoseClient,
} from '@aws-sdk/client-firehose';
import { CreateDatabaseCommand, CreateTableCommand, GlueClient } from '@aws-sdk/client-glue';
import type { AwsScope } from '../../infra/doctor/aws.ts';
import { TABLE_NAMES } from '../../producer/record.ts';
import { tableInput } from '../../transformer/catalog.ts';
import { ERROR_PREFIX_EXPRESSION, PREFIX_EXPRESSION } from '../../transformer/partition.ts';

export const BUCKET = 'lake';
export const ROLE_ARN = 'arn:aws:iam::123456789012:role/depthlake';
export const LAMBDA_ARN = 'arn:aws:lambda:us-east-1:123456789012:function:transformer';

/** An endpoint with credentials that nobody checks. */
export function accessOf(endpoint: string) {
  return { endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
}

/** As `doctor --skip venue` has it, at services that are asked by one endpoint each. */
export function scopeOf(access: AwsScope['access'], given: Partial<AwsScope> = {}): AwsScope {
  const names = { stream: 'depthlake', deliveryStream: 'depthlake', database: 'depthlake' };
  return { access, ...names, backfillStream: null, bucket: null, timeoutMs: 10_000, progress: () => {}, ...given };
}

export async function declareCatalog(endpoint: string, database: string, bucket = BUCKET): Promise<void> {
  const client = new GlueClient(accessOf(endpoint));
  await client.send(new CreateDatabaseCommand({ DatabaseInput: { Name: database } }));
  for (const table of TABLE_NAMES) {
    const TableInput = tableInput(table, `s3://${bucket}`);
    await client.send(new CreateTableCommand({ DatabaseName: database, TableInput }));
  }
  client.destroy();
}

/** What the lake's own delivery stream delivers with. */
export const DESTINATION = {
  RoleARN: ROLE_ARN,
  BucketARN: `arn:aws:s3:::${BUCKET}`,
  Prefix: PREFIX_EXPRESSION,
  ErrorOutputPrefix: ERROR_PREFIX_EXPRESSION,
  FileExtension: '.avro',
  CompressionFormat: 'UNCOMPRESSED',
  DynamicPartitioningConfiguration: { Enabled: true },
  ProcessingConfiguration: {
    Enabled: true,
    Processors: [{ Type: 'Lambda', Parameters: [{ ParameterName: 'LambdaArn', ParameterValue: LAMBDA_ARN }] }],
  },
} as const satisfies ExtendedS3DestinationConfiguration;

export async function createDelivery(
  endpoint: string,
  name: string,
  streamArn: string,
  changes: Partial<ExtendedS3DestinationConfiguration> = {},
): Promise<void> {
  const client = new FirehoseClient(accessOf(endpoint));
  await client.send(
    new CreateDeliveryStreamCommand({
      DeliveryStreamName: name,
      DeliveryStreamType: 'KinesisStreamAsSource',
      KinesisStreamSourceConfiguration: { KinesisStreamARN: streamArn, RoleARN: ROLE_ARN },
      ExtendedS3DestinationConfiguration: { ...DESTINATION, ...changes },
    }),
  );
  client.destroy();
}
