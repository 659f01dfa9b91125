import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openClients } from '../../infra/doctor/deployed/clients.ts';
import type { DeployedScope } from '../../infra/doctor/deployed/scope.ts';
import { checkDeployed } from '../../infra/doctor/deployed.ts';
import type { Finding } from '../../infra/doctor/finding.ts';
import { encodeLine, encodePack } from '../../producer/record.ts';
import { VIEWS } from '../../transformer/views.ts';
import {
  createBucket,
  type Delivered,
  delivered,
  putFigures,
  putObjects,
  ROWS,
  recording,
  register,
} from '../doctor/deployed-lake.ts';
import { findingOf, lackingCures, verdictsOf } from '../doctor/findings.ts';
import { accessOf, declareCatalog } from '../doctor/lake.ts';
import { type Moto, startMoto } from './moto.ts';
import { absent } from './python.ts';

const NOW = Date.now();
const { closed, recent } = recording(NOW);

describe.skipIf(absent !== null)(`the doctor at a deployed lake in moto ${absent ?? ''}`, () => {
  let moto: Moto;
  let clients: DeployedScope['clients'];
  let scope: DeployedScope;
  let notices: string[];

  beforeAll(async () => {
    moto = await startMoto();
    clients = openClients(accessOf(moto.endpoint));
  });
  afterAll(async () => {
    for (const client of Object.values(clients)) client.destroy();
    await moto.stop();
  });

  beforeEach(async () => {
    // Answers that nobody asked for are left in the queue.
    await fetch(`${moto.endpoint}/moto-api/reset`, { method: 'POST' });
    notices = [];
    scope = {
      clients,
      bucket: 'lake',
      database: 'lake',
      workgroup: 'primary',
      stack: 'prod',
      deliveryStream: 'depthlake',
      backfillStream: null,
      nowMs: NOW,
      timeoutMs: 10_000,
      pollMs: 1,
      progress: () => {},
      notice: async (line) => void notices.push(line),
    };
    await createBucket(scope);
    await declareCatalog(moto.endpoint, scope.database, scope.bucket);
  });

  const old = delivered(closed, NOW);
  const young = delivered(recent, NOW);
  const books = (objects: readonly Delivered[]) => objects.filter(({ key }) => key.startsWith('orderbook/'));
  const events = (objects: readonly Delivered[]) => objects.filter(({ key }) => key.startsWith('feed_event/'));

  /** What Athena would answer, in the order in which it is asked. */
  async function answer(results: readonly (readonly object[])[]): Promise<void> {
    const body = {
      results: results.map((rows) => {
        const names = Object.keys(rows[0] ?? {});
        const cells = [names, ...rows.map((row) => names.map((name) => (row as Record<string, unknown>)[name]))];
        return {
          rows: cells.map((row) => ({ Data: row.map((value) => ({ VarCharValue: String(value) })) })),
          column_info: [],
        };
      }),
    };
    const response = await fetch(`${moto.endpoint}/moto-api/static/athena/query-results`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(201);
  }

  const filesOf = (objects: readonly Delivered[], rows: number) =>
    objects.map(({ key }) => ({ path: `s3://${scope.bucket}/${key}`, rows_read: rows / objects.length }));
  const tallies = (found: number) => [
    { session_id: 's1', venue: 'local', symbol: 'BTCUSDT', low: 60, high: 300, rows_found: found },
  ];
  const views = () => VIEWS.map(({ columns }) => [Object.fromEntries(columns.map(({ name }) => [name, '1']))]);
  const healthy = () => [filesOf(books(old.objects), ROWS), filesOf(events(old.objects), 5), tallies(240), ...views()];

  async function deploy(): Promise<void> {
    await putObjects(scope, [...old.objects, ...young.objects]);
    await register(scope, [...old.partitions, ...young.partitions]);
    await putFigures(scope, old.records, old.objects.length);
  }

  it('finds everything in order', async () => {
    await deploy();
    await answer(healthy());
    const findings = await checkDeployed(scope);

    expect(findings.filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
    expect(verdictsOf(findings)).toEqual([
      ...['ok objects of order_book', 'ok keys of order_book', 'ok newest row of order_book'],
      ...['ok partition of order_book', 'ok partition of order_book'],
      ...['ok objects of feed_event', 'ok keys of feed_event', 'ok newest row of feed_event'],
      ...['ok partition of feed_event', 'ok partition of feed_event'],
      ...['ok errors processing-failed', 'ok errors activePartitionExceeded'],
      ...['ok dropped records', 'ok active partitions'],
      ...['ok Athena files of order_book', 'ok Athena files of feed_event', 'ok Athena rows'],
      ...VIEWS.map(({ name }) => `ok view ${name}`),
    ]);
    expect(findingOf(findings, 'dropped records').detail).toContain('11 of 13 records were answered Dropped');
    expect(findingOf(findings, 'Athena rows').detail).toContain('240 rows of 1 session and 1 symbol');
    expect(notices).toEqual([
      expect.stringMatching(/^Athena reads at most \d+\.\d MB in 7 queries: about \$0\.000\d$/),
    ]);
  });

  /** The findings other than ok, of a lake that is damaged and then answers so. */
  async function faults(results: readonly (readonly object[])[] = healthy()): Promise<Finding[]> {
    await answer(results);
    const findings = await checkDeployed(scope);
    expect(lackingCures(findings)).toEqual([]);
    return findings.filter(({ verdict }) => verdict !== 'ok');
  }

  it('finds two container files in one object', async () => {
    await deploy();
    const [first, second] = books(old.objects) as [Delivered, Delivered];
    await putObjects(scope, [{ key: first.key, body: Buffer.concat([first.body, second?.body ?? first.body]) }]);

    expect(await faults()).toMatchObject([
      {
        what: 'objects of order_book',
        verdict: 'failure',
        detail: expect.stringContaining(`${first.key}: two container files in one object`),
      },
    ]);
  });

  it('finds rows in another hour than their own, and keys outside any hour', async () => {
    await deploy();
    const [book] = books(young.objects) as [Delivered];
    const [event] = events(young.objects) as [Delivered];
    const earlier = (hour: string) => String((Number(hour) + 23) % 24).padStart(2, '0');
    const elsewhere = book.key.replace(/(?<=hour=)\d\d/, earlier);
    await putObjects(scope, [
      { key: elsewhere, body: book.body },
      { key: 'feed_event/!{partitionKeyFromLambda:year}/a.avro', body: event.body },
    ]);
    const found = await faults();

    expect(found.find(({ what }) => what === 'keys of order_book')).toMatchObject({
      verdict: 'failure',
      detail: expect.stringContaining(`1 object with rows of another hour: ${elsewhere}`),
    });
    expect(found.find(({ what }) => what === 'keys of feed_event')).toMatchObject({
      verdict: 'failure',
      detail: '1 name outside any hour: feed_event/!{partitionKeyFromLambda:year}/',
    });
  });

  it('finds an hour that the catalog does not know', async () => {
    await putObjects(scope, [...old.objects, ...young.objects]);
    await register(scope, young.partitions);
    await putFigures(scope, old.records, old.objects.length);
    const found = await faults([tallies(240), ...views()]);

    expect(verdictsOf(found)).toEqual([
      'failure partition of order_book',
      'failure partition of feed_event',
      'warning Athena files of order_book',
      'warning Athena files of feed_event',
    ]);
    expect(found[0]!.detail).toMatch(
      /^orderbook\/year=.* holds objects and is not registered: Athena does not see them$/,
    );
  });

  it('finds what was not delivered, with Firehose’s own words and what to do', async () => {
    await deploy();
    const error = (errorCode: string, errorMessage: string, bytes: Buffer) =>
      `${JSON.stringify({ attemptsMade: 4, errorCode, errorMessage, rawData: bytes.toString('base64') })}\n`;
    const pack = encodePack(closed.slice(0, 2).map(encodeLine));
    const missing = error('Lambda.MissingRecordId', 'One or more record Ids were not returned.', pack);
    const exceeded = error('DynamicPartitioning.X', '', old.objects[0]!.body);
    await putObjects(scope, [
      { key: 'errors/processing-failed/depthlake-1-a', body: Buffer.from(missing + missing) },
      { key: 'errors/activePartitionExceeded/depthlake-1-b', body: Buffer.from(exceeded) },
    ]);

    expect(await faults()).toMatchObject([
      {
        what: 'errors processing-failed',
        verdict: 'failure',
        detail: expect.stringMatching(
          /^1 object, .*; in the newest 2 records Lambda.MissingRecordId \(packs\): One or more/,
        ),
        cure: expect.stringContaining('does not accept how the transformer answers'),
      },
      {
        what: 'errors activePartitionExceeded',
        detail: expect.stringContaining('1 record DynamicPartitioning.X (container files)'),
        cure: expect.stringContaining('raise the quota'),
      },
      { what: 'dropped records', verdict: 'failure' },
    ]);
  });

  it('finds rows that the producer counted and Athena does not, but for those that it refused and named', async () => {
    await deploy();
    const refusal = (first: number, last: number) => ({
      ...{ session_id: 's1', venue: 'local', symbol: 'BTCUSDT' },
      detail: JSON.stringify({ first_seq: first, last_seq: last }),
    });
    const [files, fewer] = [[filesOf(books(old.objects), ROWS), filesOf(events(old.objects), 5)], tallies(230)];

    expect(await faults([...files, fewer, [refusal(51, 64)], ...views()])).toMatchObject([
      {
        what: 'Athena rows',
        verdict: 'failure',
        detail: expect.stringMatching(/^6 rows of 240 rows .*: 6 of BTCUSDT, session s1, between seq 61 and 300$/),
      },
    ]);
    expect(await faults([...files, fewer, [refusal(61, 70)], ...views()])).toEqual([]);
  });

  it('finds files that Athena does not read, or reads otherwise than they are, and a view that does not answer', async () => {
    await deploy();
    const [book] = filesOf(books(old.objects), ROWS) as [object];
    const none = [{ path: 's3://elsewhere/a.avro', rows_read: 1 }];
    const found = await faults([[{ ...book, rows_read: 7 }], none, tallies(240), [], ...views().slice(1)]);

    expect(verdictsOf(found)).toEqual([
      'failure Athena files of order_book',
      'failure Athena files of feed_event',
      `warning view ${VIEWS[0]!.name}`,
    ]);
    expect(found[0]!.detail).toMatch(/^Athena reads 7 rows of orderbook\/.*, which holds 300$/);
    expect(found[1]!.detail).toMatch(/^Athena reads 1 of 1 object of feed_event\/.*; not feed_event\/.*\.avro$/);
  });

  it('says of a system that has recorded nothing yet what to wait for', async () => {
    expect(verdictsOf(await faults([]))).toEqual([
      'warning objects of order_book',
      'warning objects of feed_event',
      'warning dropped records',
      'warning Athena',
    ]);
    expect(notices).toEqual([]);
  });

  it('says what is not there', async () => {
    const found = await checkDeployed({ ...scope, bucket: 'nobodys', database: 'nobodys' });
    expect(verdictsOf(found).slice(0, 3)).toEqual([
      'failure objects of order_book',
      'failure objects of feed_event',
      'failure errors',
    ]);
    expect(found[0]!.detail).toContain('NoSuchBucket');
  });
});
