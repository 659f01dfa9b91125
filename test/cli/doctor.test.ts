import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Group } from '../../infra/doctor/report.ts';
import { readEndpoints, writeEndpoints } from '../../infra/local/endpoints.ts';
import { type Exchange, startExchange } from '../../infra/local/exchange.ts';
import { ownIdentity } from '../../producer/process-identity.ts';
import { verdictsOf } from '../doctor/findings.ts';
import { depthlake, ended, startDepthlake } from './process.ts';

/** Nobody listens there. */
const NOWHERE = 'http://127.0.0.1:9';
const AWS = {
  AWS_ENDPOINT_URL: NOWHERE,
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI',
  AWS_SESSION_TOKEN: 'FwoGZXIvYXdz',
};

let exchange: Exchange;
let folder: string;
let venue: string[];

beforeAll(async () => {
  exchange = await startExchange({ symbols: ['BTCUSDT', 'ETHUSDT'] });
  folder = mkdtempSync(path.join(tmpdir(), 'depthlake-doctor-'));
  venue = ['doctor', '--venue', 'local', '--ws-url', exchange.wsUrl, '--rest-url', exchange.restUrl];
});

afterAll(async () => {
  await exchange.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('depthlake doctor', () => {
  it('ends with status 0 where nothing fails, and its last line counts', async () => {
    const { status, stdout, stderr } = await depthlake([...venue, '--skip', 'aws', '--book', 'full']);

    expect(stderr).toBe('');
    expect(stdout).toMatch(/^venue {2}local\n/);
    expect(stdout).toMatch(/^ {2}ok {7}BTCUSDT +first diff after \d+ ms; reach /m);
    expect(stdout).toMatch(/\n\n7 ok, 0 warnings, 0 failures\n$/);
    expect(stdout).not.toContain('\x1b');
    expect(status).toBe(0);
  });

  it('ends with status 0 on warnings, each with what to do', async () => {
    const { status, stdout } = await depthlake([...venue, '--skip', 'aws']);

    expect(stdout).toMatch(/^ {2}warning {2}BTCUSDT .*\n {11}→ Record with --book full/m);
    expect(stdout).toMatch(/\n6 ok, 1 warning, 0 failures\n$/);
    expect(status).toBe(0);
  });

  it('ends with status 1 on a failure, and says no secret', async () => {
    const { status, stdout, stderr } = await depthlake([...venue, '--symbols', 'BTCUSDT,NOPE'], { env: AWS });

    expect(status).toBe(1);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^ {2}failure {2}symbols +the venue does not list NOPE\n {11}→ /m);
    expect(stdout).toMatch(/^aws {2}stream depthlake\n {2}failure {2}identity +cannot be reached/m);
    expect(stdout).toMatch(/\n6 ok, 1 warning, 5 failures\n$/);
    for (const secret of [AWS.AWS_SECRET_ACCESS_KEY, AWS.AWS_SESSION_TOKEN]) expect(stdout).not.toContain(secret);
  });

  it('prints one JSON object with --json', async () => {
    const { status, stdout } = await depthlake(['doctor', '--skip', 'venue', '--json'], { env: AWS });

    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ ok: false, counts: { ok: 0, warning: 0, failure: 4 } });
    expect(report.groups).toHaveLength(1);
    expect(report.groups[0].findings[0]).toEqual({
      what: 'identity',
      verdict: 'failure',
      detail: 'cannot be reached: connect ECONNREFUSED 127.0.0.1:9',
      cure: 'Check the network, AWS_REGION and AWS_ENDPOINT_URL_STS.',
    });
    expect(status).toBe(1);
  });

  it('finds a deployed stack by what `depthlake env` prints, its traces too with --deployed', async () => {
    const stack = {
      ...{
        DEPTHLAKE_STREAM: 'stream-1',
        DEPTHLAKE_DELIVERY_STREAM: 'delivery-1',
        DEPTHLAKE_BACKFILL_STREAM: 'backfill-1',
      },
      ...{ DEPTHLAKE_GLUE_DATABASE: 'depthlake_prod', DEPTHLAKE_BUCKET: 'lake-1', DEPTHLAKE_WORKGROUP: 'workgroup-1' },
      ...{
        DEPTHLAKE_STACK: 'prod',
        DEPTHLAKE_VENUE: 'binance.us',
        DEPTHLAKE_SYMBOLS: 'BTCUSDT',
        DEPTHLAKE_BOOK: 'full',
      },
    };
    const { status, stdout, stderr } = await depthlake(['doctor', '--deployed', '--json'], {
      env: { ...AWS, ...stack },
    });
    const { groups, counts } = JSON.parse(stdout);

    expect(stderr).toBe('');
    expect(groups.map(({ name, title }: Group) => `${name} ${title}`)).toEqual([
      'aws stream stream-1',
      'deployed bucket lake-1',
    ]);
    expect(groups.map(({ findings }: Group) => verdictsOf(findings))).toEqual([
      [
        ...['failure identity', 'failure kinesis stream', 'failure firehose stream'],
        ...['failure backfill: firehose stream', 'failure glue database'],
      ],
      [
        ...['failure objects of order_book', 'failure objects of feed_event', 'failure errors', 'failure figures'],
        'warning Athena',
      ],
    ]);
    expect([status, counts.failure]).toEqual([1, 9]);
  });

  it('needs to know the lake of a deployed stack', async () => {
    const { status, stdout, stderr } = await depthlake(['doctor', '--deployed'], { env: AWS });

    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(
      'DL_SETTINGS: --deployed needs --bucket and --workgroup: eval "$(npx depthlake env)" sets them',
    );
  });

  it('takes the services of a running pipeline from its folder', async () => {
    const services = { kinesis: NOWHERE, glue: NOWHERE, control: NOWHERE };
    const hosts = { ws: exchange.wsUrl, rest: exchange.restUrl };
    await writeEndpoints(folder, {
      ...(await ownIdentity()),
      ...{ producer_pid: 0, kinesis_pid: 0, started: '', venue: 'local', stream: 'depthlake', database: 'depthlake' },
      ...{ delivery_stream: 'depthlake', backfill: 'depthlake-backfill' },
      ...services,
      ...hosts,
    });

    const { stdout } = await depthlake(['doctor', '--venue', 'local', '--data', folder]);

    expect(stdout).toContain(`address of 127.0.0.1:${exchange.port}`);
    expect(stdout.match(/cannot be reached: connect ECONNREFUSED 127\.0\.0\.1:9$/gm)).toHaveLength(4);
  });

  it('finds everything in order at a running pipeline', async () => {
    const data = path.join(folder, 'lake');
    const pipeline = startDepthlake(['start', '--data', data]);
    const over = ended(pipeline);
    while ((await readEndpoints(data)) === null && pipeline.exitCode === null) await setTimeout(100);

    const { status, stdout } = await depthlake(['doctor', '--venue', 'local', '--data', data, '--book', 'full']);
    pipeline.kill('SIGTERM');
    const { status: stopped } = await over;

    expect(stopped).toBe(0);
    expect(stdout).toMatch(/^ {2}ok {7}delivery +from arn:aws:kinesis:/m);
    expect(stdout).toMatch(
      /^ {2}ok {7}table order_book +\d+ columns and 4 partition keys as in the data contract, at s3:/m,
    );
    expect(stdout).toMatch(/\n14 ok, 0 warnings, 0 failures\n$/);
    expect(status).toBe(0);
  });

  it('says what to do where no pipeline runs', async () => {
    const nobody = path.join(folder, 'nobody');
    const { status, stdout, stderr } = await depthlake(['doctor', '--venue', 'local', '--data', nobody]);

    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`DL_SETTINGS: no pipeline runs on the folder ${nobody}`);
  });
});
