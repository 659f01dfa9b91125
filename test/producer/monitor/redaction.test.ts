import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { redacted, redactedText } from '../../../producer/monitor/redaction.ts';

describe('a field is redacted by its name', () => {
  test.each([
    'authorization',
    'Proxy-Authorization',
    'secretAccessKey',
    'AWS_SECRET_ACCESS_KEY',
    'sessionToken',
    'x-amz-security-token',
    'password',
    'db_password',
    'apiKey',
    'X-MBX-APIKEY',
    'set-cookie',
    'credentials',
  ])('%s', (name) => {
    expect(redacted({ [name]: 'SECRET', list: [{ [name]: { inside: 'SECRET' } }] })).toEqual({
      [name]: '[redacted]',
      list: [{ [name]: '[redacted]' }],
    });
  });

  test('and no other is', () => {
    const fields = { key: 'orderbook/1.avro', symbol: 'BTCUSDT', token_count: 3, accepted: true, none: null };

    expect(redacted(fields)).toEqual(fields);
  });
});

describe('a secret in a text is redacted where it stands', () => {
  test.each([
    ['wss://user:SECRET@host:9443/ws', 'wss://[redacted]@host:9443/ws'],
    ['at http://user:SEC@RET@host/path?x=1 and on', 'at http://[redacted]@host/path?x=1 and on'],
    [
      'https://b.test/k?X-Amz-Credential=SECRET%2F2026&X-Amz-Signature=SECRET&partNumber=1',
      'https://b.test/k?X-Amz-Credential=[redacted]&X-Amz-Signature=[redacted]&partNumber=1',
    ],
    ['Authorization: Bearer SECRET\nhost: b.test', 'Authorization: [redacted]\nhost: b.test'],
    ['{"sessionToken":"SECRET","region":"x"}', '{"sessionToken":"[redacted]","region":"x"}'],
    ['aws_secret_access_key = SECRET', 'aws_secret_access_key = [redacted]'],
    ['x-amz-security-token:SECRET\n', 'x-amz-security-token:[redacted]\n'],
  ])('%s', (text, expected) => {
    expect(redactedText(text)).toBe(expected);
  });

  test('and every other text stays as it is', () => {
    for (const text of ['mail a@b.test', 'https://host/path@v1?x=1', 'Unexpected token < in JSON', 'BTCUSDT@depth']) {
      expect(redactedText(text)).toBe(text);
    }
  });

  test('a user’s password never survives', () => {
    const characters = fc.constantFrom(...'aZ09:@!$*+=._~-');
    const secret = fc.string({ unit: characters, minLength: 1, maxLength: 40 }).map((text) => `SECRET${text}`);
    fc.assert(
      fc.property(secret, fc.webPath(), (password, path) => {
        expect(redactedText(`told by https://me:${password}@host${path}`)).not.toContain('SECRET');
      }),
    );
  });
});

describe('what is written is bounded', () => {
  test('a text is cut at 8,192 characters', () => {
    const text = redactedText('x'.repeat(1_000_000));

    expect(text).toHaveLength(8_192);
    expect(text.endsWith('x…')).toBe(true);
  });

  test('a cycle ends', () => {
    const cycle: Record<string, unknown> = { name: 'a' };
    cycle['self'] = cycle;

    expect(() => JSON.stringify(redacted(cycle))).not.toThrow();
  });

  test('a hostile text costs milliseconds', () => {
    for (const text of ['a', 'password', 'x-amz-', 'a://', '://', 'token ', 'Authorization:'].map((t) =>
      t.repeat(50_000),
    )) {
      const startedMs = performance.now();
      redactedText(text);
      expect(performance.now() - startedMs).toBeLessThan(1_000);
    }
  });
});
