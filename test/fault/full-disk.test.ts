/** A full disk: start ends and says so, and what was delivered before reads. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { depthlake } from '../cli/process.ts';
import { temporaryFolder } from '../end-to-end/harness.ts';
import { readLake } from '../end-to-end/lake.ts';

/** Some seconds of the feed below fill it. */
const SIZE = '512k';

test('start on a disk that fills up ends with DL_DISK_FULL, and what was delivered reads', {
  timeout: 120_000,
}, async (context) => {
  const mount = path.join(temporaryFolder(context), 'disk');
  mkdirSync(mount);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', mount]);
  context.skip(mounted.status !== 0, 'skipped: mounting a small disk needs root and mount(8)');
  context.onTestFinished(() => void spawnSync('umount', ['-l', mount]));
  const flags = ['--symbols', 'BTCUSDT,ETHUSDT,SOLUSDT,XRPUSDT,ADAUSDT,DOGEUSDT', '--raw-levels', '--codec', 'null'];

  const run = await depthlake([
    'start',
    '--data',
    path.join(mount, 'lake'),
    '--buffer-seconds',
    '1',
    '--duration',
    '60s',
    '--json',
    ...flags,
  ]);

  expect(run.status).toBe(1);
  const messages = run.stderr.split('\n').filter((line) => line.startsWith('depthlake: '));
  expect(messages, run.stderr).toHaveLength(1);
  expect(messages[0]).toContain('DL_DISK_FULL');
  expect(run.stderr).not.toMatch(/^\s+at .*:\d+:\d+/m);
  const { rows, events } = await readLake(path.join(mount, 'lake'));
  expect(rows.length).toBeGreaterThan(0);
  expect(JSON.parse(run.stdout)).toMatchObject({ rows: rows.length + events.length });
  expect(JSON.parse(run.stdout).seconds).toBeLessThan(50);
});
