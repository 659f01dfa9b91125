/** S3 prefixes with expressions: `!{namespace:value}`, evaluated when an object is delivered. */
import { randomUUID } from 'node:crypto';
import { FirehoseError } from './record.ts';

/** An evaluated prefix is at most that many characters long. */
export const PREFIX_MAX_CHARACTERS = 512;

export type PrefixPart =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'timestamp'; readonly format: string }
  | { readonly kind: 'partitionKey'; readonly name: string }
  | { readonly kind: 'errorType' }
  | { readonly kind: 'random' };

/** What an object's prefix is evaluated with. */
export interface PrefixValues {
  /** Arrival of the oldest record in the object, UTC epoch ms. */
  readonly oldestMs: number;
  readonly partitionKeys?: Readonly<Record<string, string>>;
  readonly errorType?: string;
}

/** @throws InvalidArgumentException for an expression that the service does not know */
export function parsePrefix(prefix: string): PrefixPart[] {
  return prefix
    .split(/(!\{[^}]*\})/)
    .filter((text) => text !== '')
    .map(parsePart);
}

function parsePart(text: string): PrefixPart {
  if (!text.startsWith('!{')) return { kind: 'literal', text };
  const [, namespace, value] = /^!\{([^:]*):(.*)\}$/.exec(text) ?? [];
  if (namespace === 'timestamp' && value) return { kind: 'timestamp', format: value };
  if (namespace === 'partitionKeyFromLambda' && value) return { kind: 'partitionKey', name: value };
  if (namespace === 'firehose' && value === 'error-output-type') return { kind: 'errorType' };
  if (namespace === 'firehose' && value === 'random-string') return { kind: 'random' };
  throw new FirehoseError('InvalidArgumentException', `unknown expression ${text} in a prefix`);
}

export function evaluatePrefix(parts: readonly PrefixPart[], values: PrefixValues): string {
  return parts.map((part) => evaluatePart(part, values)).join('');
}

function evaluatePart(part: PrefixPart, { oldestMs, partitionKeys, errorType }: PrefixValues): string {
  switch (part.kind) {
    case 'literal':
      return part.text;
    case 'timestamp':
      return formatTime(part.format, oldestMs);
    case 'partitionKey':
      return partitionKeys?.[part.name] ?? '';
    case 'errorType':
      return errorType ?? '';
    case 'random':
      return randomUUID().replaceAll('-', '').slice(0, 11);
  }
}

/** What tells one buffer from another: the prefix with everything evaluated that does not depend on the object. */
export function bufferIdOf(parts: readonly PrefixPart[], values: Omit<PrefixValues, 'oldestMs'>): string {
  const fixed = parts.filter((part) => part.kind !== 'timestamp' && part.kind !== 'random');
  return evaluatePrefix(fixed, { ...values, oldestMs: 0 });
}

/** `<stream>-<version>-<yyyy>-<MM>-<dd>-<HH>-<mm>-<ss>-<uuid>` */
export function objectName(stream: string, version: number, oldestMs: number): string {
  return `${stream}-${version}-${formatTime('yyyy-MM-dd-HH-mm-ss', oldestMs)}-${randomUUID()}`;
}

/** Java's DateTimeFormatter as far as prefixes use it: yyyy, MM, dd, HH, mm, ss and 'quoted' text; UTC. */
export function formatTime(format: string, ms: number): string {
  const iso = new Date(ms).toISOString();
  const fields: Record<string, string> = {
    yyyy: iso.slice(0, 4),
    MM: iso.slice(5, 7),
    dd: iso.slice(8, 10),
    HH: iso.slice(11, 13),
    mm: iso.slice(14, 16),
    ss: iso.slice(17, 19),
  };
  return format.replace(/'([^']*)'|yyyy|MM|dd|HH|mm|ss/g, (found, quoted?: string) => quoted ?? fields[found]!);
}
