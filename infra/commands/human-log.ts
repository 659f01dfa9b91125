/** The producer's log for people: `12:00:01 connected  symbols=1`. */
import type { Log, LogLevel } from '../../producer/log.ts';
import type { Output } from '../terminal.ts';

const COLOUR = { info: 'dim', warn: 'yellow', error: 'red' } as const satisfies Record<LogLevel, string>;

export function humanLog(output: Output, now: () => number): Log {
  return (level, event, fields = {}) => {
    const time = new Date(now()).toISOString().slice(11, 19);
    const words = Object.entries(fields).map(([name, value]) => `${name}=${wordOf(value)}`);
    const paint = output.paint[COLOUR[level]];
    // A log line that cannot be written changes nothing about the recording.
    output.line([time, paint(event), ...words].join(' ')).catch(() => {});
  };
}

function wordOf(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /[\s"]/.test(text) && typeof value === 'string' ? JSON.stringify(text) : text;
}
