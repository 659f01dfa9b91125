import { describe, expect, it } from 'vitest';
import { judgeRows, judgeView, type Tallied } from '../../infra/doctor/deployed/answers.ts';
import { type DeliveryFigures, judgeFigures } from '../../infra/doctor/deployed/delivery-figures.ts';
import { judgeFailed } from '../../infra/doctor/deployed/failed-records.ts';
import { judgePartition } from '../../infra/doctor/deployed/hour-partition.ts';
import { judgeAge, judgeFiles, judgeKeys, type Sample } from '../../infra/doctor/deployed/object-sample.ts';
import { partitionInput } from '../../transformer/catalog.ts';
import { lackingCures, verdictsOf } from './findings.ts';

const MS = Date.UTC(2026, 8, 1, 4, 30);
const HOUR = { table: 'order_book', hourMs: Date.UTC(2026, 8, 1, 4) } as const;
const FOLDER = 'orderbook/year=2026/month=09/day=01/hour=04/';
const UUID = '0b6cd2a8-3c9b-4f2e-9d3e-4d6f8b1a2c3d';
const NAME = `${MS}-${UUID}-0-lake-delivery-a1b2c3d-1-2026-09-01-04-31-02-${UUID}.avro`;

function sample(given: Partial<Sample> = {}): Sample {
  return { key: FOLDER + NAME, bytes: 1000, modifiedMs: MS, times: [MS, MS + 1], fault: null, ...given };
}

describe('objects', () => {
  const keys = (samples: readonly Sample[]) =>
    judgeKeys('order_book', samples, ['lake-delivery-a1b2c3d', 'backfill'], []);

  it('are ok under the names that the prefix and Firehose give them, from either delivery stream', () => {
    expect(keys([sample()])?.verdict).toBe('ok');
    // A file is named after its earliest row, wherever that lies in it.
    expect(keys([sample({ times: [MS + 5, MS, MS + 1] })])?.verdict).toBe('ok');
    expect(keys([sample({ key: FOLDER + NAME.replace('lake-delivery-a1b2c3d', 'backfill') })])?.verdict).toBe('ok');
  });

  it.each([
    ['without its extension', NAME.replace('.avro', '')],
    ['of another delivery stream', NAME.replace('a1b2c3d', 'zzz')],
    ['without the batch key', NAME.slice(NAME.indexOf('lake-delivery'))],
    ['with the time of another row', NAME.replace(String(MS), String(MS + 7))],
    ['with another stamp', NAME.replace('2026-09-01-04-31-02', '2026-09-01')],
  ])('under a name %s are a warning: readers take them all the same', (_which, name) => {
    expect(keys([sample({ key: FOLDER + name })])).toMatchObject({
      verdict: 'warning',
      detail: expect.stringContaining(name),
    });
  });

  it('fail with rows of another hour, and in no hour at all', () => {
    const strays = [
      sample({ times: [MS, MS + 3_600_000] }),
      sample({ key: `orderbook/year=2026/month=9/day=1/hour=4/${NAME}` }),
    ];
    for (const stray of strays) expect(keys([stray])?.verdict).toBe('failure');
    expect(judgeKeys('order_book', [sample()], [], ['orderbook/year=/'])?.verdict).toBe('failure');
  });

  it('that cannot be read fail with the reason of the first, and are not asked for their hour', () => {
    const broken = sample({ times: [], fault: 'the file is empty' });
    expect(judgeFiles('order_book', [sample(), broken])).toMatchObject({
      verdict: 'failure',
      detail: `1 of the 2 newest objects cannot be read: ${broken.key}: the file is empty`,
    });
    expect([keys([broken]), judgeAge('order_book', [broken], MS)]).toEqual([null, null]);
  });

  it.each([
    [20 * 60_000, 'ok'],
    [21 * 60_000, 'warning'],
    [61 * 60_000, 'failure'],
  ])('whose newest row is %i ms old: %s', (ageMs, verdict) => {
    expect(judgeAge('order_book', [sample()], MS + 1 + ageMs)?.verdict).toBe(verdict);
  });
});

describe('a partition', () => {
  const registered = partitionInput(HOUR, 's3://lake');
  const at = (Location: string) => ({
    ...registered,
    StorageDescriptor: { ...registered.StorageDescriptor, Location },
  });
  const judged = (partition: typeof registered | null, filtered: boolean) =>
    judgePartition(HOUR, { registered: partition, filtered }, 'lake');

  it('is ok at the raw hour and at any generation of the sealed one', () => {
    const sealed = 's3://lake/sealed/order_book/year=2026/month=09/day=01/hour=04/generation=2/';
    expect(
      [registered, at(sealed), at(`s3://lake/${FOLDER}`.slice(0, -1))].map((each) => judged(each, true).verdict),
    ).toEqual(['ok', 'ok', 'ok']);
  });

  it('fails where it is not there, points elsewhere, or only one way of asking finds it', () => {
    expect(judged(null, false).detail).toContain('is not registered');
    expect(judged(registered, false).detail).toContain(
      'found by its values and not by a filter on integers (year = 2026 AND month = 9 AND day = 1 AND hour = 4)',
    );
    expect(judged(null, true).detail).toContain('found by a filter and not by its values');
    expect(judged(at(`s3://other/${FOLDER}`), true).detail).toContain('points to s3://other/');
    expect(judged({ ...registered, StorageDescriptor: { Location: `s3://lake/${FOLDER}` } }, true).detail).toContain(
      'no serializer',
    );
  });
});

describe('failed records', () => {
  it.each([
    ['Lambda.ProcessingFailedStatus', 'The transformer refused these records'],
    ['Lambda.InvalidReturnFormat', 'Firehose does not accept how the transformer answers'],
    ['Lambda.InvokeAccessDenied', 'may not invoke the transformer'],
    ['Lambda.FunctionError', 'did not answer in time'],
    ['DynamicPartitioning.MetadataExtractionFailed', 'raise the quota'],
    ['S3.AccessDenied', 'See the log group of the delivery stream'],
  ])('of %s: what to do', (code, cure) => {
    const codes = new Map([[code, { records: 3, message: 'why', form: 'packs' as const }]]);
    const [finding] = judgeFailed([{ type: 'processing-failed', objects: 2, newestMs: MS, codes }]);
    expect(finding).toMatchObject({
      verdict: 'failure',
      detail: `2 objects, the newest of 2026-09-01T04:30:00.000Z; in the newest 3 records ${code} (packs): why`,
      cure: expect.stringContaining(cure),
    });
  });

  it('of a type that nobody expects are told too', () => {
    const failed = { type: 'format-conversion-failed', objects: 1, newestMs: MS, codes: new Map() };
    expect(verdictsOf(judgeFailed([failed]))).toEqual([
      'ok errors processing-failed',
      'ok errors activePartitionExceeded',
      'failure errors format-conversion-failed',
    ]);
  });
});

describe('the delivery’s figures', () => {
  const QUIET: DeliveryFigures = {
    ...{ packs: 472, files: 60, refused: 0, unregistered: 0 },
    ...{ processed: 60, partitions: 12, exceeded: 0 },
  };
  const verdicts = (change: Partial<DeliveryFigures>, failed = false) => {
    const findings = judgeFigures({ ...QUIET, ...change }, failed);
    expect(lackingCures(findings)).toEqual([]);
    return verdictsOf(findings);
  };

  it('say how many records were answered Dropped, and what Firehose made of them', () => {
    expect(judgeFigures(QUIET, false)[0]!.detail).toBe(
      '412 of 472 records were answered Dropped in the last 3 h, 60 Ok with a file; Firehose counts 60 as processed; none is under errors/processing-failed',
    );
  });

  it('judge', () => {
    expect(verdicts({})).toEqual(['ok dropped records', 'ok active partitions']);
    expect(verdicts({ packs: null, partitions: null })).toEqual(['warning dropped records', 'ok active partitions']);
    expect(verdicts({ refused: 1 })[0]).toBe('warning dropped records');
    expect(verdicts({}, true)[0]).toBe('failure dropped records');
    expect(verdicts({ partitions: 399 })[1]).toBe('ok active partitions');
    expect(verdicts({ partitions: 400 })[1]).toBe('warning active partitions');
    expect(verdicts({ exceeded: 1 })[1]).toBe('failure active partitions');
    expect(verdicts({ unregistered: 2 })[2]).toBe('warning registration');
  });
});

describe('Athena’s rows', () => {
  const TALLIED: Tallied = { sessionId: 's1', venue: 'local', symbol: 'BTCUSDT', low: 100, high: 200, found: 100 };
  const refusal = (first: number, last: number, symbol = 'BTCUSDT') => ({
    ...{ session_id: 's1', venue: 'local', symbol },
    detail: JSON.stringify({ first_seq: first, last_seq: last }),
  });

  it('are ok where there are as many as the producer counted', () => {
    expect(judgeRows([TALLIED], [])).toMatchObject({
      verdict: 'ok',
      detail: '100 rows of 1 session and 1 symbol, as many as the producer counted between its tallies',
    });
  });

  it('are a warning where the producer announced none', () => {
    expect(judgeRows([], []).verdict).toBe('warning');
    expect(judgeRows([{ ...TALLIED, low: 200, found: 0 }], []).verdict).toBe('warning');
  });

  it('may lack what the producer refused: between the tallies, of that symbol, and once', () => {
    const ten = { ...TALLIED, found: 90 };
    expect(judgeRows([ten], [refusal(191, 230)]).verdict).toBe('ok');
    expect(judgeRows([ten], [refusal(91, 105), refusal(91, 105)])).toMatchObject({
      verdict: 'failure',
      detail: expect.stringMatching(/^5 rows of 100 rows /),
    });
    expect(judgeRows([ten], [refusal(191, 200, 'ETHUSDT')]).verdict).toBe('failure');
  });
});

describe('a view', () => {
  it('answers with all its columns, or says which it lacks', () => {
    expect(judgeView('v', ['a', 'b'], [{ a: '1', b: null }])).toMatchObject({ verdict: 'ok' });
    expect(judgeView('v', ['a', 'b'], [{ a: '1' }])).toMatchObject({ verdict: 'failure', detail: 'lacks b' });
    expect(judgeView('v', ['a', 'b'], [])).toMatchObject({ verdict: 'warning' });
  });
});
