import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { encodeLine, encodePack } from '../../producer/record.ts';
import { writeContainerFile } from '../../transformer/container-file.ts';
import { depthlakeHere } from './in-process.ts';
import { NOON, put, putRows, sessionEvents, snapshots, temporaryFolder } from './lake.ts';
import { depthlake } from './process.ts';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

describe('depthlake inspect', () => {
  it('says what a container file holds', async () => {
    const file = path.join(folder, putRows(folder, 'order_book', 'a', snapshots([1, 2, 3])));
    const { status, stdout, stderr } = await depthlake(['inspect', file]);
    expect([status, stderr]).toEqual([0, '']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toBe(file);
    expect(lines[1]).toBe('  table   order_book, 19 fields');
    expect(lines[2]).toMatch(/^ {2}fields {2}timestamp_ms long, bids array<array<double>>, .*verified boolean\?, /);
    expect(lines[3]).toBe('  codec   deflate');
    expect(lines[4]).toBe('  rows    3 in 1 block');
    expect(lines[5]).toMatch(/^ {2}size {4}\d\.\d kB$/);
    expect(lines[6]).toContain('  first   2026-09-01T12:00:01.000Z {"timestamp_ms":1788264001000,');
    expect(lines[7]).toContain('  last    2026-09-01T12:00:03.000Z {"timestamp_ms":1788264003000,');
  });

  it('says so where a container file holds no row', async () => {
    const file = put(folder, 'empty.avro', writeContainerFile('feed_event', [], 'null'));
    const { status, stdout } = await depthlakeHere(['inspect', file]);
    expect(status).toBe(0);
    expect(stdout).toContain('rows    0 in 0 blocks');
    expect(stdout).not.toContain('first');
  });

  it('prints with --json the rows of every file and nothing else', async () => {
    const rows = snapshots([1, 2, 3]);
    const events = sessionEvents(3);
    const files = [putRows(folder, 'order_book', 'a', rows), putRows(folder, 'feed_event', 'b', events)];
    const { status, stdout } = await depthlakeHere([
      'inspect',
      '--json',
      ...files.map((file) => path.join(folder, file)),
    ]);
    expect(status).toBe(0);
    const printed = stdout.trimEnd().split('\n');
    expect(printed.map((line) => JSON.parse(line))).toEqual([...rows, ...events]);
  });

  it('prints with --schema the schema that stands in the file', async () => {
    const file = path.join(folder, putRows(folder, 'order_book', 'a', snapshots([1])));
    const { stdout } = await depthlakeHere(['inspect', '--schema', file]);
    const schema = JSON.parse(stdout);
    expect(schema).toMatchObject({ type: 'record', name: 'OrderBook' });
    expect(schema.fields).toHaveLength(19);
  });

  it('reads standard input as `-`', async () => {
    const failed = `{"rawData":"${Buffer.from('x').toString('base64')}","errorCode":"E"}\n`;
    const { status, stdout } = await depthlake(['inspect', '-'], { input: failed });
    expect(status).toBe(0);
    expect(stdout).toContain('a line is not JSON');
  });

  it('names a bad file with the reason, goes on with the others, and ends with status 1', async () => {
    const good = path.join(folder, putRows(folder, 'order_book', 'a', snapshots([1, 2])));
    const bytes = readFileSync(good);
    const cut = put(folder, 'cut.avro', bytes.subarray(0, -5));
    const foreign = put(folder, 'notes.txt', 'hello');
    const gone = path.join(folder, 'gone.avro');
    const { status, stdout, stderr } = await depthlake(['inspect', cut, foreign, gone, folder, good]);
    expect(status).toBe(1);
    expect(stdout).toContain('rows    2 in 1 block');
    expect(stderr).toContain(`depthlake: DL_CONTAINER_INVALID: ${cut}: block 1: it is cut off`);
    expect(stderr).toContain(`depthlake: DL_CONTAINER_INVALID: ${foreign}: the file does not begin with`);
    expect(stderr).toContain(`depthlake: DL_FILE_UNREADABLE: ${gone}: does not exist`);
    expect(stderr).toContain(`depthlake: DL_FILE_UNREADABLE: ${folder}: is a folder`);
    expect(stderr.match(/what to do: /g)).toHaveLength(4);
  });
});

describe('depthlake inspect on an object of the error prefix', () => {
  const record = (data: Buffer, given: object = {}) =>
    `${JSON.stringify({
      attemptsMade: 4,
      arrivalTimestamp: NOON,
      errorCode: 'Lambda.ProcessingFailedStatus',
      errorMessage: 'ProcessingFailed status set for record',
      attemptEndingTimestamp: NOON + 5000,
      rawData: data.toString('base64'),
      lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:transformer',
      ...given,
    })}\n`;
  const pack = encodePack(snapshots([1, 2]).map((row) => encodeLine({ table: 'order_book', row })));
  const unreadable = Buffer.from('{"type":"trade"}');

  it('shows each record with its error code, attempts, time and the reason found by decoding it again', async () => {
    const file = put(
      folder,
      'failed',
      record(unreadable) +
        record(pack, { attemptsMade: 1, errorCode: 'Lambda.FunctionError', errorMessage: 'Task timed out' }),
    );
    const { status, stdout } = await depthlakeHere(['inspect', file]);
    expect(status).toBe(0);
    expect(stdout).toContain('2 records of the error prefix');
    expect(stdout).toContain(
      `2026-09-01T12:00:00.000Z  Lambda.ProcessingFailedStatus  4 attempts, 16 B: a row's type is "trade", not one of`,
    );
    expect(stdout).toContain(`Lambda.FunctionError  1 attempt, ${pack.length} B, decodes to 2 rows: Task timed out`);
  });

  it('prints with --json one line a record', async () => {
    const { stdout } = await depthlakeHere([
      'inspect',
      '--json',
      put(folder, 'failed', record(unreadable) + record(pack)),
    ]);
    const printed = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(printed).toMatchObject([
      { attempts: 4, arrivedMs: NOON, rows: null, bytes: 16 },
      { attempts: 4, rows: 2, reason: 'ProcessingFailed status set for record' },
    ]);
  });

  it('refuses other JSON lines', async () => {
    const { status, stderr } = await depthlakeHere(['inspect', put(folder, 'other.json', '{"a":1}\n')]);
    expect(status).toBe(1);
    expect(stderr).toContain('line 1 has no rawData');
  });
});
