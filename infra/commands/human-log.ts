/** The producer's log for people: `12:00:01 connected  symbols=1`. */
import { LOG_LEVELS, type Log, type LogLevel } from '../../producer/log.ts';
import { redacted } from '../../producer/monitor/redaction.ts';
import type { Output } from '../terminal.ts';

const COLOUR = { debug: 'dim', info: 'dim', warn: 'yellow', error: 'red' } as const satisfies Record<LogLevel, string>;

/** What comes once for each symbol is shown for so many symbols, and counted by `/metrics` for all. */
const ONCE_A_SYMBOL = ['levels_uncovered', 'book_seeded', 'not_verified', 'verified'];
const SYMBOLS_SHOWN = 10;

/** @param least what is below this level is not written */
export function humanLog(output: Output, now: () => number, least: LogLevel = 'info'): Log {
  const shown = new Map<string, number>();
  return (level, event, given = {}) => {
    const times = (shown.get(event) ?? 0) + 1;
    if (ONCE_A_SYMBOL.includes(event)) shown.set(event, times);
    if (times > SYMBOLS_SHOWN + 1) return;
    const fields = times > SYMBOLS_SHOWN ? { symbol: '…', more: 'not shown; /metrics has all' } : given;
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(least)) return;
    const time = new Date(now()).toISOString().slice(11, 19);
    const words = Object.entries(redacted(fields)).map(([name, value]) => `${name}=${wordOf(value)}`);
    const paint = output.paint[COLOUR[level]];
    // A log line that cannot be written changes nothing about the recording.
    output.line([time, paint(event), ...words].join(' ')).catch(() => {});
  };
}

function wordOf(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /[\s"]/.test(text) && typeof value === 'string' ? JSON.stringify(text) : text;
}
