/** Diffs through the rebuilt book, against tardis-dev's order book and a plain sorted-array book, on the same diffs. */
import { OrderBook, type BookChange as TardisChange } from 'tardis-dev';
import { toDouble } from '../../producer/book/decimal.ts';
import type { Level } from '../../producer/book/levels.ts';
import { RebuiltBook } from '../../producer/book/rebuilt-book.ts';
import type { Diff } from '../../producer/feed/venue.ts';
import { type DiffSeries, type DiffSet, diffSets } from './diffs.ts';
import { type Bench, count, digits, range } from './report.ts';
import { type Contender, measureRounds, type Rounds, ratioOf, spreadOf } from './rounds.ts';
import { type BookChange, type PricedAmount, SortedArrayBook } from './sorted-array-book.ts';

const APPLY = 'RebuiltBook';
const DEPTH = 'RebuiltBook with depth levels after each diff';
const TARDIS = 'tardis-dev `OrderBook`';
const ARRAY = 'plain sorted array';

/** A series of one contender: plays it once, and afterwards shows the best prices. */
interface Player {
  play(): void;
  best(): unknown;
}

export const bookBench: Bench = {
  title: 'Diffs through the book',
  async run({ quick, progress }) {
    const parts: { set: DiffSet; rounds: Rounds }[] = [];
    for (const set of diffSets(quick ? 10_000 : 60_000)) {
      const rounds = await measureRounds(
        [
          contender(APPLY, set, (series) => rebuilt(series, () => {})),
          contender(DEPTH, set, (series) => rebuilt(series, (book) => book.depth())),
          contender(TARDIS, set, tardis),
          contender(ARRAY, set, sortedArray),
        ],
        quick ? 5 : 31,
        3,
        (done) => progress(`${set.source}, ${done}`),
      );
      parts.push({ set, rounds });
    }
    const main = parts[0]!;
    return {
      headline: `${range(ratioOf(main.rounds, TARDIS, APPLY, 'cpuUs'))} × the diffs a second of tardis-dev's \`OrderBook\` and ${range(ratioOf(main.rounds, ARRAY, APPLY, 'cpuUs'))} × those of a plain sorted-array book (${main.set.source})`,
      lines: [
        'CPU of applying the same diffs, parsed beforehand for each in its own form: exact units for the rebuilt book (which also checks ids, holes and its window), doubles for the others. A factor above 1: the rebuilt book is faster. Every series ends with a diff that leads back to its seed and is played on the same book again; after the last round all books hold the same best prices.',
        '',
        '| diffs | against | apply | apply, and depth levels after each diff |',
        '|---|---|---|---|',
        ...parts.flatMap(({ set, rounds }) =>
          [TARDIS, ARRAY].map(
            (other) =>
              `| ${set.source} | ${other} | ${range(ratioOf(rounds, other, APPLY, 'cpuUs'))} | ${range(ratioOf(rounds, other, DEPTH, 'cpuUs'))} |`,
          ),
        ),
        '',
        ...parts.map(({ set, rounds }) => orientation(set, rounds)),
      ],
    };
  },
};

function orientation(set: DiffSet, rounds: Rounds): string {
  const diffs = diffsOf(set);
  const levels = set.series
    .flatMap((one) => one.diffs)
    .reduce((sum, { bids, asks }) => sum + bids.length + asks.length, 0);
  const aSecond = (name: string) => count(1e6 / spreadOf(rounds[name]!.map(({ cpuUs }) => cpuUs / diffs)).median);
  const names = [APPLY, DEPTH, TARDIS, ARRAY].map((name) => `${aSecond(name)} ${name}`);
  return `For orientation, ${set.source}: ${count(diffs)} diffs of ${digits(levels / diffs)} levels on average; diffs a second: ${names.join(', ')}.  `;
}

function diffsOf({ series }: DiffSet): number {
  return series.reduce((sum, { diffs }) => sum + diffs.length, 0);
}

/** @throws Error, when it has played, where its books do not end as their seeds began */
function contender(name: string, { series }: DiffSet, playerOf: (series: DiffSeries) => Player): Contender {
  const players = series.map((one) => ({ player: playerOf(one), best: JSON.stringify(bestOf(one)) }));
  return {
    name,
    run() {
      for (const { player } of players) player.play();
      for (const { player, best } of players) {
        if (JSON.stringify(player.best()) !== best) throw new Error(`${name} ends with another book`);
      }
    },
  };
}

function bestOf({ seed }: DiffSeries) {
  return [priced(seed.bids[0]!), priced(seed.asks[0]!)];
}

function rebuilt({ seed, diffs }: DiffSeries, afterEach: (book: RebuiltBook) => void): Player {
  const book = new RebuiltBook();
  book.seed(seed, () => {});
  // Each time round the ids go on, as they would on a stream.
  const own: { -readonly [Field in keyof Diff]: Diff[Field] }[] = diffs.map((diff) => ({ ...diff }));
  const span = own.at(-1)!.lastId - seed.lastUpdateId;
  return {
    play() {
      for (const diff of own) {
        if (book.take(diff).kind !== 'applied') throw new Error(`diff ${diff.firstId} does not apply`);
        afterEach(book);
        diff.firstId += span;
        diff.lastId += span;
      }
    },
    best() {
      const { bids, asks } = book.top(1);
      return [priced(bids[0]!), priced(asks[0]!)];
    },
  };
}

function tardis({ seed, diffs }: DiffSeries): Player {
  const at = new Date();
  const message = (levels: { bids: readonly Level[]; asks: readonly Level[] }, isSnapshot: boolean): TardisChange => ({
    type: 'book_change',
    symbol: 'BTCUSDT',
    exchange: 'binance-us',
    isSnapshot,
    bids: levels.bids.map(priced),
    asks: levels.asks.map(priced),
    timestamp: at,
    localTimestamp: at,
  });
  const book = new OrderBook();
  book.update(message(seed, true));
  const changes = diffs.map((diff) => message(diff, false));
  return {
    play() {
      for (const change of changes) book.update(change);
    },
    best: () => [book.bestBid(), book.bestAsk()],
  };
}

function sortedArray({ seed, diffs }: DiffSeries): Player {
  const change = ({ bids, asks }: Pick<Diff, 'bids' | 'asks'>): BookChange => ({
    bids: bids.map(priced),
    asks: asks.map(priced),
  });
  const book = new SortedArrayBook(change(seed));
  const changes = diffs.map(change);
  return {
    play() {
      for (const one of changes) book.update(one);
    },
    best: () => [book.bids[0], book.asks[0]],
  };
}

function priced([price, quantity]: Level): PricedAmount {
  return { price: toDouble(price), amount: toDouble(quantity) };
}
