import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { renewed } from '../../infra/docs.ts';

const SECTIONS = ['contract', 'settings', 'commands'];
const skeleton = (names: readonly string[]) =>
  names.map((name) => `# ${name}\n<!-- generated:${name} -->\nSTALE\n<!-- /generated -->\nkept\n`).join('\n');

describe('the generated sections of the README', () => {
  it('are up to date', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    expect(renewed(readme)).toBe(readme);
  });

  it('are renewed, and the text around them is kept', () => {
    const text = renewed(skeleton(SECTIONS));
    expect(text).not.toContain('STALE');
    expect(text.match(/^kept$/gm)).toHaveLength(3);
    expect(renewed(text)).toBe(text);
  });

  it('name every field with its Avro and its SQL type', () => {
    const text = renewed(skeleton(SECTIONS));
    expect(text).toContain('| `bids` | `array<array<double>>` | `array<array<double>>` | Five [price, quantity] pairs');
    expect(text).toContain('| `verified` | `boolean?` | `boolean` |');
    expect(text).toContain('| `timestamp_ms` | `long` | `bigint` |');
  });

  it('list settings and commands', () => {
    const text = renewed(skeleton(SECTIONS));
    expect(text).toMatch(/^\| `--linger <time>` \| start, record \| `DEPTHLAKE_LINGER` \| `1s` \| ms, s, m, h \| /m);
    expect(text).toContain('| `check <dir>` |');
  });

  it('must all be there, and be known', () => {
    expect(() => renewed(skeleton(['contract']))).toThrow('lacks the generated sections settings, commands');
    expect(() => renewed(skeleton([...SECTIONS, 'weather']))).toThrow('unknown section: weather');
  });
});
