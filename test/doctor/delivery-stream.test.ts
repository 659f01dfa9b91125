import type { DeliveryStreamDescription, ExtendedS3DestinationDescription } from '@aws-sdk/client-firehose';
import { describe, expect, it } from 'vitest';
import { judgeDelivery } from '../../infra/doctor/delivery-stream.ts';
import { ERROR_PREFIX_EXPRESSION, PREFIX_EXPRESSION } from '../../transformer/partition.ts';
import { lackingCures } from './findings.ts';
import { BUCKET, DESTINATION } from './lake.ts';

const ARN = 'arn:aws:kinesis:us-east-1:123456789012:stream/depthlake';
const SOURCE = { stream: 'depthlake', streamArn: ARN };
const EXPECTED = { source: SOURCE, bucket: BUCKET };

function described(
  destination: Partial<ExtendedS3DestinationDescription> = {},
  stream: Partial<DeliveryStreamDescription> = {},
): DeliveryStreamDescription {
  return {
    DeliveryStreamName: 'depthlake',
    DeliveryStreamStatus: 'ACTIVE',
    DeliveryStreamType: 'KinesisStreamAsSource',
    Source: { KinesisStreamSourceDescription: { KinesisStreamARN: ARN } },
    Destinations: [{ ExtendedS3DestinationDescription: { ...DESTINATION, ...destination } }],
    ...stream,
  } as DeliveryStreamDescription;
}

describe('a delivery stream as the lake needs it', () => {
  it('is ok, and named with what it does', () => {
    const findings = judgeDelivery(described(), EXPECTED);
    expect(findings.map(({ verdict }) => verdict)).toEqual(['ok', 'ok']);
  });

  it('is known by its stream’s name where the stream itself could not be asked for', () => {
    const named = (stream: string) => ({ ...EXPECTED, source: { stream, streamArn: null } });
    expect(judgeDelivery(described(), named('depthlake')).at(-1)?.verdict).toBe('ok');
    expect(judgeDelivery(described(), named('lake')).at(-1)?.verdict).toBe('failure');
  });
});

describe('a delivery stream that differs', () => {
  const lambda = DESTINATION.ProcessingConfiguration.Processors;

  it.each<[string, Partial<ExtendedS3DestinationDescription>, string, string]>([
    ['no prefix', { Prefix: undefined }, 'it is not set', `Set Prefix to ${PREFIX_EXPRESSION}`],
    [
      'a prefix by arrival',
      { Prefix: 'year=!{timestamp:yyyy}/' },
      'it is "year=!{timestamp:yyyy}/"',
      `Set Prefix to ${PREFIX_EXPRESSION}`,
    ],
    [
      'another error prefix',
      { ErrorOutputPrefix: 'bad/' },
      'it is "bad/"',
      `Set ErrorOutputPrefix to ${ERROR_PREFIX_EXPRESSION}`,
    ],
    ['no file extension', { FileExtension: '' }, 'it is not set', 'Set FileExtension to .avro'],
    ['compression', { CompressionFormat: 'GZIP' }, 'it is "GZIP"', 'Set CompressionFormat to UNCOMPRESSED'],
    [
      'no dynamic partitioning',
      { DynamicPartitioningConfiguration: { Enabled: false } },
      'off: several container files would be joined in one object, which nothing can read',
      'It is set at creation: create the delivery stream anew with DynamicPartitioningConfiguration.Enabled true.',
    ],
    [
      'another bucket',
      { BucketARN: 'arn:aws:s3:::other' },
      'it delivers into arn:aws:s3:::other',
      'Set BucketARN to arn:aws:s3:::lake.',
    ],
    [
      'no transformation',
      { ProcessingConfiguration: { Enabled: false, Processors: [...lambda] } },
      'no Lambda transforms the packs',
      'Enable ProcessingConfiguration with the transformer as its Lambda processor.',
    ],
    [
      'line feeds between files',
      { ProcessingConfiguration: { Enabled: true, Processors: [...lambda, { Type: 'AppendDelimiterToRecord' }] } },
      'AppendDelimiterToRecord would change the bytes of container files',
      'Remove the processors other than Lambda.',
    ],
    [
      'format conversion',
      { DataFormatConversionConfiguration: { Enabled: true } },
      'Firehose converts the data, and would be given Avro',
      'Set DataFormatConversionConfiguration.Enabled to false.',
    ],
  ])('by %s fails for that alone, with what to set', (_what, change, detail, cure) => {
    const [state, ...faults] = judgeDelivery(described(change), EXPECTED);

    expect(state?.verdict).toBe('ok');
    expect(faults).toMatchObject([{ verdict: 'failure', detail, cure }]);
  });

  it('in everything is told every difference at once', () => {
    const nothing = {
      DeliveryStreamStatus: 'CREATING_FAILED',
      DeliveryStreamType: 'DirectPut',
      Source: undefined,
      Destinations: [{ ExtendedS3DestinationDescription: { BucketARN: 'arn:aws:s3:::other' } }],
    } as unknown as Partial<DeliveryStreamDescription>;
    const findings = judgeDelivery(described({}, nothing), EXPECTED);

    expect(findings.map(({ what }) => what)).toEqual([
      'firehose stream',
      'delivery source',
      'delivery bucket',
      'dynamic partitioning',
      'delivery Prefix',
      'delivery ErrorOutputPrefix',
      'delivery FileExtension',
      'transformation',
    ]);
    expect(findings.every(({ verdict }) => verdict === 'failure')).toBe(true);
    expect(lackingCures(findings)).toEqual([]);
  });

  it('that reads another stream says which', () => {
    const [, source] = judgeDelivery(described(), { ...EXPECTED, source: { ...SOURCE, streamArn: `${ARN}-2` } });
    expect(source).toMatchObject({ what: 'delivery source', detail: `it reads ${ARN}` });
  });

  it('for direct puts is ok without a source, and fails where it reads from Kinesis', () => {
    const backfill = { ...EXPECTED, source: null };
    const direct = { DeliveryStreamType: 'DirectPut', Source: undefined } as const;
    const [state, delivery] = judgeDelivery(described({}, direct), backfill);

    expect([state?.verdict, delivery?.verdict]).toEqual(['ok', 'ok']);
    expect(delivery?.detail).toMatch(/^from direct puts through arn:aws:lambda:/);
    expect(judgeDelivery(described(), backfill)[1]).toMatchObject({
      what: 'delivery source',
      detail: 'it is KinesisStreamAsSource, and refuses direct puts',
    });
  });

  it('that does not deliver into S3 is no use to a lake', () => {
    const findings = judgeDelivery(described({}, { Destinations: [{ DestinationId: '1' }] }), EXPECTED);
    expect(findings.at(-1)).toMatchObject({ verdict: 'failure', detail: 'it does not deliver into S3' });
  });
});
