/** The live line of a replay: a bar over the time range, rows a second, factor of real time, time left. */
import { createRequire } from 'node:module';
import type { Format } from 'cli-progress';
import type { ReplayProgress } from '../../producer/replay/options.ts';
import { formatCount, formatTime, plural } from '../terminal.ts';
import { Rates } from './rates.ts';

const BAR_COLUMNS = 16;
const BAR = {
  barsize: BAR_COLUMNS,
  barCompleteString: '█'.repeat(BAR_COLUMNS + 1),
  barIncompleteString: '░'.repeat(BAR_COLUMNS + 1),
  barGlue: '',
};

const TIME = { autopaddingChar: '' };

/** Event time from the first row to the end of the range; null: the end is not known. */
interface ProgressRange {
  readonly fromMs: number | null;
  readonly toMs: number | null;
}

export class ReplayStatus {
  readonly #range: ProgressRange;
  readonly #format: typeof Format;
  readonly #rows = new Rates();
  readonly #eventMs = new Rates();
  #firstMs: number | null = null;

  constructor(range: ProgressRange) {
    this.#range = range;
    // Only when somebody looks at it: the package is CommonJS, and a pipe needs none of it.
    this.#format = (createRequire(import.meta.url)('cli-progress') as typeof import('cli-progress')).Format;
  }

  /** @param nowMs any clock */
  text({ rows, atMs, lagMs, seconds }: ReplayProgress, nowMs: number): string {
    if (atMs === null) return 'looking for the first row …';
    this.#firstMs ??= this.#range.fromMs ?? atMs;
    const factor = this.#eventMs.perSecond(atMs, nowMs) / 1000;
    const perSecond = this.#rows.perSecond(rows, nowMs);
    // What matters least stands last: a narrow terminal cuts it off.
    return [
      ...this.#bar(atMs, seconds),
      formatTime(atMs).slice(0, 19),
      ...(perSecond > 0 ? [`${formatCount(perSecond)} rows/s`] : []),
      ...(factor > 0 ? [`×${formatCount(factor >= 10 ? Math.round(factor) : Math.round(factor * 10) / 10)}`] : []),
      ...(lagMs > 1000 ? [`${formatCount(Math.round(lagMs / 1000))} s behind`] : []),
      plural(rows, 'row'),
    ].join(' · ');
  }

  #bar(atMs: number, seconds: number): string[] {
    const { toMs } = this.#range;
    const firstMs = this.#firstMs!;
    if (toMs === null || toMs <= firstMs) return [];
    const done = Math.min(1, Math.max(0, (atMs - firstMs) / (toMs - firstMs)));
    const bar = `${this.#format.BarFormat(done, BAR as never)} ${Math.floor(done * 100)} %`;
    if (done === 0 || done === 1) return [bar];
    const left = this.#format.TimeFormat(Math.round((seconds * (1 - done)) / done), TIME as never, 5);
    return [`${bar} · ${left} left`];
  }
}
