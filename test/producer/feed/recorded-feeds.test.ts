/** The recorded feeds through the observers: each book mode against what the exchange itself said. */
import { describe, expect, test } from 'vitest';
import { toDouble } from '../../../producer/book/decimal.ts';
import type { FeedSignal } from '../../../producer/feed/signal.ts';
import { venueOf } from '../../../producer/feed/venues.ts';
import { BINANCE_US, type RecordedBook, recordedBooks } from '../book/recorded-books.ts';
import { missing, readRecording, recordingsIn } from '../recordings.ts';
import { observing, type Step } from './observing.ts';

const FRAMES = 'depth20-derived';
const absent = missing(BINANCE_US) ?? missing(FRAMES);

/** Its steps from the start of a clock; each symbol's name stands in its diffs. */
function stepsOf({ messages }: RecordedBook, startMs: number): Step[] {
  return messages.map((recorded): Step => {
    const atMs = recorded.atMs - startMs;
    if (recorded.kind === 'seed') return { kind: 'seed', atMs, symbol: symbolOf(messages), book: recorded.seed };
    return { kind: 'message', slot: 0, atMs, message: recorded.diff, text: '' };
  });
}

function symbolOf(messages: RecordedBook['messages']): string {
  for (const recorded of messages) if (recorded.kind === 'diff') return recorded.diff.symbol;
  throw new Error('a recorded book has no diff');
}

/** The frames of a symbol in the set of the same capture. */
function framesOf({ name }: RecordedBook, startMs: number): FeedSignal[] {
  const [symbol, capture] = name.split(' of ');
  const path = recordingsIn(FRAMES).find((candidate) => candidate.includes(capture!.replace('_lines.gz', '')))!;
  const read = venueOf('binance.us').reader([symbol!], 'depth20');
  return readRecording(path)
    .trim()
    .split('\n')
    .flatMap((line) => {
      const space = line.indexOf(' ');
      const message = read(line.slice(space + 1));
      if (message.kind !== 'frame') return [];
      const atMs = Number(BigInt(line.slice(0, space)) / 1_000_000n) - startMs;
      return [{ kind: 'message' as const, slot: 0, atMs, message, text: '' }];
    });
}

describe.skipIf(absent !== null)(`the recorded feeds of Binance.US ${absent ?? ''}`, () => {
  const books = absent === null ? recordedBooks(BINANCE_US) : [];

  test('rebuilt from diffs: every row is verified, and its best prices equal each bookTicker at the same id', async () => {
    let compared = 0;
    let rows = 0;
    for (const book of books) {
      const run = observing({ book: 'full', rawLevels: true });
      await run.play(stepsOf(book, book.messages[0]!.atMs));
      await run.end(0);

      const { snapshots, events } = run;
      rows += snapshots.length;
      expect(events.map(({ kind }) => kind)).toEqual(['book_seeded']);
      expect(snapshots.filter(({ verified }) => verified !== true)).toEqual([]);
      for (const { lastUpdateId, topBids, topAsks } of snapshots) {
        const best = book.best.get(lastUpdateId);
        if (best === undefined) continue;
        compared += 1;
        expect([topBids![0], topAsks![0]]).toEqual([best.bid.map(toDouble), best.ask.map(toDouble)]);
      }
      const { frames, discarded } = run.counters.total();
      expect(Object.keys(discarded).filter((reason) => reason !== 'unseeded')).toEqual([]);
      expect(snapshots.length + (discarded.unseeded ?? 0)).toBe(frames);
    }
    expect(books).toHaveLength(28);
    expect(rows).toBeGreaterThan(4_000);
    expect(compared).toBeGreaterThan(500);
  });

  test('frames witnessed by diffs: every frame since the seed is verified, and none is lost', async () => {
    let frames = 0;
    for (const book of books) {
      const startMs = book.messages[0]!.atMs;
      const run = observing({ book: 'witness' });
      const received = framesOf(book, startMs);
      // Frames are derived from the diffs received at the same moment, so either may come first.
      const steps = [...received.slice(0, 1), ...stepsOf(book, startMs), ...received.slice(1)];
      await run.play(steps.sort((a, b) => a.atMs - b.atMs));
      await run.end(0);

      const { snapshots, events } = run;
      frames += received.length;
      expect(events.map(({ kind }) => kind)).toEqual(['book_seeded']);
      expect(snapshots).toHaveLength(received.length);
      expect(snapshots.filter(({ verified }) => verified !== true)).toEqual([]);
    }
    expect(frames).toBeGreaterThan(3_000);
  });
});
