/** The memory of `depthlake replay` over ten million rows, at their beginning and at their end. Linux only: /proc. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { devNull, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PACKAGE_ROOT } from '../../infra/commands/package.ts';
import type { ReplaySummary } from '../../producer/replay/counts.ts';
import { type LongLake, writeLongLake } from './long-lake.ts';
import { type ProcessSample, sampleOf } from './process-sample.ts';
import { type Bench, count, digits, type Outcome } from './report.ts';

const CLI = fileURLToPath(new URL('dist/cli/index.mjs', PACKAGE_ROOT));
/** Of three minutes and 33,269 rows each: 10 million rows and 300,000. */
const PARTS = 301;
const QUICK_PARTS = 10;
const SAMPLE_MS = 1000;
const QUICK_SAMPLE_MS = 100;
/** In the first tenth the program starts; the second half may be so much above the other tenths of the first, on average. */
const FLAT_WITHIN = 0.1;

const SINKS = [
  { name: '`null`', to: 'null' },
  { name: 'JSON lines', to: devNull },
] as const;

interface Observed {
  readonly name: string;
  readonly summary: ReplaySummary;
  readonly samples: readonly ProcessSample[];
}

export const replayMemoryBench: Bench = {
  title: 'Memory of a replay',
  async run({ quick, progress }) {
    const folder = mkdtempSync(path.join(tmpdir(), 'depthlake-bench-'));
    try {
      progress('writing the lake');
      const lake = await writeLongLake(folder, quick ? QUICK_PARTS : PARTS);
      // At the same time: there are two cores, and it takes minutes.
      const sampleMs = quick ? QUICK_SAMPLE_MS : SAMPLE_MS;
      const observed = await Promise.all(SINKS.map(({ name, to }) => observe(name, [folder, to], sampleMs, progress)));
      for (const { name, summary } of observed) requireWhole(name, summary, lake);
      return outcomeOf(observed, lake);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function observe(
  name: string,
  [from, to]: readonly [string, string],
  sampleMs: number,
  progress: (what: string) => void,
): Promise<Observed> {
  const flags = ['--from', from, '--tables', 'order_book', '--to', to, '--json'];
  const run = promisify(execFile)(process.execPath, [CLI, 'replay', ...flags]);
  const samples: ProcessSample[] = [];
  let running = true;
  const ended = run.finally(() => {
    running = false;
  });
  ended.catch(() => {});
  while (running) {
    const sample = sampleOf(run.child.pid!);
    if (sample !== null) samples.push(sample);
    progress(`${name}, ${sample?.memoryMb.toFixed(0)} MB`);
    await Promise.race([sleep(sampleMs), ended]);
  }
  const { stdout } = await run;
  if (samples.length < 10) throw new Error('the replay could not be observed: /proc is needed, so Linux');
  return { name, summary: JSON.parse(stdout) as ReplaySummary, samples };
}

function requireWhole(name: string, { rows, late, missing, problems }: ReplaySummary, lake: LongLake): void {
  if (rows.order_book === lake.rows && late === 0 && missing === 0 && problems.count === 0) return;
  throw new Error(`${name}: ${rows.order_book} of ${lake.rows} rows, ${late} late, ${missing} missing`);
}

/** What was resident in each tenth of the time, on average, in MB. */
function tenths(samples: readonly ProcessSample[]): number[] {
  const bound = (tenth: number) => Math.floor((samples.length * tenth) / 10);
  return Array.from({ length: 10 }, (_, tenth) => {
    const part = samples.slice(bound(tenth), bound(tenth + 1));
    return part.reduce((sum, { memoryMb }) => sum + memoryMb, 0) / part.length;
  });
}

function isFlat({ samples }: Observed): boolean {
  const averages = tenths(samples);
  return meanOf(averages.slice(5)) <= meanOf(averages.slice(1, 5)) * (1 + FLAT_WITHIN);
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function outcomeOf(observed: readonly Observed[], lake: LongLake): Outcome {
  const peakOf = ({ samples }: Observed) => Math.max(...samples.map(({ peakMb }) => peakMb));
  const verdict = `flat, the second half within ${FLAT_WITHIN * 100} % of the first without its beginning: ${observed.every(isFlat) ? 'met' : 'not met'}`;
  const resident = (tenth: number) =>
    observed.map(({ samples }) => `${count(tenths(samples).at(tenth)!)} MB`).join(' and ');
  return {
    headline: `${count(lake.rows)} rows to \`null\` and to JSON lines: ${resident(1)} in the second tenth of the time, ${resident(-1)} in the last (${verdict})`,
    lines: [
      `\`depthlake replay\` of a lake of ${count(lake.rows)} rows in ${count(lake.files)} container files, ${digits(lake.bytes / 1e9)} GB: three simulated minutes of 20 symbols, ten frames a second of each, again and again, each time later and as another session. Both sinks at the same time, JSON lines to the null device; what is resident is looked at once a second.`,
      '',
      '| sink | resident in each tenth of the time, on average, MB | at its most | rows/s |',
      '|---|---|---|---|',
      ...observed.map((each) => {
        const averages = tenths(each.samples).map(count).join(', ');
        return `| ${each.name} | ${averages} | ${count(peakOf(each))} MB | ${count(lake.rows / each.summary.seconds)} |`;
      }),
    ],
  };
}
