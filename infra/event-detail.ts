/** What the detail of a feed event says that the check rests on. */
import type { Range } from './ledger.ts';

/** The numbers that a `refused` event names: `{"first_seq":a,"last_seq":b}`; null where it names none. */
export function refusedRange(detail: string | null): Range | null {
  const { first_seq: first, last_seq: last } = fieldsOf(detail);
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last)) return null;
  return { first: first as number, last: last as number };
}

/** The symbols that a `started` event names: `{"symbols":["BTCUSDT"]}`. */
export function namedSymbols(detail: string | null): string[] {
  const { symbols } = fieldsOf(detail);
  return Array.isArray(symbols) ? symbols.filter((symbol) => typeof symbol === 'string') : [];
}

/** What a `gap` event says of its bounds and of the session before it: `{"bounds":"outer","session_before":"…"}`. */
export function gapDetail(detail: string | null): {
  readonly bounds: 'exact' | 'outer' | null;
  readonly sessionBefore: string | null;
} {
  const { bounds, session_before: before } = fieldsOf(detail);
  return {
    bounds: bounds === 'exact' || bounds === 'outer' ? bounds : null,
    sessionBefore: typeof before === 'string' ? before : null,
  };
}

/** Of a feed event's detail; none where it is no JSON object. */
function fieldsOf(detail: string | null): Record<string, unknown> {
  try {
    return (JSON.parse(detail ?? '{}') ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}
