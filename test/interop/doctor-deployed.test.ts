import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openClients } from '../../infra/doctor/deployed/clients.ts';
import type { DeployedScope } from '../../infra/doctor/deployed/scope.ts';
import { checkDeployed } from '../../infra/doctor/deployed.ts';
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
const { closedMs, closed, recent } = recording(NOW);

describe.skipIf(absent !== null)(`the doctor at a deployed lake in moto ${absent ?? ''}`, () => {
  let moto: Moto;
  let clients: DeployedScope['clients'];
  let scope: DeployedScope;
  let notices: string[];
  let lakes = 0;

  beforeAll(async () => {
    moto = await startMoto();
    clients = openClients(accessOf(moto.endpoint));
  });
  afterAll(async () => {
    for (const client of Object.values(clients)) client.destroy();
    await moto.stop();
  });

  beforeEach(async () => {
    lakes += 1;
    notices = [];
    scope = {
      clients,
      bucket: `lake-${lakes}`,
      database: `lake_${lakes}`,
      workgroup: 'primary',
      stack: `stack-${lakes}`,
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
});
