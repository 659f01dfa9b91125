/** Kinesis is away for ten seconds, in other ways than in `outage.test.ts`, and while the producer is killed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { checkFolder, checkLater, readLake } from '../end-to-end/lake.ts';
import { until } from '../end-to-end/wait.ts';
import { expectOutageBridged, SYMBOLS, startRecording } from './outage.ts';

const SLOW = { timeout: 300_000 };

describe.concurrent('Kinesis is away for ten seconds', () => {
  test.for([
    ['refuses every entry', { refuseEntries: 1 }],
    ['fails every call', { failCalls: 1 }],
  ] as const)(
    'it %s: nothing is lost, each symbol stays in order, and the lake tells when and how much',
    SLOW,
    async ([, faults], context) => {
      await expectOutageBridged(faults, context);
    },
  );

  test(
    'and the producer is killed meanwhile: the next session delivers what is on disk, and its gap begins behind it',
    SLOW,
    async (context) => {
      const { pipeline } = await startRecording(context);
      const killed = pipeline.producer();
      // A state is saved first: without one nobody knows of the killed session.
      await sleep(11_000);
      pipeline.proxy.faults.failCalls = 1;
      await sleep(6_000);
      const { progress, pid } = killed;
      expect(progress()?.spilledRows).toBeGreaterThan(0);
      process.kill(pid, 'SIGKILL');
      const killMs = Date.now();
      await killed.ended;
      pipeline.proxy.faults.failCalls = 0;
      const next = pipeline.launch();
      await until('the next session delivers', () => (next.progress()?.rows ?? 0) > 40);

      const { failure } = await pipeline.finish();

      expect(failure).toBeNull();
      expect(next.logged.map(({ event }) => event)).toContain('spill_recovered');
      const lake = await readLake(pipeline.folder);
      const sessions = lake.events
        .filter(({ kind }) => kind === 'started')
        .sort((a, b) => a.timestamp_ms - b.timestamp_ms);
      const [before, after] = sessions.map(({ session_id }) => session_id);
      for (const symbol of SYMBOLS) {
        const rows = lake.rows.filter((row) => row.symbol === symbol && row.session_id === before);
        const lastMs = Math.max(...rows.map((row) => row.received_ms));
        expect(killMs - lastMs, 'no more is lost than the linger and 2 s').toBeLessThanOrEqual(500 + 2_000);
        const gaps = lake.events.filter((event) => event.kind === 'gap' && event.symbol === symbol);
        expect(gaps).toHaveLength(1);
        expect(gaps[0]).toMatchObject({ session_id: after, from_ms: lastMs });
        expect(gaps[0]!.to_ms).toBeGreaterThan(killMs);
        expect(JSON.parse(gaps[0]!.detail!)).toMatchObject({ bounds: 'outer', session_before: before });
      }
      expect(await checkFolder(pipeline.folder)).toMatchObject({ status: 0, ok: true });
      const { audit, promises } = await checkLater(pipeline.folder);
      expect(audit.totals).toMatchObject({ lost: 0, killed: 1, open: 0 });
      expect(promises.map(({ verdict }) => verdict)).toEqual(['kept', 'kept', 'kept']);
    },
  );
});
