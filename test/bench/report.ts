/** RESULTS.md: what was measured, on what, with which versions. No names and no paths of the machine. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, cpus, platform, totalmem } from 'node:os';
import { packageVersion } from '../../infra/commands/package.ts';
import type { Spread } from './rounds.ts';

export interface BenchOptions {
  /** Fewer and shorter rounds: to see that it works, not to be quoted. */
  readonly quick: boolean;
  readonly progress: (what: string) => void;
}

export interface Outcome {
  /** The result in a line. */
  readonly headline: string;
  /** What was measured and how, in Markdown. */
  readonly lines: readonly string[];
}

export interface Bench {
  readonly title: string;
  /** @throws Error where something could not be measured */
  readonly run: (options: BenchOptions) => Promise<Outcome>;
}

export interface Result extends Outcome {
  readonly title: string;
}

const PACKAGES = ['avsc', 'rxjs', 'ws', 'kinesis-local', 'tardis-dev'] as const;

export function reportOf(results: readonly Result[], quick: boolean, date: Date): string {
  const [cpu] = cpus();
  const machine = `${cpus().length} cores, ${cpu?.model.trim() ?? 'unknown CPU'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${platform()} ${arch()}`;
  const versions = [
    `depthlake ${packageVersion()}`,
    `node ${process.versions.node}`,
    ...PACKAGES.map((name) => `${name} ${versionOf(name)}`),
  ];
  return [
    '# Results of `npm run bench`',
    '',
    'Written by the script, never by hand. Ratios are measured side by side in one run, the contenders taking turns in every round: median, and in brackets the quartiles of the rounds. Absolute numbers are for orientation only.',
    ...(quick ? ['', '**A `--quick` run: not to be quoted.**'] : []),
    '',
    '| | |',
    '|---|---|',
    ...results.map(({ title, headline }) => `| ${title} | ${headline} |`),
    '',
    `Machine: ${machine}.  `,
    `Versions: ${versions.join(', ')}.  `,
    `Date: ${date.toISOString().slice(0, 10)}.`,
    ...results.flatMap(({ title, lines }) => ['', `## ${title}`, '', ...lines]),
    '',
  ].join('\n');
}

function versionOf(name: string): string {
  // Not every package exports its package.json: it is looked for from the main file upwards.
  let folder = new URL('.', `file://${createRequire(import.meta.url).resolve(name)}`);
  for (; !folder.pathname.endsWith('/node_modules/'); folder = new URL('..', folder)) {
    try {
      const { name: found, version } = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8')) as Partial<
        Record<'name' | 'version', string>
      >;
      if (found === name && version !== undefined) return version;
    } catch {}
  }
  throw new Error(`the version of ${name} is not known`);
}

/** `2.41 (2.30–2.77)` */
export function range({ median, low, high }: Spread): string {
  return `${digits(median)} (${digits(low)}–${digits(high)})`;
}

/** Three significant digits, none lost before the point. */
export function digits(value: number): string {
  return value >= 100 ? count(value) : value.toPrecision(3);
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
