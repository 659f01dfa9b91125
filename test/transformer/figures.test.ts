import { describe, expect, it } from 'vitest';
import { figuresLine } from '../../transformer/figures.ts';
import { createHandler } from '../../transformer/handler.ts';
import type { PartitionRegistrar } from '../../transformer/partition-registrar.ts';
import { book, eventOf, filesOf, HOUR, happening, pack } from './invocations.ts';

const NOW = Date.UTC(2026, 8, 1, 12);
const NONE = {
  TransformedRecords: 0,
  TransformedRows: 0,
  TransformedFiles: 0,
  TransformedBytes: 0,
  RefusedRecords: 0,
  UnregisteredPartitions: 0,
};

describe('the line of an invocation', () => {
  const line = figuresLine('prod', { ...NONE, TransformedRows: 3, TransformedBytes: 900 }, NOW);
  const { _aws, ...values } = JSON.parse(line);

  it('is one line of JSON that carries every figure beside the deployment and the function', () => {
    expect(line).not.toContain('\n');
    expect(values).toEqual({
      event: 'figures',
      stack: 'prod',
      function: 'transformer',
      ...NONE,
      TransformedRows: 3,
      TransformedBytes: 900,
    });
  });

  it('declares each of them as a metric of the namespace Depthlake by stack and function, at the time of the clock', () => {
    const [directive, ...others] = _aws.CloudWatchMetrics;
    expect(_aws.Timestamp).toBe(NOW);
    expect(others).toEqual([]);
    expect(directive).toMatchObject({ Namespace: 'Depthlake', Dimensions: [['stack', 'function']] });
    expect(directive.Metrics.map(({ Name }: { Name: string }) => Name)).toEqual(Object.keys(NONE));
    expect(directive.Metrics.filter(({ Unit }: { Unit: string }) => Unit !== 'Count')).toEqual([
      { Name: 'TransformedBytes', Unit: 'Bytes' },
    ]);
  });
});

describe('the figures of an invocation', () => {
  const event = eventOf(
    pack('a', [book(HOUR, 1), book(HOUR + 1, 2)]),
    pack('b', [book(HOUR + 2, 3)]),
    pack('c', [happening(HOUR, 1)]),
    { recordId: 'd', data: 'AAAA' },
  );
  const figuresFor = async (registrar: Pick<PartitionRegistrar, 'register'> | null) => {
    const reported: unknown[] = [];
    const handle = createHandler(
      'deflate',
      registrar as PartitionRegistrar | null,
      () => {},
      (figures) => reported.push(figures),
    );
    const response = await handle(event);
    const files = filesOf({ response, partitions: [], rows: 0, refused: [] });
    return { reported, bytes: files.reduce((sum, file) => sum + file.bytes, 0) };
  };

  it('count what was delivered and what was refused', async () => {
    const { reported, bytes } = await figuresFor(null);
    expect(reported).toEqual([
      {
        TransformedRecords: 3,
        TransformedRows: 4,
        TransformedFiles: 2,
        TransformedBytes: bytes,
        RefusedRecords: 1,
        UnregisteredPartitions: 0,
      },
    ]);
  });

  it('say how many hours Glue does not know yet', async () => {
    const { reported } = await figuresFor({ register: async (hours) => hours.length });
    expect(reported).toMatchObject([{ UnregisteredPartitions: 2 }]);
  });
});
