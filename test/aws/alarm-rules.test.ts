import { describe, expect, test } from 'vitest';
import { type AlarmRule, STAGES, type WatchSettings } from '../../infra/aws/alarm-rule.ts';
import { alarmRules } from '../../infra/aws/alarm-rules.ts';
import { ECS, FIREHOSE, PRODUCER, seriesOf, TRANSFORMER, TRANSFORMER_FUNCTION } from '../../infra/aws/metrics.ts';
import { EMF_METRICS } from '../../producer/monitor/emf.ts';
import { figuresLine } from '../../transformer/figures.ts';
import { SETTINGS, watching } from './watching.ts';

function rules(changed: Partial<WatchSettings> = {}, producers = 1): readonly AlarmRule<string>[] {
  return alarmRules(watching(producers), { ...SETTINGS, ...changed });
}

function rule(name: string, changed: Partial<WatchSettings> = {}): AlarmRule<string> {
  const found = rules(changed).find((one) => one.name === name);
  if (found === undefined) throw new Error(`no alarm ${name}`);
  return found;
}

const PER_PRODUCER = ['feed-down', 'no-snapshots', 'gaps', 'spill', 'refused-rows', 'no-task'];
const OF_ALL = [
  'write-throttles',
  'read-lag',
  'transformer-errors',
  'transformer-throttles',
  'transformer-duration',
  'refused-records',
  'freshness',
  'backfill-freshness',
  'partitions',
  'backfill-partitions',
  'unregistered-partitions',
  'failures',
  'dead-letters',
];

describe('what is watched', () => {
  test('one producer has 19 alarms, each further one 6 more', () => {
    const names = rules({}, 3).map(({ name }) => name);

    const ofProducers = [0, 1, 2].flatMap((at) => PER_PRODUCER.map((name) => `${name}-producer-${at}`));
    expect(names.toSorted()).toEqual([...ofProducers, ...OF_ALL].toSorted());
    expect(rules()).toHaveLength(19);
  });

  test('the lag of the feed is watched in the book full alone, where snapshots have an event time', () => {
    const lags = (book: WatchSettings['book']) => rules({ book }).filter(({ name }) => name.startsWith('feed-lag'));

    expect(lags('depth20')).toEqual([]);
    expect(lags('witness')).toEqual([]);
    expect(lags('full')).toMatchObject([
      { name: 'feed-lag-producer-0', threshold: 5, when: 'above', series: { metric: PRODUCER.FeedLag } },
    ]);
  });

  test('the alarms come in the order of the pipeline', () => {
    const stages = rules({ book: 'full' }, 2).map(({ stage }) => STAGES.indexOf(stage));

    expect(stages).toEqual(stages.toSorted((a, b) => a - b));
    expect(new Set(stages).size).toBe(STAGES.length);
  });
});

describe('every alarm', () => {
  const all = rules({ book: 'full', every: 3_600_000 }, 2);

  test('has a name of its own', () => {
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  });

  test.each(all.map((one) => [one.name, one] as const))('%s is one that CloudWatch accepts', (_, one) => {
    expect(one.description.length).toBeGreaterThan(80);
    expect(one.description.length).toBeLessThanOrEqual(1024);
    expect(one.description).not.toMatch(/undefined|NaN|\[object/);
    expect(one.periodSeconds % 60).toBe(0);
    expect(one.breaches).toBeGreaterThanOrEqual(1);
    expect(one.breaches).toBeLessThanOrEqual(one.periods);
    expect(one.periods * one.periodSeconds).toBeLessThanOrEqual(86_400);
    expect(Object.keys(one.series.dimensions)).toEqual(one.series.metric.dimensions);
    for (const value of Object.values(one.series.dimensions)) expect(value).toMatch(/^[a-z]/);
  });
});

describe('the thresholds', () => {
  test('no snapshot for 5 minutes is too long, or for two intervals where one an interval is recorded', () => {
    expect(rule('no-snapshots-producer-0')).toMatchObject({ periodSeconds: 300, silence: 'breaching' });
    expect(rule('no-snapshots-producer-0', { every: 60_000 }).periodSeconds).toBe(300);
    expect(rule('no-snapshots-producer-0', { every: 190_500 }).periodSeconds).toBe(420);
    expect(rule('no-snapshots-producer-0', { every: 3_600_000 }).periodSeconds).toBe(7200);
  });

  test('a service without tasks, of which ECS reports nothing, is in alarm', () => {
    expect(rule('no-task-producer-0')).toMatchObject({
      statistic: 'SampleCount',
      when: 'below',
      threshold: 1,
      periodSeconds: 60,
      silence: 'breaching',
      series: { metric: ECS.CPUUtilization, dimensions: { ClusterName: 'cluster-a', ServiceName: 'service-0' } },
    });
  });

  test('a delivery stream that reports nothing does not read', () => {
    expect(rule('read-lag')).toMatchObject({
      threshold: 300_000,
      silence: 'breaching',
      series: { metric: FIREHOSE.KinesisMillisBehindLatest, dimensions: { DeliveryStreamName: 'delivery-a' } },
    });
  });

  test('the backfill stream may rest', () => {
    expect(rule('backfill-freshness')).toMatchObject({
      silence: 'notBreaching',
      series: { dimensions: { DeliveryStreamName: 'backfill-a' } },
    });
  });

  test('the longest call may take 80 % of the time-out', () => {
    expect(rule('transformer-duration', { timeoutSeconds: 300 }).threshold).toBe(240_000);
    expect(rule('transformer-duration', { timeoutSeconds: 57 }).threshold).toBe(45_600);
  });

  test('records may be as old as AWS advises, beside the time in which they are collected', () => {
    expect(rule('freshness', { bufferSeconds: 0 }).threshold).toBe(900);
    expect(rule('freshness', { bufferSeconds: 900 }).threshold).toBe(1800);
  });

  test('400 of 500 active partitions are too near the quota', () => {
    expect(rule('partitions')).toMatchObject({ threshold: 400, when: 'at least', statistic: 'Maximum' });
  });

  test.each([
    'gaps-producer-0',
    'refused-rows-producer-0',
    'transformer-errors',
    'refused-records',
    'failures',
    'dead-letters',
  ])('%s: the first is told, and a period without data is a good one', (name) => {
    expect(rule(name)).toMatchObject({ threshold: 1, when: 'at least', breaches: 1, silence: 'notBreaching' });
  });
});

describe('the metrics', () => {
  test('of producers are all that a producer writes', () => {
    expect(Object.keys(PRODUCER).toSorted()).toEqual(Object.keys(EMF_METRICS).toSorted());
    expect(PRODUCER.FeedLag).toEqual({
      namespace: 'Depthlake',
      name: 'FeedLag',
      dimensions: ['stack', 'producer'],
      unit: 'Seconds',
    });
  });

  test('of the transformer are all that it writes, with these dimensions and units', () => {
    const figures = {
      TransformedRecords: 1,
      TransformedRows: 1,
      TransformedFiles: 1,
      TransformedBytes: 1,
      RefusedRecords: 1,
      UnregisteredPartitions: 1,
    };
    const line = JSON.parse(figuresLine('test', figures, 0));
    const { Namespace, Dimensions, Metrics } = line._aws.CloudWatchMetrics[0];

    expect(line.function).toBe(TRANSFORMER_FUNCTION);
    const listed = Object.values(TRANSFORMER);
    expect(listed.map(({ name, unit }) => ({ Name: name, Unit: unit }))).toEqual(Metrics);
    for (const { namespace, dimensions } of listed) expect([namespace, [dimensions]]).toEqual([Namespace, Dimensions]);
  });

  test('a series needs a value for each dimension', () => {
    expect(() => seriesOf(ECS.CPUUtilization, 'cluster')).toThrow(
      'CPUUtilization has the dimensions ClusterName, Serv',
    );
  });
});
