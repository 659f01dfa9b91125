/** Whether a delivery stream takes the packs of a replay, what it collects and delivers by, and which one does instead. */
import {
  type DeliveryStreamDescription,
  DescribeDeliveryStreamCommand,
  type ExtendedS3DestinationDescription,
  type FirehoseClient,
  ListDeliveryStreamsCommand,
} from '@aws-sdk/client-firehose';
import { DepthlakeError, reasonOf } from '../../../producer/errors.ts';
import type { PaceOptions } from './firehose-pace.ts';
import type { Patience } from './patience.ts';

const CALL_TIMEOUT_MS = 10_000;
/** Direct-put delivery streams that are looked at in search of the right one: the service answers 5 of these calls a second. */
const DESCRIBED_MAX = 10;
const MIB = 1024 * 1024;
/** What Firehose takes where nothing is said (https://docs.aws.amazon.com/firehose/latest/APIReference/API_ProcessorParameter.html, API_BufferingHints.html). */
const DEFAULT_LAMBDA_MB = 1;
const DEFAULT_LAMBDA_SECONDS = 60;
const DEFAULT_DELIVERY_SECONDS = 300;

/**
 * @param backfill the one to name instead, if it is known
 * @throws DL_DELIVERY_STREAM_MISSING, DL_DELIVERY_STREAM_SOURCE, DL_SINK_FAILED, DL_REPLAY_DENIED, DL_REPLAY_UNREACHABLE
 */
export async function checkDeliveryStream(
  client: FirehoseClient,
  name: string,
  backfill: string | undefined,
  patience: Patience,
): Promise<Omit<PaceOptions, 'partitionQuota'>> {
  const description = await describe(client, name).catch((cause) => {
    throw patience.fatal(cause) ?? unreachable(cause);
  });
  if ((description.DeliveryStreamType ?? 'DirectPut') !== 'DirectPut') {
    const instead = backfill === undefined ? await directPutStreams(client, description) : [backfill];
    throw otherSource(description, instead);
  }
  if (description.DeliveryStreamStatus !== 'ACTIVE') {
    const message = `the delivery stream "${name}" is ${description.DeliveryStreamStatus}: it takes records once it is ACTIVE`;
    throw new DepthlakeError('DL_SINK_FAILED', message);
  }
  return hintsOf(requireLake(name, destinationOf(description)));
}

async function describe(client: FirehoseClient, name: string): Promise<DeliveryStreamDescription> {
  const command = new DescribeDeliveryStreamCommand({ DeliveryStreamName: name });
  const answer = await client.send(command, { abortSignal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
  return answer.DeliveryStreamDescription!;
}

function unreachable(cause: unknown): DepthlakeError {
  return new DepthlakeError('DL_REPLAY_UNREACHABLE', `Firehose cannot be reached: ${reasonOf(cause)}`, { cause });
}

function otherSource(description: DeliveryStreamDescription, instead: readonly string[]): DepthlakeError {
  const { DeliveryStreamName: name, DeliveryStreamType: type } = description;
  const reads = type === 'KinesisStreamAsSource' ? 'reads from a Kinesis stream' : `has the source ${type}`;
  const names = instead.map((each) => `"${each}"`).join(' or ');
  const advice = instead.length === 0 ? 'no other one was found' : `the one to put into is ${names}`;
  const message = `the delivery stream "${name}" ${reads}, and refuses what is put into it; ${advice}`;
  return new DepthlakeError('DL_DELIVERY_STREAM_SOURCE', message);
}

/** Packs are no good to anybody but the transformer, and its files only with a key of their own. */
function requireLake(
  name: string,
  destination: ExtendedS3DestinationDescription | undefined,
): ExtendedS3DestinationDescription {
  const partitioned = destination?.DynamicPartitioningConfiguration?.Enabled === true;
  if (destination !== undefined && partitioned && lambdaArnOf(destination) !== undefined) return destination;
  const message = `the delivery stream "${name}" does not lead into a lake: it lacks a Lambda that transforms packs, or dynamic partitioning`;
  throw new DepthlakeError('DL_DELIVERY_STREAM_SOURCE', message);
}

function hintsOf(destination: ExtendedS3DestinationDescription): Omit<PaceOptions, 'partitionQuota'> {
  const { BufferSizeInMBs, BufferIntervalInSeconds } = parametersOf(destination);
  return {
    lambdaBufferBytes: Number(BufferSizeInMBs ?? DEFAULT_LAMBDA_MB) * MIB,
    lambdaBufferMs: Number(BufferIntervalInSeconds ?? DEFAULT_LAMBDA_SECONDS) * 1000,
    deliveryMs: (destination.BufferingHints?.IntervalInSeconds ?? DEFAULT_DELIVERY_SECONDS) * 1000,
  };
}

function destinationOf({ Destinations }: DeliveryStreamDescription): ExtendedS3DestinationDescription | undefined {
  return Destinations?.[0]?.ExtendedS3DestinationDescription;
}

function lambdaArnOf(destination: ExtendedS3DestinationDescription): string | undefined {
  return parametersOf(destination)['LambdaArn'];
}

/** Of the Lambda processor, where one is enabled. */
function parametersOf({
  ProcessingConfiguration,
}: ExtendedS3DestinationDescription): Record<string, string | undefined> {
  const { Enabled = false, Processors = [] } = ProcessingConfiguration ?? {};
  const lambda = Enabled ? Processors.find(({ Type }) => Type === 'Lambda') : undefined;
  return Object.fromEntries(
    (lambda?.Parameters ?? []).map(({ ParameterName, ParameterValue }) => [ParameterName, ParameterValue]),
  );
}

/**
 * The direct-put delivery streams through the same transformer, or, where none is seen, those whose name says backfill.
 * What cannot be asked for is not found: the advice is extra.
 */
async function directPutStreams(
  client: FirehoseClient,
  description: DeliveryStreamDescription,
): Promise<readonly string[]> {
  const wanted = lambdaArnOf(destinationOf(description) ?? ({} as ExtendedS3DestinationDescription));
  const names = await directPutNames(client).catch(() => []);
  const isBackfill = (name: string) => name.includes('backfill');
  const likeliest = [...names.filter(isBackfill), ...names.filter((name) => !isBackfill(name))].slice(0, DESCRIBED_MAX);
  const same: string[] = [];
  for (const name of likeliest) {
    const destination = await describe(client, name).then(destinationOf, () => undefined);
    if (wanted !== undefined && destination !== undefined && lambdaArnOf(destination) === wanted) same.push(name);
  }
  return same.length > 0 ? same : names.filter(isBackfill);
}

async function directPutNames(client: FirehoseClient): Promise<readonly string[]> {
  const names: string[] = [];
  for (let more = true; more; ) {
    const after = names.at(-1);
    const command = new ListDeliveryStreamsCommand({
      DeliveryStreamType: 'DirectPut',
      ...(after === undefined ? {} : { ExclusiveStartDeliveryStreamName: after }),
    });
    const answer = await client.send(command, { abortSignal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
    const page = answer.DeliveryStreamNames ?? [];
    names.push(...page);
    more = answer.HasMoreDeliveryStreams === true && page.length > 0;
  }
  return names;
}
