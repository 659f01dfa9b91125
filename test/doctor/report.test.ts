import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { failure, ok, warning } from '../../infra/doctor/finding.ts';
import { countsLine, countsOf, type Group, groupLines, reportJson } from '../../infra/doctor/report.ts';
import { Output, type OutputStream } from '../../infra/terminal.ts';

const VENUE: Group = {
  name: 'venue',
  title: 'binance.us',
  findings: [
    ok('clock', 'as it should be'),
    warning('BTCUSDT', 'uncovered', 'Use --book full.'),
    warning('ETHUSDT', 'uncovered', 'Use --book full.'),
  ],
};
const AWS: Group = { name: 'aws', title: 'stream depthlake', findings: [failure('identity', 'nobody', 'Sign in.')] };

function paintOf(isTTY: boolean) {
  const stream: OutputStream = Object.assign(new PassThrough(), { isTTY });
  return new Output(stream, { env: {}, onClosed: () => {} }).paint;
}

describe('the report', () => {
  it('has a line a finding, and below neighbours with one cure that cure once', () => {
    expect([...groupLines(VENUE, paintOf(false))]).toEqual([
      'venue  binance.us',
      '  ok       clock    as it should be',
      '  warning  BTCUSDT  uncovered',
      '  warning  ETHUSDT  uncovered',
      '           → Use --book full.',
    ]);
  });

  it('is coloured on a terminal alone', () => {
    const [, line] = groupLines(AWS, paintOf(true));
    expect(line).toBe('  \x1b[31mfailure\x1b[0m  identity  nobody');
    expect([...groupLines(AWS, paintOf(false))].join('')).not.toContain('\x1b');
  });

  it('ends with the counts', () => {
    expect(countsLine(countsOf([VENUE, AWS]))).toBe('1 ok, 2 warnings, 1 failure');
    expect(countsLine(countsOf([]))).toBe('0 ok, 0 warnings, 0 failures');
  });

  it('as JSON holds every finding, and is ok without a failure', () => {
    expect(reportJson([VENUE])).toEqual({ ok: true, counts: { ok: 1, warning: 2, failure: 0 }, groups: [VENUE] });
    expect(reportJson([VENUE, AWS])).toMatchObject({ ok: false, counts: { failure: 1 } });
  });
});
