import { describe, expect, test } from 'vitest';
import type { FeedSignal } from '../../../producer/feed/signal.ts';
import { venueOf } from '../../../producer/feed/venues.ts';
import { observing } from '../feed/observing.ts';
import { missing, readRecording, recordingsIn } from '../recordings.ts';
import { differences, type ReferenceDepth, referenceDepth, type TextLevel } from './reference.ts';

const SET = 'depth20-derived';
const absent = missing(SET);

interface Frame {
  symbol: string;
  atMs: number;
  id: number;
  bids: TextLevel[];
  asks: TextLevel[];
}

/** Lines of `<receive time, epoch ns> <message>`. */
function framesOf(recording: string): { frame: Frame; text: string }[] {
  return recording
    .trim()
    .split('\n')
    .map((line) => {
      const space = line.indexOf(' ');
      const text = line.slice(space + 1);
      const { stream, data } = JSON.parse(text);
      const symbol = stream.replace('@depth20@100ms', '').toUpperCase();
      const atMs = Number(BigInt(line.slice(0, space)) / 1_000_000n);
      return { text, frame: { symbol, atMs, id: data.lastUpdateId, bids: data.bids, asks: data.asks } };
    });
}

describe.skipIf(absent !== null)(`the recorded depth20 frames ${absent ?? ''}`, () => {
  test.each(absent === null ? recordingsIn(SET) : [SET])(
    '%s: every snapshot equals the design’s table',
    async (path) => {
      const frames = framesOf(readRecording(path));
      const symbols = [...new Set(frames.map(({ frame }) => frame.symbol))];
      const read = venueOf('binance.us').reader(symbols, 'depth20');
      const startMs = frames[0]!.frame.atMs;
      const signals = frames.map(({ text, frame }): FeedSignal => {
        return { kind: 'message', slot: 0, atMs: frame.atMs - startMs, text, message: read(text) };
      });
      const run = observing({ rawLevels: true });

      await run.play(signals);
      await run.end(0);

      const { snapshots, counters } = run;
      const { frames: counted, discarded } = counters.total();
      expect(frames.length).toBeGreaterThan(100);
      expect(counted).toBe(frames.length);
      expect(snapshots.length + (discarded.crossed ?? 0) + (discarded.empty_side ?? 0)).toBe(frames.length);

      const usable = frames.flatMap(({ frame }) => {
        const expected = referenceDepth(frame.bids, frame.asks);
        return typeof expected === 'string' ? [] : [{ frame, expected }];
      });
      expect(snapshots.length).toBe(usable.length);
      const numbers = (side: TextLevel[]) => side.map(([price, quantity]) => [Number(price), Number(quantity)]);
      const wrong = usable.flatMap(({ frame, expected }, i) => {
        const { symbol, lastUpdateId, timestampMs, verified: _, topBids, topAsks, ...depth } = snapshots[i]!;
        const seen = JSON.stringify([symbol, lastUpdateId, timestampMs, topBids, topAsks]);
        const sent = JSON.stringify([
          frame.symbol,
          frame.id,
          frame.atMs - startMs,
          numbers(frame.bids),
          numbers(frame.asks),
        ]);
        const found = differences(depth as unknown as ReferenceDepth, expected);
        return seen === sent ? found : [...found, `${seen}, expected ${sent}`];
      });
      expect(wrong).toEqual([]);
    },
  );
});
