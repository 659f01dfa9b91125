import { throwError } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { differences, type ReferenceDepth, referenceDepth, type TextLevel } from './book/reference.ts';
import { CONFIG, randomFrame, running, START_MS } from './running.ts';
import { frameText } from './samples.ts';
import { settle } from './virtual-clock.ts';

describe('a session of the producer', () => {
  test('brings every snapshot into the stream as it was, tallies each minute, and ends with stopped', async () => {
    const { clock, stop, receive, books, events, stream, urls, progress, summary } = running();
    await settle();
    const sent: { symbol: string; atMs: number; id: number; bids: TextLevel[]; asks: TextLevel[] }[] = [];
    for (let id = 1; id <= 1_300; id++) {
      const symbol = id % 3 === 0 ? 'ETHUSDT' : 'BTCUSDT';
      const frame = randomFrame(symbol, id);
      sent.push({ symbol, atMs: clock.now(), id, ...frame });
      receive(frame.text);
      await clock.advance(100);
    }
    receive('nonsense');
    receive(randomFrame('BTCUSDT', 1_300).text);

    stop.next('SIGTERM');
    const result = await summary;

    expect(urls).toEqual(['ws://venue/stream?streams=btcusdt@depth20@100ms/ethusdt@depth20@100ms']);
    for (const symbol of CONFIG.symbols) {
      const rows = books().filter((row) => row.symbol === symbol);
      const frames = sent.filter((frame) => frame.symbol === symbol);
      expect(rows.map(({ seq }) => seq)).toEqual(frames.map((_, i) => i + 1));
      for (const [i, frame] of frames.entries()) {
        const row = rows[i]!;
        expect([row.timestamp_ms, row.last_update_id, row.session_id, row.venue]).toEqual([
          frame.atMs,
          frame.id,
          'session-1',
          'binance.us',
        ]);
        const expected = referenceDepth(frame.bids, frame.asks) as ReferenceDepth;
        expect(differences(row as unknown as ReferenceDepth, expected)).toEqual([]);
      }
    }
    const told = events();
    expect(told.map(({ seq }) => seq)).toEqual(told.map((_, i) => i + 1));
    expect(told.map(({ kind }) => kind)).toEqual(['started', 'connected', ...Array(9).fill('tally'), 'stopped']);
    expect(told.slice(2, 8).map(({ timestamp_ms }) => timestamp_ms - START_MS)).toEqual([
      60_000, 60_000, 60_000, 120_000, 120_000, 120_000,
    ]);
    expect(told.slice(8, 11).map(({ symbol, last_seq }) => [symbol, last_seq])).toEqual([
      ['BTCUSDT', 867],
      ['ETHUSDT', 433],
      [null, null],
    ]);
    expect(told.at(-1)!.detail).toBe('{"reason":"SIGTERM"}');
    expect(result).toMatchObject({
      session_id: 'session-1',
      venue: 'binance.us',
      seconds: 130,
      frames: 1_302,
      snapshots: 1_300,
      rows: 1_300 + told.length,
      packs: stream.length,
      bytes: stream.reduce((sum, { data }) => sum + data.length, 0),
      retries: 0,
      lost: 0,
      objects: null,
      duplicates: null,
      discarded: { not_json: 1, repeat: 1 },
    });
    expect(progress.length).toBeGreaterThan(129);
    expect(progress.at(-1)).toMatchObject({ frames: 1_302, snapshots: 1_300, rows: result.rows, queuedRows: 0 });
  });

  test('goes on after a cut, tells of it, and keeps counting', async () => {
    const { clock, stop, receive, cut, books, events, urls, summary } = running();
    await settle();
    receive(frameText('BTCUSDT', 1));
    await clock.advance(200);

    cut();
    await clock.advance(500);
    receive(frameText('BTCUSDT', 2));
    stop.next('end');
    await summary;

    expect(urls).toHaveLength(2);
    expect(
      events()
        .map(({ kind }) => kind)
        .slice(0, 5),
    ).toEqual(['started', 'connected', 'disconnected', 'connected', 'gap']);
    expect(events()[4]).toMatchObject({ symbol: 'BTCUSDT', from_ms: START_MS, to_ms: START_MS + 700 });
    expect(books().map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test('samples where an interval is asked for, and gives what it holds at the end', async () => {
    const { clock, stop, receive, books, summary } = running({ everyMs: 1_000 });
    await settle();
    for (let id = 1; id <= 25; id++) {
      receive(frameText('BTCUSDT', id));
      await clock.advance(100);
    }

    stop.next('end');
    const result = await summary;

    expect(books().map(({ seq, last_update_id }) => [seq, last_update_id])).toEqual([
      [1, 10],
      [2, 20],
      [3, 25],
    ]);
    expect(result).toMatchObject({ frames: 25, snapshots: 3, discarded: { sampled: 22 } });
  });

  test('spreads more symbols than one request line takes over several connections', async () => {
    const symbols = Array.from({ length: 401 }, (_, i) => `S${i}USDT`);
    const { clock, urls, stop, summary } = running({ symbols });
    // Connections open one after the other.
    await clock.advance(500);

    stop.next('end');
    await summary;

    expect(urls.map((url) => url.split('/').length - 3)).toEqual([134, 134, 133]);
    expect(urls.join('/').match(/s\d+usdt@depth20@100ms/g)).toHaveLength(401);
  });
});

describe('a session that cannot begin', () => {
  test('fails where something it needs is not there, without a connection', async () => {
    const { summary, urls } = running({}, { checkStream: () => Promise.reject(new Error('no such stream')) });

    await expect(summary).rejects.toThrow('no such stream');
    expect(urls).toEqual([]);
  });

  test('ends at once when it is stopped while that is still being looked up', async () => {
    const { summary, urls, stop, stream } = running({}, { checkStream: () => new Promise(() => {}) });
    await settle();

    stop.next('SIGTERM');

    expect(await summary).toMatchObject({ frames: 0, rows: 0, lost: 0 });
    expect(urls).toEqual([]);
    expect(stream).toEqual([]);
  });

  test('fails with what the connection failed with before the first message', async () => {
    const { summary } = running({}, { connect: () => throwError(() => new Error('the host answers HTTP 451')) });

    await expect(summary).rejects.toThrow('the host answers HTTP 451');
  });
});
