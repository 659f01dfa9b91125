import { expect, test } from 'vitest';
import { runInHost } from './pulumi-host.ts';

const NODE24 = process.env['DEPTHLAKE_NODE24'];
/** From 23.6 on Node reads TypeScript itself. */
const readsTypes = 'typescript' in process.features && process.features.typescript !== false;

test('the program loads in Pulumi’s host as Pulumi.yaml says, and runs to its end', async () => {
  const run = await runInHost({ config: { symbols: 'BTCUSDT,ETHUSDT', alarmEmail: 'ops@example.com' } });

  expect(run.log).toBe('');
  expect(run.status).toBe(0);
  expect(run.outputs).toMatchObject({
    bucket: 'lake-a1b2c3d',
    database: 'depthlake_test',
    environment: { AWS_REGION: 'us-east-1', DEPTHLAKE_BUCKET: 'lake-a1b2c3d', DEPTHLAKE_SYMBOLS: 'BTCUSDT,ETHUSDT' },
  });
  const kept = run.resources.filter(({ protect }) => protect).map(({ type, name }) => `${type} ${name}`);
  expect(kept.sort()).toEqual([
    'aws:dynamodb/table:Table feed-state',
    'aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream backfill',
    'aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream delivery',
    'aws:kinesis/stream:Stream stream',
    'aws:s3/bucket:Bucket lake',
  ]);
  const retained = run.resources.filter(({ retainOnDelete }) => retainOnDelete).map(({ name }) => name);
  expect([...new Set(retained)].sort()).toEqual(['artifacts-producer', 'feed-state', 'lake', 'stream']);
});

test.skipIf(NODE24 === undefined)('it does so under Node 24 too', async () => {
  const run = await runInHost({ config: {}, node: NODE24! });

  expect(run.log).toBe('');
  expect(run.status).toBe(0);
  expect(run.outputs).toMatchObject({ bucket: 'lake-a1b2c3d' });
});

test('bad settings end it before anything is declared, all of them named, without a stack trace', async () => {
  const run = await runInHost({
    config: { venue: 'nasdaq', shards: '0', archiveClass: 'DEEP_ARCHIVE', symbol: 'ETHUSDT' },
  });

  expect(run.status).not.toBe(0);
  expect(run.resources.map(({ type }) => type)).toEqual(['pulumi:pulumi:Stack']);
  expect(run.log).toMatch(/DL_SETTINGS: /);
  expect(run.log).toContain('venue "nasdaq": must be one of binance.us, binance.com');
  expect(run.log).toContain('symbol: there is no such setting; there are venue, symbols, book, ');
  expect(run.log).toContain('shards "0": must be a whole number from 1 to 200');
  expect(run.log).toContain('archiveClass "DEEP_ARCHIVE": Athena cannot read objects in DEEP_ARCHIVE');
  expect(run.log).not.toContain('    at ');
});

test.skipIf(readsTypes)('without the loader of Pulumi.yaml the host cannot load it: the option is needed', async () => {
  const run = await runInHost({ config: {}, nodeArgs: [] });

  expect(run.status).not.toBe(0);
  expect(run.log).toContain('.ts');
});
