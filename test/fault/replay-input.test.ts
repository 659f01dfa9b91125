/** Wrong input of `depthlake replay`: each has its code, its words and its exit status; what is damaged is left out and named. */
import { appendFileSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { ERRORS, type ErrorCode } from '../../producer/errors.ts';
import { depthlakeHere } from '../cli/in-process.ts';
import { HOUR_MS, NOON as NOON_MS, putRows, putWholeLake, snapshots, temporaryFolder } from '../cli/lake.ts';
import { feedEvent } from '../cli/rows.ts';

const NOON = '2026-09-01T12:00Z';
const TWO = '2026-09-01T14:00Z';

/** Two hours of a lake, and a folder for what is written. */
let lake: string;
let out: string;
let damaged: string;
let first: string;

beforeAll(() => {
  [lake, out, damaged] = [temporaryFolder(), temporaryFolder(), temporaryFolder()];
  first = path.join(lake, putTwoHours(lake).first);
  symlinkSync(lake, path.join(out, 'link'));
  // The file of the second hour is cut inside its only block.
  const { second } = putTwoHours(damaged);
  const file = path.join(damaged, second);
  writeFileSync(file, readFileSync(file).subarray(0, -20));
});

/** Six snapshots and four feed events, each table in both hours. */
function putTwoHours(folder: string) {
  const files = putWholeLake(folder);
  putRows(folder, 'feed_event', 'd', [feedEvent({ seq: 4, kind: 'tally', timestamp_ms: NOON_MS + HOUR_MS })]);
  return files;
}

const replay = (...args: string[]) => depthlakeHere(['replay', ...args]);

describe('a command line that cannot be is refused, and nothing is written', () => {
  const REFUSALS: [string, () => string[], ErrorCode, RegExp][] = [
    ['an end before its start', () => ['--from', lake, '--start', TWO, '--end', NOON], 'DL_USAGE', /is not after/],
    ['an end at its start', () => ['--from', lake, '--start', NOON, '--end', NOON], 'DL_USAGE', /is not after/],
    [
      '--start latest without --follow',
      () => ['--from', 'kinesis:a', '--start', 'latest'],
      'DL_USAGE',
      /needs --follow/,
    ],
    ['--start latest of a lake', () => ['--from', lake, '--start', 'latest'], 'DL_USAGE', /of a stream only/],
    ['--follow of a lake', () => ['--from', lake, '--follow'], 'DL_USAGE', /--follow is for a stream/],
    ['no source', () => ['--to', 'null'], 'DL_USAGE', /--from is missing/],
    ['a lake into itself', () => ['--from', lake, '--to', `avro:${lake}/.`], 'DL_USAGE', /is what is read/],
    [
      'a table of a lake into that lake',
      () => ['--from', path.join(lake, 'orderbook'), '--to', `avro:${lake}`],
      'DL_USAGE',
      /is what is read/,
    ],
    ['a file of a lake into that lake', () => ['--from', first, '--to', `avro:${lake}`], 'DL_USAGE', /is what is read/],
    [
      'a checkpoint in the place of its rows',
      () => ['--from', lake, '--to', path.join(out, 'rows'), '--checkpoint', path.join(out, '.', 'rows')],
      'DL_USAGE',
      /is the checkpoint, too/,
    ],
    [
      'a lake into itself by another name',
      () => ['--from', lake, '--to', `avro:${path.join(out, 'link')}`],
      'DL_USAGE',
      /is what is read/,
    ],
    ['a file into itself', () => ['--from', first, '--to', first], 'DL_USAGE', /is what is read/],
    [
      'a source that is none',
      () => ['--from', 'kafka:a', '--to', 'null'],
      'DL_SETTINGS',
      /--from kafka:a: must be kinesis:NAME/,
    ],
    ['a sink that is none', () => ['--from', lake, '--to', 'mqtt:a'], 'DL_SETTINGS', /--to mqtt:a: must be stdout/],
    ['a port that is none', () => ['--from', lake, '--to', 'ws:99999'], 'DL_SETTINGS', /must be like ws:9443/],
    ['a bucket that is none', () => ['--from', 's3://', '--to', 'null'], 'DL_SETTINGS', /must be like s3:\/\/bucket/],
    [
      'a time that is none',
      () => ['--from', lake, '--start', 'noon'],
      'DL_SETTINGS',
      /--start noon: must be a time like/,
    ],
    ['a table that is none', () => ['--from', lake, '--tables', 'trades'], 'DL_SETTINGS', /"trades" is no table/],
    ['a speed that is none', () => ['--from', lake, '--speed', 'fast'], 'DL_SETTINGS', /--speed fast/],
    [
      'CSV of two tables',
      () => ['--from', lake, '--tables', 'order_book,feed_event', '--to', path.join(out, 'two.csv')],
      'DL_USAGE',
      /CSV has one table/,
    ],
    ['a stream into itself', () => ['--from', 'kinesis:a', '--to', 'kinesis:a'], 'DL_USAGE', /into itself/],
    [
      'no local pipeline',
      () => ['--local', '--data', out, '--from', 'kinesis:a', '--to', 'null'],
      'DL_SETTINGS',
      /no local pipeline runs on the folder/,
    ],
    [
      'a folder that is not there',
      () => ['--from', path.join(lake, 'none')],
      'DL_FILE_UNREADABLE',
      /none: .*no such file/,
    ],
    ['a folder that holds no lake', () => ['--from', out], 'DL_LAKE_MISSING', /holds no (lake|container file)/],
    [
      'a file that is not there, beside one that is',
      () => ['--from', first, path.join(lake, 'none.avro')],
      'DL_FILE_UNREADABLE',
      /none\.avro: .*no such file/,
    ],
  ];

  test.each(REFUSALS)('%s', async (_what, args, code, words) => {
    const { status, stdout, stderr } = await replay(...args());
    expect(stderr).toMatch(new RegExp(`^depthlake: ${code}: `, 'm'));
    expect(stderr).toMatch(words);
    expect([status, stdout]).toEqual([ERRORS[code].exit, '']);
  });

  test('an output that is there already, until it is to be replaced', async () => {
    const file = path.join(out, 'there.jsonl');
    writeFileSync(file, 'something else\n');
    const refused = await replay('--from', lake, '--to', file);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain(`depthlake: DL_SINK_EXISTS: ${file} is there already`);
    expect(readFileSync(file, 'utf8')).toBe('something else\n');

    const replaced = await replay('--from', lake, '--to', file, '--overwrite');
    expect(replaced.status, replaced.stderr).toBe(0);
    expect(readFileSync(file, 'utf8')).toMatch(/^{"type":"feed_event",.*\n/);
  });

  test('a checkpoint of another command, and one that is damaged', async () => {
    const checkpoint = path.join(out, 'checkpoint');
    const args = ['--from', lake, '--to', path.join(out, 'with.jsonl'), '--checkpoint', checkpoint];
    expect((await replay(...args, '--end', TWO)).status).toBe(0);
    const written = readFileSync(path.join(out, 'with.jsonl'), 'utf8');

    const other = await replay(...args, '--end', TWO, '--symbols', 'ETHUSDT');
    appendFileSync(checkpoint, '}');
    const damage = await replay(...args, '--end', TWO);

    for (const { status } of [other, damage]) expect(status).toBe(2);
    expect(other.stderr).toContain('DL_CHECKPOINT_INVALID: the checkpoint is of another replay: symbols ');
    expect(damage.stderr).toContain('DL_CHECKPOINT_INVALID: the checkpoint is no JSON');
    expect(readFileSync(path.join(out, 'with.jsonl'), 'utf8')).toBe(written);
  });
});

describe('what cannot be read is left out and named, and the rest replayed; --strict ends at it', () => {
  const CASES: [string, () => string[], ErrorCode, number, string][] = [
    ['a torn file of a lake', () => ['--from', damaged], 'DL_CONTAINER_INVALID', 7, 'hour=13/'],
    [
      'an hour without files',
      () => ['--from', lake, '--start', NOON, '--end', '2026-09-01T15:00Z', '--tables', 'order_book'],
      'DL_HOUR_EMPTY',
      6,
      'order_book 2026-09-01T14:00:00.000Z: ',
    ],
  ];

  test.each(CASES)('%s', async (_what, args, code, rows, words) => {
    const lenient = await replay(...args(), '--to', 'null', '--json');
    const strict = await replay(...args(), '--to', 'null', '--strict');

    expect(lenient.status).toBe(1);
    expect(lenient.stderr).toContain(`depthlake: DL_REPLAY_INCOMPLETE: left out: 1 ${code}\n  ${code} `);
    expect(lenient.stderr).toContain(words);
    const summary = JSON.parse(lenient.stdout);
    expect(summary.problems).toMatchObject({ count: 1, codes: { [code]: 1 }, list: [{ code }] });
    expect(summary.rows.order_book + summary.rows.feed_event).toBe(rows);
    expect(strict.status).toBe(ERRORS[code].exit);
    expect(strict.stderr).toMatch(new RegExp(`^depthlake: ${code}: `, 'm'));
    expect(strict.stderr).toContain(words);
  });

  test('and named again where its checkpoint is complete: the same command does not end as if nothing were missing', async () => {
    const args = ['--from', damaged, '--end', TWO, '--to', path.join(out, 'torn.jsonl')];
    const torn = [...args, '--checkpoint', path.join(out, 'torn.checkpoint')];

    const [once, again] = [await replay(...torn, '--json'), await replay(...torn, '--json')];

    const told =
      /^depthlake: DL_REPLAY_INCOMPLETE: left out: 1 DL_CONTAINER_INVALID\n {2}DL_CONTAINER_INVALID .*hour=13/m;
    for (const { status, stderr } of [once, again]) expect([status, stderr]).toEqual([1, expect.stringMatching(told)]);
    expect(again.stderr).toContain('nothing is left to do');
    const { seconds: _, ...summary } = JSON.parse(once.stdout);
    expect(JSON.parse(again.stdout)).toEqual({ ...summary, seconds: 0, resumed: true });
  });

  test('a torn file and a foreign one among good ones: both are named', async () => {
    const folder = temporaryFolder();
    const good = path.join(folder, putRows(folder, 'order_book', 'a', snapshots([1, 2])));
    const torn = path.join(folder, putRows(folder, 'order_book', 'b', snapshots([3, 4])));
    writeFileSync(torn, readFileSync(torn).subarray(0, -5));
    const foreign = path.join(folder, 'notes.avro');
    writeFileSync(foreign, 'hello');

    const { status, stderr, stdout } = await replay('--from', torn, foreign, good, '--to', 'null', '--json');

    expect(status).toBe(1);
    expect(stderr).toContain('left out: 2 DL_CONTAINER_INVALID');
    for (const file of [torn, foreign]) expect(stderr).toContain(`DL_CONTAINER_INVALID ${file}: `);
    expect(JSON.parse(stdout).rows).toEqual({ order_book: 2, feed_event: 0 });
  });
});
