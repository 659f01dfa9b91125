/**
 * The whole pipeline with injected faults of the exchange, of Kinesis and of the Lambda: nothing is lost, and nothing is
 * silent. Faults that cannot hide one another share a pipeline; all at once they are in `faults.long.test.ts`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type FaultyPipeline, startFaultyPipeline } from '../end-to-end/harness.ts';
import { bySymbol, type Lake, sum } from '../end-to-end/lake.ts';
import { until } from '../end-to-end/wait.ts';
import { Subscriber } from '../local/exchange-client.ts';
import { expectComplete, framesReceived, framesSent, quiet } from './assess.ts';

const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT'];
const STREAMS = SYMBOLS.map(streamOf);
const SLOW = { timeout: 120_000 };

function streamOf(symbol: string): string {
  return `${symbol.toLowerCase()}@depth20@100ms`;
}

describe.concurrent('nothing is lost', () => {
  test(
    'when frames are unusable, Kinesis refuses entries and the Lambda fails three of four calls: bad frames are counted, refused entries alone are sent again, nothing is doubled',
    SLOW,
    async (context) => {
      const pipeline = await startFaultyPipeline(context, {
        symbols: SYMBOLS,
        seed: 6,
        exchange: { malformedFrames: 0.15, foreignFrames: 0.1, emptySide: 0.05, crossedBook: 0.05 },
        kinesis: { refuseEntries: 0.3 },
        failingCalls: 3,
        flags: ['--linger=500ms'],
      });
      await framesReceived(pipeline, 400);
      await until('entries were refused', () => pipeline.proxy.befallen.refuseEntries > 10, 60_000);
      await quiet(pipeline);

      const { summary, failure } = await pipeline.finish();

      expect(failure).toBeNull();
      const { lake, check } = await expectComplete(pipeline.folder, summary, SYMBOLS);
      expect(check.totals.duplicates).toBe(0);
      expect(check.errors.records).toBe(0);
      expectBadFramesCounted(pipeline, summary, lake);
      expect(summary.retries).toBe(pipeline.proxy.befallen.refuseEntries);
      const { batches, invocations, errorRecords } = pipeline.delivery.stats;
      expect(pipeline.failedCalls()).toBe(3 * batches);
      expect(invocations).toBe(4 * batches);
      expect(errorRecords).toBe(0);
    },
  );

  test(
    'when frames are repeated and late, and every batch is delivered twice: a repeat is no row, a row is there twice and counted, and the lake holds what another subscriber saw',
    SLOW,
    async (context) => {
      const pipeline = await startFaultyPipeline(context, {
        symbols: SYMBOLS,
        seed: 5,
        exchange: { repeatFrames: 0.2, lateFrames: 0.1 },
        duplicateBatches: 1,
      });
      await framesReceived(pipeline, 1);
      const passive = await Subscriber.open(`${pipeline.exchange.wsUrl}/stream?streams=${STREAMS.join('/')}`);
      await framesReceived(pipeline, 250);
      await quiet(pipeline);
      passive.socket.terminate();

      const { summary } = await pipeline.finish();

      const { lake, check, snapshots } = await expectComplete(pipeline.folder, summary, SYMBOLS);
      expect(lake.rows.length).toBe(2 * snapshots);
      expect(check.totals.duplicates).toBe(check.totals.rows / 2);
      expect(summary.frames).toBe(framesSent(pipeline, SYMBOLS));
      expect(summary.discarded['repeat']).toBe(
        sum(SYMBOLS.map((symbol) => pipeline.exchange.sent(symbol)[streamOf(symbol)]!.repeated)),
      );
      const found = bySymbol(lake.rows, summary.session_id);
      for (const symbol of SYMBOLS) {
        const recorded = found.get(symbol)!.map((row) => row.last_update_id);
        const seen = passive.bodies(streamOf(symbol)).map(({ lastUpdateId }) => lastUpdateId);
        const distinct = seen.filter((id, at) => id !== seen[at - 1]);
        // The producer subscribed first.
        expect(recorded.slice(recorded.indexOf(distinct[0]!)), symbol).toEqual(distinct);
        expect(distinct.length).toBeGreaterThan(30);
      }
    },
  );

  test(
    'when the socket is cut every two seconds, and calls to Kinesis fail, hang or are cut: each outage is a gap of each symbol, what was accepted untold is doubled and counted',
    SLOW,
    async (context) => {
      const pipeline = await startFaultyPipeline(context, {
        symbols: SYMBOLS,
        seed: 7,
        exchange: { cutEveryMs: 2000 },
        kinesis: { failCalls: 0.1, cutCalls: 0.1, cutAnswers: 0.1 },
      });
      await sleep(9_000);
      // How many calls there are depends on the machine: on a busy one packs share them.
      const { befallen } = pipeline.proxy;
      const rarest = () => Math.min(befallen.failCalls, befallen.cutCalls, befallen.cutAnswers);
      await until('each fault has befallen a call', () => rarest() > 0, 60_000);
      pipeline.proxy.faults.hangCalls = 1;
      await until('a call hangs', () => befallen.hangCalls > 0);
      pipeline.proxy.faults.hangCalls = 0;
      await until('the queue is short again', () => (pipeline.progress()?.queuedRows ?? 0) < 100, 60_000);
      await quiet(pipeline);

      const { summary, failure } = await pipeline.finish();

      expect(failure).toBeNull();
      expect(summary.frames).toBeLessThanOrEqual(framesSent(pipeline, SYMBOLS));
      const { lake, check } = await expectComplete(pipeline.folder, summary, SYMBOLS);
      expect(check.totals.duplicates).toBeGreaterThanOrEqual(pipeline.proxy.acceptedUntold());
      expect(lake.events.filter(({ kind }) => kind === 'disconnected').length).toBeGreaterThanOrEqual(2);
      for (const symbol of SYMBOLS) expectOutagesAreGaps(lake, symbol);
    },
  );
});

type Summary = Awaited<ReturnType<FaultyPipeline['finish']>>['summary'];

function expectBadFramesCounted(pipeline: FaultyPipeline, summary: Summary, lake: Lake): void {
  const sent = SYMBOLS.map((symbol) => pipeline.exchange.sent(symbol)[streamOf(symbol)]!);
  expect(summary.frames).toBe(framesSent(pipeline, SYMBOLS));
  expect(summary.snapshots).toBe(sum(sent.map(({ messages }) => messages)));
  expect(sum(Object.values(summary.discarded))).toBe(sum(sent.map(({ injected }) => injected)));
  expect(Object.keys(summary.discarded)).toEqual(
    expect.arrayContaining(['not_json', 'foreign_shape', 'bad_number', 'empty_side', 'crossed']),
  );
  const kinds = lake.events.map(({ kind }) => kind);
  expect(kinds).toContain('book_unusable');
  expect(kinds).toContain('book_usable');
}

/** Each gap reaches from the last frame before it to the next one. */
function expectOutagesAreGaps(lake: Lake, symbol: string): void {
  const rows = lake.rows.filter((row) => row.symbol === symbol);
  const received = new Set(rows.map((row) => row.received_ms));
  const gaps = lake.events.filter((event) => event.kind === 'gap' && event.symbol === symbol);
  expect(gaps.length, symbol).toBeGreaterThanOrEqual(1);
  for (const { from_ms, to_ms, detail } of gaps) {
    expect(received).toContain(from_ms);
    // A symbol that was not seen again has its gap to the end of the session.
    if (JSON.parse(detail!).open !== true) expect(received).toContain(to_ms);
    expect(rows.filter((row) => row.received_ms > from_ms! && row.received_ms < to_ms!)).toEqual([]);
  }
}
