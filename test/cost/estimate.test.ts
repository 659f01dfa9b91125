import { describe, expect, it } from 'vitest';
import { alarmRules } from '../../infra/aws/alarm-rules.ts';
import { type Estimate, estimateOf } from '../../infra/cost/estimate.ts';
import { ARCHIVE_PRICES, PRICES } from '../../infra/cost/prices.ts';
import { EMF_METRICS } from '../../producer/monitor/emf.ts';
import { costSettings, type Given, named } from './settings.ts';

const MONTH = 730 * 3600;
const GB = 1024 ** 3;

const estimate = (given: Given = {}) => estimateOf(costSettings(given));

function itemOf({ items }: Estimate, name: string) {
  const item = items.find(({ service, what }) => `${service} ${what}` === name);
  if (item === undefined) throw new Error(`there is no item "${name}"`);
  return item;
}

const has = ({ items }: Estimate, name: string) => items.some(({ service, what }) => `${service} ${what}` === name);

function comparison({ comparisons }: Estimate, what: RegExp) {
  const { choices } = comparisons.find((each) => what.test(each.what))!;
  return Object.fromEntries(choices.map(({ name, usd }) => [name, usd]));
}

describe('every estimate', () => {
  it.each<[string, Given]>([
    ['by default', {}],
    ['on demand', { streamMode: 'on-demand', retentionHours: '720' }],
    ['sealed', { symbols: named(256), sealed: 'true', daysKept: '365' }],
    ['redundant, traced', { symbols: named(20), redundancy: '2', shardsOfSymbols: '2', tracing: 'true' }],
  ])('is the sum of its items, each its quantity times its price: %s', (_name, given) => {
    const { items, total } = estimate(given);
    expect(total).toBeCloseTo(
      items.reduce((sum, { usd }) => sum + usd, 0),
      9,
    );
    for (const { quantity, price, usd, rule, source, what } of items) {
      expect(usd, what).toBeCloseTo(quantity * price, 9);
      expect(Number.isFinite(usd) && usd >= 0, what).toBe(true);
      expect(rule.length, what).toBeGreaterThan(2);
      expect(source, what).toMatch(/^https:\/\/aws\.amazon\.com\//);
    }
    const names = items.map((item) => `${item.service} ${item.what}`);
    expect(new Set(names).size).toBe(names.length);
  });

  it('grows with the symbols, the frames and the days', () => {
    const totals = [1, 2, 5, 20, 80, 256].map((symbols) => estimate({ symbols: named(symbols) }).total);
    const rates = ['0.1', '1', '5', '10'].map((framesPerSecond) => estimate({ framesPerSecond, scanGb: '0' }).total);
    const days = ['1', '30', '365'].map((daysKept) => estimate({ daysKept }).total);
    for (const each of [totals, rates, days]) {
      expect(each).toEqual(each.toSorted((a, b) => a - b));
      expect(new Set(each).size).toBe(each.length);
    }
  });
});

describe('producers', () => {
  it('cost their vCPU and memory on arm64, an address, 34 metrics and 6 alarms each', () => {
    const one = estimate();
    // A quarter of a vCPU, all month.
    expect(itemOf(one, 'Fargate vCPU, arm64').usd).toBeCloseTo(0.25 * 730 * 0.03238, 9);
    expect(itemOf(one, 'VPC public addresses').usd).toBeCloseTo(3.65, 9);
    const two = estimate({ redundancy: '2' });
    expect(itemOf(two, 'Fargate vCPU, arm64').quantity).toBe(2 * itemOf(one, 'Fargate vCPU, arm64').quantity);
    const metrics = itemOf(two, 'CloudWatch metrics').quantity - itemOf(one, 'CloudWatch metrics').quantity;
    expect(metrics).toBe(Object.keys(EMF_METRICS).length);
    expect(itemOf(two, 'CloudWatch alarms').quantity - itemOf(one, 'CloudWatch alarms').quantity).toBe(6);
  });

  it('are watched by as many alarms as the program declares', () => {
    const names = { stack: '', cluster: '', stream: '', transformer: '', delivery: '', backfill: '', bucket: '' };
    const producers = ['1a', '1b', '2a', '2b'].map((producer) => ({ producer, service: '' }));
    const watched = { ...names, failures: '', deadLetters: '', producers };
    const rules = alarmRules(watched, { book: 'full', every: 0, bufferSeconds: 60, timeoutSeconds: 60 });
    const given = { symbols: named(20), redundancy: '2', shardsOfSymbols: '2', book: 'full' };
    expect(itemOf(estimate(given), 'CloudWatch alarms').quantity).toBe(rules.length);
  });

  it('pay for the key of the messages where alarms are sent, as nothing else of the stack has a key of its own', () => {
    const keyOf = (alarmEmail: string) => estimate({ alarmEmail }).items.filter(({ service }) => service === 'KMS');
    expect(keyOf('ops@example.com')).toEqual([expect.objectContaining({ quantity: 1, usd: 1 })]);
    expect(keyOf('')).toEqual([]);
  });

  it('write the state of each symbol every 10 s, or with each snapshot where these are rarer', () => {
    const often = itemOf(estimate({ symbols: named(20), redundancy: '2' }), 'DynamoDB feed state');
    expect(often.quantity).toBeCloseTo((2 * 20 * MONTH) / 10 / 1e6, 9);
    expect(often.usd).toBeCloseTo(10.512 * 0.625, 6);
    const seldom = itemOf(estimate({ symbols: named(20), every: '1m' }), 'DynamoDB feed state');
    expect(seldom.quantity).toBeCloseTo((20 * MONTH) / 60 / 1e6, 9);
  });
});

describe('the way into the lake', () => {
  it('is billed by packs, objects, and the bytes of files', () => {
    const all = estimate();
    const { packs, files } = all.load;
    // Packs of one symbol stay below 5 KB.
    expect(packs.orderBook.bytes).toBeLessThan(5 * 1024);
    const records = packs.orderBook.perSecond + packs.feedEvent.perSecond;
    expect(itemOf(all, 'Firehose data in').quantity).toBeCloseTo((records * 5 * 1024 * MONTH) / GB, 6);
    // A file a minute of each table.
    expect(itemOf(all, 'Firehose partitioned objects').usd).toBeCloseTo(((2 * MONTH) / 60 / 1000) * 0.005, 9);
    expect(itemOf(all, 'S3 puts').quantity).toBe(itemOf(all, 'Firehose partitioned objects').quantity);
    const bytes = files.orderBook.perSecond * files.orderBook.bytes + files.feedEvent.perSecond * files.feedEvent.bytes;
    expect(itemOf(all, 'Firehose dynamic partitioning').usd).toBeCloseTo(((bytes * MONTH) / GB) * 0.02, 9);
  });

  it('calls the transformer once a minute, and X-Ray only where asked to', () => {
    const all = estimate();
    expect(itemOf(all, 'Lambda calls').quantity).toBeCloseTo(MONTH / 60 / 1e6, 9);
    expect(has(all, 'X-Ray traces')).toBe(false);
    expect(itemOf(estimate({ tracing: 'true' }), 'X-Ray traces').usd).toBeCloseTo((MONTH / 60 / 1e6) * 5, 9);
  });
});

describe('the lake', () => {
  it('holds all days in Standard where hours are not sealed', () => {
    const all = estimate({ symbols: named(20), daysKept: '10' });
    const { orderBook, feedEvent } = all.load.files;
    const bytes = orderBook.perSecond * orderBook.bytes + feedEvent.perSecond * feedEvent.bytes;
    expect(itemOf(all, 'S3 storage, Standard').quantity).toBeCloseTo((bytes * 86_400 * 10) / GB, 6);
    expect(has(all, 'S3 storage, GLACIER_IR')).toBe(false);
    expect(has(all, 'S3 archive retrieval')).toBe(false);
  });

  it('moves sealed hours to the archive class, one object an hour, and pays for what queries read back', () => {
    const all = estimate({ symbols: named(20), daysKept: '100', sealed: 'true', scanGb: '50' });
    const { load } = all;
    const hourly = 3600 * load.rowsPerSecond * load.sealedBytesPerRow.orderBook;
    // 93 of 100 days are older than a week.
    expect(itemOf(all, 'S3 storage, GLACIER_IR').quantity * GB).toBeCloseTo(93 * 24 * (hourly + 1262), -6);
    expect(itemOf(all, 'S3 transitions').usd).toBeCloseTo(0.73 * 0.02, 9);
    expect(itemOf(all, 'S3 archive retrieval').usd).toBeCloseTo(50 * 0.93 * 0.03, 9);
    expect(itemOf(all, 'Athena queries').usd).toBeCloseTo((50 / 1024) * 5, 9);
  });

  it('leaves hours below 128 KB in Standard', () => {
    const all = estimate({ every: '1m', daysKept: '365', sealed: 'true' });
    expect(3600 * all.load.rowsPerSecond * all.load.sealedBytesPerRow.orderBook).toBeLessThan(128 * 1024);
    expect(has(all, 'S3 storage, GLACIER_IR')).toBe(false);
    expect(has(all, 'S3 transitions')).toBe(false);
  });

  it('archives nothing where archiveAfterDays is 0 or the lake is younger', () => {
    for (const given of [{ archiveAfterDays: '0' }, { daysKept: '7' }]) {
      const all = estimate({ symbols: named(20), sealed: 'true', ...given });
      expect(has(all, 'S3 storage, GLACIER_IR')).toBe(false);
    }
  });

  it('pays the prices of the class that is chosen', () => {
    const given = { symbols: named(20), sealed: 'true', archiveAfterDays: '30', archiveClass: 'STANDARD_IA' };
    const all = estimate(given);
    expect(itemOf(all, 'S3 storage, STANDARD_IA').price).toBe(ARCHIVE_PRICES.STANDARD_IA.kept.usd);
    expect(itemOf(all, 'S3 archive retrieval').price).toBe(0.01);
  });

  it('keeps a log of its requests where asked to', () => {
    const all = estimate({ accessLogs: 'true' });
    const requests = 1000 * (itemOf(all, 'S3 puts').quantity + itemOf(all, 'S3 gets').quantity);
    expect(itemOf(all, 'S3 access logs').quantity).toBeCloseTo((requests * 700 * 90 * 24) / 730 / GB, 9);
    expect(has(estimate(), 'S3 access logs')).toBe(false);
  });

  it('registers a partition an hour and table', () => {
    expect(itemOf(estimate({ daysKept: '365' }), 'Glue catalog objects').quantity * 1e5).toBeCloseTo(2 * 24 * 365, 6);
  });
});

describe('the comparisons', () => {
  it('find a provisioned shard cheaper than a stream on demand, and say what both cost', () => {
    const kinesis = comparison(estimate(), /^Kinesis$/);
    expect(kinesis['provisioned, 1 shard']).toBeCloseTo(11.04, 1);
    expect(kinesis['on demand']).toBeGreaterThan(29.2);
  });

  it('reckon with the shards that the load needs', () => {
    const given = { symbols: '*', symbolCount: '2048', rawLevels: 'true', streamMode: 'on-demand' };
    const names = Object.keys(comparison(estimate(given), /^Kinesis$/));
    expect(names[0]).toMatch(/^provisioned, (?!1 )\d+ shards$/);
  });

  it('show what one record per snapshot would cost: 5 KB and a put unit each, and more shards', () => {
    const { packs, 'one record per snapshot': single } = comparison(estimate({ symbols: named(256) }), /data in$/);
    // 2,560 records a second: three shards, put units, and 5 KB each
    const firehose = ((2560 * 5 * 1024 * MONTH) / GB) * 0.029;
    const kinesis = 3 * 730 * 0.015 + (2560 * MONTH * 0.014) / 1e6;
    expect(single).toBeCloseTo(firehose + kinesis, 0);
    expect(single! / packs!).toBeGreaterThan(20);
  });

  it('show what sealing saves', () => {
    const lake = comparison(estimate({ symbols: named(256), daysKept: '365' }), /^S3 and Athena, 365 days kept$/);
    expect(lake['sealed and archived']).toBeLessThan(lake['files as delivered']! / 2);
  });
});

describe('too few shards', () => {
  it('are told, with how many are needed', () => {
    const given = { symbols: '*', symbolCount: '2048', rawLevels: 'true' };
    expect(estimate(given).warnings).toEqual([expect.stringMatching(/^1 of \d+ shards: the stream would throttle/)]);
    expect(estimate({ ...given, shards: '100' }).warnings).toEqual([]);
    expect(estimate({ ...given, streamMode: 'on-demand' }).warnings).toEqual([]);
  });
});

describe('settings that cannot be', () => {
  it.each<[string, Given, string]>([
    ['a pattern without a count', { symbols: 'all' }, '--symbol-count'],
    ['half a VPC', { vpcId: 'vpc-0a1b2c3d' }, 'vpcId and subnetIds'],
    ['an archive class too early', { archiveClass: 'STANDARD_IA' }, 'after 30 days'],
    ['a class that Athena cannot read', { archiveClass: 'DEEP_ARCHIVE' }, 'Athena cannot read'],
    ['more shards of symbols than symbols', { shardsOfSymbols: '3' }, 'would hold none'],
    ['another region', { region: 'eu-west-1' }, 'must be one of us-east-1'],
    ['frames that no venue sends', { framesPerSecond: '11' }, 'from 0.001 to 10'],
  ])('are refused: %s', (_name, given, words) => {
    expect(() => estimate(given)).toThrow(expect.objectContaining({ code: 'DL_SETTINGS' }));
    expect(() => estimate(given)).toThrow(words);
  });
});

describe('the prices', () => {
  it('are not negative, and each has a page of AWS', () => {
    for (const [name, { usd, unit, source }] of Object.entries(PRICES)) {
      expect(usd, name).toBeGreaterThanOrEqual(0);
      expect(unit, name).not.toBe('');
      expect(source, name).toMatch(/^https:\/\/aws\.amazon\.com\/.*pricing\//);
    }
  });
});
