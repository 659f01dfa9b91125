import { filter, firstValueFrom, take, toArray } from 'rxjs';
import { beforeAll, describe, expect, expectTypeOf, test } from 'vitest';
import { type OrderBookRow, type Problem, type ReplaySummary, replay, type TableRow } from '../../infra/index.ts';
import { HOUR_MS, NOON, put, putRows, sessionEvents, snapshots, temporaryFolder } from '../cli/lake.ts';

const ROWS = 5_000;
let lake: string;

beforeAll(() => {
  lake = temporaryFolder();
  const seqs = Array.from({ length: ROWS }, (_, i) => i + 1);
  putRows(lake, 'order_book', `${NOON}-a`, snapshots(seqs));
  putRows(lake, 'feed_event', `${NOON}-a`, sessionEvents(ROWS));
});

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

describe('replay() as an async iterator', () => {
  test('gives every row of a lake in order, with its table', async () => {
    const rows = await all(replay({ from: lake }));

    expect(rows.filter(({ table }) => table === 'order_book').map(({ row }) => row.seq)).toEqual(
      Array.from({ length: ROWS }, (_, i) => i + 1),
    );
    const times = rows.map(({ row }) => row.timestamp_ms);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  test('has the rows of the tables asked for alone, and their types', async () => {
    const rows = await all(replay({ from: lake, tables: ['order_book'] }));

    expectTypeOf(rows[0]!.row).toEqualTypeOf<OrderBookRow>();
    expectTypeOf(replay({ from: lake })).toExtend<AsyncIterable<TableRow>>();
    expect(new Set(rows.map(({ table }) => table))).toEqual(new Set(['order_book']));
  });

  test('takes symbols in either case, as the command does', async () => {
    expect(await all(replay({ from: lake, tables: ['order_book'], symbols: ['btcusdt'] }))).toHaveLength(ROWS);
    expect(await all(replay({ from: lake, tables: ['order_book'], symbols: ['ethusdt'] }))).toEqual([]);
  });

  test('reads nothing more than what is asked for: leaving early ends the replay', async () => {
    let summary: ReplaySummary | null = null;
    const taken: number[] = [];
    for await (const { row } of replay({
      from: lake,
      tables: ['order_book'],
      onSummary: (given) => (summary = given),
    })) {
      taken.push(row.seq);
      if (taken.length === 3) break;
    }

    expect(taken).toEqual([1, 2, 3]);
    expect(summary).toBeNull();
  });

  test('takes times as dates, numbers and text, and tells the summary at the end', async () => {
    const summaries: ReplaySummary[] = [];
    const request = {
      from: lake,
      tables: ['order_book'],
      onSummary: (given: ReplaySummary) => summaries.push(given),
    } as const;
    const whole = await all(replay(request));
    const [first, last] = [whole[10]!.row.timestamp_ms, whole[20]!.row.timestamp_ms];
    const parts = await Promise.all([
      all(replay({ ...request, start: new Date(first), end: last })),
      all(replay({ ...request, start: new Date(first).toISOString(), end: String(last) })),
    ]);

    for (const part of parts) expect(part).toEqual(whole.slice(10, 20));
    expect(summaries.map(({ rows, done }) => [rows.order_book, done])).toEqual([
      [ROWS, true],
      [10, true],
      [10, true],
    ]);
  });
});

describe('replay() as an Observable', () => {
  test('emits the same rows through operators, once for each subscription', async () => {
    const rows = replay({ from: lake, symbols: ['BTC*'] });
    const events = rows.pipe(
      filter(({ table }) => table === 'feed_event'),
      toArray(),
    );

    expect(await firstValueFrom(events)).toEqual(await firstValueFrom(events));
    expect(await firstValueFrom(rows.pipe(toArray()))).toEqual(await all(rows));
  });

  test('hands nothing on while there is no room', async () => {
    let emitted = 0;
    let enter = () => {};
    let asked = () => {};
    const waiting = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const room = () =>
      new Promise<void>((resolve) => {
        enter = resolve;
        asked();
      });
    const subscription = replay({ from: lake, tables: ['order_book'], room }).subscribe(() => {
      emitted += 1;
    });
    await waiting;
    const before = emitted;
    for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);

    expect(before).toBe(1000);
    expect(emitted).toBe(before);

    const more = new Promise<void>((resolve) => {
      asked = resolve;
    });
    enter();
    await more;
    expect(emitted).toBe(2000);
    subscription.unsubscribe();
    enter();
  });

  test('emits nothing after it was unsubscribed from', async () => {
    const rows = await firstValueFrom(replay({ from: lake }).pipe(take(7), toArray()));

    expect(rows).toHaveLength(7);
  });
});

describe('what replay() leaves out', () => {
  test('ends it with an error after the last row, which names it', async () => {
    const torn = temporaryFolder();
    putRows(torn, 'order_book', `${NOON}-a`, snapshots([1, 2, 3]));
    put(torn, `orderbook/year=2026/month=09/day=01/hour=12/${NOON + 1}-torn.avro`, 'Obj\u0001torn');
    const rows: TableRow[] = [];
    const reading = replay({ from: torn, tables: ['order_book'] }).forEach((row) => {
      rows.push(row);
    });

    await expect(reading).rejects.toMatchObject({
      code: 'DL_REPLAY_INCOMPLETE',
      message: expect.stringMatching(/DL_CONTAINER_INVALID.*torn\.avro/),
    });
    expect(rows).toHaveLength(3);

    const problems: Problem[] = [];
    await all(replay({ from: torn, tables: ['order_book'], onProblem: (problem) => problems.push(problem) }));
    expect(problems).toMatchObject([{ code: 'DL_CONTAINER_INVALID' }]);
    await expect(all(replay({ from: torn, strict: true }))).rejects.toMatchObject({ code: 'DL_CONTAINER_INVALID' });
  });

  test.each([
    [{ from: 'nope:x' }, 'DL_USAGE'],
    [{ from: '.', start: 'yesterday' }, 'DL_USAGE'],
    [{ from: '.', start: NOON, end: NOON }, 'DL_USAGE'],
    [{ from: '.', start: 'latest' }, 'DL_USAGE'],
    [{ from: 'kinesis:depthlake', start: 'latest' }, 'DL_USAGE'],
    [{ from: '.', follow: true }, 'DL_USAGE'],
    [{ from: '.', tables: ['trades' as 'order_book'] }, 'DL_USAGE'],
    [{ from: '.', tables: [] }, 'DL_USAGE'],
    [{ from: '.', symbols: [] }, 'DL_USAGE'],
    [{ from: [] }, 'DL_USAGE'],
    [{ from: ['kinesis:a', 'kinesis:b'] }, 'DL_USAGE'],
    [{ from: '.', speed: 0 }, 'DL_USAGE'],
    [{ from: '.', speed: Number.NaN }, 'DL_USAGE'],
    [{ from: '.', windowMs: -1 }, 'DL_USAGE'],
    [{ from: 'kinesis:a', lateMs: Number.NaN }, 'DL_USAGE'],
  ] as const)('a request that cannot be is refused at once: %j', (request, code) => {
    expect(() => replay(request)).toThrow(expect.objectContaining({ code }));
  });

  test('a file that is not there reaches the reader', async () => {
    await expect(all(replay({ from: `${lake}/none.avro`, end: NOON + HOUR_MS }))).rejects.toMatchObject({
      code: 'DL_FILE_UNREADABLE',
    });
  });
});
