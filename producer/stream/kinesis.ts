/** The Kinesis side of the writer: the SDK's client, the check of the stream, one PutRecords call. */
import {
  DescribeStreamSummaryCommand,
  KinesisClient,
  type KinesisClientConfig,
  PutRecordsCommand,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { DepthlakeError, reasonOf } from '../errors.ts';
import type { PutPacks } from './lanes.ts';

/** A call without an answer for so long is given up and tried again; the SDK's own requestTimeout only warns. */
const CALL_TIMEOUT_MS = 10_000;
const NO_ANSWER = `no answer in ${CALL_TIMEOUT_MS / 1000} s`;

/**
 * A client over HTTP/1.1: the SDK's default for Kinesis is HTTP/2, which local emulators do not speak. Region,
 * credentials and endpoint come from the standard AWS variables and files.
 */
export function createKinesisClient(config: KinesisClientConfig = {}): KinesisClient {
  // The writer retries entry by entry; retries inside the SDK would send accepted entries again.
  return new KinesisClient({ maxAttempts: 1, requestHandler: new NodeHttpHandler(), ...config });
}

export function putPacks(client: KinesisClient, stream: string): PutPacks {
  return async (packs) => {
    const Records = packs.map((pack) => ({ PartitionKey: pack.lane, Data: pack.data }));
    const command = new PutRecordsCommand({ StreamName: stream, Records });
    const answer = await client.send(command, { abortSignal: AbortSignal.timeout(CALL_TIMEOUT_MS) }).catch((error) => {
      throw timedOut(error) ? new Error(NO_ANSWER, { cause: error }) : error;
    });
    return packs.map((_, i) => {
      const entry = answer.Records?.[i];
      return entry?.SequenceNumber === undefined ? (entry?.ErrorCode ?? 'no answer for this entry') : null;
    });
  };
}

/**
 * Checks once, at the start, that the stream is there and may be written to.
 * @throws DL_STREAM_MISSING, DL_KINESIS_DENIED, DL_KINESIS_UNREACHABLE
 */
export async function checkStream(client: KinesisClient, stream: string): Promise<void> {
  try {
    const command = new DescribeStreamSummaryCommand({ StreamName: stream });
    await client.send(command, { abortSignal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
  } catch (cause) {
    throw await translate(cause, client, stream);
  }
}

const DENIED =
  /AccessDenied|ExpiredToken|UnrecognizedClient|InvalidSignature|InvalidClientTokenId|Credentials|IncompleteSignature/;

function timedOut(error: unknown): boolean {
  return error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError');
}

async function translate(cause: unknown, client: KinesisClient, stream: string): Promise<DepthlakeError> {
  const name = cause instanceof Error ? cause.name : '';
  if (name === 'ResourceNotFoundException') return missing(client, stream, cause);
  if (/region is missing/i.test(reasonOf(cause))) {
    return new DepthlakeError('DL_SETTINGS', 'no AWS region: set AWS_REGION, or AWS_PROFILE to a profile with one', {
      cause,
    });
  }
  if (DENIED.test(name)) {
    return new DepthlakeError('DL_KINESIS_DENIED', `Kinesis refuses: ${reasonOf(cause)}`, { cause });
  }
  const words = timedOut(cause) ? NO_ANSWER : reasonOf(cause);
  return new DepthlakeError('DL_KINESIS_UNREACHABLE', `Kinesis cannot be reached: ${words}`, { cause });
}

async function missing(client: KinesisClient, stream: string, cause: unknown): Promise<DepthlakeError> {
  const region = await client.config.region();
  // The AWS command line reads the same endpoint variables.
  const command = `aws kinesis create-stream --stream-name ${stream} --shard-count 1 --region ${region}`;
  return new DepthlakeError(
    'DL_STREAM_MISSING',
    `there is no Kinesis stream "${stream}" in region ${region}: ${command}`,
    {
      cause,
    },
  );
}
