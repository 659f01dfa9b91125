/** tardis-dev reading its own cache, a pass for each line on stdin; argv: the cache's folder, the feed, minutes. */
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { compute, computeBookSnapshots, init, normalizeBookChanges, replayNormalized } from 'tardis-dev';
import { START_MS } from './market.ts';
import type { Pass } from './pinned-process.ts';
import { DIFFS, SNAPSHOTS } from './replay-corpus.ts';

export type TardisFeed = 'snapshots' | 'diffs';

export const TARDIS_SCRIPT = fileURLToPath(import.meta.url);

/** `[price, quantity]`, best first. */
type Levels = readonly (readonly [number, number])[];

export interface TardisPass extends Pass {
  /** The last book of each symbol. */
  readonly last: Readonly<Record<string, { readonly bids: Levels; readonly asks: Levels }>>;
}

interface Book {
  readonly symbol: string;
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
}

interface Level {
  readonly price?: number | undefined;
  readonly amount?: number | undefined;
}

/** Nobody listens there: what the cache lacks is an error. */
const ENDPOINT = 'http://127.0.0.1:9';

async function* snapshots(from: string, to: string): AsyncIterable<Book> {
  yield* replayNormalized({ exchange: SNAPSHOTS.exchange, from, to }, normalizeBookChanges);
}

async function* diffs(from: string, to: string): AsyncIterable<Book> {
  const changes = replayNormalized({ exchange: DIFFS.exchange, from, to }, normalizeBookChanges);
  // Interval 0: a book whenever one of its 20 best levels a side has changed.
  for await (const message of compute(changes, computeBookSnapshots({ depth: 20, interval: 0 }))) {
    if (message.type === 'book_snapshot') yield message;
  }
}

/** Measured from the first book on: the start of tardis-dev's worker, which looks for the files, does not count. */
async function pass(books: AsyncIterable<Book>): Promise<TardisPass> {
  const last = new Map<string, Book>();
  let rows = 0;
  let cpu = process.cpuUsage();
  let begin = process.hrtime.bigint();
  for await (const book of books) {
    if (rows === 0) {
      cpu = process.cpuUsage();
      begin = process.hrtime.bigint();
    }
    rows += 1;
    last.set(book.symbol, book);
  }
  const wallUs = Number(process.hrtime.bigint() - begin) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const levels = (side: readonly Level[]): Levels => side.map(({ price, amount }) => [price!, amount!]);
  return {
    rows,
    cpuUs: user + system,
    wallUs,
    last: Object.fromEntries(
      [...last].map(([name, { bids, asks }]) => [name, { bids: levels(bids), asks: levels(asks) }]),
    ),
  };
}

if (process.argv[1] === TARDIS_SCRIPT) {
  const [, , cacheDir, feed, minutes] = process.argv;
  init({ cacheDir: cacheDir!, endpoint: ENDPOINT });
  const from = new Date(START_MS).toISOString();
  const to = new Date(START_MS + Number(minutes) * 60_000).toISOString();
  for await (const _ of createInterface({ input: process.stdin })) {
    const books = feed === 'diffs' ? diffs(from, to) : snapshots(from, to);
    process.stdout.write(`${JSON.stringify(await pass(books))}\n`);
  }
}
