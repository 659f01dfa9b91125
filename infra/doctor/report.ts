/** The doctor's findings as lines for people and as JSON. */
import { type Paint, plural } from '../terminal.ts';
import type { Finding, Verdict } from './finding.ts';

export type Counts = Record<Verdict, number>;

/** The findings of one side. */
export interface Group {
  readonly name: 'venue' | 'aws' | 'deployed';
  /** What was asked: `binance.us`, `stream depthlake`, `bucket my-lake`. */
  readonly title: string;
  readonly findings: readonly Finding[];
}

const VERDICT_WIDTH = 'warning'.length;

export function countsOf(groups: readonly Group[]): Counts {
  const counts: Counts = { ok: 0, warning: 0, failure: 0 };
  for (const { verdict } of groups.flatMap(({ findings }) => findings)) counts[verdict] += 1;
  return counts;
}

export function reportJson(groups: readonly Group[]): object {
  const counts = countsOf(groups);
  return { ok: counts.failure === 0, counts, groups };
}

/** What to do stands once below neighbours that have it in common. */
export function* groupLines({ name, title, findings }: Group, paint: Paint): Generator<string> {
  const colour: Record<Verdict, (text: string) => string> = {
    ok: paint.green,
    warning: paint.yellow,
    failure: paint.red,
  };
  const width = Math.max(0, ...findings.map(({ what }) => what.length));
  yield paint.bold(`${name}  ${title}`);
  for (const [at, { what, verdict, detail, cure }] of findings.entries()) {
    yield `  ${colour[verdict](verdict.padEnd(VERDICT_WIDTH))}  ${what.padEnd(width)}  ${detail}`;
    if (cure !== null && cure !== findings[at + 1]?.cure) yield `${' '.repeat(VERDICT_WIDTH + 4)}→ ${cure}`;
  }
}

export function countsLine({ ok, warning, failure }: Counts): string {
  return `${ok} ok, ${plural(warning, 'warning')}, ${plural(failure, 'failure')}`;
}
