/** What may not be written: secrets, by the names they go by and by the places where text carries them. */

const REDACTED = '[redacted]';

/** Names in any spelling: secretAccessKey, AWS_SECRET_ACCESS_KEY, x-amz-security-token, Proxy-Authorization, … */
const SECRET_NAME = /authorization|secret|password|passwd|passphrase|token$|apikey|cookie|privatekey|credential/;

/** The same names where text carries them, with the value behind `:` or `=`, quoted or not. */
const NAMED_SECRET =
  /([\w-]{0,40}(?:secret[-_]?(?:access[-_]?)?key|client[-_]?secret|password|passwd|passphrase|token|api[-_]?key|private[-_]?key)["']?\s{0,4}[:=]\s{0,4}["']?)[^\s"'&,;]+/gi;

/** A header's value reaches to the end of its line, or of the quotation it stands in. */
const SECRET_HEADER = /((?:authorization|cookie)["']?\s{0,4}[:=]\s{0,4}["']?)[^\r\n"']+/gi;

/** The query of a presigned URL: signature, credential, token. */
const PRESIGNED = /(x-amz-[a-z-]{1,40}=)[^\s"'&]+/gi;

/** `scheme://user:password@host`; the last @ before the path ends them. */
const USER_INFO = /([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/?#"']+@/gi;

/** Errors and listings nest a few levels; what is deeper is a structure that nobody reads in a log, or a cycle. */
const MAX_DEPTH = 6;
/** Characters of one text that are written, and those that are looked at: a venue's answer may be megabytes. */
const MAX_TEXT = 8_192;
const MAX_TEXT_READ = 8 * MAX_TEXT;

/** A copy that may be written to a log: no secrets, no cycles, no text beyond 8,192 characters. */
export function redacted(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return membersOf(fields, 0);
}

/** A text with the secrets that it carries replaced. */
export function redactedText(text: string): string {
  const clean = text
    .slice(0, MAX_TEXT_READ)
    .replace(USER_INFO, `$1${REDACTED}@`)
    .replace(PRESIGNED, `$1${REDACTED}`)
    .replace(SECRET_HEADER, `$1${REDACTED}`)
    .replace(NAMED_SECRET, `$1${REDACTED}`);
  return clean.length > MAX_TEXT ? `${clean.slice(0, MAX_TEXT - 1)}…` : clean;
}

function membersOf(fields: object, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      isSecret(name, value) ? REDACTED : writable(value, depth + 1),
    ]),
  );
}

function isSecret(name: string, value: unknown): boolean {
  if (value === null || value === undefined || typeof value === 'boolean' || typeof value === 'number') return false;
  return SECRET_NAME.test(name.toLowerCase().replaceAll(/[-_.]/g, ''));
}

function writable(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactedText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > MAX_DEPTH) return '…';
  if (Array.isArray(value)) return value.map((item) => writable(item, depth + 1));
  if (value instanceof URL) return redactedText(value.href);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Map) return membersOf(Object.fromEntries(value), depth);
  if (value instanceof Set) return [...value].map((item) => writable(item, depth + 1));
  // The message and the stack of an error are not enumerable.
  if (value instanceof Error) return { ...membersOf(value, depth), message: redactedText(value.message) };
  return membersOf(value, depth);
}
