import { CreateStreamCommand, StreamMode } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AwsAccess, checkAws } from '../../infra/doctor/aws.ts';
import { createKinesisClient } from '../../producer/stream/kinesis.ts';
import { findingOf, lackingCures, verdictsOf } from '../doctor/findings.ts';
import { accessOf, BUCKET, createDelivery, declareCatalog, scopeOf } from '../doctor/lake.ts';
import { type Moto, startMoto } from './moto.ts';
import { absent } from './python.ts';

const ARN = 'arn:aws:kinesis:us-east-1:123456789012:stream/depthlake';

describe.skipIf(absent !== null)(`the doctor at moto ${absent ?? ''}`, () => {
  let moto: Moto;
  let access: AwsAccess;

  beforeAll(async () => {
    moto = await startMoto();
    const service = accessOf(moto.endpoint);
    access = { sts: service, kinesis: service, firehose: service, glue: service };
    const kinesis = createKinesisClient(service);
    const mode = { StreamModeDetails: { StreamMode: StreamMode.ON_DEMAND } };
    await kinesis.send(new CreateStreamCommand({ StreamName: 'depthlake', ...mode }));
    kinesis.destroy();
    await createDelivery(moto.endpoint, 'depthlake', ARN);
    await createDelivery(moto.endpoint, 'plain', ARN, { Prefix: 'orderbook/', CompressionFormat: 'GZIP' });
    await declareCatalog(moto.endpoint, 'depthlake');
  });
  afterAll(() => moto.stop());

  it('finds a stack that is whole', async () => {
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
    expect(findingOf(findings, 'identity').detail).toMatch(/^account 123456789012, arn:aws:sts::123456789012:/);
    expect(findingOf(findings, 'kinesis stream').detail).toContain('depthlake is ACTIVE: on demand, ');
  });

  it('finds what is missing', async () => {
    const findings = await checkAws(scopeOf(access, { stream: 'a', deliveryStream: 'b', database: 'c' }));

    expect(verdictsOf(findings).slice(1)).toEqual([
      'failure kinesis stream',
      'failure firehose stream',
      'failure glue database',
    ]);
    expect(findingOf(findings, 'kinesis stream').detail).toBe('there is no stream a in region us-east-1');
    expect(findingOf(findings, 'firehose stream').detail).toBe('there is no delivery stream b in region us-east-1');
    expect(findingOf(findings, 'glue database').detail).toBe('there is no database c');
    expect(lackingCures(findings)).toEqual([]);
  });

  it('finds what is set otherwise', async () => {
    const findings = await checkAws(scopeOf(access, { deliveryStream: 'plain' }));

    expect(findings.flatMap(({ verdict, what }) => (verdict === 'failure' ? [what] : []))).toEqual([
      'delivery Prefix',
      'delivery CompressionFormat',
    ]);
  });
});
