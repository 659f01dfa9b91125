import { describe, expect, test } from 'vitest';
import type { WatchSettings } from '../../infra/aws/alarm-rule.ts';
import { alarmRules } from '../../infra/aws/alarm-rules.ts';
import { dashboardBody } from '../../infra/aws/dashboard-body.ts';
import type { Widget } from '../../infra/aws/dashboard-grid.ts';
import * as metrics from '../../infra/aws/metrics.ts';
import { SETTINGS, watching } from './watching.ts';

const { PRODUCER, TRANSFORMER, ECS, KINESIS, LAMBDA, FIREHOSE, S3, SQS } = metrics;
const FAMILIES = [PRODUCER, TRANSFORMER, ECS, KINESIS, LAMBDA, FIREHOSE, S3, SQS].map((family) =>
  Object.values<metrics.Metric>(family),
);

function widgets(producers: number, changed: Partial<WatchSettings> = {}): readonly Widget[] {
  const watched = watching(producers);
  const settings = { ...SETTINGS, ...changed };
  const alarms = alarmRules(watched, settings).map(({ stage, name }) => ({
    stage,
    arn: `arn:aws:cloudwatch:us-east-1:1:alarm:${name}`,
  }));
  const logGroups = ['/producer', '/transformer'];
  return dashboardBody({ watched, settings, alarms, region: 'us-east-1', logGroups }).widgets;
}

// biome-ignore lint/suspicious/noExplicitAny: a body is JSON of CloudWatch's making
type Entry = readonly any[];

/** Of every graph: [namespace, name, dimension, value, …, options], or [{ expression }]. */
function entries(of: readonly Widget[]): Entry[] {
  return of.flatMap(({ properties }) => (properties['metrics'] as Entry[] | undefined) ?? []);
}

function metricsOf(of: readonly Widget[]): Entry[] {
  return entries(of).filter((entry) => typeof entry[0] === 'string');
}

const BOOKS = ['depth20', 'witness', 'full'] as const;

describe.each([1, 2, 128])('the grid with %i producers', (producers) => {
  const shown = widgets(producers, { book: 'full' });

  test('is 24 wide, and no widget covers another', () => {
    const taken = new Set<string>();
    for (const { x, y, width, height } of shown) {
      expect(x).toBeGreaterThanOrEqual(0);
      expect(x + width).toBeLessThanOrEqual(24);
      for (let column = x; column < x + width; column += 1) {
        for (let row = y; row < y + height; row += 1) {
          const cell = `${column},${row}`;
          expect(taken.has(cell), cell).toBe(false);
          taken.add(cell);
        }
      }
    }
  });

  test('keeps the bounds of CloudWatch: widgets, metrics in a graph and in all, alarms in a widget', () => {
    expect(shown.length).toBeLessThanOrEqual(500);
    expect(entries(shown).length).toBeLessThanOrEqual(2500);
    for (const one of shown) expect(entries([one]).length).toBeLessThanOrEqual(500);
    for (const { type, properties } of shown) {
      if (type === 'alarm') expect((properties['alarms'] as string[]).length).toBeLessThanOrEqual(100);
    }
  });

  test('shows each alarm once, in the column of its stage', () => {
    const arns = shown.flatMap(({ properties }) => (properties['alarms'] as string[] | undefined) ?? []);

    expect(new Set(arns).size).toBe(arns.length);
    expect(arns).toHaveLength(7 * producers + 13);
    const columnOf = (name: string) =>
      shown.find(({ properties }) => (properties['alarms'] as string[] | undefined)?.some((arn) => arn.includes(name)))
        ?.x;
    expect(
      ['feed-down', 'spill', 'write-throttles', 'refused-records', 'freshness', 'dead-letters'].map(columnOf),
    ).toEqual([0, 4, 8, 12, 16, 20]);
  });
});

describe('the picture', () => {
  test('shows the pipeline from left to right', () => {
    const headings = widgets(1)
      .filter(({ properties }) => String(properties['markdown']).startsWith('### '))
      .map(({ x, y, properties }) => [x, y, properties['markdown']]);

    expect(headings).toEqual([
      [0, 1, '### Exchange →'],
      [4, 1, '### Producer →'],
      [8, 1, '### Kinesis →'],
      [12, 1, '### Transformer →'],
      [16, 1, '### Firehose to S3 →'],
      [20, 1, '### Lake'],
    ]);
  });

  test('shows what the book has: the lag of the feed in full, what is not verified where books are proved', () => {
    const names = (book: WatchSettings['book']) => new Set(metricsOf(widgets(1, { book })).map(([, name]) => name));

    expect(BOOKS.map((book) => names(book).has('FeedLag'))).toEqual([false, false, true]);
    expect(BOOKS.map((book) => names(book).has('UnverifiedSnapshots'))).toEqual([false, true, true]);
  });

  test('lists the warnings and errors of the log groups', () => {
    const log = widgets(1).find(({ type }) => type === 'log')!;

    expect(log.properties['query']).toMatch(/^SOURCE '\/producer' \| SOURCE '\/transformer' \| fields @timestamp/);
  });
});

describe('the metrics', () => {
  test('each exists, with these dimensions and of a name of the system', () => {
    const known = FAMILIES.flat();
    for (const [namespace, name, ...rest] of metricsOf(widgets(2, { book: 'full' }))) {
      const options = rest.pop();
      const metric = known.find((one) => one.namespace === namespace && one.name === name);
      expect(metric, name).toBeDefined();
      expect(rest.filter((_, at) => at % 2 === 0)).toEqual(metric!.dimensions);
      for (const value of rest.filter((_, at) => at % 2 === 1)) expect(value).toMatch(/^[A-Za-z]/);
      expect(['Sum', 'Average', 'Minimum', 'Maximum', 'SampleCount']).toContain(options.stat);
    }
  });

  test('each that is listed is on the dashboard or has an alarm, beside those of the producer', () => {
    const used = new Set<metrics.Metric>();
    const known = FAMILIES.flat();
    for (const book of BOOKS) {
      for (const { series } of alarmRules(watching(1), { ...SETTINGS, book })) used.add(series.metric);
      for (const [namespace, name] of metricsOf(widgets(1, { book }))) {
        used.add(known.find((one) => one.namespace === namespace && one.name === name)!);
      }
    }
    const listed = known.filter((one) => !Object.values<metrics.Metric>(PRODUCER).includes(one));

    // The size of the lake is found by a search.
    expect(listed.filter((one) => !used.has(one))).toEqual([S3.BucketSizeBytes]);
  });

  test('the size of the lake is searched for, whatever its storage classes', () => {
    const searches = entries(widgets(1)).flatMap(([one]) =>
      one.expression?.startsWith('SEARCH') ? [one.expression] : [],
    );

    expect(searches).toEqual([
      `SEARCH('{AWS/S3,BucketName,StorageType} MetricName="BucketSizeBytes" BucketName="bucket-a"', 'Average', 86400)`,
    ]);
  });

  test('what comes once a day is shown over a month', () => {
    const daily = widgets(1).filter(({ properties }) => properties['period'] === 86_400);

    expect(daily.map(({ properties }) => [properties['title'], properties['start']])).toEqual([
      ['Size by storage class', '-P30D'],
      ['Objects', '-P30D'],
    ]);
  });

  test('a sum takes its own lines alone', () => {
    const sums = widgets(3).flatMap(({ properties }) => {
      const all = (properties['metrics'] as Entry[] | undefined) ?? [];
      const ids = all.flatMap((entry) => (typeof entry[0] === 'string' && entry.at(-1).id ? [entry.at(-1).id] : []));
      return all.flatMap(([one]) => {
        const part = /^SUM\(METRICS\("(.+)"\)\)$/.exec(one.expression ?? '')?.[1];
        return part === undefined ? [] : [[one.label, ids.filter((id: string) => id.includes(part)).length]];
      });
    });

    expect(sums).toEqual([
      ['Frames a minute', 3],
      ['Rows a minute', 3],
      ['Records a minute', 1],
      ['Rows written a minute', 1],
      ['Objects a minute', 2],
      ['Failures that wait', 2],
      ['accepted by Kinesis', 3],
      ['written by the transformer', 1],
    ]);
  });
});
