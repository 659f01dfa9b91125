import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { filesQuestion, hourFilter, refusalsQuestion, talliesQuestion } from '../../infra/doctor/deployed/questions.ts';
import type { FeedEventRow, OrderBookRow } from '../../producer/record.ts';
import { putRows } from '../cli/lake.ts';
import { feedEventAt, orderBookAt } from '../transformer/arbitrary-rows.ts';
import { absent, runScript } from './python.ts';

const HOUR = Date.UTC(2026, 8, 1, 4);
const MINUTE = 60_000;

const book = (minute: number, seq: number, given: Partial<OrderBookRow> = {}) =>
  orderBookAt(HOUR + minute * MINUTE, seq, { session_id: 's1', ...given });
const tally = (minute: number, seq: number, last: number | null, given: Partial<FeedEventRow> = {}) =>
  feedEventAt(HOUR + minute * MINUTE, seq, {
    ...{ session_id: 's1', kind: 'tally', symbol: 'BTCUSDT', last_seq: last },
    ...given,
  });
const refused = (minute: number, seq: number, detail: string) =>
  feedEventAt(HOUR + minute * MINUTE, seq, { session_id: 's1', kind: 'refused', symbol: 'BTCUSDT', detail });

describe.skipIf(absent !== null)(`the questions to Athena, asked of DuckDB ${absent ?? ''}`, () => {
  let lake: string;
  beforeAll(() => {
    lake = mkdtempSync(path.join(tmpdir(), 'depthlake-questions-'));
    // Of 11 to 16, the producer's count between the tallies 10 and 16: 13 is not there, 12 came twice.
    putRows(lake, 'order_book', 'a', [book(1, 10), book(20, 11), book(21, 12), book(40, 14)]);
    putRows(lake, 'order_book', 'b', [book(21, 12), book(50, 15), book(58, 16), book(59.5, 17)]);
    putRows(lake, 'order_book', 'c', [book(30, 12, { session_id: 's2' }), book(30, 13, { symbol: 'ETHUSDT' })]);
    putRows(lake, 'order_book', 'next', [book(61, 13)]);
    const session = tally(30, 9, null, { symbol: null });
    putRows(lake, 'feed_event', 'd', [
      tally(0.5, 1, 1),
      tally(2, 2, 10),
      tally(30, 3, 12),
      tally(58.5, 4, 16),
      session,
    ]);
    putRows(lake, 'feed_event', 'e', [tally(30, 3, 12), tally(59.5, 5, 17), refused(59, 6, 'of the hour')]);
    putRows(lake, 'feed_event', 'f', [refused(61, 7, 'of the next')]);
    putRows(lake, 'feed_event', 'g', [refused(121, 8, 'of the one after')]);
  });
  afterAll(() => rmSync(lake, { recursive: true, force: true }));

  it('read the hour alone, and count what is there once', async () => {
    const table = (name: string, folder: string) =>
      `create view ${name} as select * from read_avro('${lake}/${folder}/**/*.avro', hive_partitioning = true, filename = true)`;
    const [, , files, tallies, refusals] = await runScript<Record<string, unknown>[]>('query_lake.py', {
      queries: [
        table('order_book', 'orderbook'),
        table('feed_event', 'feed_event'),
        filesQuestion('order_book', HOUR).replaceAll('"$path"', 'filename'),
        talliesQuestion(HOUR),
        refusalsQuestion(HOUR),
      ],
    });

    expect(files!.map(({ path: file, rows_read }) => [path.basename(String(file)), rows_read]).sort()).toEqual([
      ['a.avro', 4],
      ['b.avro', 4],
      ['c.avro', 2],
    ]);
    expect(tallies).toEqual([
      { session_id: 's1', venue: 'local', symbol: 'BTCUSDT', low: 10, high: 16, rows_found: 5 },
    ]);
    expect(refusals!.map(({ detail }) => detail).sort()).toEqual(['of the hour', 'of the next']);
  });

  it('name the hour by integers, as the partition keys are', () => {
    expect(hourFilter(HOUR)).toBe('year = 2026 AND month = 9 AND day = 1 AND hour = 4');
  });
});
