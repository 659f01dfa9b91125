/** How AWS and its SDK say that the caller may not, or that nobody said who the caller is and where. */
import { reasonOf } from '../../producer/errors.ts';

const DENIED =
  /AccessDenied|UnauthorizedOperation|NotAuthorized|ExpiredToken|UnrecognizedClient|InvalidSignature|SignatureDoesNotMatch|InvalidClientTokenId|IncompleteSignature|MissingAuthenticationToken/;
/** From the SDK, before anything is sent. */
const NO_CREDENTIALS = /^(CredentialsProviderError|ProviderError|TokenProviderError)$/;

export function isDenied(error: unknown): boolean {
  return DENIED.test(nameOf(error));
}

export function isWithoutCredentials(error: unknown): boolean {
  return NO_CREDENTIALS.test(nameOf(error));
}

export function isWithoutRegion(error: unknown): boolean {
  return /region is missing/i.test(reasonOf(error));
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}
