/** One symbol's verdict: whether its messages come, and how far the visible book reaches. */
import { type DepthFields, measureDepth, type UnusableBook } from '../../producer/book/levels.ts';
import type { BookMode } from '../../producer/config.ts';
import { ERRORS } from '../../producer/errors.ts';
import { DEPTH20_LEVELS, type Depth20Frame, type RestBook } from '../../producer/feed/venue.ts';
import { DEPTH_LEVELS } from '../../producer/record.ts';
import { type Finding, failure, ok, warning } from './finding.ts';
import { EXPECTS_DIFFS, EXPECTS_FRAMES, type FirstMessages } from './first-messages.ts';

const QUIET_CURE =
  'A quiet symbol sends nothing while its book stands still: wait longer with --timeout. If it stays silent, see whether it still trades.';
const UNCOVERED_CURE = {
  depth20: 'Record with --book full to cover them: 20 levels a side do not reach so far.',
  witness: 'Record with --book full to cover them: 20 levels a side do not reach so far.',
  full: 'Nothing covers more: the venue gives no deeper book to seed from.',
} as const satisfies Record<BookMode, string>;
const UNUSABLE: Record<UnusableBook, string> = {
  empty_side: 'one side of the book is empty',
  crossed: 'the book is crossed',
};

/**
 * @param seed of book full; null: not asked for
 * @param waitedMs how long the first messages were waited for
 */
export function judgeSymbol(
  symbol: string,
  first: FirstMessages,
  seed: RestBook | null,
  book: BookMode,
  waitedMs: number,
): Finding {
  const times = [
    EXPECTS_FRAMES[book] && first.frame !== null && `first frame after ${first.frame.afterMs} ms`,
    EXPECTS_DIFFS[book] && first.diff !== null && `first diff after ${first.diff.afterMs} ms`,
  ].filter((time) => time !== false);
  const missing = missingOf(first, book);
  if (missing.length > 0) {
    const detail = [...times, `no ${missing.join(' and no ')} within ${waitedMs / 1000} s`].join(', ');
    if (first.refused === null) return warning(symbol, detail, QUIET_CURE);
    return failure(symbol, `${detail}; what came was refused: ${first.refused}`, ERRORS.DL_VENUE_FOREIGN.remedy);
  }
  const depth = depthOf(first, seed);
  const heard = times.join(', ');
  if (depth === null) return ok(symbol, `${heard}; its reach was not asked for, to save request weight`);
  if (typeof depth === 'string')
    return warning(symbol, `${heard}; ${UNUSABLE[depth]}: it yields no snapshot`, QUIET_CURE);
  const detail = `${heard}; ${reachText(depth)}`;
  const { bid_levels_covered, ask_levels_covered } = depth;
  if (Math.min(bid_levels_covered, ask_levels_covered) === DEPTH_LEVELS.length) return ok(symbol, detail);
  return warning(symbol, detail, UNCOVERED_CURE[book]);
}

function missingOf(first: FirstMessages, book: BookMode): string[] {
  return [
    ...(EXPECTS_FRAMES[book] && first.frame === null ? ['frame'] : []),
    ...(EXPECTS_DIFFS[book] && first.diff === null ? ['diff'] : []),
  ];
}

function depthOf({ frame }: FirstMessages, seed: RestBook | null): DepthFields | UnusableBook | null {
  if (seed !== null) return depthWithin(seed, seed.limit);
  return frame === null ? null : depthWithin(frame.frame, DEPTH20_LEVELS);
}

/** @param limit levels a side at the most: a side that has fewer is whole */
function depthWithin({ bids, asks }: Pick<Depth20Frame, 'bids' | 'asks'>, limit: number): DepthFields | UnusableBook {
  return measureDepth({ bids, asks, bidsWhole: bids.length < limit, asksWhole: asks.length < limit });
}

function reachText({ bid_levels_covered, ask_levels_covered, bid_reach, ask_reach }: DepthFields): string {
  const covered = `${bid_levels_covered} and ${ask_levels_covered} of ${DEPTH_LEVELS.length} depth levels covered`;
  return `reach ${percent(bid_reach)} of the bids, ${percent(ask_reach)} of the asks; ${covered}`;
}

function percent(fraction: number): string {
  return `${(fraction * 100).toPrecision(3)} %`;
}
