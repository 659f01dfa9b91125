/** That a replacement is noticed: program.test.ts shows that no setting makes one. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { IRREPLACEABLE, type Replaceable, replacedBetween, replacementTable } from './irreplaceable.ts';

const declared: readonly Replaceable[] = IRREPLACEABLE.map(({ type, name }) => ({
  type,
  name,
  urn: `urn:pulumi:test::depthlake::depthlake:aws:Owner$${type}::${name}`,
  inputs: {
    kinesisSourceConfiguration: { kinesisStreamArn: 'stream', roleArn: 'role' },
    extendedS3Configuration: { prefix: 'old', dynamicPartitioningConfiguration: { enabled: true, retryDuration: 300 } },
  },
}));

/** With a change to the resources of one name. */
function changed(name: string, change: (one: Replaceable) => Partial<Replaceable>): readonly Replaceable[] {
  return declared.map((one) => (one.name === name ? { ...one, ...change(one) } : one));
}

const withInputs = (name: string, inputs: object) => changed(name, (one) => ({ inputs: { ...one.inputs, ...inputs } }));

test('nothing is replaced where nothing changes, nor where properties change that are updated in place', () => {
  const s3 = { prefix: 'new', dynamicPartitioningConfiguration: { enabled: true, retryDuration: 60 } };

  expect(replacedBetween(declared, declared)).toEqual([]);
  expect(replacedBetween(declared, withInputs('stream', { shardCount: 8, retentionPeriod: 48 }))).toEqual([]);
  expect(replacedBetween(declared, withInputs('delivery', { extendedS3Configuration: s3 }))).toEqual([]);
});

test.each(IRREPLACEABLE.flatMap(({ type, name, forcing }) => forcing.map((path) => [type, name, path] as const)))(
  'a change of %s %s: %s is told',
  (type, name, path) => {
    const inputs = path.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), 'another') as object;
    const told = replacedBetween(declared, withInputs(name, inputs));

    expect(
      told.some((line) => line.startsWith(`${type} ${name}: ${path}: `) && line.endsWith('became "another"')),
    ).toBe(true);
  },
);

test('a property within a block that forces one is told', () => {
  const kinesisSourceConfiguration = { kinesisStreamArn: 'another', roleArn: 'role' };

  expect(replacedBetween(declared, withInputs('delivery', { kinesisSourceConfiguration }))).toEqual([
    'aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream delivery: kinesisSourceConfiguration: {"kinesisStreamArn":"stream","roleArn":"role"} became {"kinesisStreamArn":"another","roleArn":"role"}',
  ]);
});

test('another parent is told: Pulumi deletes what it knows by the old URN, and creates', () => {
  const moved = changed('lake', ({ urn }) => ({ urn: urn.replace('Owner', 'NewOwner') }));

  expect(replacedBetween(declared, moved)).toEqual([
    expect.stringMatching(/^aws:s3\/bucket:Bucket lake: urn:.* became/),
  ]);
});

test.each([
  ['another logical name', changed('lake', () => ({ name: 'bucket' }))],
  ['another type', changed('lake', () => ({ type: 'aws:s3/bucketV2:BucketV2' }))],
  ['its absence', declared.filter(({ name }) => name !== 'lake')],
])('%s is told', (_, after) => {
  expect(replacedBetween(declared, after)).toEqual(['aws:s3/bucket:Bucket lake: not declared under this name']);
});

test('the README’s table is this list', () => {
  const readme = readFileSync(new URL('../../infra/aws/README.md', import.meta.url), 'utf8');
  const rows = readme.split('\n').filter((line) => /^\| \w+ `[\w-]+` \| `/.test(line));

  expect(rows).toEqual(replacementTable());
});
