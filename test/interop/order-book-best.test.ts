import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ORDER_BOOK_SCHEMA, type OrderBookRow } from '../../producer/record.ts';
import { writeContainerFile } from '../../transformer/container-file.ts';
import { partitionOf, partitionPath } from '../../transformer/partition.ts';
import { orderBookBest } from '../../transformer/views.ts';
import { orderBookAt } from '../transformer/arbitrary-rows.ts';
import { absent, runScript } from './python.ts';

/** The last second of an hour. */
const LATE = Date.UTC(2026, 8, 1, 12, 59, 59);

/** A row of the book with this id. */
function row(session: string, seq: number, id: number, given: Partial<OrderBookRow> = {}): OrderBookRow {
  return orderBookAt(LATE - 1000 + id, seq, { session_id: session, last_update_id: id, ...given });
}

const covered = (bid: number, ask: number) => ({ bid_levels_covered: bid, ask_levels_covered: ask });

/** Two producers of the same symbols: what each has of book n, and which row is the best of it. */
const ONLY_A = row('a', 1, 1);
const ONLY_B = row('b', 1, 2, { symbol: 'ETHUSDT' });
const UNPROVED = row('a', 2, 3, { verified: null, ...covered(5, 5), received_ms: LATE - 900 });
const PROVED = row('b', 2, 3, { verified: true, ...covered(1, 1), received_ms: LATE });
const NARROW = row('a', 3, 4, { ...covered(5, 0), received_ms: LATE - 900 });
const WIDE = row('b', 3, 4, { ...covered(3, 3), received_ms: LATE });
const FAILED = row('a', 4, 5, { verified: false, ...covered(0, 0), received_ms: LATE - 900 });
const UNKNOWN = row('b', 4, 5, { verified: null, ...covered(2, 2), received_ms: LATE });
const EARLIER = row('b', 5, 6, { received_ms: LATE - 2 });
const LATER = row('a', 5, 6, { received_ms: LATE - 1 });
const FIRST_SESSION = row('a', 6, 7);
const SECOND_SESSION = row('b', 6, 7);
const OTHER_SYMBOL = row('b', 1, 7, { symbol: 'SOLUSDT' });
const OTHER_VENUE = row('b', 1, 7, { venue: 'binance.us' });
const NEXT_HOUR = row('a', 7, 8, { timestamp_ms: LATE + 1000, received_ms: LATE + 1000 });
const NEXT_HOUR_LATER = row('b', 7, 8, { timestamp_ms: LATE + 1001, received_ms: LATE + 1001 });

const OF_A = [ONLY_A, UNPROVED, NARROW, FAILED, LATER, FIRST_SESSION, NEXT_HOUR];
const OF_B = [ONLY_B, PROVED, WIDE, UNKNOWN, EARLIER, SECOND_SESSION, OTHER_SYMBOL, OTHER_VENUE, NEXT_HOUR_LATER];
const BEST = [ONLY_A, ONLY_B, PROVED, WIDE, UNKNOWN, EARLIER, FIRST_SESSION, OTHER_SYMBOL, OTHER_VENUE, NEXT_HOUR];

const COLUMNS = ORDER_BOOK_SCHEMA.fields.map(({ name }) => name);
const ORDER = 'last_update_id, venue, symbol';

describe.skipIf(absent !== null)(`the view order_book_best ${absent ?? ''}`, () => {
  let lake: string;
  let view: string;

  beforeAll(() => {
    lake = mkdtempSync(path.join(tmpdir(), 'depthlake-best-'));
    putRows('a.avro', OF_A);
    putRows('b.avro', OF_B);
    putRows('b-again.avro', OF_B);
    view = `(${orderBookBest(`read_avro('${lake}/orderbook/**/*.avro', hive_partitioning = true)`)})`;
  });
  afterAll(() => rmSync(lake, { recursive: true, force: true }));

  /** As the transformer does: a container file for each hour, in its partition. */
  function putRows(name: string, rows: readonly OrderBookRow[]): void {
    const folders = new Set(rows.map(folderOf));
    for (const folder of folders) {
      const ofHour = rows.filter((each) => folderOf(each) === folder);
      mkdirSync(path.join(lake, folder), { recursive: true });
      writeFileSync(path.join(lake, folder, name), writeContainerFile('order_book', ofHour, 'deflate'));
    }
  }

  const query = async (sql: string) => (await runScript<object[]>('query_lake.py', { queries: [sql] }))[0]!;

  it('has one row for each book: the proved one, then the most covered, then the earliest, then by session', async () => {
    const rows = await query(`select ${COLUMNS.join(', ')} from ${view} order by ${ORDER}`);
    expect(rows).toEqual(sorted(BEST));
  });

  it('keeps the partition columns, by which a query reads some hours alone', async () => {
    const rows = await query(
      `select session_id, seq, hour from ${view} where year = 2026 and month = 9 and day = 1 and hour = 13`,
    );
    expect(rows).toEqual([{ session_id: 'a', seq: 7, hour: 13 }]);
  });

  it('reads the files of the hours that a query names, and no others', async () => {
    const plan = await query(`explain analyze select count(*) from ${view} where hour = 13`);
    const text = JSON.stringify(plan);
    expect(text).toMatch(/Scanning Files: 3\/6|Total Files Read: 3/);
  });
});

function folderOf({ timestamp_ms }: OrderBookRow): string {
  return partitionPath('order_book', partitionOf(timestamp_ms));
}

function sorted(rows: readonly OrderBookRow[]): OrderBookRow[] {
  const key = ({ last_update_id, venue, symbol }: OrderBookRow) => `${last_update_id} ${venue} ${symbol}`;
  return [...rows].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
