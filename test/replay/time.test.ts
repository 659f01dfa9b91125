import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { idOf, type ReplayPlan } from '../../infra/commands/replay-plan.ts';
import { sinkAddress, sourceAddress } from '../../infra/replay/address.ts';
import { parseStart, parseTime } from '../../infra/replay/time.ts';

const NOW = Date.UTC(2026, 10, 22, 12, 34, 56, 789);

describe('a time on the command line', () => {
  test.each([
    ['2026-11-22T12:00:00Z', Date.UTC(2026, 10, 22, 12)],
    ['2026-11-22T12:00:00.250Z', Date.UTC(2026, 10, 22, 12) + 250],
    ['2026-11-22T12:00:00.250999+00:00', Date.UTC(2026, 10, 22, 12) + 250],
    ['2026-11-22T12:00', Date.UTC(2026, 10, 22, 12)],
    ['2026-11-22 12', Date.UTC(2026, 10, 22, 12)],
    ['2026-11-22T13:30:00+01:30', Date.UTC(2026, 10, 22, 12)],
    ['2026-11-22T13:00+01', Date.UTC(2026, 10, 22, 12)],
    ['2026-11-22', Date.UTC(2026, 10, 22)],
    ['1795348800000', 1795348800000],
    ['-2h', NOW - 7_200_000],
    ['-90s', NOW - 90_000],
    ['now', NOW],
  ])('%s is understood', (text, ms) => {
    expect(parseTime(text, NOW)).toBe(ms);
  });

  test('any instant comes back from its ISO form and from its milliseconds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10 ** 11, max: 4e12 }), (ms) => {
        expect(parseTime(new Date(ms).toISOString(), NOW)).toBe(ms);
        expect(parseTime(String(ms), NOW)).toBe(ms);
      }),
    );
  });

  test.each([
    '',
    'yesterday',
    '2026-02-30',
    '2026-13-01',
    '2026-11-22T25:00',
    '1795348800',
    '2h',
    '-2',
    '-2w',
    '22.11.2026',
  ])('"%s" is refused with the ways to write one', (text) => {
    expect(() => parseTime(text, NOW)).toThrow(/must be a time like/);
  });

  test('a start may be a place in the stream', () => {
    expect(parseStart('trim-horizon', NOW)).toEqual({ kind: 'trim-horizon' });
    expect(parseStart('latest', NOW)).toEqual({ kind: 'latest' });
    expect(parseStart('sequence:shardId-000000000003:4959', NOW)).toEqual({
      kind: 'sequence',
      shardId: 'shardId-000000000003',
      number: '4959',
    });
    expect(() => parseStart('sequence:4959', NOW)).toThrow(/must be like sequence:/);
  });
});

describe('an address', () => {
  test.each([
    ['kinesis:depthlake', { kind: 'kinesis', stream: 'depthlake' }],
    ['s3://bucket', { kind: 's3', bucket: 'bucket', prefix: '' }],
    ['s3://bucket/a/b/', { kind: 's3', bucket: 'bucket', prefix: 'a/b/' }],
    ['data', { kind: 'paths', paths: ['data'] }],
    ['C:\\data', { kind: 'paths', paths: ['C:\\data'] }],
  ])('of a source: %s', (text, address) => {
    expect(sourceAddress(text)).toEqual(address);
  });

  test.each([
    ['stdout', { kind: 'stdout' }],
    ['-', { kind: 'stdout' }],
    ['null', { kind: 'null' }],
    ['rows.jsonl', { kind: 'file', path: 'rows.jsonl' }],
    ['file:null', { kind: 'file', path: 'null' }],
    ['avro:lake', { kind: 'avro', folder: 'lake' }],
    ['kinesis:other', { kind: 'kinesis', stream: 'other' }],
    ['firehose:backfill', { kind: 'firehose', deliveryStream: 'backfill' }],
    ['ws:9443', { kind: 'ws', port: 9443 }],
  ])('of a sink: %s', (text, address) => {
    expect(sinkAddress(text)).toEqual(address);
  });

  test.each(['', 'kinesis:', 'kinesis:a b', 's3://', 'http://host', 'firehose:x'])('"%s" is no source', (text) => {
    expect(() => sourceAddress(text)).toThrow();
  });

  test.each(['', 'avro:', 'ws:', 'ws:70000', 'ws:host:1', 'http://host', 's3://bucket'])('"%s" is no sink', (text) => {
    expect(() => sinkAddress(text)).toThrow();
  });
});

describe('the id of a replay, in the names of its files', () => {
  const idFrom = (text: string, fromMs = Number.NEGATIVE_INFINITY, to = 'avro:a') => {
    const plan: Pick<ReplayPlan, 'fingerprint' | 'selection' | 'streamStart'> = {
      fingerprint: { from: 'kinesis:depthlake', start: text, end: null, symbols: '*', to },
      selection: { fromMs, toMs: Number.POSITIVE_INFINITY, tables: new Set(['order_book']), symbol: () => true },
      streamStart: parseStart(text, NOW),
    };
    return idOf(plan as ReplayPlan, null);
  };

  test('is another one for every beginning, and the same wherever it is written to and however its time is', () => {
    const beginnings = ['trim-horizon', 'latest', 'sequence:s-1:1', 'sequence:s-1:2', 'sequence:s-2:1'];
    const ids = [...beginnings.map((text) => idFrom(text)), idFrom('-2h', NOW - 7_200_000), idFrom('-2h', NOW)];
    expect(new Set(ids).size).toBe(ids.length);
    expect(idFrom('sequence:s-1:1', undefined, 'avro:b')).toBe(idFrom('sequence:s-1:1'));
    expect(idFrom('2026-11-22T12:34:56.789Z', NOW)).toBe(idFrom('now', NOW));
  });
});
