import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../end-to-end/harness.ts';
import { startPipelineProcess } from '../end-to-end/pipeline-process.ts';
import { isAlive, until } from '../end-to-end/wait.ts';

test('the local Kinesis hangs: Ctrl-C ends start within 45 s, and it says once why', {
  timeout: 300_000,
}, async (context) => {
  const folder = temporaryFolder(context);
  const run = await startPipelineProcess(context, folder, ['--buffer-seconds', '1']);
  await until('the first file', () => existsSync(path.join(folder, 'orderbook')), 60_000);

  process.kill(run.endpoints.kinesis_pid, 'SIGSTOP');
  try {
    const interruptedAt = Date.now();
    run.interrupt('SIGINT');
    const { status, stderr, summary } = await run.ended;

    expect(status, stderr).toBe(1);
    const failures = stderr.split('\n').filter((line) => line.startsWith('depthlake: DL_'));
    expect(failures).toEqual([
      expect.stringMatching(/^depthlake: DL_KINESIS_UNREACHABLE: shardId-\d+ of depthlake cannot be read to its tip: /),
    ]);
    expect(stderr).not.toContain('node-http-handler');
    expect(Date.now() - interruptedAt).toBeLessThan(45_000);
    expect(summary!.rows).toBeGreaterThan(0);
    expect([run.endpoints.producer_pid, run.endpoints.kinesis_pid].filter(isAlive)).toEqual([]);
    expect(existsSync(path.join(folder, 'endpoints.json'))).toBe(false);
    expect(existsSync(path.join(folder, '.lock'))).toBe(false);
  } finally {
    if (isAlive(run.endpoints.kinesis_pid)) process.kill(run.endpoints.kinesis_pid, 'SIGKILL');
  }
});
