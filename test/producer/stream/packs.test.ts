import fc from 'fast-check';
import { Subject } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { decodePack, encodeLine, encodePack, PACK_MAX_LINE_BYTES, type TableRow } from '../../../producer/record.ts';
import { laneOf, type Pack, PackBuilder, toPacks } from '../../../producer/stream/packs.ts';
import { bookRow, eventRow } from '../samples.ts';
import { VirtualClock } from '../virtual-clock.ts';

const HOUR_MS = 3_600_000;
const NOW = 1_700_000_000_000;

/** A symbol's snapshots keep to one lane, and so do the feed events of a session: both are in order there. */
function laneDue({ table, row }: TableRow, lanes: number): string {
  return laneOf(row.venue, table === 'feed_event' ? row.session_id : row.symbol, lanes);
}

/** What a pack may hold: rows of one lane, one table, one event-time hour, at most 300 KiB of lines. */
function impurities(pack: Pack, lanes: number): string[] {
  const rows = decodePack(pack.data);
  const found = (what: string, of: (row: TableRow) => unknown) => {
    const distinct = new Set(rows.map(of));
    return distinct.size === 1 ? [] : [`${distinct.size} ${what}`];
  };
  const lineBytes = rows.reduce((sum, row) => sum + Buffer.byteLength(encodeLine(row)) + 1, 0);
  return [
    ...found('tables', ({ table }) => table),
    ...found('hours', ({ row }) => Math.floor(row.timestamp_ms / HOUR_MS)),
    ...found('lanes', (row) => laneDue(row, lanes)),
    ...(rows.some(({ table }) => table !== pack.table) ? ['another table than it says'] : []),
    ...(rows.some((row) => laneDue(row, lanes) !== pack.lane) ? ['lane'] : []),
    ...(lineBytes > PACK_MAX_LINE_BYTES ? [`${lineBytes} bytes of lines`] : []),
    ...(lineBytes !== pack.lineBytes ? [`says ${pack.lineBytes} bytes, holds ${lineBytes}`] : []),
    ...(rows.length !== pack.rows ? [`says ${pack.rows} rows, holds ${rows.length}`] : []),
  ];
}

const step = fc.record({
  symbol: fc.constantFrom('BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'ADAUSDT', null),
  hour: fc.nat(2),
  table: fc.constantFrom('order_book', 'order_book', 'feed_event'),
  waitMs: fc.nat(400),
  /** Long details fill packs within a few rows. */
  detailBytes: fc.constantFrom(0, 10, 100_000, 200_000),
});

function rowsOf(
  steps: readonly { symbol: string | null; hour: number; table: string; detailBytes: number }[],
): TableRow[] {
  return steps.map(({ symbol, hour, table, detailBytes }, i) => {
    const atMs = hour * HOUR_MS + i;
    if (table === 'order_book' && symbol !== null) return bookRow(symbol, i + 1, atMs);
    return eventRow(symbol, i + 1, atMs, 'é'.repeat(detailBytes / 2));
  });
}

describe('packs', () => {
  test('are pure and bounded, lose nothing, and keep each symbol and the feed events in order, also across hours', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 4 }), async (steps, lanes) => {
        const clock = new VirtualClock(NOW);
        const input = new Subject<TableRow>();
        const builder = new PackBuilder(lanes);
        const packs: Pack[] = [];
        input.pipe(toPacks(builder, 1_000, clock)).subscribe((pack) => packs.push(pack));
        const rows = rowsOf(steps);
        for (const [i, row] of rows.entries()) {
          await clock.advance(steps[i]!.waitMs);
          input.next(row);
        }
        input.complete();

        expect(packs.flatMap((pack) => impurities(pack, lanes))).toEqual([]);
        const left = packs.flatMap((pack) => decodePack(pack.data));
        const streamOf = ({ table, row }: TableRow) => (table === 'feed_event' ? 'events' : row.symbol);
        for (const stream of new Set(rows.map(streamOf))) {
          const ofStream = (row: TableRow) => streamOf(row) === stream;
          expect(left.filter(ofStream)).toEqual(rows.filter(ofStream));
        }
        expect(left).toHaveLength(rows.length);
        expect(builder.openBytes).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  test('leave when the linger has passed since their first row, not before', async () => {
    const clock = new VirtualClock(NOW);
    const input = new Subject<TableRow>();
    const left: [number, number][] = [];
    input
      .pipe(toPacks(new PackBuilder(1), 1_000, clock))
      .subscribe((pack) => left.push([clock.now() - NOW, pack.rows]));

    input.next(bookRow('BTCUSDT', 1, NOW));
    await clock.advance(999);
    input.next(bookRow('BTCUSDT', 2, NOW + 999));
    expect(left).toEqual([]);
    await clock.advance(1);
    input.next(bookRow('BTCUSDT', 3, NOW + 1_000));
    await clock.advance(5_000);

    expect(left).toEqual([
      [1_000, 2],
      [2_000, 1],
    ]);
  });

  test('of another hour of their lane and table leave first', () => {
    const builder = new PackBuilder(1);

    expect(builder.add(bookRow('BTCUSDT', 1, HOUR_MS - 1), 0)).toEqual([]);
    expect(builder.add(eventRow('BTCUSDT', 1, HOUR_MS), 0)).toEqual([]);
    const closed = builder.add(bookRow('ETHUSDT', 1, HOUR_MS), 0);

    expect(closed.map(({ table, rows }) => [table, rows])).toEqual([['order_book', 1]]);
    expect(closed.flatMap(({ data }) => decodePack(data))).toEqual([bookRow('BTCUSDT', 1, HOUR_MS - 1)]);
  });

  test('leave when another row would pass 300 KiB of lines', () => {
    const builder = new PackBuilder(1);
    const row = (seq: number) => bookRow('BTCUSDT', seq, NOW);
    let closed: Pack[] = [];
    let seq = 0;
    while (closed.length === 0) closed = builder.add(row(++seq), NOW);

    expect(closed).toHaveLength(1);
    expect(closed[0]!.rows).toBe(seq - 1);
    expect(closed[0]!.lineBytes).toBeLessThanOrEqual(PACK_MAX_LINE_BYTES);
    expect(closed[0]!.lineBytes + Buffer.byteLength(encodeLine(row(seq))) + 1).toBeGreaterThan(PACK_MAX_LINE_BYTES);
  });

  test('account for the bytes that no pack has left with', () => {
    const builder = new PackBuilder(4);
    const rows = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'].map((symbol) => bookRow(symbol, 1, NOW));

    for (const row of rows) builder.add(row, NOW);

    expect(builder.openBytes).toBe(rows.reduce((sum, row) => sum + Buffer.byteLength(encodeLine(row)) + 1, 0));
    expect(builder.closeOpenedBy(NOW - 1)).toEqual([]);
    builder.closeOpenedBy(NOW);
    expect([builder.openBytes, builder.oldestMs]).toEqual([0, null]);
  });

  test('know the newest row of each of their symbols, and when their snapshots were received', () => {
    const builder = new PackBuilder(1);
    const given: TableRow[] = [
      bookRow('BTCUSDT', 1, NOW, { last_update_id: 10 }),
      bookRow('ETHUSDT', 1, NOW + 1, { last_update_id: 20 }),
      eventRow('BTCUSDT', 1, NOW + 2),
      bookRow('BTCUSDT', 2, NOW + 3, { last_update_id: 11 }),
    ];
    for (const row of given) builder.add(row, NOW);

    const [books, events] = builder.closeOpenedBy(NOW);

    expect(books!.marks).toEqual([
      { symbol: 'BTCUSDT', receivedMs: NOW + 3, lastUpdateId: 11, seq: 2 },
      { symbol: 'ETHUSDT', receivedMs: NOW + 1, lastUpdateId: 20, seq: 1 },
    ]);
    expect(books!.receivedMs).toEqual([NOW, NOW + 1, NOW + 3]);
    expect([events!.marks, events!.receivedMs]).toEqual([[], []]);
  });

  test('arm no clock once nobody listens', async () => {
    const clock = new VirtualClock(NOW);
    const input = new Subject<TableRow>();
    const packs: Pack[] = [];
    const subscription = input.pipe(toPacks(new PackBuilder(1), 1_000, clock)).subscribe((pack) => packs.push(pack));
    input.next(bookRow('BTCUSDT', 1, NOW));

    subscription.unsubscribe();
    await clock.advance(5_000);

    expect(packs).toEqual([]);
  });
});

test('a clock that is set back by hours holds no row longer than the linger', async () => {
  const clock = new VirtualClock(NOW);
  const rows = new Subject<TableRow>();
  const packs: Pack[] = [];
  rows.pipe(toPacks(new PackBuilder(8), 1_000, clock)).subscribe((pack) => packs.push(pack));

  rows.next(bookRow('BTCUSDT', 1, NOW));
  await clock.advance(500);
  clock.set(NOW - 2 * HOUR_MS);
  await clock.advance(500);

  expect(packs.map((pack) => pack.rows)).toEqual([1]);
});

describe('the bytes of a pack', () => {
  const isGzip = (bytes: Buffer) => bytes[0] === 0x1f && bytes[1] === 0x8b;

  test('are lines of JSON, gzip where that is smaller', () => {
    const short = [encodeLine(eventRow(null, 1, 1))];
    const long = Array.from({ length: 100 }, (_, i) => encodeLine(bookRow('BTCUSDT', i + 1, NOW)));

    expect(encodePack(['{}']).toString()).toBe('{}');
    expect(isGzip(encodePack(['{}']))).toBe(false);
    expect(encodePack(short).length).toBeLessThanOrEqual(short[0]!.length);
    expect(isGzip(encodePack(long))).toBe(true);
    expect(encodePack(long).length).toBeLessThan(long.join('\n').length / 5);
  });

  test('hold no more memory than they have bytes, however few rows they are of', () => {
    for (const rows of [1, 2, 30]) {
      const pack = encodePack(Array.from({ length: rows }, (_, i) => encodeLine(bookRow('BTCUSDT', i + 1, NOW))));

      expect(pack.buffer.byteLength).toBe(pack.length);
    }
  });

  test('decode to the rows that were encoded', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        const rows = rowsOf(steps);

        expect(decodePack(encodePack(rows.map(encodeLine)))).toEqual(rows);
      }),
      { numRuns: 200 },
    );
  });
});

describe('lanes', () => {
  // Other values would move symbols to other shards, and so out of their order, at an upgrade.
  test.each([
    ['binance.us', 'BTCUSDT', 'lane-1', 'lane-9', 'lane-649'],
    ['binance.us', 'ETHUSDT', 'lane-5', 'lane-21', 'lane-85'],
    ['binance.com', 'BTCUSDT', 'lane-2', 'lane-26', 'lane-922'],
    ['local', 'SOLUSDT', 'lane-5', 'lane-29', 'lane-925'],
  ])('of %s %s stay what they are', (venue, symbol, ...pinned) => {
    expect([8, 64, 1024].map((lanes) => laneOf(venue, symbol, lanes))).toEqual(pinned);
  });

  test('are the FNV-1a hash of venue and symbol', () => {
    // The published hash of "a" is 0xe40c292c; the slash behind it is one more step.
    const hash = ((0xe40c292cn ^ 0x2fn) * 0x01000193n) % 2n ** 32n;

    expect(laneOf('a', '', 2 ** 32)).toBe(`lane-${hash}`);
  });

  test('spread the symbols of a venue', () => {
    const symbols = Array.from({ length: 800 }, (_, i) => `SYM${i}USDT`);
    const load = new Map<string, number>();
    for (const symbol of symbols) {
      const lane = laneOf('binance.us', symbol, 8);
      load.set(lane, (load.get(lane) ?? 0) + 1);
    }

    expect([...load.keys()].sort()).toEqual(Array.from({ length: 8 }, (_, i) => `lane-${i}`));
    expect(Math.max(...load.values())).toBeLessThan(160);
  });
});
