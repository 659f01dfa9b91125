import { describe, expect, test } from 'vitest';
import { EMF_METRICS, EmfReport, reportEmf } from '../../../producer/monitor/emf.ts';
import { snapshot } from '../samples.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { producing } from './producing.ts';

const DIMENSIONS = { stack: 'test', producer: 'producer-1' };
const UNITS = ['Count', 'Bytes', 'Seconds'];

interface EmfLine {
  readonly [member: string]: unknown;
  readonly _aws: {
    readonly Timestamp: number;
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string; readonly Unit: string }[];
    }[];
  };
}

function reporting() {
  const producer = producing();
  const report = new EmfReport(producer.figures, DIMENSIONS);
  const next = async (nowMs = 60_000): Promise<EmfLine> => JSON.parse(await report.line(nowMs));
  return { ...producer, report, next };
}

describe('a line follows the specification', () => {
  test('metadata, one directive, and every metric and dimension a member of the root', async () => {
    const { report, figures, accepts } = reporting();
    figures.observation({ ...snapshot('BTCUSDT', 1_000), verified: true, receivedMs: 1_200 });
    accepts([1_200], 2_000);

    const text = await report.line(1_700_000_000_000);
    const line: EmfLine = JSON.parse(text);

    expect(text.indexOf('\n')).toBe(text.length - 1);
    expect(text.length).toBeLessThan(256 * 1024);
    expect(Object.keys(line._aws).toSorted()).toEqual(['CloudWatchMetrics', 'Timestamp']);
    expect(line._aws.Timestamp).toBe(1_700_000_000_000);
    expect(line._aws.CloudWatchMetrics).toHaveLength(1);
    const { Namespace, Dimensions, Metrics } = line._aws.CloudWatchMetrics[0]!;
    expect(Namespace).toBe('Depthlake');
    expect(Dimensions).toEqual([['stack', 'producer']]);
    expect(line).toMatchObject(DIMENSIONS);
    expect(Metrics.length).toBeGreaterThan(20);
    expect(Metrics.length).toBeLessThanOrEqual(100);
    expect(new Set(Metrics.map(({ Name }) => Name)).size).toBe(Metrics.length);
    for (const { Name, Unit, ...more } of Metrics) {
      expect(Name).toMatch(/^[A-Z][A-Za-z0-9]{1,254}$/);
      expect(UNITS).toContain(Unit);
      expect(more).toEqual({});
      expect(Number.isFinite(line[Name]), Name).toBe(true);
    }
  });

  test('and is a log line as any other', async () => {
    const line = await reporting().next(0);

    expect(line).toMatchObject({ level: 'info', time: '1970-01-01T00:00:00.000Z', event: 'figures' });
  });

  test('every metric that the producer knows stands in a line once each had a value, and no other', async () => {
    const { next, figures, accepts } = reporting();
    figures.observation({ ...snapshot('BTCUSDT', 1_000), verified: true, receivedMs: 1_200 });
    accepts([1_200], 2_000);

    const { Metrics } = (await next())._aws.CloudWatchMetrics[0]!;

    const units = Object.fromEntries(Metrics.map(({ Name, Unit }) => [Name, Unit]));
    expect(units).toEqual(EMF_METRICS);
  });

  test('no symbol, reason or kind stands in it', async () => {
    const { report, figures, reads } = reporting();
    reads({ discarded: { repeat: 1, sampled: 2 } });
    figures.observation({ ...snapshot('BTCUSDT', 1_000), verified: null });

    const text = await report.line(0);

    expect(text).not.toMatch(/BTCUSDT|repeat|sampled/);
    expect(JSON.parse(text)).toMatchObject({ Discarded: 3 });
  });
});

describe('values', () => {
  test('counters tell what came since the line before, gauges what is', async () => {
    const { reads, next } = reporting();
    reads({ frames: 10, queuedRows: 4, discarded: { repeat: 2 } });
    expect(await next()).toMatchObject({ Frames: 10, QueueRows: 4, Discarded: 2 });

    reads({ frames: 25, queuedRows: 3, discarded: { repeat: 2, sampled: 5 } });
    expect(await next()).toMatchObject({ Frames: 15, QueueRows: 3, Discarded: 5 });

    expect(await next()).toMatchObject({ Frames: 0, QueueRows: 3, Discarded: 0 });
  });

  test('refused rows are snapshots and feed events that found memory and spill full', async () => {
    const { reads, next } = reporting();
    expect(await next()).toMatchObject({ RefusedRows: 0 });
    reads({ discarded: { queue_full: 7, repeat: 2 }, eventsRefused: 3 });

    expect(await next()).toMatchObject({ RefusedRows: 10, Discarded: 9 });
  });

  test('snapshots whose proof failed are told', async () => {
    const { reads, next } = reporting();
    reads({ verified: 8, unverified: 2 });

    expect(await next()).toMatchObject({ UnverifiedSnapshots: 2 });
  });

  test('covered levels are the mean over symbols and sides', async () => {
    const { figures, next } = reporting();
    expect(await next()).not.toHaveProperty('CoveredLevels');
    const covered = { bid_levels_covered: 3, ask_levels_covered: 4 };
    figures.observation({ ...snapshot('BTCUSDT', 1_000), verified: null, ...covered });
    figures.observation({ ...snapshot('ETHUSDT', 1_000), verified: null });

    expect(await next()).toMatchObject({ CoveredLevels: 4.25 });
  });

  test('the latency is that of the minute alone, and absent where nothing was accepted', async () => {
    const { accepts, next } = reporting();
    expect(await next()).not.toHaveProperty('SocketToKinesisP50');
    accepts(
      Array.from({ length: 100 }, () => 0),
      20_000,
    );
    expect(await next()).toMatchObject({ SocketToKinesisMax: 20 });

    accepts([...Array.from({ length: 99 }, () => 19_400), 10_000], 20_000);
    const line = await next();

    expect(line['SocketToKinesisP50']).toBeGreaterThan(0.5);
    expect(line['SocketToKinesisP50']).toBeLessThanOrEqual(0.75);
    expect(line['SocketToKinesisP99']).toBe(0.75);
    expect(line['SocketToKinesisMax']).toBe(10);
    expect(await next()).not.toHaveProperty('SocketToKinesisMax');
  });
});

describe('reporting', () => {
  test('writes a line a minute, and the last one when it is stopped', async () => {
    const { report, reads } = reporting();
    const clock = new VirtualClock(1_000_000);
    const lines: EmfLine[] = [];
    const stop = reportEmf(report, {
      write: (line) => lines.push(JSON.parse(line)),
      scheduler: clock,
      log: () => {},
    });
    reads({ frames: 5 });
    await clock.advance(59_999);
    expect(lines).toEqual([]);

    await clock.advance(60_001);
    reads({ frames: 6 });
    await clock.advance(10_000);
    await stop();
    await clock.advance(600_000);

    const told = lines.map((line) => [line._aws.Timestamp, line['Frames']]);
    expect(told).toEqual([
      [1_060_000, 5],
      [1_120_000, 0],
      [1_130_000, 1],
    ]);
  });

  test('says when the figures cannot be had, and goes on', async () => {
    const { report, figures } = reporting();
    const clock = new VirtualClock();
    const events: string[] = [];
    const lines: string[] = [];
    let broken = true;
    const values = figures.values.bind(figures);
    figures.values = () => (broken ? Promise.reject(new Error('broken')) : values());
    const log = (_: string, event: string) => events.push(event);
    const stop = reportEmf(report, { write: (line) => lines.push(line), scheduler: clock, log });

    await clock.advance(60_000);
    broken = false;
    await clock.advance(60_000);
    await stop();

    expect(events).toEqual(['figures_failed']);
    expect(lines).toHaveLength(2);
  });
});
