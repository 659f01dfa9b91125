import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readContainerFile } from '../../transformer/container-file.ts';
import { put, temporaryFolder } from './lake.ts';
import { depthlake } from './process.ts';

interface Answer {
  recordId: string;
  result: string;
  data: string;
  metadata: { partitionKeys: Record<string, string> };
}

const answers = (stdout: string): Answer[] => JSON.parse(stdout).records;
const fileOf = ({ data }: Answer) => readContainerFile(Buffer.from(data, 'base64'));

describe('depthlake transform', () => {
  it('turns its own example into a container file of each table and one failed record', async () => {
    const example = await depthlake(['transform', '--example']);
    const file = put(temporaryFolder(), 'event.json', example.stdout);
    const { status, stdout, stderr } = await depthlake(['transform', '--event', file]);
    expect(status).toBe(0);
    const [book, event, failed] = answers(stdout);
    expect(stdout).toBe(`${JSON.stringify(JSON.parse(stdout), null, 2)}\n`);
    expect(answers(stdout).map(({ recordId }) => recordId)).toEqual(
      JSON.parse(example.stdout).records.map(({ recordId }: Answer) => recordId),
    );
    expect(fileOf(book!)).toMatchObject({ table: 'order_book', codec: 'deflate', count: 2 });
    expect(book!.metadata.partitionKeys).toMatchObject({ year: '2026', month: '09', day: '01', hour: '12' });
    expect(fileOf(event!)).toMatchObject({ table: 'feed_event', count: 1, rows: [{ kind: 'started' }] });
    expect(failed!.result).toBe('ProcessingFailed');
    expect(stderr).toContain('a line is not JSON');
  });

  it('reads an event from standard input, and writes with the codec asked for', async () => {
    const { stdout: input } = await depthlake(['transform', '--example']);
    const { status, stdout } = await depthlake(['transform', '--event', '-', '--codec', 'snappy'], { input });
    expect(status).toBe(0);
    expect(fileOf(answers(stdout)[0]!).codec).toBe('snappy');
  });

  it('accepts records that were put directly, without kinesisRecordMetadata', async () => {
    const { stdout: example } = await depthlake(['transform', '--example']);
    const event = JSON.parse(example);
    for (const record of event.records) delete record.kinesisRecordMetadata;
    const { status, stdout } = await depthlake(['transform', '--event', '-'], { input: JSON.stringify(event) });
    expect(status).toBe(0);
    expect(answers(stdout).map(({ result }) => result)).toEqual(['Ok', 'Ok', 'ProcessingFailed']);
  });

  it.each([
    ['no JSON', '{', 'the event is not JSON'],
    ['an array', '[]', 'the event is no JSON object'],
    ['no invocationId', '{"records":[]}', 'the event lacks invocationId'],
    ['no records', '{"invocationId":"a"}', 'the event lacks records'],
    ['a record that is none', '{"invocationId":"a","records":[1]}', 'records[0] is no JSON object'],
    ['a record without data', '{"invocationId":"a","records":[{"recordId":"1"}]}', 'records[0] lacks data'],
  ])('refuses an event with %s as DL_EVENT_INVALID', async (_what, input, words) => {
    const { status, stdout, stderr } = await depthlake(['transform', '--event', '-'], { input });
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`depthlake: DL_EVENT_INVALID: ${words}`);
  });

  it('refuses --example together with --event', async () => {
    const { status, stdout, stderr } = await depthlake(['transform', '--example', '--event', 'event.json']);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain('depthlake: DL_USAGE: --example and --event exclude each other');
  });

  it('says which file is not there', async () => {
    const gone = path.join(temporaryFolder(), 'gone.json');
    const { status, stderr } = await depthlake(['transform', '--event', gone]);
    expect(status).toBe(1);
    expect(stderr).toContain(`DL_FILE_UNREADABLE: ${gone}: does not exist`);
  });
});
