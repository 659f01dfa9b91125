/** The built `depthlake replay` into files, cut off in every way: the same command makes the same file of it. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ReplaySummary } from '../../producer/replay/counts.ts';
import { shell } from '../cli/process.ts';
import { RANGE, writeRecordedLake } from './recorded-lake.ts';
import { inOrder, killWhen, linesOf, replay, replayed, rowsOf, startReplay } from './replays.ts';

const root = mkdtempSync(path.join(tmpdir(), 'depthlake-replay-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const at = (name: string) => path.join(root, name);
const QUIETLY = { throwIfNoEntry: false } as const;

describe('a replay into a file with a checkpoint', () => {
  const lake = at('lake');
  let whole: Buffer;
  let wholeSummary: ReplaySummary;
  const args = (name: string) => [
    ...['--from', lake, ...RANGE, '--to', at(`${name}.jsonl`)],
    ...['--checkpoint', at(`${name}.checkpoint`)],
  ];
  /** Event time passes so fast that the replay of the lake takes four seconds. */
  const SLOWLY = ['--speed', '150'];

  beforeAll(async () => {
    writeRecordedLake(lake, 600);
    wholeSummary = await replayed(args('whole'));
    whole = readFileSync(at('whole.jsonl'));
  });

  test('holds each row once, in order, and of two producers’ rows of a book one', async () => {
    const rows = inOrder(await rowsOf(lake));
    const expected = rows.filter(({ table, row }) => table === 'feed_event' || row.session_id === 's1');
    expect(expected.length).toBeGreaterThan(7000);
    expect(linesOf(at('whole.jsonl'))).toEqual(expected);
    expect(JSON.parse(readFileSync(at('whole.checkpoint'), 'utf8'))).toMatchObject({ version: 1, done: true });
  });

  test('killed again and again, at first before its first checkpoint is due, it becomes byte for byte the same file', async () => {
    const checkpoint = at('killed.checkpoint');
    let size = 0;
    let writtenMs = 0;
    const moments = [
      () => (statSync(at('killed.jsonl'), QUIETLY)?.size ?? 0) > size,
      () => (statSync(checkpoint, QUIETLY)?.mtimeMs ?? 0) > writtenMs,
    ];
    for (const moment of moments) {
      const run = startReplay([...args('killed'), ...SLOWLY]);
      await killWhen(run, 'SIGKILL', moment);
      expect((await run.ended).signal).toBe('SIGKILL');
      size = statSync(at('killed.jsonl')).size;
      writtenMs = statSync(checkpoint).mtimeMs;
    }
    const summary = await replayed(args('killed'));

    expect(readFileSync(at('killed.jsonl')).equals(whole)).toBe(true);
    expect(summary).toMatchObject({ resumed: true, done: true });
    const { rows, skipped, late, first_ms, last_ms, missing } = wholeSummary;
    expect(summary).toMatchObject({ rows, late, first_ms, last_ms, missing });
    expect(summary.skipped).toMatchObject({ duplicate: skipped.duplicate, other_producer: skipped.other_producer });
  });

  test('interrupted with Ctrl-C it says how to go on, and the same command does; done, it has nothing left to do', async () => {
    const run = startReplay([...args('interrupted'), ...SLOWLY]);
    await killWhen(run, 'SIGINT', () => (statSync(at('interrupted.jsonl'), QUIETLY)?.size ?? 0) > 0);
    const { status, stderr } = await run.ended;
    expect(status).toBe(130);
    expect(stderr).toContain('stopped by SIGINT before the end; the same command goes on from here');
    expect(JSON.parse(readFileSync(at('interrupted.checkpoint'), 'utf8'))).toMatchObject({ done: false });
    const part = readFileSync(at('interrupted.jsonl'));
    expect(part.length).toBeGreaterThan(0);
    expect(part.equals(whole.subarray(0, part.length))).toBe(true);

    // Piped, it shows no progress.
    expect(await replay(args('interrupted'))).toMatchObject({ status: 0, stderr: '' });
    const again = await replay(args('interrupted'));

    expect(again).toMatchObject({ status: 0, stdout: '' });
    expect(again.stderr).toContain('is complete; nothing is left to do');
    expect(readFileSync(at('interrupted.jsonl')).equals(whole)).toBe(true);
  });

  test('to a pipe that is closed it ends quietly', async () => {
    const script = `depthlake replay --from '${lake}' ${RANGE.join(' ')} | head -n 3; echo "status \${PIPESTATUS[0]}"`;
    const { stdout, stderr } = await shell(script);
    expect(stdout).toBe(`${whole.toString().split('\n').slice(0, 3).join('\n')}\nstatus 141\n`);
    expect(stderr).not.toContain('DL_');
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test('on a full disk it says so, and goes on once there is room', async (context) => {
    const mount = at('disk');
    mkdirSync(mount);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount]);
    context.skip(mounted.status !== 0, 'skipped: mounting a small disk needs root and mount(8)');
    context.onTestFinished(() => void spawnSync('umount', ['-l', mount]));
    const toDisk = [
      '--from',
      lake,
      ...RANGE,
      '--to',
      path.join(mount, 'full.jsonl'),
      '--checkpoint',
      at('full.checkpoint'),
    ];

    const full = await replay([...toDisk, ...SLOWLY]);
    spawnSync('mount', ['-o', 'remount,size=64m', mount]);
    await replayed(toDisk);

    expect(full.status).toBe(1);
    expect(full.stderr.split('\n').filter((line) => line.startsWith('depthlake: '))).toEqual([
      expect.stringContaining('depthlake: DL_DISK_FULL: '),
    ]);
    expect(readFileSync(path.join(mount, 'full.jsonl')).equals(whole)).toBe(true);
  });
});
