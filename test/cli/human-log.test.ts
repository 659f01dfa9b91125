import { describe, expect, test } from 'vitest';
import { humanLog } from '../../infra/commands/human-log.ts';
import type { Output } from '../../infra/terminal.ts';

function logging(least?: 'warn') {
  const lines: string[] = [];
  const plain = new Proxy({}, { get: () => (text: string) => text });
  const output = { line: async (text: string) => void lines.push(text), paint: plain } as unknown as Output;
  return { lines, log: humanLog(output, () => Date.UTC(2026, 0, 1, 12, 0, 1), least) };
}

describe('the log for people', () => {
  test('is one line an event: time, name, figures', () => {
    const { lines, log } = logging();

    log('info', 'connected', { connection: 0, reason: 'code 1006: bye' });

    expect(lines).toEqual(['12:00:01 connected connection=0 reason="code 1006: bye"']);
  });

  test('shows what comes once for each symbol for ten of them, so that it hides nothing else', () => {
    const { lines, log } = logging();

    for (let i = 0; i < 200; i += 1) {
      log('warn', 'levels_uncovered', { symbol: `S${i}` });
      log('warn', 'gap', { symbol: `S${i}` });
    }

    const uncovered = lines.filter((line) => line.includes('levels_uncovered'));
    expect(uncovered).toHaveLength(11);
    expect(uncovered.slice(9)).toEqual([
      '12:00:01 levels_uncovered symbol=S9',
      '12:00:01 levels_uncovered symbol=… more="not shown; /metrics has all"',
    ]);
    expect(lines.filter((line) => line.includes(' gap '))).toHaveLength(200);
  });

  test('leaves out what is below its level', () => {
    const { lines, log } = logging('warn');

    log('info', 'connected');
    log('warn', 'disconnected');

    expect(lines).toEqual(['12:00:01 disconnected']);
  });
});
