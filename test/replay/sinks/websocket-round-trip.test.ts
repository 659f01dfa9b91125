import { expect, it } from 'vitest';
import { Simulation } from '../../../infra/local/exchange/simulation.ts';
import { Subscriber } from '../../local/exchange-client.ts';
import {
  booksOf,
  type Frame,
  type Recorder,
  recorded,
  recorderOf,
  replayed,
  symbolsOf,
} from './websocket-round-trip.ts';

const STEPS = 100;

/** Partial books of three symbols of the simulated market, ten a second. */
function simulatedFrames(): Frame[] {
  const symbols = ['BTCUSDT', 'ETHUSDT', 'SHIBUSDT'];
  const frames: Frame[] = [];
  const simulation = new Simulation({
    symbols,
    seed: 7,
    frameIntervalMs: 100,
    startMs: 0,
    publish: ({ symbol, stream, body }) => frames.push({ symbol, text: `{"stream":"${stream}","data":${body}}` }),
  });
  simulation.follow(
    symbols.map((symbol) => `${symbol.toLowerCase()}@depth20@100ms`),
    0,
  );
  for (let step = 1; step <= STEPS; step++) simulation.beat(step * 100);
  return frames;
}

it('what was recorded is recorded again from its replay, every book equal, and a client is sent the venue’s own frames', async () => {
  const frames = simulatedFrames();
  const rows = await recorded(frames);

  const symbols = symbolsOf(frames);
  let recorder: Recorder | null = null;
  let client: Subscriber | null = null;
  const { counts, lines } = await replayed(rows, async (sink) => {
    recorder = recorderOf(symbols, sink);
    const streams = symbols.map((symbol) => `${symbol.toLowerCase()}@depth20@100ms`).join('/');
    [client] = await Promise.all([Subscriber.open(`${sink.wsUrl}/stream?streams=${streams}`), recorder.following]);
  });
  const again = await recorder!.stop();

  expect(frames.length).toBeGreaterThan(2 * STEPS);
  expect(booksOf(again)).toEqual(booksOf(rows));
  expect(client!.texts.slice(0, -1)).toEqual(frames.map(({ text }) => text));
  expect(counts).toEqual({
    sent: frames.length,
    feed_events: expect.any(Number),
    without_raw_levels: 0,
    other_venue: 0,
  });
  expect(lines).toEqual([
    expect.stringMatching(
      /^ws:\/\/127\.0\.0\.1:\d+: the replay begins when a client follows a stream; 3 symbols so far$/,
    ),
  ]);
});
