/** The checks of the exchange's side. */
import type { SchedulerLike } from 'rxjs';
import type { BookMode, Shard } from '../../producer/config.ts';
import { DepthlakeError } from '../../producer/errors.ts';
import type { Fetch } from '../../producer/feed/rest.ts';
import type { RestBook, Venue } from '../../producer/feed/venue.ts';
import { plural } from '../terminal.ts';
import { checkAddress } from './address.ts';
import { type Finding, failureOf, ok, type Progress } from './finding.ts';
import { type Heard, hearFirstMessages } from './first-messages.ts';
import { askVenue, checkClock, type RestSide } from './rest.ts';
import { judgeSymbol } from './symbol-verdict.ts';
import { checkSymbols, namesAmong } from './symbols.ts';

export interface VenueScope {
  readonly venue: Venue;
  readonly wsUrl: URL;
  readonly restUrl: URL;
  /** Names, with `*` for any characters. */
  readonly patterns: readonly string[];
  readonly shard: Shard;
  readonly book: BookMode;
  /** The longest wait for one answer, and for the first messages. */
  readonly timeoutMs: number;
  readonly fetcher: Fetch;
  readonly scheduler: SchedulerLike;
  readonly progress: Progress;
}

/** Of a minute's request weight, what the doctor spends on books: a producer may run beside it. */
const SEED_SHARE = 0.25;

/** Addresses, TLS, round trip, clock, symbols, then each symbol's first messages and reach. */
export async function checkVenue(scope: VenueScope): Promise<Finding[]> {
  const { venue, restUrl: url, fetcher, timeoutMs, scheduler, progress } = scope;
  const side: RestSide = { venue, url, fetcher, timeoutMs, now: () => scheduler.now() };
  progress('addresses and certificates');
  const findings = await checkHosts(scope);
  progress('the venue’s clock');
  const clock = await checkClock(side);
  findings.push(...clock);
  // A REST side that does not answer has said so; the names are then taken as they stand.
  const asked = !clock.some(({ verdict, what }) => what === 'REST' && verdict === 'failure');
  progress('the venue’s symbols');
  const chosen = asked
    ? await checkSymbols(side, scope.patterns, scope.shard)
    : { symbols: namesAmong(scope.patterns), findings: [] };
  findings.push(...chosen.findings);
  if (chosen.symbols.length === 0) return findings;
  return [...findings, ...(await checkFeed(scope, side, chosen.symbols))];
}

/** Both hosts of a venue may be one. */
async function checkHosts({ wsUrl, restUrl, timeoutMs, scheduler }: VenueScope): Promise<Finding[]> {
  const urls = wsUrl.host === restUrl.host ? [wsUrl] : [wsUrl, restUrl];
  const found = await Promise.all(urls.map((url) => checkAddress(url, timeoutMs, scheduler.now())));
  return found.flat();
}

async function checkFeed(scope: VenueScope, side: RestSide, symbols: readonly string[]): Promise<Finding[]> {
  const { venue, wsUrl, book, timeoutMs, scheduler, progress } = scope;
  const onHeard = (count: number) => progress(`first messages: ${count} of ${plural(symbols.length, 'symbol')}`);
  onHeard(0);
  const heard = await hearFirstMessages({ venue, wsUrl, symbols, book, waitMs: timeoutMs, scheduler, onHeard });
  const live = [...heard.symbols].filter(([, { diff }]) => diff !== null).map(([symbol]) => symbol);
  const seeds = book === 'full' ? await readSeeds(scope, side, live) : { books: new Map(), findings: [] };
  return [
    ...connections(heard, timeoutMs, wsUrl.host),
    ...seeds.findings,
    ...[...heard.symbols].map(([symbol, first]) =>
      judgeSymbol(symbol, first, seeds.books.get(symbol) ?? null, book, timeoutMs),
    ),
  ];
}

function connections({ openedMs, failures }: Heard, waitedMs: number, host: string): Finding[] {
  const what = 'connection';
  const failed = failures.map((error) => failureOf(what, error));
  if (failed.length > 0) return failed;
  if (openedMs.length === 0) {
    const words = `${host} opened no connection within ${waitedMs / 1000} s`;
    return [failureOf(what, new DepthlakeError('DL_VENUE_UNREACHABLE', words))];
  }
  return [ok(what, `${plural(openedMs.length, 'connection')} open after ${Math.max(...openedMs)} ms at most`)];
}

/** Books of as many symbols as the doctor's share of request weight pays for. */
async function readSeeds({ venue, progress }: VenueScope, side: RestSide, symbols: readonly string[]) {
  const books = new Map<string, RestBook>();
  const findings: Finding[] = [];
  let weight = venue.weightAMinute * SEED_SHARE;
  for (const symbol of symbols) {
    const request = venue.book(symbol);
    weight -= request.weight;
    if (weight < 0 || findings.length > 0) break;
    progress(`the book of ${symbol}`);
    try {
      books.set(symbol, await askVenue(side, request));
    } catch (error) {
      findings.push(failureOf(`book of ${symbol}`, error));
    }
  }
  return { books, findings };
}
