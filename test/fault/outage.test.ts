/** Kinesis is away for ten seconds: what was recorded meanwhile goes to the disk and then, in order, into the lake. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { startFaultyPipeline } from '../end-to-end/harness.ts';
import { checkFolder, checkLater, readLake } from '../end-to-end/lake.ts';
import { readStream } from '../end-to-end/stream.ts';
import { until } from '../end-to-end/wait.ts';
import { quiet } from './assess.ts';
import { auditFeed } from './feed-audit.ts';
import { Oracle } from './oracle.ts';

const SLOW = { timeout: 120_000 };
const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT'];
const AWAY_MS = 10_000;
const STREAM = 'depthlake';

async function start(context: Parameters<typeof startFaultyPipeline>[0]) {
  const oracle = new Oracle();
  const { onPublished, onSent } = oracle;
  const pipeline = await startFaultyPipeline(context, {
    symbols: SYMBOLS,
    seed: 91,
    market: { onPublished, onSent },
    flags: ['--linger=500ms', '--lanes=4'],
  });
  oracle.begin(pipeline.exchange);
  await until('rows are accepted', () => (pipeline.progress()?.rows ?? 0) > 20);
  return { pipeline, oracle };
}

describe.concurrent('Kinesis is away for ten seconds', () => {
  test.for([
    ['refuses every entry', { refuseEntries: 1 }],
    ['fails every call', { failCalls: 1 }],
    ['hangs', { hangCalls: 1 }],
  ] as const)(
    'it %s: nothing is lost, each symbol stays in order, and the lake tells when and how much',
    SLOW,
    async ([, faults], context) => {
      const { pipeline, oracle } = await start(context);
      Object.assign(pipeline.proxy.faults, faults);
      await sleep(AWAY_MS);
      expect(pipeline.progress()?.spilledRows).toBeGreaterThan(0);
      for (const fault of Object.keys(faults)) Object.assign(pipeline.proxy.faults, { [fault]: 0 });
      const backMs = Date.now();
      await until('nothing is on disk', () => pipeline.progress()?.spilledRows === 0);
      await sleep(1_500);
      const untilMs = Date.now() - 500;
      await quiet(pipeline);
      await until('all is accepted', () => pipeline.progress()?.queuedRows === 0);
      const shards = await readStream(pipeline.proxy.endpoint, STREAM);

      const { summary, failure } = await pipeline.finish();

      expect(failure).toBeNull();
      expect(summary).toMatchObject({ lost: 0, spilled: 0 });
      for (const symbol of SYMBOLS) {
        const seqs = shards.flatMap((rows) =>
          rows.flatMap(({ table, row }) => (table === 'order_book' && row.symbol === symbol ? [row.seq] : [])),
        );
        expect(seqs.length).toBeGreaterThan(30);
        expect(seqs, symbol).toEqual(seqs.map((_, i) => i + 1));
      }
      const lake = await readLake(pipeline.folder);
      const audit = auditFeed({ mode: 'depth20', oracle, lake, symbols: SYMBOLS, untilMs });
      expect(audit).toMatchObject({ problems: [], absent: {}, copies: 0 });
      // A busy machine may spill at other times too.
      const kinds = ['spill_began', 'spill_ended'];
      const told = lake.events.filter(({ kind }) => kinds.includes(kind)).sort((a, b) => a.seq - b.seq);
      expect(told.map(({ kind }) => kind)).toEqual(told.map((_, i) => kinds[i % 2]));
      const ended = told.find(({ kind, to_ms }) => kind === 'spill_ended' && to_ms! > backMs)!;
      expect(ended.from_ms).toBe(told[told.indexOf(ended) - 1]!.timestamp_ms);
      expect(ended.from_ms).toBeLessThan(backMs);
      expect(JSON.parse(ended.detail!).packs).toBeGreaterThan(5);
      expect(await checkFolder(pipeline.folder)).toMatchObject({ status: 0, totals: { lost: 0, duplicates: 0 } });
    },
  );

  test(
    'and the producer is killed meanwhile: the next session delivers what is on disk, and its gap begins behind it',
    SLOW,
    async (context) => {
      const { pipeline } = await start(context);
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
