/** Whole recordings, and a client that others wrote: tardis-dev's real-time feed of Binance.US. */
import { type BookTicker, normalizeBookTickers, streamNormalized } from 'tardis-dev';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { WebSocketSink } from '../../../infra/replay/sinks/websocket.ts';
import { parseUnits } from '../../../producer/book/decimal.ts';
import type { OrderBookRow } from '../../../producer/record.ts';
import { framesOf } from '../../end-to-end/expected-rows.ts';
import { Subscriber } from '../../local/exchange-client.ts';
import { missing, readRecording, recordingsIn } from '../../producer/recordings.ts';
import {
  booksOf,
  type Frame,
  type Recorder,
  recorded,
  recorderOf,
  replayed,
  symbolsOf,
} from './websocket-round-trip.ts';

const SETS = ['depth20-derived', 'binance-us-2021'];
const absent = SETS.map(missing).find((reason) => reason !== null) ?? null;
const RECORDINGS = absent === null ? SETS.flatMap(recordingsIn) : [];

function recordedFrames(recording: string): Frame[] {
  return framesOf(readRecording(recording)).map(({ symbol, frame: { lastUpdateId, bids, asks } }) => {
    const data = { lastUpdateId, bids, asks };
    return { symbol, text: JSON.stringify({ stream: `${symbol.toLowerCase()}@depth20@100ms`, data }) };
  });
}

/** A message with its prices and quantities as numbers of units: venues write them with more or fewer zeros. */
function exact(text: string): unknown {
  const { stream, data } = JSON.parse(text);
  const side = (levels: string[][]) => levels.map((level) => level.map((value) => String(parseUnits(value))));
  return { stream, id: data.lastUpdateId, bids: side(data.bids), asks: side(data.asks) };
}

/** Each book once: a producer takes a repeated frame for none. */
function withoutRepeats(frames: readonly Frame[]): Frame[] {
  const seen = new Map<string, number>();
  return frames.filter(({ symbol, text }) => {
    const { lastUpdateId } = JSON.parse(text).data;
    if (seen.get(symbol) === lastUpdateId) return false;
    seen.set(symbol, lastUpdateId);
    return true;
  });
}

/** Until the connection ends. */
async function takeTickers(symbols: string[], tickers: BookTicker[]): Promise<void> {
  const options = { exchange: 'binance-us', symbols, withDisconnectMessages: true } as const;
  for await (const message of streamNormalized(options, normalizeBookTickers)) {
    if (message.type === 'disconnect') return;
    tickers.push(message as BookTicker);
  }
}

afterEach(() => {
  vi.unstubAllEnvs();
});

describe.skipIf(absent !== null)(`a recording that is replayed over WebSocket ${absent ?? ''}`, () => {
  test.for(RECORDINGS)(
    '%s: its frames are sent to the last decimal, and recorded again every book is equal',
    async (recording) => {
      const frames = recordedFrames(recording);
      const symbols = symbolsOf(frames);
      const rows = await recorded(frames);

      let recorder: Recorder | null = null;
      let client: Subscriber | null = null;
      await replayed(rows, async (sink) => {
        recorder = recorderOf(symbols, sink);
        const streams = symbols.map((symbol) => `${symbol.toLowerCase()}@depth20@100ms`).join('/');
        [client] = await Promise.all([Subscriber.open(`${sink.wsUrl}/stream?streams=${streams}`), recorder.following]);
      });
      const again = await recorder!.stop();

      expect(frames.length).toBeGreaterThan(100);
      expect(client!.texts.slice(0, -1).map(exact)).toEqual(withoutRepeats(frames).map(({ text }) => exact(text)));
      expect(booksOf(again)).toEqual(booksOf(rows));
    },
  );

  test('tardis-dev normalizes the best prices of a replay to what was recorded', async () => {
    const rows = await recorded(recordedFrames('depth20-derived/us_20210405_10sym_depth20.gz'));
    const books = rows.flatMap(({ table, row }) => (table === 'order_book' ? [row as OrderBookRow] : []));
    const symbols = [...new Set(books.map(({ symbol }) => symbol))];
    books.sort((a, b) => a.timestamp_ms - b.timestamp_ms);
    const tickers: BookTicker[] = [];

    let done: Promise<void> | null = null;
    const connect = async (sink: WebSocketSink) => {
      // Where tardis-dev looks for another host than the venue's.
      vi.stubEnv('WSS_URL_BINANCE_US', `${sink.wsUrl}/stream`);
      done = takeTickers(symbols, tickers);
    };
    await replayed(rows, connect, null);
    await done;

    const best = ({ symbol, top_bids, top_asks }: OrderBookRow) => [symbol, ...top_bids![0]!, ...top_asks![0]!];
    const previous = new Map<string, string>();
    const expected = books.map(best).filter(([symbol, ...levels]) => {
      const text = String(levels);
      const isNew = previous.get(String(symbol)) !== text;
      previous.set(String(symbol), text);
      return isNew;
    });
    expect(expected.length).toBeGreaterThan(100);
    expect(
      tickers.map(({ symbol, bidPrice, bidAmount, askPrice, askAmount }) => [
        symbol,
        bidPrice,
        bidAmount,
        askPrice,
        askAmount,
      ]),
    ).toEqual(expected);
  });
});
