/** The whole pipeline with injected faults, each alone and all at once: nothing is lost, and nothing is silent. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { startFaultyPipeline } from '../end-to-end/harness.ts';
import { sum } from '../end-to-end/lake.ts';
import { until } from '../end-to-end/wait.ts';
import { Subscriber } from '../local/exchange-client.ts';
import { expectComplete, framesReceived, framesSent, quiet } from './assess.ts';

const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT'];
const SLOW = { timeout: 120_000 };

describe.concurrent('nothing is lost', () => {
  test(
    'when Kinesis refuses entries at random: only these are sent again, and nothing is doubled',
    SLOW,
    async (context) => {
      const pipeline = await startFaultyPipeline(context, {
        symbols: SYMBOLS,
        seed: 1,
        kinesis: { refuseEntries: 0.3 },
        flags: ['--linger=500ms'],
      });
      await framesReceived(pipeline, 200);
      await until('entries were refused', () => pipeline.proxy.befallen.refuseEntries > 10, 60_000);

      const { summary, failure } = await pipeline.finish();

      expect(failure).toBeNull();
      expect(pipeline.proxy.befallen.refuseEntries).toBeGreaterThan(10);
      expect(summary.retries).toBe(pipeline.proxy.befallen.refuseEntries);
      const { check } = await expectComplete(pipeline.folder, summary, SYMBOLS);
      expect(check.totals.duplicates).toBe(0);
    },
  );

  test(
    'when calls to Kinesis fail, hang or are cut: what was accepted untold is doubled, and counted',
    SLOW,
    async (context) => {
      const pipeline = await startFaultyPipeline(context, {
        symbols: SYMBOLS,
        seed: 2,
        kinesis: { failCalls: 0.1, cutCalls: 0.1, cutAnswers: 0.1 },
      });
      await framesReceived(pipeline, 300);
      // How many calls there are depends on the machine: on a busy one packs share them.
      const { befallen } = pipeline.proxy;
      const rarest = () => Math.min(befallen.failCalls, befallen.cutCalls, befallen.cutAnswers);
      await until('each fault has befallen a call', () => rarest() > 0, 60_000);
      pipeline.proxy.faults.hangCalls = 1;
      await until('a call hangs', () => pipeline.proxy.befallen.hangCalls > 0);
      pipeline.proxy.faults.hangCalls = 0;
      await until('the queue is short again', () => (pipeline.progress()?.queuedRows ?? 0) < 100, 60_000);

      const { summary, failure } = await pipeline.finish();

      expect(failure).toBeNull();
      expect(rarest()).toBeGreaterThan(0);
      const { check } = await expectComplete(pipeline.folder, summary, SYMBOLS);
      expect(check.totals.duplicates).toBeGreaterThanOrEqual(pipeline.proxy.acceptedUntold());
    },
  );

  test('when the Lambda fails three of four calls: no record reaches the error prefix', SLOW, async (context) => {
    const pipeline = await startFaultyPipeline(context, { symbols: SYMBOLS, seed: 3, failingCalls: 3 });
    await framesReceived(pipeline, 200);

    const { summary } = await pipeline.finish();

    const { batches, invocations, errorRecords } = pipeline.delivery.stats;
    expect(pipeline.failedCalls()).toBe(3 * batches);
    expect(invocations).toBe(4 * batches);
    expect(errorRecords).toBe(0);
    const { check } = await expectComplete(pipeline.folder, summary, SYMBOLS);
    expect(check.totals.duplicates).toBe(0);
    expect(check.errors.records).toBe(0);
  });

  test('when every batch is delivered twice: every row is there twice, and check counts it', SLOW, async (context) => {
    const pipeline = await startFaultyPipeline(context, { symbols: SYMBOLS, seed: 4, duplicateBatches: 1 });
    await framesReceived(pipeline, 200);

    const { summary } = await pipeline.finish();

    const { check, lake, snapshots } = await expectComplete(pipeline.folder, summary, SYMBOLS);
    expect(lake.rows.length).toBe(2 * snapshots);
    expect(check.totals.duplicates).toBe(check.totals.rows / 2);
  });

  test(
    'when frames are repeated and late: a repeat is no row, and the lake holds the others as another subscriber saw them',
    SLOW,
    async (context) => {
      const pipeline = await startFaultyPipeline(context, {
        symbols: SYMBOLS,
        seed: 5,
        exchange: { repeatFrames: 0.2, lateFrames: 0.1 },
      });
      await framesReceived(pipeline, 1);
      const streams = SYMBOLS.map((symbol) => `${symbol.toLowerCase()}@depth20@100ms`);
      const passive = await Subscriber.open(`${pipeline.exchange.wsUrl}/stream?streams=${streams.join('/')}`);
      await framesReceived(pipeline, 300);
      await quiet(pipeline);
      passive.socket.terminate();

      const { summary } = await pipeline.finish();

      const { lake } = await expectComplete(pipeline.folder, summary, SYMBOLS);
      expect(summary.frames).toBe(framesSent(pipeline, SYMBOLS));
      expect(summary.discarded['repeat']).toBe(
        sum(SYMBOLS.map((symbol, i) => pipeline.exchange.sent(symbol)[streams[i]!]!.repeated)),
      );
      for (const [i, symbol] of SYMBOLS.entries()) {
        const rows = lake.rows.filter((row) => row.symbol === symbol).sort((a, b) => a.seq - b.seq);
        const recorded = rows.map((row) => row.last_update_id);
        const seen = passive.bodies(streams[i]!).map(({ lastUpdateId }) => lastUpdateId);
        const distinct = seen.filter((id, at) => id !== seen[at - 1]);
        // The producer subscribed first.
        expect(recorded.slice(recorded.indexOf(distinct[0]!)), symbol).toEqual(distinct);
        expect(distinct.length).toBeGreaterThan(30);
      }
    },
  );

  test(
    'when frames are malformed, foreign or unusable: each is counted under its reason, and no good one is touched',
    SLOW,
    async (context) => {
      const pipeline = await startFaultyPipeline(context, {
        symbols: SYMBOLS,
        seed: 6,
        exchange: { malformedFrames: 0.15, foreignFrames: 0.1, emptySide: 0.05, crossedBook: 0.05 },
      });
      await framesReceived(pipeline, 500);
      await quiet(pipeline);

      const { summary } = await pipeline.finish();

      const { lake } = await expectComplete(pipeline.folder, summary, SYMBOLS);
      const sent = SYMBOLS.map((symbol) => pipeline.exchange.sent(symbol)[`${symbol.toLowerCase()}@depth20@100ms`]!);
      expect(summary.frames).toBe(framesSent(pipeline, SYMBOLS));
      expect(summary.snapshots).toBe(sum(sent.map(({ messages }) => messages)));
      expect(sum(Object.values(summary.discarded))).toBe(sum(sent.map(({ injected }) => injected)));
      expect(Object.keys(summary.discarded)).toEqual(
        expect.arrayContaining(['not_json', 'foreign_shape', 'bad_number', 'empty_side', 'crossed']),
      );
      const kinds = lake.events.map(({ kind }) => kind);
      expect(kinds).toContain('book_unusable');
      expect(kinds.filter((kind) => kind === 'book_usable').length).toBeGreaterThan(0);
    },
  );

  test(
    'when the socket is cut every two seconds: each outage is a gap of each symbol, from its last frame to its next',
    SLOW,
    async (context) => {
      const pipeline = await startFaultyPipeline(context, {
        symbols: SYMBOLS,
        seed: 7,
        exchange: { cutEveryMs: 2000 },
      });
      await sleep(9_000);
      await quiet(pipeline);

      const { summary } = await pipeline.finish();

      const { lake } = await expectComplete(pipeline.folder, summary, SYMBOLS);
      const of = (kind: string) => lake.events.filter((event) => event.kind === kind).sort((a, b) => a.seq - b.seq);
      expect(of('disconnected').length).toBeGreaterThanOrEqual(2);
      expect(summary.frames).toBeLessThanOrEqual(framesSent(pipeline, SYMBOLS));
      for (const symbol of SYMBOLS) {
        const rows = lake.rows.filter((row) => row.symbol === symbol);
        const received = new Set(rows.map((row) => row.received_ms));
        const gaps = of('gap').filter((event) => event.symbol === symbol);
        expect(gaps.length, symbol).toBeGreaterThanOrEqual(1);
        for (const { from_ms, to_ms, detail } of gaps) {
          expect(received).toContain(from_ms);
          // A symbol that was not seen again has its gap to the end of the session.
          if (JSON.parse(detail!).open !== true) expect(received).toContain(to_ms);
          expect(rows.filter((row) => row.received_ms > from_ms! && row.received_ms < to_ms!)).toEqual([]);
        }
      }
    },
  );
});

test('with all faults at once nothing is lost, everything else is counted', SLOW, async (context) => {
  const symbols = [...SYMBOLS, 'ADAUSDT', 'DOGEUSDT', 'LTCUSDT', 'LINKUSDT'];
  const pipeline = await startFaultyPipeline(context, {
    symbols,
    seed: 8,
    kinesis: { refuseEntries: 0.3, failCalls: 0.1, cutCalls: 0.1, cutAnswers: 0.05 },
    failingCalls: 3,
    duplicateBatches: 0.3,
    exchange: { cutEveryMs: 2000, repeatFrames: 0.1, lateFrames: 0.1, malformedFrames: 0.1, foreignFrames: 0.1 },
    flags: ['--linger=300ms', '--raw-levels'],
  });
  const { befallen } = pipeline.proxy;
  const rarest = () => Math.min(befallen.refuseEntries, befallen.failCalls, befallen.cutCalls);
  await sleep(20_000);
  await until('each fault has befallen a call', () => rarest() > 0, 60_000);
  await quiet(pipeline);

  const { summary, failure } = await pipeline.finish();

  expect(failure).toBeNull();
  const { check, lake } = await expectComplete(pipeline.folder, summary, symbols);
  expect(rarest()).toBeGreaterThan(0);
  expect(pipeline.failedCalls()).toBeGreaterThan(10);
  expect(pipeline.delivery.stats).toMatchObject({ errorRecords: 0 });
  expect(pipeline.delivery.stats.duplicatedBatches).toBeGreaterThan(0);
  expect(check.totals.duplicates).toBeGreaterThan(0);
  expect(summary.frames).toBeLessThanOrEqual(framesSent(pipeline, symbols));
  expect(lake.events.filter(({ kind }) => kind === 'gap').length).toBeGreaterThanOrEqual(symbols.length);
});
