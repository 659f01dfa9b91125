/** What the producer shows of itself while it runs: over HTTP, and in its log. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type FaultyPipeline, type RunningProducer, startFaultyPipeline } from './harness.ts';
import { until } from './wait.ts';

const SLOW = { timeout: 120_000 };
const SYMBOLS = ['BTCUSDT', 'ETHUSDT'];
const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';

async function monitorOf(producer: RunningProducer): Promise<string> {
  const told = () => producer.logged.find(({ event }) => event === 'monitoring')?.fields['url'];
  await until('it tells where it is to be looked at', () => told() !== undefined);
  return String(told());
}

async function probe(url: string, path: string): Promise<{ status: number; body: { reasons?: string[] } }> {
  const response = await fetch(url + path);
  return { status: response.status, body: (await response.json()) as { reasons?: string[] } };
}

/** The value of a metric, summed over its labels; null: it is not shown. */
function metricOf(metrics: string, name: string): number | null {
  const values = metrics.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  return values.length === 0 ? null : values.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

function accepted({ progress }: FaultyPipeline, rows: number): Promise<void> {
  return until('rows are accepted', () => (progress()?.rows ?? 0) > rows);
}

describe.concurrent('the monitor', () => {
  test(
    '/healthz: 503 until Kinesis has accepted a pack; /readyz: 503 again when Kinesis refuses for 10 s, and 200 after',
    SLOW,
    async (context) => {
      const pipeline = await startFaultyPipeline(context, {
        symbols: SYMBOLS,
        seed: 121,
        kinesis: { failCalls: 1 },
        flags: ['--linger=500ms'],
      });
      const url = await monitorOf(pipeline.producer());
      await until('frames come', () => (pipeline.progress()?.frames ?? 0) > 20);
      expect(await probe(url, '/healthz')).toMatchObject({
        status: 503,
        body: { reasons: ['Kinesis has not accepted a pack yet'] },
      });
      expect((await probe(url, '/readyz')).status).toBe(503);

      pipeline.proxy.faults.failCalls = 0;
      await accepted(pipeline, 20);
      expect(await probe(url, '/healthz')).toEqual({ status: 200, body: { status: 'ok' } });
      await until('it is ready', async () => (await probe(url, '/readyz')).status === 200);

      pipeline.proxy.faults.refuseEntries = 1;
      const refusingMs = Date.now();
      await until('it is not ready', async () => (await probe(url, '/readyz')).status === 503);
      expect(Date.now() - refusingMs).toBeGreaterThan(10_000);
      expect((await probe(url, '/readyz')).body.reasons).toEqual([
        expect.stringMatching(/^Kinesis refuses for \d+ s$/),
      ]);
      expect((await probe(url, '/healthz')).status).toBe(200);

      pipeline.proxy.faults.refuseEntries = 0;
      await until('it is ready again', async () => (await probe(url, '/readyz')).status === 200);
      await pipeline.finish();
    },
  );

  test(
    '/metrics says what the summary says, and the EMF line of the end agrees; no secret is in any of it',
    SLOW,
    async (context) => {
      const pipeline = await startFaultyPipeline(context, {
        symbols: SYMBOLS,
        seed: 122,
        flags: ['--book=full', '--linger=300ms', '--metrics=emf', '--stack=prod', '--producer=p7', '--log-level=debug'],
        env: { AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE', AWS_SECRET_ACCESS_KEY: SECRET },
      });
      const url = await monitorOf(pipeline.producer());
      await accepted(pipeline, 30);
      pipeline.exchange.faults.stall = true;
      await sleep(2_000);
      const metrics = await (await fetch(`${url}/metrics`)).text();

      const { summary } = await pipeline.finish();

      expect(metricOf(metrics, 'depthlake_frames_total')).toBe(summary.frames);
      expect(metricOf(metrics, 'depthlake_diffs_total')).toBe(summary.diffs);
      expect(metricOf(metrics, 'depthlake_snapshots_total')).toBe(summary.snapshots);
      expect(metricOf(metrics, 'depthlake_symbols')).toBe(SYMBOLS.length);
      expect(metricOf(metrics, 'depthlake_connections')).toBe(1);
      expect(metricOf(metrics, 'depthlake_queue_rows')).toBe(0);
      for (const name of ['discarded', 'gaps', 'reconnects', 'hand_overs', 'book_resyncs', 'retries', 'throttles']) {
        expect(metricOf(metrics, `depthlake_${name}_total`), name).not.toBeNull();
      }
      expect(metrics).toContain(`session_id="${summary.session_id}"`);

      const { logged } = pipeline.producer();
      const emf = logged.map(({ fields }) => fields).filter((fields) => '_aws' in fields);
      expect(emf).toHaveLength(1);
      expect(emf[0]).toMatchObject({
        stack: 'prod',
        producer: 'p7',
        Frames: summary.frames,
        Snapshots: summary.snapshots,
        Packs: summary.packs,
        Rows: summary.rows,
        _aws: { CloudWatchMetrics: [{ Namespace: 'Depthlake', Dimensions: [['stack', 'producer']] }] },
      });
      expect(JSON.stringify([logged, metrics, summary])).not.toContain(SECRET);
    },
  );
});
