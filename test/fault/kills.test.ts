/** Processes of the pipeline that are killed: nothing hangs, nothing of ours stays, and what had arrived is whole. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../end-to-end/harness.ts';
import { checkFolder, readLake } from '../end-to-end/lake.ts';
import { startPipelineProcess } from '../end-to-end/pipeline-process.ts';
import { isAlive, until } from '../end-to-end/wait.ts';

const SLOW = { timeout: 120_000 };
const FLAGS = ['--symbols', 'BTCUSDT,ETHUSDT', '--buffer-seconds', '1'];
/** The children notice that their parent is gone. */
const ORPHANS_END_WITHIN_MS = 10_000;

async function delivering(folder: string): Promise<void> {
  await until('the first file', () => existsSync(path.join(folder, 'orderbook')), 60_000);
}

function failures(stderr: string): string[] {
  return stderr.split('\n').filter((line) => line.startsWith('depthlake: DL_'));
}

describe.concurrent('a process of the pipeline is killed', () => {
  test(
    'start: its children end by themselves, and the next start on the folder continues with higher ids',
    SLOW,
    async (context) => {
      const folder = temporaryFolder(context);
      const first = await startPipelineProcess(context, folder, FLAGS);
      await delivering(folder);

      first.kill('SIGKILL');
      await first.ended;

      const { producer_pid, kinesis_pid } = first.endpoints;
      await until('the children end', () => ![producer_pid, kinesis_pid].some(isAlive), ORPHANS_END_WITHIN_MS);
      const before = await readLake(folder);
      const second = await startPipelineProcess(context, folder, [...FLAGS, '--duration', '5s']);
      const { status, stderr, summary } = await second.ended;
      expect(status, stderr).toBe(0);
      expect(summary).toMatchObject({ lost: 0 });
      const { rows } = await readLake(folder);
      const later = rows.filter((row) => row.session_id === summary!.session_id);
      expect(later.length).toBe(summary!.snapshots);
      for (const symbol of ['BTCUSDT', 'ETHUSDT']) {
        const ids = (of: typeof rows) => of.filter((row) => row.symbol === symbol).map((row) => row.last_update_id);
        expect(Math.min(...ids(later))).toBeGreaterThan(Math.max(...ids(before.rows)));
      }
      const check = await checkFolder(folder);
      expect(check.status).toBe(0);
      expect(check.sessions.find(({ sessionId }) => sessionId === summary!.session_id)).toMatchObject({
        stopped: true,
      });
    },
  );

  test('the producer: start says so and fails, and what reached Kinesis is delivered', SLOW, async (context) => {
    const folder = temporaryFolder(context);
    const run = await startPipelineProcess(context, folder, FLAGS);
    await delivering(folder);

    process.kill(run.endpoints.producer_pid, 'SIGKILL');

    const { status, stderr, summary } = await run.ended;
    expect(status).toBe(1);
    expect(failures(stderr)).toEqual(['depthlake: DL_SERVICE_DIED: the producer was ended by SIGKILL']);
    expect(stderr).toContain('what to do:');
    const { rows, events } = await readLake(folder);
    expect(summary).toMatchObject({ rows: rows.length + events.length, lost: null });
    const check = await checkFolder(folder);
    expect(check).toMatchObject({ status: 0, totals: { lost: 0 } });
    expect(check.sessions).toMatchObject([{ stopped: false }]);
    expect(isAlive(run.endpoints.kinesis_pid)).toBe(false);
    expect(existsSync(path.join(folder, 'endpoints.json'))).toBe(false);
  });

  test('Kinesis: start says so once, fails, and does not hang', SLOW, async (context) => {
    const folder = temporaryFolder(context);
    const run = await startPipelineProcess(context, folder, FLAGS);
    await delivering(folder);

    process.kill(run.endpoints.kinesis_pid, 'SIGKILL');

    const killedAt = Date.now();
    const { status, stderr } = await run.ended;
    expect(status).toBe(1);
    expect(failures(stderr)).toEqual(['depthlake: DL_SERVICE_DIED: the local Kinesis ended by SIGKILL']);
    expect(Date.now() - killedAt).toBeLessThan(30_000);
    expect(isAlive(run.endpoints.producer_pid)).toBe(false);
    expect(existsSync(path.join(folder, 'endpoints.json'))).toBe(false);
    expect(await checkFolder(folder)).toMatchObject({ status: 0 });
  });
});
