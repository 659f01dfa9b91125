/** Which failures of Kinesis pass, how long a replay bears them, and the words for those that do not. */
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { type Backoff, fullJitter } from '../../../producer/backoff.ts';
import { DepthlakeError, reasonOf } from '../../../producer/errors.ts';
import type { Clock } from '../../local/clock.ts';
import { isDenied, isWithoutCredentials, isWithoutRegion } from '../denial.ts';
import { pause } from './pause.ts';

/** So long nothing but failures ends a replay. */
const PATIENCE_MS = 60_000;
/** A shard that was read beyond its 2 MB/s refuses for up to 5 s (GetRecords, API reference). */
const BACKOFF: Backoff = { baseMs: 200, capMs: 5000 };

const BUSY = /Throttl|ThroughputExceeded|LimitExceeded|ResourceInUse|ExpiredIterator/;

export interface Calling {
  readonly client: KinesisClient;
  readonly stream: string;
  readonly clock: Clock;
  /** Aborted when the replay ends. */
  readonly signal: AbortSignal;
  readonly random: () => number;
  readonly log: (line: string) => void;
}

/** What befalls one row of calls, for one shard or for the stream. */
export class Patience {
  readonly #calling: Calling;
  readonly #what: string;
  #failures = 0;
  #firstMs = 0;

  /** @param what what is being read, for the reader of a message */
  constructor(what: string, calling: Calling) {
    this.#what = what;
    this.#calling = calling;
  }

  answered(): void {
    this.#failures = 0;
  }

  /**
   * Settles when it may be tried again.
   * @throws DL_REPLAY_UNREACHABLE after a minute of failures; DL_STREAM_MISSING, DL_REPLAY_DENIED, DL_SETTINGS at once;
   * the signal's reason where it is aborted
   */
  async failed(error: unknown): Promise<void> {
    const { clock, signal, random, log } = this.#calling;
    signal.throwIfAborted();
    if (!passes(error)) throw await translate(error, this.#calling);
    if (this.#failures === 0) this.#firstMs = clock.now();
    if (clock.now() - this.#firstMs >= PATIENCE_MS) {
      const message = `${this.#what} cannot be read: ${PATIENCE_MS / 1000} s of failures, the last: ${reasonOf(error)}`;
      throw new DepthlakeError('DL_REPLAY_UNREACHABLE', message, { cause: error });
    }
    if (this.#failures === 0) log(`reading ${this.#what}: ${reasonOf(error)}; trying again`);
    await pause(fullJitter(this.#failures, BACKOFF, random), clock, signal);
    this.#failures += 1;
  }
}

/** Calls until it is answered. */
export async function persist<T>(what: string, calling: Calling, call: () => Promise<T>): Promise<T> {
  const patience = new Patience(what, calling);
  for (;;) {
    try {
      return await call();
    } catch (error) {
      await patience.failed(error);
    }
  }
}

/** Calls that are refused for now, failures of the service, and calls without an answer. */
export function passes(error: unknown): boolean {
  const { name, status } = failureOf(error);
  if (error instanceof DepthlakeError || isDenied(error)) return false;
  if (isWithoutCredentials(error) || isWithoutRegion(error)) return false;
  return BUSY.test(name) || status === undefined || status >= 500;
}

/** The error as a replay ends with it. */
async function translate(cause: unknown, { client, stream }: Calling): Promise<DepthlakeError> {
  if (cause instanceof DepthlakeError) return cause;
  const { name } = failureOf(cause);
  if (name === 'ResourceNotFoundException') {
    const message = `there is no Kinesis stream "${stream}" in region ${await client.config.region()}`;
    return new DepthlakeError('DL_STREAM_MISSING', message, { cause });
  }
  if (isWithoutRegion(cause)) {
    const message = 'no AWS region: set AWS_REGION, or AWS_PROFILE to a profile with one';
    return new DepthlakeError('DL_SETTINGS', message, { cause });
  }
  return new DepthlakeError('DL_REPLAY_DENIED', `Kinesis refuses to read ${stream}: ${reasonOf(cause)}`, { cause });
}

function failureOf(error: unknown): { name: string; status: number | undefined } {
  if (!(error instanceof Error)) return { name: '', status: undefined };
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } };
  return { name: error.name, status: $metadata?.httpStatusCode };
}
