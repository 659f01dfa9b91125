/** Which rows a replay is asked for, and what of it contradicts itself. */
import { matcherOf } from '../../producer/feed/symbols.ts';
import type { TableName } from '../../producer/record.ts';
import type { Selection } from '../../producer/replay/source.ts';
import { formatTime } from '../terminal.ts';
import type { SourceAddress } from './address.ts';
import type { Start } from './time.ts';

export interface Asked {
  readonly from: SourceAddress;
  /** undefined: from the oldest there is. */
  readonly start: Start | undefined;
  /** UTC epoch ms; undefined: to the newest there is. */
  readonly endMs: number | undefined;
  /** Upper-case names, and patterns with `*`. */
  readonly symbols: readonly string[];
  readonly tables: ReadonlySet<TableName>;
  readonly follow: boolean;
  readonly fanOut: boolean;
}

export function selectionOf({ start, endMs, symbols, tables }: Asked): Selection {
  const matchers = symbols.map(matcherOf);
  return {
    fromMs: start?.kind === 'time' ? start.ms : Number.NEGATIVE_INFINITY,
    toMs: endMs ?? Number.POSITIVE_INFINITY,
    tables,
    symbol: symbols.includes('*') ? () => true : (symbol) => matchers.some((fits) => fits(symbol)),
  };
}

/** What does not go together, a line each. */
export function contradictionsOf({ from, start, endMs, follow, fanOut }: Asked): string[] {
  const isStream = from.kind === 'kinesis';
  const beginMs = start?.kind === 'time' ? start.ms : Number.NEGATIVE_INFINITY;
  const checks: readonly (readonly [boolean, () => string])[] = [
    [
      endMs !== undefined && endMs <= beginMs,
      () => `the end ${formatTime(endMs!)} is not after the start ${formatTime(beginMs)}`,
    ],
    [
      !isStream && (start?.kind === 'latest' || start?.kind === 'sequence'),
      () => `the start ${start!.kind} is of a stream only`,
    ],
    [
      isStream && start?.kind === 'latest' && !follow,
      () => 'the start latest needs --follow: there is nothing behind the tip',
    ],
    [!isStream && follow, () => '--follow is for a stream: a lake is read as it stands'],
    [!isStream && fanOut, () => '--fan-out is for a stream'],
  ];
  return checks.filter(([holds]) => holds).map(([, words]) => words());
}
