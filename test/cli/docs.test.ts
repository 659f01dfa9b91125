import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { renewed } from '../../infra/docs.ts';

const SECTIONS = ['contract', 'settings', 'commands', 'deployment', 'cost', 'views', 'queries'];
const skeleton = (names: readonly string[]) =>
  names.map((name) => `# ${name}\n<!-- generated:${name} -->\nSTALE\n<!-- /generated -->\nkept\n`).join('\n');

const textOf = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

describe('the generated sections', () => {
  it.each(['README.md', 'Pulumi.yaml'])('of %s are up to date', (file) => {
    expect(renewed(file, textOf(file))).toBe(textOf(file));
  });

  it('of Pulumi.yaml declare every setting of a deployment with its type and default', () => {
    const text = renewed('Pulumi.yaml', 'config:\n  # generated:config\n  # /generated\n');
    expect(text).toMatch(/^ {2}retentionHours:\n {4}type: integer\n {4}default: 24\n {4}description: "How long/m);
    expect(text).toMatch(/^ {2}alarmEmail:\n {4}type: string\n {4}default: ""\n/m);
    expect(text.endsWith('\n  # /generated\n')).toBe(true);
    expect(renewed('Pulumi.yaml', text)).toBe(text);
  });

  it('are renewed, and the text around them is kept', () => {
    const text = renewed('README.md', skeleton(SECTIONS));
    expect(text).not.toContain('STALE');
    expect(text.match(/^kept$/gm)).toHaveLength(SECTIONS.length);
    expect(renewed('README.md', text)).toBe(text);
  });

  it('name every field with its Avro and its SQL type', () => {
    const text = renewed('README.md', skeleton(SECTIONS));
    expect(text).toContain('| `bids` | `array<array<double>>` | `array<array<double>>` | Five [price, quantity] pairs');
    expect(text).toContain('| `verified` | `boolean?` | `boolean` |');
    expect(text).toContain('| `timestamp_ms` | `long` | `bigint` |');
  });

  it('show the views and the questions asked first, in SQL', () => {
    const text = renewed('README.md', skeleton(SECTIONS));
    expect(text).toMatch(/^\| `order_book_decoded` \| Snapshots for people: .* `bid_1bp`, `bid_5bp`/m);
    expect(text).toMatch(/^Which gaps were noticed today, .*\n\n```sql\nselect venue, symbol, began_at/m);
  });

  it('list settings and commands', () => {
    const text = renewed('README.md', skeleton(SECTIONS));
    expect(text).toMatch(/^\| `--linger <time>` \| start, record \| `DEPTHLAKE_LINGER` \| `1s` \| ms, s, m, h \| /m);
    expect(text).toContain('| `check <dir>` |');
  });

  it('must all be there, and be known', () => {
    expect(() => renewed('README.md', skeleton(['contract']))).toThrow(
      'lacks the generated sections settings, commands, deployment, cost, views, queries',
    );
    expect(() => renewed('README.md', skeleton([...SECTIONS, 'weather']))).toThrow('unknown section: weather');
  });
});
