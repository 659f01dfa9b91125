/** The whole of `depthlake start`: CPU share and peak memory of its producer process. Linux only: read from /proc. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PACKAGE_ROOT } from '../../infra/commands/package.ts';
import { readEndpoints } from '../../infra/local/endpoints.ts';
import type { PipelineSummary } from '../../infra/local/pipeline.ts';
import { FRAME_INTERVAL_MS, SYMBOLS } from './market.ts';
import { cpuShare, type ProcessSample, sampleOf } from './process-sample.ts';
import { type Bench, count, digits } from './report.ts';

const CLI = fileURLToPath(new URL('dist/cli/index.mjs', PACKAGE_ROOT));
const MEMORY_LIMIT_MB = 200;
const START_MS = 60_000;
const POLL_MS = 250;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Never settles where a run succeeds. */
function failureOf(run: Promise<unknown>): Promise<never> {
  return new Promise((_, reject) => run.catch(reject));
}

async function producerPid(data: string): Promise<number> {
  const endMs = performance.now() + START_MS;
  while (performance.now() < endMs) {
    const endpoints = await readEndpoints(data);
    if (endpoints !== null) return endpoints.producer_pid;
    await pause(POLL_MS);
  }
  throw new Error(`start wrote no endpoints within ${START_MS} ms`);
}

async function samplesOf(pid: number, progress: (what: string) => void): Promise<ProcessSample[]> {
  const samples: ProcessSample[] = [];
  for (let sample = sampleOf(pid); sample !== null; sample = sampleOf(pid)) {
    samples.push(sample);
    progress(`${((sample.atMs - samples[0]!.atMs) / 1000).toFixed(0)} s, ${sample.peakMb.toFixed(0)} MB`);
    await pause(POLL_MS);
  }
  if (samples.length < 2) throw new Error('the producer could not be observed: /proc is needed, so Linux');
  return samples;
}

export const startBench: Bench = {
  title: 'start',
  async run({ quick, progress }) {
    const seconds = quick ? 10 : 60;
    const data = mkdtempSync(path.join(tmpdir(), 'depthlake-bench-'));
    const flags = ['--data', data, '--symbols', SYMBOLS.join(','), '--duration', `${seconds}s`, '--json'];
    const run = promisify(execFile)(process.execPath, [CLI, 'start', ...flags]);
    try {
      const samples = await Promise.race([producerPid(data).then((pid) => samplesOf(pid, progress)), failureOf(run)]);
      const { stdout } = await run;
      return outcomeOf(samples, JSON.parse(stdout) as PipelineSummary);
    } finally {
      await run.catch(() => {});
      rmSync(data, { recursive: true, force: true });
    }
  },
};

function outcomeOf(samples: readonly ProcessSample[], summary: PipelineSummary) {
  const first = samples[0]!;
  const last = samples.at(-1)!;
  const observed = (last.atMs - first.atMs) / 1000;
  const cpu = last.cpuSeconds - first.cpuSeconds;
  const share = `${digits(100 * cpuShare(first, last))} % of one core`;
  const verdict = last.peakMb < MEMORY_LIMIT_MB ? 'met' : 'not met';
  const memory = `${count(last.peakMb)} MB at its peak (below ${MEMORY_LIMIT_MB} MB: ${verdict})`;
  return {
    headline: `the producer takes ${share}, ${memory}`,
    lines: [
      `The producer process of \`depthlake start\` at ${SYMBOLS.length} symbols × ${1000 / FRAME_INTERVAL_MS} frames/s, start-up and flush included, ${digits(observed)} s observed.`,
      '',
      '| | |',
      '|---|---|',
      `| CPU | ${share}, ${digits((cpu * 1e6) / summary.frames)} µs a frame, packs and Kinesis included |`,
      `| memory | ${memory} |`,
      `| frames | ${count(summary.frames)} |`,
      `| rows in the lake | ${count(summary.rows)} in ${count(summary.objects)} files |`,
      `| lost | ${summary.lost === null ? 'unknown' : count(summary.lost)} |`,
      `| duplicates | ${count(summary.duplicates)} |`,
    ],
  };
}
