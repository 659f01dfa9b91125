/** What AWS, or an emulator in its place, answers instead of what was asked for. */
import { type Finding, failure, oneLine } from './finding.ts';

/** One service as a failure names it. */
export interface AwsService {
  /** As in `AWS_ENDPOINT_URL_KINESIS`. */
  readonly variable: 'STS' | 'KINESIS' | 'FIREHOSE' | 'GLUE' | 'S3' | 'ATHENA' | 'CLOUDWATCH';
  /** What the call needs; null: everybody may. */
  readonly permission: string | null;
}

const CREDENTIALS_CURE =
  'Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, to credentials that are valid; sign in again where they expire.';
const NO_CREDENTIALS = /^(CredentialsProviderError|ProviderError|TokenProviderError)$/;
const BAD_CREDENTIALS =
  /ExpiredToken|UnrecognizedClient|InvalidClientTokenId|InvalidSignature|SignatureDoesNotMatch|IncompleteSignature|MissingAuthenticationToken/;
const DENIED = /AccessDenied|UnauthorizedOperation|NotAuthorized/;

export function awsFailure(what: string, error: unknown, { variable, permission }: AwsService): Finding {
  const name = error instanceof Error ? error.name : '';
  const detail = oneLine(error);
  if (/region is missing/i.test(detail)) {
    return failure(what, 'no AWS region is set', 'Set AWS_REGION, or AWS_PROFILE to a profile with a region.');
  }
  if (NO_CREDENTIALS.test(name)) return failure(what, `no AWS credentials: ${detail}`, CREDENTIALS_CURE);
  if (BAD_CREDENTIALS.test(name)) return failure(what, `the credentials are refused: ${detail}`, CREDENTIALS_CURE);
  if (DENIED.test(name)) {
    const needed = permission === null ? 'the call' : permission;
    return failure(what, `not allowed: ${detail}`, `Allow ${needed} to whoever runs this.`);
  }
  const answered = error instanceof Error && '$response' in error && error.$response !== undefined;
  if (answered) return failure(what, `${name}: ${detail}`, `Check AWS_REGION and AWS_ENDPOINT_URL_${variable}.`);
  return failure(
    what,
    `cannot be reached: ${detail === '' ? name : detail}`,
    `Check the network, AWS_REGION and AWS_ENDPOINT_URL_${variable}.`,
  );
}

export function isMissing(error: unknown): boolean {
  return (
    error instanceof Error && (error.name === 'ResourceNotFoundException' || error.name === 'EntityNotFoundException')
  );
}
