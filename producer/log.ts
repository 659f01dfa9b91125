/**
 * How the producer tells what happens: a stable event name and its figures, one JSON object a line. Secrets that slip
 * into the figures are redacted on the way out.
 */
import { pino } from 'pino';
import { redacted } from './monitor/redaction.ts';

/** The least first. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type Log = (level: LogLevel, event: string, fields?: Readonly<Record<string, unknown>>) => void;

/**
 * `{"level": …, "time": ISO 8601, "event": …, …fields}` for machines.
 * @param write takes one line with its line feed, and never throws
 * @param now UTC epoch ms
 * @param least what is below this level is not written
 */
export function jsonLog(write: (line: string) => void, now: () => number, least: LogLevel = 'info'): Log {
  const logger = pino(
    {
      level: least,
      base: null,
      // The time comes from the clock that is given.
      timestamp: false,
      formatters: { level: (level) => ({ level }) },
    },
    { write },
  );
  return (level, event, fields = {}) => {
    if (!logger.isLevelEnabled(level)) return;
    logger[level]({ time: new Date(now()).toISOString(), event, ...namesFreed(redacted(fields)) });
  };
}

/** A field that has the name of the line's own members would make it two members of one name. */
function namesFreed(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [OWN_MEMBERS.has(name) ? `${name}_` : name, value]),
  );
}

const OWN_MEMBERS = new Set(['time', 'level', 'event']);
