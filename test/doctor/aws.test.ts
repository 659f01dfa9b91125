import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AwsAccess, checkAws } from '../../infra/doctor/aws.ts';
import { type Control, startControl } from '../../infra/local/control.ts';
import { type LocalGlue, startGlue } from '../../infra/local/glue.ts';
import { type LocalKinesis, startKinesis } from '../../infra/local/kinesis.ts';
import { findingOf, lackingCures, verdictsOf } from './findings.ts';
import { accessOf, BUCKET, DESTINATION, declareCatalog, LAMBDA_ARN, scopeOf } from './lake.ts';

const ARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/depthlake';
const everywhere = (endpoint: string): AwsAccess => {
  const access = accessOf(endpoint);
  return { sts: access, kinesis: access, firehose: access, glue: access };
};

describe('the local services', () => {
  let folder: string;
  let kinesis: LocalKinesis;
  let glue: LocalGlue;
  let control: Control;
  let access: AwsAccess;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'depthlake-doctor-'));
    kinesis = await startKinesis({ streams: [{ name: 'depthlake', shards: 2 }], log: () => {} });
    glue = await startGlue({ folder, log: () => {} });
    await declareCatalog(glue.endpoint, 'depthlake');
    const deliveryStream = {
      DeliveryStreamName: 'depthlake',
      DeliveryStreamARN: 'arn:aws:firehose:us-east-1:000000000000:deliverystream/depthlake',
      DeliveryStreamStatus: 'ACTIVE' as const,
      DeliveryStreamType: 'KinesisStreamAsSource' as const,
      VersionId: '1',
      HasMoreDestinations: false,
      Source: { KinesisStreamSourceDescription: { KinesisStreamARN: ARN } },
      Destinations: [{ DestinationId: '1', ExtendedS3DestinationDescription: DESTINATION as never }],
    };
    const backfill = {
      ...deliveryStream,
      DeliveryStreamName: 'backfill',
      DeliveryStreamType: 'DirectPut' as const,
      Source: {},
    };
    const deliveryStreams = [deliveryStream, backfill].map((description) => ({
      description,
      putRecordBatch: () => Promise.reject(new Error('not called')) as never,
    }));
    control = await startControl({ deliveryStreams, log: () => {} });
    access = {
      sts: accessOf(control.endpoint),
      kinesis: accessOf(kinesis.endpoint),
      firehose: accessOf(control.endpoint),
      glue: accessOf(glue.endpoint),
    };
  });

  afterAll(async () => {
    await control?.stop();
    await glue?.stop();
    await kinesis?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('are all found, and say what they are', async () => {
    const findings = await checkAws(scopeOf(access, { bucket: BUCKET }));

    expect(verdictsOf(findings)).toEqual([
      'ok identity',
      'ok kinesis stream',
      'ok firehose stream',
      'ok delivery',
      'ok glue database',
      'ok table order_book',
      'ok table feed_event',
    ]);
    expect(findingOf(findings, 'identity').detail).toBe('account 000000000000, arn:aws:iam::000000000000:user/local');
    expect(findingOf(findings, 'kinesis stream').detail).toBe(
      'depthlake is ACTIVE: provisioned, 2 shards, kept 24 h, not encrypted at rest',
    );
    expect(findingOf(findings, 'delivery').detail).toBe(
      `from ${ARN} through ${LAMBDA_ARN} into arn:aws:s3:::lake, partitioned by event time`,
    );
    expect(lackingCures(findings)).toEqual([]);
  });

  it('of other names are missing, each with how to make it', async () => {
    const others = { stream: 'other', deliveryStream: 'another', database: 'elsewhere' };
    const findings = await checkAws(scopeOf(access, others));

    expect(verdictsOf(findings)).toEqual([
      'ok identity',
      'failure kinesis stream',
      'failure firehose stream',
      'failure glue database',
    ]);
    expect(findingOf(findings, 'kinesis stream')).toMatchObject({
      detail: 'there is no stream other in region us-east-1',
      cure: expect.stringContaining('aws kinesis create-stream --stream-name other --shard-count 1 --region us-east-1'),
    });
    expect(findingOf(findings, 'firehose stream').detail).toBe(
      'there is no delivery stream another in region us-east-1',
    );
    expect(findingOf(findings, 'glue database').detail).toBe('there is no database elsewhere');
    expect(lackingCures(findings)).toEqual([]);
  });

  it('have a delivery stream for direct puts too, where one is named', async () => {
    const backfill = async (name: string) =>
      (await checkAws(scopeOf(access, { backfillStream: name }))).filter(({ what }) => what.startsWith('backfill: '));

    expect(verdictsOf(await backfill('backfill'))).toEqual(['ok backfill: firehose stream', 'ok backfill: delivery']);
    expect(verdictsOf(await backfill('depthlake'))).toEqual([
      'ok backfill: firehose stream',
      'failure backfill: delivery source',
    ]);
    expect(await backfill('nobody')).toMatchObject([
      { verdict: 'failure', cure: 'Deploy the stack, or name another with --backfill-stream.' },
    ]);
  });

  it('that deliver into another bucket than the lake’s fail for it, and so do the tables', async () => {
    const findings = await checkAws(scopeOf(access, { bucket: 'my-lake' }));

    expect(findingOf(findings, 'delivery bucket')).toMatchObject({
      verdict: 'failure',
      cure: 'Set BucketARN to arn:aws:s3:::my-lake.',
    });
    expect(findingOf(findings, 'table order_book')).toMatchObject({
      verdict: 'failure',
      detail: 'location is s3://lake/orderbook instead of s3://my-lake/orderbook',
    });
  });
});

describe('AWS that cannot be reached', () => {
  it('is a failure a service, each naming its endpoint variable', async () => {
    const findings = await checkAws(scopeOf(everywhere('http://127.0.0.1:9')));

    expect(findings.map(({ cure }) => cure)).toEqual(
      ['STS', 'KINESIS', 'FIREHOSE', 'GLUE'].map(
        (name) => `Check the network, AWS_REGION and AWS_ENDPOINT_URL_${name}.`,
      ),
    );
    expect(findings.every(({ verdict }) => verdict === 'failure')).toBe(true);
  });
});

describe('AWS that answers with', () => {
  /** Answers every request so; `status` 0: never. */
  async function answering<T>(status: number, body: string, use: (endpoint: string) => Promise<T>): Promise<T> {
    const server: Server = createServer((_request, response) => {
      if (status > 0) response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }
  const json = (type: string, message: string) => JSON.stringify({ __type: type, message });

  it('a refusal of the credentials says so, and repeats nothing of the signed request', async () => {
    const message = 'The signature does not match.\n\nx-amz-security-token:FwoGZXIvYXdzEJr secret';
    const findings = await answering(403, json('InvalidSignatureException', message), (endpoint) =>
      checkAws(scopeOf(everywhere(endpoint))),
    );

    expect(findingOf(findings, 'kinesis stream')).toMatchObject({
      verdict: 'failure',
      detail: 'the credentials are refused: The signature does not match.',
      cure: expect.stringContaining('AWS_PROFILE'),
    });
    expect(JSON.stringify(findings)).not.toContain('FwoGZXIv');
  });

  it('a denial names the permission that is needed', async () => {
    const body = json('AccessDeniedException', 'User is not authorized');
    const findings = await answering(400, body, (endpoint) => checkAws(scopeOf(everywhere(endpoint))));

    expect(findingOf(findings, 'kinesis stream').cure).toBe(
      'Allow kinesis:DescribeStreamSummary and kinesis:PutRecords to whoever runs this.',
    );
    expect(findingOf(findings, 'firehose stream').cure).toContain('firehose:DescribeDeliveryStream');
    expect(findingOf(findings, 'glue database').cure).toContain('glue:GetTable');
  });

  it('nothing is given up at the deadline', async () => {
    const findings = await answering(0, '', (endpoint) => checkAws(scopeOf(everywhere(endpoint), { timeoutMs: 200 })));

    expect(findings.map(({ detail }) => detail)).toEqual(
      Array.from({ length: 4 }, () => 'cannot be reached: no answer within 0.2 s'),
    );
  });
});
