/** Diffs to measure with, in rounds that can be played for ever: each series ends with a diff that leads back to its seed. */
import { ROSTER } from '../../infra/local/exchange/roster.ts';
import { Simulation } from '../../infra/local/exchange/simulation.ts';
import type { Units } from '../../producer/book/decimal.ts';
import type { Level } from '../../producer/book/levels.ts';
import type { Diff, RestBook } from '../../producer/feed/venue.ts';
import { venueOf } from '../../producer/feed/venues.ts';
import { BINANCE_US, BTCUSDT, recordedBooks } from '../producer/book/recorded-books.ts';
import { missing } from '../producer/recordings.ts';

/** One symbol's seed and the diffs that follow it. */
export interface DiffSeries {
  readonly seed: RestBook;
  readonly diffs: readonly Diff[];
}

export interface DiffSet {
  /** What they are, in words. */
  readonly source: string;
  readonly series: readonly DiffSeries[];
}

const START_MS = Date.UTC(2026, 8, 1, 12);
const INTERVAL_MS = 100;
const SEED = 7;
const LEVELS = 5_000;

/** Without the recordings, where they are absent. */
export function diffSets(simulatedMs: number): DiffSet[] {
  const recorded = ([BTCUSDT, BINANCE_US] as const).filter((set) => missing(set) === null).map(recordedDiffs);
  return [...recorded, simulatedDiffs(simulatedMs)];
}

function recordedDiffs(set: typeof BTCUSDT | typeof BINANCE_US): DiffSet {
  const series = recordedBooks(set).map(({ messages }) => {
    const seed = messages.flatMap((message) => (message.kind === 'seed' ? [message.seed] : []))[0]!;
    const diffs = messages.flatMap((message) => (message.kind === 'diff' ? [message.diff] : []));
    return endless(seed, diffs);
  });
  return { source: `recorded (${set})`, series };
}

/** Ten diffs a second of 20 symbols, seeded with all that the simulated books hold. */
function simulatedDiffs(durationMs: number): DiffSet {
  const symbols = ROSTER.slice(0, 20);
  const venue = venueOf('local');
  const readers = new Map(symbols.map((symbol) => [symbol, venue.reader([symbol], 'full')]));
  const diffs = new Map<string, Diff[]>(symbols.map((symbol) => [symbol, []]));
  const simulation = new Simulation({
    symbols,
    seed: SEED,
    frameIntervalMs: INTERVAL_MS,
    startMs: START_MS,
    publish({ symbol, stream, body }) {
      const message = readers.get(symbol)!(`{"stream":"${stream}","data":${body}}`);
      if (message.kind === 'diff') diffs.get(symbol)!.push(message);
    },
  });
  simulation.follow(
    symbols.map((symbol) => `${symbol.toLowerCase()}@depth@100ms`),
    START_MS,
  );
  const seeds = symbols.map((symbol) =>
    venue.book(symbol).read(JSON.parse(simulation.depth(symbol, LEVELS, START_MS, 0)!)),
  );
  for (let nowMs = START_MS; nowMs < START_MS + durationMs; nowMs += INTERVAL_MS) simulation.beat(nowMs);
  const series = symbols.map((symbol, i) => endless(seeds[i]!, diffs.get(symbol)!));
  return { source: `simulated, ${symbols.length} symbols`, series };
}

/**
 * Every level counts, also beyond what the seed vouches for: all contenders then hold the same book.
 */
function endless(book: RestBook, diffs: readonly Diff[]): DiffSeries {
  const seed = { ...book, limit: Number.POSITIVE_INFINITY };
  const later = diffs.filter(({ lastId }) => lastId > seed.lastUpdateId);
  const lastId = (later.at(-1)?.lastId ?? seed.lastUpdateId) + 1;
  const back: Diff = {
    kind: 'diff',
    symbol: '',
    eventMs: 0,
    firstId: lastId,
    lastId,
    bids: restoring(
      seed.bids,
      later.map(({ bids }) => bids),
    ),
    asks: restoring(
      seed.asks,
      later.map(({ asks }) => asks),
    ),
  };
  return { seed, diffs: [...later, back] };
}

/** The levels that lead from where the changes ended back to the seed. */
function restoring(seed: readonly Level[], changes: readonly (readonly Level[])[]): Level[] {
  const seeded = new Map(seed);
  const ended = new Map<Units, Units>(changes.flat());
  return [...ended].flatMap(([price, quantity]): Level[] => {
    const due = seeded.get(price) ?? 0;
    return due === quantity ? [] : [[price, due]];
  });
}
