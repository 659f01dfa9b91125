import { describe, expect, test } from 'vitest';
import { jsonLog, LOG_LEVELS, type LogLevel } from '../../producer/log.ts';

const AT = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

function logging(least?: LogLevel) {
  const lines: string[] = [];
  const log = jsonLog(
    (line) => lines.push(line),
    () => AT,
    least,
  );
  return { log, lines, last: () => JSON.parse(lines.at(-1)!) };
}

describe('the log for machines', () => {
  test('is one JSON object a line: level, time, event, then the figures', () => {
    const { log, lines } = logging();

    log('warn', 'gap', { symbol: 'BTCUSDT', ms: 1500 });
    log('info', 'connected');

    expect(lines).toEqual([
      '{"level":"warn","time":"2026-01-02T03:04:05.678Z","event":"gap","symbol":"BTCUSDT","ms":1500}\n',
      '{"level":"info","time":"2026-01-02T03:04:05.678Z","event":"connected"}\n',
    ]);
  });

  test.each(LOG_LEVELS)('writes from its least level on: %s', (least) => {
    const { log, lines } = logging(least);

    for (const level of LOG_LEVELS) log(level, level);

    expect(lines.map((line) => JSON.parse(line).level)).toEqual(LOG_LEVELS.slice(LOG_LEVELS.indexOf(least)));
  });

  test('writes no debug lines unless asked', () => {
    const { log, lines } = logging();

    log('debug', 'frame');

    expect(lines).toEqual([]);
  });

  test('keeps a text with line feeds on one line', () => {
    const { log, lines, last } = logging();

    log('error', 'failed', { message: 'first\nsecond' });

    expect(lines[0]!.indexOf('\n')).toBe(lines[0]!.length - 1);
    expect(last().message).toBe('first\nsecond');
  });

  test('keeps its own members when a figure has the name of one', () => {
    const { log, last } = logging();

    log('info', 'tally', { event: 'other', level: 9, time: 'never' });

    expect(last()).toMatchObject({ event: 'tally', level: 'info', event_: 'other', level_: 9, time_: 'never' });
  });

  test('writes errors, big integers, cycles and numbers that JSON has not', () => {
    const { log, last } = logging();
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;

    log('error', 'odd', { error: new TypeError('no'), id: 2n ** 60n, cycle, ratio: Number.NaN, absent: undefined });

    expect(last()).toMatchObject({ error: { message: 'no' }, id: '1152921504606846976', ratio: null });
    expect(last()).not.toHaveProperty('absent');
  });

  test('never holds a secret, wherever it stands', () => {
    const { log, lines } = logging();

    log('error', 'failed', {
      secretAccessKey: 'SECRET',
      request: { headers: { Authorization: 'AWS4-HMAC-SHA256 Credential=SECRET, Signature=SECRET' } },
      url: 'wss://user:SECRET@example.test/ws',
      cause: new Error('PUT https://bucket.test/key?X-Amz-Signature=SECRET&x-id=PutObject failed'),
    });

    expect(lines.join('')).not.toContain('SECRET');
    expect(lines.join('')).toContain('x-id=PutObject failed');
  });
});
