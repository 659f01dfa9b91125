/** Recorded books: per stream the REST book, the diffs and the best prices, as the producer reads them, in the order received. */
import { parseUnits, type Units } from '../../../producer/book/decimal.ts';
import type { Diff, RestBook } from '../../../producer/feed/venue.ts';
import { venueOf } from '../../../producer/feed/venues.ts';
import { readRecording, recordingsIn } from '../recordings.ts';

export const BINANCE_US = 'binance-us-2021';
export const BTCUSDT = 'binance-btcusdt-2024';

interface BestPrices {
  readonly id: number;
  readonly bid: readonly [Units, Units];
  readonly ask: readonly [Units, Units];
}

export type RecordedMessage = { readonly atMs: number } & (
  | { readonly kind: 'diff'; readonly diff: Diff }
  | { readonly kind: 'seed'; readonly seed: RestBook }
);

export interface RecordedBook {
  readonly name: string;
  readonly messages: readonly RecordedMessage[];
  /** Of every bookTicker, by its id. */
  readonly best: ReadonlyMap<number, BestPrices>;
}

interface Line {
  readonly atMs: number;
  readonly symbol: string;
  readonly body: string;
}

export function recordedBooks(set: typeof BINANCE_US | typeof BTCUSDT): RecordedBook[] {
  return recordingsIn(set).flatMap((path) => {
    const lines = readRecording(path).trim().split('\n').map(readLine);
    const symbols = [...new Set(lines.map(({ symbol }) => symbol))];
    return symbols.map((symbol) =>
      readBook(
        `${symbol} of ${path.split('/')[1]}`,
        symbol,
        lines.filter((line) => line.symbol === symbol),
      ),
    );
  });
}

/** A line that names no symbol is of the set that has only one. */
function readLine(line: string): Line {
  const [, ns, symbol, body] = /^(\d+) (?:(?:ws|rest) (\S+) )?(.*)$/.exec(line)!;
  return { atMs: Number(BigInt(ns!) / 1_000_000n), symbol: symbol ?? 'BTCUSDT', body: body! };
}

function readBook(name: string, symbol: string, lines: readonly Line[]): RecordedBook {
  const venue = venueOf('binance.us');
  const read = venue.reader([symbol], 'full');
  const messages: RecordedMessage[] = [];
  const best = new Map<number, BestPrices>();
  for (const { atMs, body } of lines) {
    const content = JSON.parse(body);
    if (content.stream === undefined) {
      messages.push({ atMs, kind: 'seed', seed: withLimit(venue.book(symbol).read(content)!) });
    } else if (content.stream.endsWith('@bookTicker')) {
      const { u: id, b, B, a, A } = content.data;
      best.set(id, { id, bid: [parseUnits(b)!, parseUnits(B)!], ask: [parseUnits(a)!, parseUnits(A)!] });
    } else if (content.stream.includes('@depth@')) {
      const diff = read(body);
      if (diff.kind !== 'diff') throw new Error(`a recorded diff reads as ${JSON.stringify(diff)}`);
      messages.push({ atMs, kind: 'diff', diff });
    }
  }
  return { name, messages, best };
}

/** Most recordings asked for 1,000 levels, one for more; which, only its deepest books tell. */
function withLimit(book: RestBook): RestBook {
  return { ...book, limit: Math.max(book.bids.length, book.asks.length) > 1_000 ? 5_000 : 1_000 };
}
