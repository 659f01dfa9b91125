/** Times as a user writes them: ISO 8601, epoch milliseconds, or relative to now. */
import { duration } from '../../producer/config.ts';

/** From 1973 on: a number of fewer digits is one of seconds. */
const EPOCH_MS = /^\d{12,14}$/;
const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d(?::\d\d(?::\d\d(?:\.\d{1,9})?)?)?)(Z|[+-]\d\d(?::?\d\d)?)?)?$/;
/** Rows wait in memory for so long at the most. */
export const parseWindow = duration(0, 3_600_000);
export const parseLateness = duration(0, 30 * 86_400_000);
/** How long after the end of a selection arrivals in a stream are read, ms. */
export const LATE_MS = 600_000;

/** Since 1970. */
const ago = duration(0, Number.MAX_SAFE_INTEGER);

/**
 * UTC epoch ms of a time. A time without a zone is UTC: the lake's hours are. What is finer than a millisecond is cut off.
 * @throws Error that says how times are written
 */
export function parseTime(text: string, nowMs: number): number {
  if (text === 'now') return nowMs;
  const ms = text.startsWith('-') ? relative(text, nowMs) : absolute(text);
  if (Number.isSafeInteger(ms) && ms >= 0) return ms;
  throw new Error(
    'must be a time like 2026-11-22T12:00:00Z (UTC where no zone is given), 1795348800000 (epoch ms), -2h or now',
  );
}

function relative(text: string, nowMs: number): number {
  try {
    return nowMs - ago(text.slice(1));
  } catch {
    return Number.NaN;
  }
}

function absolute(text: string): number {
  if (EPOCH_MS.test(text)) return Number(text);
  const [, day, time, zone = 'Z'] = ISO.exec(text) ?? [];
  if (day === undefined) return Number.NaN;
  const clock = time === undefined ? '00:00' : time.length === 2 ? `${time}:00` : time;
  const midnight = Date.parse(`${day}T00:00Z`);
  // The 30th of February parses as a day of March.
  const exists = !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(day);
  // `+01` is ISO 8601, and nothing that Date.parse takes.
  const offset = zone.length === 3 ? `${zone}:00` : zone;
  return exists ? Date.parse(`${day}T${clock}${offset}`) : Number.NaN;
}

/** Where in its source a replay begins. */
export type Start =
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'trim-horizon' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'sequence'; readonly shardId: string; readonly number: string };

/** @throws Error that says how it is written */
export function parseStart(text: string, nowMs: number): Start {
  if (text === 'trim-horizon' || text === 'latest') return { kind: text };
  if (text.startsWith('sequence:')) {
    const [, shardId, number] = /^sequence:([a-zA-Z0-9_.-]{1,128}):(\d{1,128})$/.exec(text) ?? [];
    if (shardId === undefined) throw new Error('must be like sequence:shardId-000000000000:4954…');
    return { kind: 'sequence', shardId, number: number! };
  }
  return { kind: 'time', ms: parseTime(text, nowMs) };
}
