import { describe, expect, test } from 'vitest';
import { RebuiltBook } from '../../../producer/book/rebuilt-book.ts';
import { missing } from '../recordings.ts';
import { BINANCE_US, BTCUSDT, type RecordedBook, type RecordedMessage, recordedBooks } from './recorded-books.ts';

const absentUs = missing(BINANCE_US);
const absentBtc = missing(BTCUSDT);

/** The ids at which a book stands after the message, as the recording itself tells: its seed, and each later diff. */
function sharedIds({ messages, best }: RecordedBook): number[] {
  const seeds = messages.flatMap((message) => (message.kind === 'seed' ? [message.seed.lastUpdateId] : []));
  const lastIds = messages.flatMap((message) => (message.kind === 'diff' ? [message.diff.lastId] : []));
  expect(seeds).toHaveLength(1);
  return [...seeds, ...lastIds.filter((id) => id > seeds[0]!)].filter((id) => best.has(id));
}

/** Feeds a recording to a book; `onState` is called at each of its ids. */
function play(messages: readonly RecordedMessage[], onState: (book: RebuiltBook, atMs: number) => void): RebuiltBook {
  const book = new RebuiltBook();
  for (const message of messages) {
    const { atMs } = message;
    if (message.kind === 'seed') {
      const { seed } = message;
      const outcome = book.seed(seed, () => onState(book, atMs));
      expect(outcome).toEqual({ kind: 'whole', newlySeeded: true });
      if (book.lastUpdateId === seed.lastUpdateId) onState(book, atMs);
    } else if (book.take(message.diff).kind === 'applied') {
      onState(book, atMs);
    }
  }
  return book;
}

function bestOf(book: RebuiltBook) {
  const { bids, asks } = book.top(1);
  return { bid: bids[0], ask: asks[0] };
}

describe.skipIf(absentUs !== null)(`the 28 recorded Binance.US streams ${absentUs ?? ''}`, () => {
  const books = absentUs === null ? recordedBooks(BINANCE_US) : [];

  test('are 28, and share over 1,000 ids with their best prices', () => {
    expect(books).toHaveLength(28);
    expect(books.flatMap(sharedIds).length).toBeGreaterThan(1_000);
  });

  test.each(books)(
    '$name: best bid and ask, price and quantity, equal the bookTicker at every shared id',
    (recorded) => {
      const compared: number[] = [];
      const wrong: unknown[] = [];

      const book = play(recorded.messages, (current) => {
        const id = current.lastUpdateId!;
        const best = recorded.best.get(id);
        if (best === undefined) return;
        compared.push(id);
        const found = { id, ...bestOf(current) };
        if (JSON.stringify(found) !== JSON.stringify(best)) wrong.push([found, best]);
      });

      expect(wrong).toEqual([]);
      expect(compared).toEqual(sharedIds(recorded));
      // BUSDUSD's best prices did not change while it was recorded.
      if (!recorded.name.startsWith('BUSDUSD')) expect(compared.length).toBeGreaterThan(2);
      expect(book).toMatchObject({ state: 'whole', wantsSeed: false });
    },
  );
});

describe.skipIf(absentBtc !== null)(
  `the recorded BTCUSDT stream of 2024, whose price leaves its seed ${absentBtc ?? ''}`,
  () => {
    const [recorded] = absentBtc === null ? recordedBooks(BTCUSDT) : [];

    test('equals the bookTicker at every shared id until its best bid leaves the window; from then on nothing is vouched for', () => {
      const { messages, best } = recorded!;
      const seed = messages.flatMap((message) => (message.kind === 'seed' ? [message.seed] : []))[0]!;
      const beginMs = messages[0]!.atMs;
      const first: Record<'wanted' | 'cut' | 'broken', number> = { wanted: NaN, cut: NaN, broken: NaN };
      const seen = (what: keyof typeof first, is: boolean, atMs: number) => {
        if (is && Number.isNaN(first[what])) first[what] = Math.floor((atMs - beginMs) / 1000);
      };
      const compared: number[] = [];
      const unproved: number[] = [];
      const wrong: unknown[] = [];

      play(messages, (book, atMs) => {
        const id = book.lastUpdateId!;
        const { bids, asks } = book.top(20);
        seen('wanted', book.wantsSeed, atMs);
        seen('cut', bids.length < 20 || asks.length < 20, atMs);
        seen('broken', book.state === 'broken', atMs);
        const depth = book.depth();
        if (book.state === 'broken') {
          if (best.has(id)) unproved.push(id);
          if (typeof depth === 'object') expect(depth.bid_levels_covered + depth.ask_levels_covered).toBe(0);
          expect(book.vouchesFor(bids, asks, 20)).toBe('unknown');
          return;
        }
        if (bids.at(-1)![0] < seed.bids.at(-1)![0] || asks.at(-1)![0] > seed.asks.at(-1)![0])
          wrong.push([id, bids, asks]);
        if (bids.length < 20) expect(depth).toMatchObject({ bid_levels_covered: expect.toSatisfy((n) => n <= 1) });
        if (!best.has(id)) return;
        compared.push(id);
        const found = { id, ...bestOf(book) };
        if (JSON.stringify(found) !== JSON.stringify(best.get(id))) wrong.push([found, best.get(id)]);
      });

      expect(wrong).toEqual([]);
      expect(compared.length).toBeGreaterThan(300);
      expect([...compared, ...unproved]).toEqual(sharedIds(recorded!));
      expect(first).toEqual({ wanted: 151, cut: 247, broken: 260 });
    });
  },
);
