/** Which symbols are to be looked at: the settings' patterns against what the venue lists. */
import type { Shard } from '../../producer/config.ts';
import { ERRORS } from '../../producer/errors.ts';
import { selectSymbols, withStatus } from '../../producer/feed/symbols.ts';
import type { Listing } from '../../producer/feed/venue.ts';
import { plural } from '../terminal.ts';
import { type Finding, failure, failureOf, ok, warning } from './finding.ts';
import { askVenue, type RestSide } from './rest.ts';

const FOLLOWED_LATER =
  'A producer follows it once the venue trades it: it reads the listing about every hour. Leave it away if it is retired.';

export interface ChosenSymbols {
  readonly symbols: readonly string[];
  readonly findings: readonly Finding[];
}

/** Without a listing the names are taken as they stand; patterns then name nothing. */
export async function checkSymbols(side: RestSide, patterns: readonly string[], shard: Shard): Promise<ChosenSymbols> {
  try {
    return judgeSymbols(await askVenue(side, side.venue.listing()), patterns, shard, side.venue.name);
  } catch (error) {
    return { symbols: namesAmong(patterns), findings: [failureOf('symbols', error)] };
  }
}

/** What can be looked at without a listing. */
export function namesAmong(patterns: readonly string[]): string[] {
  return patterns.filter((pattern) => !pattern.includes('*'));
}

export function judgeSymbols(
  listing: Listing,
  patterns: readonly string[],
  shard: Shard,
  venueName: string,
): ChosenSymbols {
  const { symbols, unlisted, notTrading } = selectSymbols(patterns, listing, shard, venueName);
  const share = shard.count === 1 ? '' : ` in shard ${shard.index}/${shard.count}`;
  const detail = `${plural(symbols.length, 'symbol')} to record${share}; the venue lists ${listing.symbols.length}`;
  const { remedy } = ERRORS.DL_SYMBOL_UNKNOWN;
  const unknown = unlisted.map((name) => failure('symbols', `the venue does not list ${name}`, remedy));
  const waiting = notTrading.map((named) => {
    const words = `the venue does not trade ${withStatus(named)}`;
    return symbols.length > 0 ? warning('symbols', words, FOLLOWED_LATER) : failure('symbols', words, remedy);
  });
  const findings = [...unknown, ...waiting];
  if (symbols.length > 0) return { symbols, findings: [...findings, ok('symbols', detail)] };
  if (findings.length > 0) return { symbols, findings };
  return { symbols, findings: [failure('symbols', detail, 'Choose more symbols, or a smaller whole of --shard.')] };
}
