/** How long a sink waits for a service that does not take what it is sent: for ever, unless waiting cannot help. */
import { DepthlakeError, type ErrorCode, reasonOf } from '../../../producer/errors.ts';
import { isDenied, isWithoutCredentials, isWithoutRegion } from '../denial.ts';

/** Without any answer for so long, the service is given up. */
const UNREACHABLE_MS = 60_000;

/** What the service will answer again, however often it is asked. */
const REFUSED =
  /^(InvalidArgument|InvalidSource|Validation|Serialization|InvalidKMSResource|KMS(Disabled|InvalidState|NotFound|OptInRequired))/;

interface PatienceOptions {
  /** As it is named to the user. */
  readonly service: 'Kinesis' | 'Firehose';
  /** What is written to, as `the stream "depthlake"`. */
  readonly target: string;
  readonly missing: ErrorCode;
  /** ms, of any beginning. */
  readonly now: () => number;
  readonly log: (line: string) => void;
}

export class Patience {
  readonly #options: PatienceOptions;
  #silentSinceMs: number | null = null;
  #refusing = false;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /**
   * The service answered; tells when it begins to refuse, and when it takes everything again.
   * @param refusal its error code; null: it took everything
   */
  answered(refusal: string | null): void {
    this.#silentSinceMs = null;
    this.#tell(refusal);
  }

  /** A call failed as a whole. @returns null: it is worth another; else why not */
  failed(error: unknown): DepthlakeError | null {
    const { now, service, target } = this.#options;
    const fatal = this.fatal(error);
    if (fatal !== null) return fatal;
    const answer = answerOf(error);
    if (answer !== null) {
      this.answered(answer);
      return null;
    }
    this.#tell(reasonOf(error));
    this.#silentSinceMs ??= now();
    if (now() - this.#silentSinceMs < UNREACHABLE_MS) return null;
    const message = `${service} has not answered for ${UNREACHABLE_MS / 1000} s, and ${target} lacks rows: ${reasonOf(error)}`;
    return new DepthlakeError('DL_REPLAY_UNREACHABLE', message, { cause: error });
  }

  /** Why no other call can do better, or null. */
  fatal(error: unknown): DepthlakeError | null {
    const { service, target, missing } = this.#options;
    const name = error instanceof Error ? error.name : '';
    const words = reasonOf(error);
    const of = (code: ErrorCode, message: string) => new DepthlakeError(code, message, { cause: error });
    if (isWithoutRegion(error)) return of('DL_SETTINGS', 'no AWS region: set AWS_REGION, or AWS_PROFILE');
    if (isWithoutCredentials(error)) return of('DL_REPLAY_DENIED', `no AWS credentials: ${words}`);
    if (isDenied(error)) return of('DL_REPLAY_DENIED', `${service} refuses ${target}: ${words}`);
    if (name === 'ResourceNotFoundException') return of(missing, `${target} does not exist: ${words}`);
    return REFUSED.test(name) ? of('DL_SINK_FAILED', `${target}: ${name}: ${words}`) : null;
  }

  #tell(refusal: string | null): void {
    const { log, service } = this.#options;
    if (refusal !== null && !this.#refusing) log(`${service} takes no more for now (${refusal}); waiting`);
    if (refusal === null && this.#refusing) log(`${service} takes everything again`);
    this.#refusing = refusal !== null;
  }
}

/** The name of what the service answered; null: it did not. */
function answerOf(error: unknown): string | null {
  return error instanceof Error && '$response' in error && error.$response !== undefined ? error.name : null;
}
