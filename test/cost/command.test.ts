import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { command } from '../../infra/commands/cost.ts';
import { readCommandLine } from '../../infra/commands/program.ts';
import { exampleEstimates } from '../../infra/cost/examples.ts';
import { PRICES_DATE } from '../../infra/cost/prices.ts';
import { sideBySide } from '../../infra/cost/report.ts';
import { Output, Terminal } from '../../infra/terminal.ts';

/** What `depthlake cost ARGS` prints. */
async function cost(...args: string[]): Promise<string> {
  const written: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk.toString());
      done();
    },
  });
  const output = new Output(stream, { env: {}, onClosed: () => {} });
  const request = readCommandLine(['cost', ...args], {}, [command], '0.0.0');
  if (!('invocation' in request)) throw new Error('no command');
  const values = request.invocation.values as never;
  const context = { stdout: output, stderr: output, terminal: new Terminal(output) };
  const status = await command.run({
    ...context,
    values,
    arguments: [],
    env: {},
    signal: new AbortController().signal,
  });
  expect(status).toBe(0);
  return written.join('');
}

describe('depthlake cost', () => {
  it('prints the load, a line an item, the total, the comparisons, and how far to trust it', async () => {
    const text = await cost('--symbols', 'BTCUSDT,ETHUSDT');
    expect(text).toMatch(/^2 symbols, 1 producer, 20 rows a second\n/);
    expect(text).toMatch(/^service +item +quantity +unit +price +\$ a month$/m);
    expect(text).toMatch(/^Kinesis +shards +730 +shard-hours +0\.015 +10\.95$/m);
    expect(text).toMatch(/^total +\d+\.\d\d$/m);
    expect(text).toMatch(/^Kinesis: provisioned, 1 shard \$11\.\d\d \(this estimate\), the cheapest; on demand \$\d+/m);
    expect(text).toMatch(new RegExp(`^Prices of ${PRICES_DATE}, us-east-1; check before you rely on them`, 'm'));
    expect(text).not.toContain('https://');
  });

  it('explains each line with the page that sets it', async () => {
    const text = await cost('--explain');
    expect(text).toMatch(
      /^Firehose, data in: each record is rounded up to 5 KB.* \(https:\/\/aws\.amazon\.com\/firehose/m,
    );
    expect(text.match(/\(https:\/\/aws\.amazon\.com\//g)!.length).toBeGreaterThan(20);
    expect(text).toMatch(/^EventBridge, objects: .* \(https:.*; the figure is not confirmed\)$/m);
    expect(text).not.toMatch(/^Firehose, data in: .*not confirmed/m);
  });

  it('warns of settings that the stream could not carry', async () => {
    const text = await cost('--symbols', 'all', '--symbol-count', '2048', '--raw-levels');
    expect(text).toMatch(/^warning {2}1 of \d+ shards/m);
  });

  it('prints one JSON object with settings, load, items, total and comparisons', async () => {
    const result = JSON.parse(await cost('--json', '--every', '1s'));
    expect(Object.keys(result)).toEqual([
      'prices',
      'caveat',
      'settings',
      'load',
      'items',
      'total',
      'comparisons',
      'warnings',
    ]);
    expect(result.prices).toEqual({ date: PRICES_DATE, region: 'us-east-1' });
    expect(result.settings).toMatchObject({ symbols: ['BTCUSDT'], every: 1000, streamMode: 'provisioned' });
    expect(result.items.length).toBeGreaterThan(20);
    for (const item of result.items) {
      expect(Object.keys(item)).toEqual([
        'service',
        'what',
        'quantity',
        'unit',
        'price',
        'usd',
        'rule',
        'source',
        'confirmed',
      ]);
    }
    expect(result.comparisons.map(({ what }: { what: string }) => what)).toEqual([
      'Kinesis',
      'Kinesis and Firehose, data in',
      'S3 and Athena, 90 days kept',
    ]);
    expect(result.comparisons[0].choices[0]).toEqual({
      name: 'provisioned, 1 shard',
      usd: expect.any(Number),
      chosen: true,
    });
  });

  it('refuses bad settings at once, all of them, before it prints anything', async () => {
    const bad = cost('--codec', 'zip', '--days-kept', '0', '--archive-class', 'GLACIER');
    await expect(bad).rejects.toMatchObject({ code: 'DL_SETTINGS' });
    await expect(bad).rejects.toThrow(
      /--codec zip: .*\n.*--archive-class GLACIER|--archive-class GLACIER: [\s\S]*--days-kept 0/,
    );
  });
});

describe('the table of the README', () => {
  const { head, rows } = sideBySide(exampleEstimates());

  it('has 1, 20 and 256 symbols side by side', () => {
    expect(head).toEqual(['$ a month', '1 symbol', '20 symbols', '256 symbols']);
    for (const row of rows) expect(row).toHaveLength(4);
  });

  it('has services that add up to the total', () => {
    const at = rows.findIndex(([name]) => name === '**total**');
    const sum = rows.slice(0, at).reduce((total, [, cell]) => total + Number(cell!.replaceAll(',', '')), 0);
    expect(sum).toBeCloseTo(Number(rows[at]![1]!.replaceAll('*', '')), 1);
  });
});
