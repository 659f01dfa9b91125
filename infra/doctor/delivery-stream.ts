/**
 * The Firehose delivery stream, against what one object as one container file rests on: its source, the transformation,
 * dynamic partitioning, the prefixes, and nothing that touches the bytes.
 */
import type { DeliveryStreamDescription, ExtendedS3DestinationDescription, Processor } from '@aws-sdk/client-firehose';
import { ERROR_PREFIX_EXPRESSION, PREFIX_EXPRESSION } from '../../transformer/partition.ts';
import { type Finding, failure, ok, warning } from './finding.ts';

export interface ExpectedDelivery {
  /** null: it takes direct puts, as a stream that reads from Kinesis does not. */
  readonly source: ExpectedSource | null;
  /** The lake's bucket; null: any. */
  readonly bucket: string | null;
}

export interface ExpectedSource {
  readonly stream: string;
  /** Of that stream; null where it could not be asked for. */
  readonly streamArn: string | null;
}

export const WHAT = 'firehose stream';

export function judgeDelivery(description: DeliveryStreamDescription, expected: ExpectedDelivery): Finding[] {
  const destination = description.Destinations?.[0]?.ExtendedS3DestinationDescription;
  const state = stateOf(description);
  if (destination === undefined) {
    return [state, failure(WHAT, 'it does not deliver into S3', 'Create it with an extended S3 destination.')];
  }
  const faults = [
    sourceFault(description, expected),
    bucketFault(destination, expected),
    partitioningFault(destination),
    settingFault('Prefix', destination.Prefix, PREFIX_EXPRESSION),
    settingFault('ErrorOutputPrefix', destination.ErrorOutputPrefix, ERROR_PREFIX_EXPRESSION),
    settingFault('FileExtension', destination.FileExtension, '.avro'),
    settingFault('CompressionFormat', destination.CompressionFormat ?? 'UNCOMPRESSED', 'UNCOMPRESSED'),
    conversionFault(destination),
    ...transformationFaults(destination),
  ].filter((fault) => fault !== null);
  return [state, ...(faults.length > 0 ? faults : [ok('delivery', deliveryText(description, destination))])];
}

/** @param flag that names it */
export function missingDelivery(name: string, region: string, flag: string): Finding {
  const cure = `Deploy the stack, or name another with ${flag}.`;
  return failure(WHAT, `there is no delivery stream ${name} in region ${region}`, cure);
}

/** The bucket's name from `arn:aws:s3:::NAME`; null where there is none. */
export function bucketOf(description: DeliveryStreamDescription): string | null {
  const arn = description.Destinations?.[0]?.ExtendedS3DestinationDescription?.BucketARN;
  return arn?.split(':::')[1] ?? null;
}

function stateOf({ DeliveryStreamName, DeliveryStreamStatus }: DeliveryStreamDescription): Finding {
  const detail = `${DeliveryStreamName} is ${DeliveryStreamStatus}`;
  if (DeliveryStreamStatus === 'ACTIVE') return ok(WHAT, detail);
  if (DeliveryStreamStatus === 'CREATING') return warning(WHAT, detail, 'Wait until it is ACTIVE.');
  return failure(WHAT, detail, 'Nothing is delivered in this state: create the delivery stream anew.');
}

function sourceFault(description: DeliveryStreamDescription, { source }: ExpectedDelivery): Finding | null {
  return source === null ? directPutFault(description) : kinesisFault(description, source);
}

function directPutFault({ DeliveryStreamType }: DeliveryStreamDescription): Finding | null {
  if (DeliveryStreamType === 'DirectPut') return null;
  const cure = 'Its source is set at creation: deploy the stack again, or name another with --backfill-stream.';
  return failure('delivery source', `it is ${DeliveryStreamType}, and refuses direct puts`, cure);
}

function kinesisFault(
  { DeliveryStreamType, Source }: DeliveryStreamDescription,
  { stream, streamArn }: ExpectedSource,
): Finding | null {
  const arn = Source?.KinesisStreamSourceDescription?.KinesisStreamARN;
  const wanted = streamArn ?? `:stream/${stream}`;
  if (arn !== undefined && (streamArn === null ? arn.endsWith(wanted) : arn === wanted)) return null;
  const source = arn ?? `${DeliveryStreamType ?? 'no source that is known'}, no Kinesis stream`;
  const cure = `Its source is set at creation: create it anew with the Kinesis stream ${streamArn ?? stream}, or name another with --delivery-stream.`;
  return failure('delivery source', `it reads ${source}`, cure);
}

function bucketFault({ BucketARN }: ExtendedS3DestinationDescription, { bucket }: ExpectedDelivery) {
  if (bucket === null || BucketARN?.split(':::')[1] === bucket) return null;
  return failure('delivery bucket', `it delivers into ${BucketARN}`, `Set BucketARN to arn:aws:s3:::${bucket}.`);
}

function partitioningFault({ DynamicPartitioningConfiguration }: ExtendedS3DestinationDescription) {
  if (DynamicPartitioningConfiguration?.Enabled === true) return null;
  return failure(
    'dynamic partitioning',
    'off: several container files would be joined in one object, which nothing can read',
    'It is set at creation: create the delivery stream anew with DynamicPartitioningConfiguration.Enabled true.',
  );
}

/** The setting's own name is what a user looks for in the console and in `aws firehose update-destination`. */
function settingFault(name: string, given: string | undefined, wanted: string): Finding | null {
  if (given === wanted) return null;
  return failure(`delivery ${name}`, `it is ${given ? `"${given}"` : 'not set'}`, `Set ${name} to ${wanted}`);
}

function conversionFault({ DataFormatConversionConfiguration }: ExtendedS3DestinationDescription) {
  if (DataFormatConversionConfiguration?.Enabled !== true) return null;
  const cure = 'Set DataFormatConversionConfiguration.Enabled to false.';
  return failure('delivery format', 'Firehose converts the data, and would be given Avro', cure);
}

function transformationFaults({ ProcessingConfiguration }: ExtendedS3DestinationDescription): Finding[] {
  const { Enabled = false, Processors = [] } = ProcessingConfiguration ?? {};
  const foreign = Processors.filter(({ Type }) => Type !== 'Lambda').map(({ Type }) => Type);
  const lambda = Enabled ? lambdaOf(Processors) : undefined;
  return [
    ...(lambda === undefined
      ? [
          failure(
            'transformation',
            'no Lambda transforms the packs',
            'Enable ProcessingConfiguration with the transformer as its Lambda processor.',
          ),
        ]
      : []),
    ...(Enabled && foreign.length > 0
      ? [
          failure(
            'transformation',
            `${foreign.join(', ')} would change the bytes of container files`,
            `Remove the processors other than Lambda.`,
          ),
        ]
      : []),
  ];
}

function lambdaOf(processors: readonly Processor[]): string | undefined {
  const parameters = processors.find(({ Type }) => Type === 'Lambda')?.Parameters ?? [];
  return parameters.find(({ ParameterName }) => ParameterName === 'LambdaArn')?.ParameterValue;
}

function deliveryText({ Source }: DeliveryStreamDescription, destination: ExtendedS3DestinationDescription): string {
  const lambda = lambdaOf(destination.ProcessingConfiguration?.Processors ?? []);
  const source = Source?.KinesisStreamSourceDescription?.KinesisStreamARN ?? 'direct puts';
  return `from ${source} through ${lambda} into ${destination.BucketARN}, partitioned by event time`;
}
