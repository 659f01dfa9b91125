/** Calls the transformation with a batch: retries, time-outs, and what becomes of each record. */
import { randomUUID } from 'node:crypto';
import { reasonOf } from '../../../producer/errors.ts';
import type { Clock } from '../clock.ts';
import type { Invocation } from '../lambda.ts';
import type { BatchRecord, DeliveryStats, ErrorRecord } from './record.ts';
import { checkResponse, refusalsIn, type Verdict } from './response.ts';

export interface TransformationOptions {
  readonly invoke: (event: unknown) => Promise<Invocation>;
  readonly deliveryStreamArn: string;
  /** Absent for records that were put directly. */
  readonly sourceKinesisStreamArn?: string;
  readonly region: string;
  readonly lambdaArn: string;
  readonly numberOfRetries: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly stats: DeliveryStats;
  readonly log: (line: string) => void;
}

export type Outcome =
  | Exclude<Verdict, { kind: 'failed' }>
  | { readonly kind: 'failed'; readonly record: BatchRecord; readonly error: ErrorRecord };

/** Never rejects: a batch whose calls all fail comes back as failed records. */
export async function transformBatch(
  batch: readonly BatchRecord[],
  options: TransformationOptions,
): Promise<{ outcomes: Outcome[]; attempts: number }> {
  const { numberOfRetries, stats, log } = options;
  let verdicts: Verdict[] = [];
  let attempts = 0;
  while (attempts <= numberOfRetries) {
    attempts += 1;
    stats.invocations += 1;
    if (attempts > 1) stats.retries += 1;
    const answer = await attempt(batch, options);
    if (answer instanceof Refusal) {
      log(`transformation, call ${attempts} of ${numberOfRetries + 1}: ${answer.errorCode}: ${answer.errorMessage}`);
      const { errorCode, errorMessage } = answer;
      verdicts = batch.map((record) => ({ kind: 'failed', record, errorCode, errorMessage }));
      continue;
    }
    verdicts = withReasons(checkResponse(batch, answer.payload), refusalsIn(answer.log));
    break;
  }
  return { outcomes: verdicts.map((verdict) => outcomeOf(verdict, attempts, options)), attempts };
}

/** What the service writes about a record that it could not transform or deliver. */
export function errorRecordOf(
  record: BatchRecord,
  raw: Buffer,
  attemptsMade: number,
  what: { readonly errorCode: string; readonly errorMessage: string },
  { clock, lambdaArn }: Pick<TransformationOptions, 'clock' | 'lambdaArn'>,
): ErrorRecord {
  return {
    attemptsMade,
    arrivalTimestamp: record.arrivalMs,
    errorCode: what.errorCode,
    errorMessage: what.errorMessage,
    attemptEndingTimestamp: clock.now(),
    rawData: raw.toString('base64'),
    lambdaArn,
  };
}

/** A call that did not come back with a response. */
class Refusal {
  readonly errorCode: string;
  readonly errorMessage: string;

  constructor(errorCode: string, errorMessage: string) {
    this.errorCode = errorCode;
    this.errorMessage = errorMessage;
  }
}

async function attempt(batch: readonly BatchRecord[], options: TransformationOptions): Promise<Invocation | Refusal> {
  const { clock, timeoutMs, invoke } = options;
  let timer: unknown;
  const timedOut = new Promise<Refusal>((resolve) => {
    const refusal = new Refusal('Lambda.FunctionTimedOut', `The invocation took longer than ${timeoutMs} ms`);
    timer = clock.setTimeout(() => resolve(refusal), timeoutMs);
  });
  try {
    const answer = await Promise.race([invoke(requestOf(batch, options)), timedOut]);
    if (answer instanceof Refusal || answer.functionError === null) return answer;
    const { errorType, errorMessage } = answer.functionError;
    return new Refusal('Lambda.FunctionError', `The function returned an error: ${errorType}: ${errorMessage}`);
  } catch (error) {
    return new Refusal('Lambda.InvokeFailed', `The function could not be invoked: ${reasonOf(error)}`);
  } finally {
    clock.clearTimeout(timer);
  }
}

/** Every call has an invocationId of its own. */
function requestOf(batch: readonly BatchRecord[], options: TransformationOptions): object {
  const { deliveryStreamArn, sourceKinesisStreamArn, region } = options;
  return {
    invocationId: randomUUID(),
    deliveryStreamArn,
    ...(sourceKinesisStreamArn === undefined ? {} : { sourceKinesisStreamArn }),
    region,
    records: batch.map(({ recordId, arrivalMs, data, metadata }) => ({
      recordId,
      approximateArrivalTimestamp: arrivalMs,
      data: data.toString('base64'),
      ...(metadata === null ? {} : { kinesisRecordMetadata: metadata }),
    })),
  };
}

function withReasons(verdicts: Verdict[], refusals: ReadonlyMap<string, string>): Verdict[] {
  return verdicts.map((verdict) => {
    const reason = refusals.get(verdict.record.recordId);
    if (verdict.kind !== 'failed' || reason === undefined) return verdict;
    return { ...verdict, errorMessage: `${verdict.errorMessage}: ${reason}` };
  });
}

function outcomeOf(verdict: Verdict, attempts: number, options: TransformationOptions): Outcome {
  if (verdict.kind !== 'failed') return verdict;
  const { record } = verdict;
  return { kind: 'failed', record, error: errorRecordOf(record, record.data, attempts, verdict, options) };
}
