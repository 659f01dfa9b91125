/** How far the window of a side reaches, and when that is too little: decides when to fetch a seed, never what a row says. */
import { DEPTH_LEVELS } from '../record.ts';
import type { BookSide } from './book-side.ts';

/** A depth level nearer to the seed's end than this is lost to the next ticks whatever is fetched; it is not held on to. */
const HELD_PART = 0.8;

/** From the mid to the window's end, as a fraction of the mid; infinite where there is no end or no mid. */
export function reachOf(side: BookSide, other: BookSide): number {
  const { end, best } = side;
  if (end === null || best === undefined || other.best === undefined) return Number.POSITIVE_INFINITY;
  const sum = Number(best) + Number(other.best);
  return Math.abs(sum - 2 * Number(end)) / sum;
}

/**
 * The reach below which a newly seeded side wants the next seed: half of what it is now, or the outermost depth level that
 * lies well inside it.
 */
export function wantedReach(side: BookSide, other: BookSide): number {
  const reach = reachOf(side, other);
  if (!Number.isFinite(reach)) return 0;
  const held = DEPTH_LEVELS.map((k) => k / 10_000).filter((distance) => distance <= reach * HELD_PART);
  return Math.max(reach / 2, ...held);
}
