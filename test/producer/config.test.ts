import { describe, expect, test } from 'vitest';
import { FEED_SETTINGS, MONITOR_SETTINGS, readSettings, STREAM_SETTINGS, variableOf } from '../../producer/config.ts';

const SETTINGS = { ...FEED_SETTINGS, ...STREAM_SETTINGS, ...MONITOR_SETTINGS };

function read(flags: Record<string, string | boolean> = {}, env: Record<string, string> = {}) {
  return readSettings(SETTINGS, flags, env);
}

describe('settings', () => {
  test('have defaults; those without one are not set', () => {
    expect(read()).toEqual({
      venue: 'binance.us',
      symbols: ['BTCUSDT'],
      shard: { index: 1, count: 1 },
      book: 'depth20',
      handOverMs: 23 * 3_600_000,
      everyMs: 0,
      rawLevels: false,
      stream: 'depthlake',
      lingerMs: 1_000,
      lanes: 8,
      queueMib: 32,
      work: './.depthlake',
      spillMib: 1024,
      state: { kind: 'file' },
      monitor: { host: '127.0.0.1', port: 0 },
      metrics: 'prometheus',
      stack: 'local',
      producer: 'producer-1',
      logLevel: 'info',
    });
  });

  test('a flag wins over its environment variable, that over the default', () => {
    const env = { DEPTHLAKE_LANES: '16', DEPTHLAKE_LINGER: '2s', DEPTHLAKE_RAW_LEVELS: 'true' };

    expect(read({ lanes: '32' }, env)).toMatchObject({ lanes: 32, lingerMs: 2_000, rawLevels: true, queueMib: 32 });
  });

  test('an empty environment variable is not set', () => {
    expect(read({}, { DEPTHLAKE_LANES: '' })).toMatchObject({ lanes: 8 });
  });

  test('each has an environment variable named like its flag', () => {
    expect(Object.values(SETTINGS).map(variableOf)).toEqual([
      'DEPTHLAKE_VENUE',
      'DEPTHLAKE_SYMBOLS',
      'DEPTHLAKE_SHARD',
      'DEPTHLAKE_BOOK',
      'DEPTHLAKE_HAND_OVER',
      'DEPTHLAKE_WS_URL',
      'DEPTHLAKE_REST_URL',
      'DEPTHLAKE_EVERY',
      'DEPTHLAKE_RAW_LEVELS',
      'DEPTHLAKE_DURATION',
      'DEPTHLAKE_STREAM',
      'DEPTHLAKE_LINGER',
      'DEPTHLAKE_LANES',
      'DEPTHLAKE_QUEUE',
      'DEPTHLAKE_WORK',
      'DEPTHLAKE_SPILL',
      'DEPTHLAKE_SPILL_TO',
      'DEPTHLAKE_STATE',
      'DEPTHLAKE_MONITOR',
      'DEPTHLAKE_METRICS',
      'DEPTHLAKE_STACK',
      'DEPTHLAKE_PRODUCER',
      'DEPTHLAKE_LOG_LEVEL',
    ]);
  });

  test('every bad value is named at once, by its flag or its variable, with what is allowed', () => {
    const flags = { venue: 'kraken', symbols: 'BTC/USDT', everyMs: '5', lanes: '0' };
    const env = { DEPTHLAKE_QUEUE: '1.5', DEPTHLAKE_WS_URL: 'http://host' };

    expect(() => read(flags, env)).toThrow(
      expect.objectContaining({
        code: 'DL_SETTINGS',
        message: [
          '--venue kraken: must be one of binance.us, binance.com, local',
          '--symbols BTC/USDT: "BTC/USDT" is no symbol; write them like BTCUSDT,ETHUSDT, with * for any characters, or all',
          'DEPTHLAKE_WS_URL=http://host: must be a URL that begins with ws:// or wss://',
          '--every 5: must be a time like 250ms, 1s, 5m or 2h, from 100ms to 1h',
          '--lanes 0: must be a whole number from 1 to 1024',
          'DEPTHLAKE_QUEUE=1.5: must be a whole number from 1 to 4096',
        ].join('\n'),
      }),
    );
  });

  test.each([
    ['venue', ['', 'Binance.us', 'binance']],
    ['symbols', ['', ',', 'BTCUSDT,', 'BTC USDT', 'BTC-USDT', 'A'.repeat(31), 'É']],
    ['wsUrl', ['', 'host', 'https://host', 'ws:/ /', '//host', 'ws://host/?a=1', 'ws://host/#a']],
    ['restUrl', ['', 'host', 'wss://host', 'ftp://host']],
    ['everyMs', ['', '0', '1', 's', '99ms', '61m', '1.5s', '-1s', '1 s', '1S', 'frames']],
    ['rawLevels', ['', 'TRUE', 'on', '2']],
    ['durationMs', ['', '10', '99ms', '367d', '1w']],
    ['stream', ['', 'a b', 'a/b', 'a'.repeat(129)]],
    ['lingerMs', ['', '-1s', '61s', '1']],
    ['lanes', ['', '0', '1025', '1e2', '8.0', '-8', ' 8', '٨']],
    ['queueMib', ['', '0', '4097', 'NaN']],
    ['shard', ['', '1', '0/4', '5/4', '1/65', '1/0', '-1/4', '1/4/4', 'a/b']],
    ['book', ['', 'depth5', 'FULL']],
    ['handOverMs', ['', '0s', '999ms', '25h']],
    ['spillMib', ['', '-1', '1.5', '2000000']],
    ['spillTo', ['', 'bucket', 'https://bucket', 's3://', 's3://B', 's3:/bucket']],
    ['state', ['', 'dynamo', 'dynamodb:', 'dynamodb:ab', 'dynamodb:a/b', 'redis']],
    ['monitor', ['', 'host', 'host:', ':80', '70000', 'host:70000', 'a b:1']],
    ['metrics', ['', 'none', 'EMF']],
    ['stack', ['', 'a b', 'a'.repeat(129)]],
    ['logLevel', ['', 'trace', 'INFO']],
  ])('%s refuses what it does not know', (name, texts) => {
    for (const text of texts) {
      expect(() => read({ [name]: text }), `${name} ${text}`).toThrow(expect.objectContaining({ code: 'DL_SETTINGS' }));
    }
  });

  test.each([
    ['venue', 'local', 'local'],
    ['symbols', ' btcusdt, ETHUSDT,btcusdt', ['BTCUSDT', 'ETHUSDT']],
    ['wsUrl', 'ws://127.0.0.1:9000', new URL('ws://127.0.0.1:9000')],
    ['restUrl', 'https://host/base', new URL('https://host/base')],
    ['everyMs', 'frame', 0],
    ['everyMs', '250ms', 250],
    ['everyMs', '1m', 60_000],
    ['everyMs', '1h', 3_600_000],
    ['rawLevels', true, true],
    ['rawLevels', 'no', false],
    ['durationMs', '2d', 172_800_000],
    ['stream', 'a-b_c.D', 'a-b_c.D'],
    ['lingerMs', '0ms', 0],
    ['lanes', '1024', 1_024],
    ['queueMib', '1', 1],
    ['symbols', 'btc*,ETHUSDT', ['BTC*', 'ETHUSDT']],
    ['symbols', 'all', ['*']],
    ['shard', '2/4', { index: 2, count: 4 }],
    ['book', 'witness', 'witness'],
    ['handOverMs', '90m', 5_400_000],
    ['spillMib', '0', 0],
    ['spillTo', 's3://lake-1', { bucket: 'lake-1', prefix: '' }],
    ['spillTo', 's3://lake-1/a/spill/', { bucket: 'lake-1', prefix: 'a/spill/' }],
    ['state', 'none', { kind: 'none' }],
    ['state', 'dynamodb:feed-state', { kind: 'dynamodb', table: 'feed-state' }],
    ['monitor', 'off', null],
    ['monitor', '8080', { host: '127.0.0.1', port: 8080 }],
    ['monitor', '0.0.0.0:8080', { host: '0.0.0.0', port: 8080 }],
    ['monitor', '[::1]:0', { host: '::1', port: 0 }],
  ])('%s understands %s', (name, text, value) => {
    expect(read({ [name]: text })[name as keyof typeof SETTINGS]).toEqual(value);
  });

  test('more than 1,024 symbols are refused', () => {
    const symbols = (n: number) => Array.from({ length: n }, (_, i) => `S${i}`).join(',');

    expect(read({ symbols: symbols(1_024) }).symbols).toHaveLength(1_024);
    expect(() => read({ symbols: symbols(1_025) })).toThrow(/S1,S2,.*…: at most 1,024 symbols$/);
  });
});
