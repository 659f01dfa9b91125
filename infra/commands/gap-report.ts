/** The gaps of a lake as lines for people. They are the feed's truth, and no failure of the lake. */
import type { CoverageResult, CoverageTotals } from '../feed-coverage.ts';
import { formatCount, plural } from '../terminal.ts';

export const GAP_TITLES = ['gaps in', 'venue', 'gaps', 'ms', 'ms covered', 'ms open', 'updates missed'];

/** A line for each symbol with gaps. */
export function gapCells({ symbols }: CoverageResult): string[][] {
  return symbols.map((symbol) => [
    symbol.symbol,
    symbol.venue,
    formatCount(symbol.count),
    formatCount(symbol.ms),
    formatCount(symbol.coveredMs),
    formatCount(symbol.ms - symbol.coveredMs),
    missedText(symbol),
  ]);
}

export function gapSummary({ symbols, totals }: CoverageResult): string {
  const { count, ms, coveredMs } = totals;
  const where = `${plural(count, 'gap')} in ${plural(symbols.length, 'symbol')}`;
  const covered = `${formatCount(coveredMs)} of ${formatCount(ms)} ms covered by another session`;
  return `${where}: ${covered}, ${formatCount(ms - coveredMs)} ms recorded by none; ${missedText(totals)} updates missed`;
}

/** Where ids do not tell for each gap, what they tell is a lower bound. */
function missedText({ count, untold, missedUpdates }: CoverageTotals): string {
  if (untold === count) return 'unknown';
  return `${formatCount(missedUpdates)}${untold > 0 ? ' or more' : ''}`;
}
