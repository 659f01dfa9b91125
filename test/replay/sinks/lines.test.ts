import { Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lineFormat } from '../../../infra/replay/sinks/line-format.ts';
import { nullSink } from '../../../infra/replay/sinks/null.ts';
import { openStdoutSink } from '../../../infra/replay/sinks/stdout.ts';
import { Output } from '../../../infra/terminal.ts';
import { decodeLine, type FeedEventRow, type OrderBookRow, type TableRow } from '../../../producer/record.ts';
import { absent, runScript } from '../../interop/python.ts';
import { bookRow, eventRow } from '../../producer/samples.ts';
import { feedEventRow, orderBookRow } from '../../transformer/arbitrary-rows.ts';

const BOOK = new Set(['order_book'] as const);
const EVENTS = new Set(['feed_event'] as const);
const BOTH = new Set(['order_book', 'feed_event'] as const);

const ROWS: readonly TableRow[] = [bookRow('BTCUSDT', 1, 1000), eventRow(null, 1, 1001), bookRow('ETHUSDT', 1, 1002)];

const BOOK_COLUMNS =
  'timestamp_ms,' +
  'bid_price_1bp,bid_quantity_1bp,bid_price_5bp,bid_quantity_5bp,bid_price_10bp,bid_quantity_10bp,' +
  'bid_price_50bp,bid_quantity_50bp,bid_price_100bp,bid_quantity_100bp,' +
  'ask_price_1bp,ask_quantity_1bp,ask_price_5bp,ask_quantity_5bp,ask_price_10bp,ask_quantity_10bp,' +
  'ask_price_50bp,ask_quantity_50bp,ask_price_100bp,ask_quantity_100bp,' +
  'spread,mid_price,imbalance_ratio,venue,symbol,last_update_id,received_ms,session_id,seq,' +
  'bid_levels_covered,ask_levels_covered,bid_reach,ask_reach,verified,top_bids,top_asks\n';

describe('JSON lines', () => {
  it('are those of live, so that they read back as the rows they were', () => {
    const { head, lines } = lineFormat('jsonl', BOTH);
    const text = lines(ROWS);

    expect(head).toBe('');
    expect(text.endsWith('}\n')).toBe(true);
    expect(text.trimEnd().split('\n').map(decodeLine)).toEqual(ROWS);
  });
});

describe('CSV', () => {
  it('has the fields by their names, and the depth levels of a side as columns with their distance', () => {
    const { head, lines } = lineFormat('csv', BOOK);
    const raw = { verified: true, top_bids: [[99, 1.5]], top_asks: [] };

    expect(head).toBe(BOOK_COLUMNS);
    expect(lines([bookRow('BTCUSDT', 7, 1000, raw)])).toBe(
      '1000,99.99,1,99.95,1,99.9,1,99.5,1,99,1,100.01,2,100.05,2,100.1,2,100.49999999999999,2,101,2,' +
        '2,100,-0.3333333333333333,binance.us,BTCUSDT,7,1000,session-1,7,5,5,0.01,0.01,true,"[[99,1.5]]",[]\n',
    );
  });

  it('has an empty cell for null, and for a depth level that a foreign row lacks', () => {
    const line = lineFormat('csv', BOOK).lines([bookRow('BTCUSDT', 7, 1000, { bids: [[99.5, 3]], verified: false })]);

    expect(line).toMatch(/^1000,99\.5,3,,,,,,,,,100\.01,2,/);
    expect(line).toMatch(/,0\.01,false,,\n$/);
  });

  it('of feed events has every field as it is', () => {
    const { head, lines } = lineFormat('csv', EVENTS);

    expect(head).toBe('timestamp_ms,venue,symbol,session_id,seq,kind,from_ms,to_ms,missed_updates,last_seq,detail\n');
    expect(lines([eventRow(null, 3, 1000, '{"a":1}')])).toBe(
      '1000,binance.us,,session-1,3,connected,,,,,"{""a"":1}"\n',
    );
  });

  it.each([BOTH, new Set<'order_book'>()])('of %j is refused: a file has the columns of one table', (tables) => {
    expect(() => lineFormat('csv', tables)).toThrow(expect.objectContaining({ code: 'DL_USAGE' }));
  });

  it.skipIf(absent !== null)('comes back equal through Python’s csv module, whatever the rows hold', async () => {
    const numRuns = 150;
    const books = fc.sample(orderBookRow, { numRuns, seed: 6 });
    const awkward = [',', '"', '\n', '\r', '\r\n', ' "a", ', '""', '\u0000', '\u2028'];
    const events: FeedEventRow[] = [
      ...fc.sample(feedEventRow, { numRuns, seed: 6 }),
      ...awkward.map((detail) => eventRow('A', 1, 1, detail).row as FeedEventRow),
    ];
    const book = lineFormat('csv', BOOK);
    const event = lineFormat('csv', EVENTS);
    const [readBooks, readEvents] = await runScript<{ rows: readonly Record<string, string>[] }>('read_csv.py', {
      texts: [
        book.head + book.lines(books.map((row) => ({ table: 'order_book', row }))),
        event.head + event.lines(events.map((row) => ({ table: 'feed_event', row }))),
      ],
    });

    expect(readBooks!.rows.map(bookOf)).toEqual(books.map(withFiveLevels));
    expect(readEvents!.rows).toEqual(
      events.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, String(value ?? '')]))),
    );
  });
});

/** A row of cells, numbers read as numbers; columns of depth levels remain by their names. */
function bookOf(cells: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(cells).map(([name, cell]) => {
      if (['venue', 'symbol', 'session_id'].includes(name)) return [name, cell];
      return [name, cell === '' ? null : JSON.parse(cell)];
    }),
  );
}

/** What CSV has of a row: the first five pairs of a side. JSON has no negative zero. */
function withFiveLevels({ bids, asks, ...row }: OrderBookRow): Record<string, unknown> {
  const flat = Object.entries({ bid: bids, ask: asks }).flatMap(([side, pairs]) =>
    [1, 5, 10, 50, 100].flatMap((level, index) => [
      [`${side}_price_${level}bp`, pairs[index]?.[0] ?? null],
      [`${side}_quantity_${level}bp`, pairs[index]?.[1] ?? null],
    ]),
  );
  return JSON.parse(JSON.stringify({ ...row, ...Object.fromEntries(flat) }));
}

/** A pipe whose reader takes one text at a time, when told. */
function slowPipe(): { output: Output; taken: string[]; take: () => void } {
  const taken: string[] = [];
  let waiting: (() => void) | null = null;
  const stream = new Writable({
    decodeStrings: false,
    write: (text, _encoding, done) => {
      waiting = () => {
        taken.push(text);
        done();
      };
    },
  });
  return { output: new Output(stream, { env: {}, onClosed: () => {} }), taken, take: () => waiting!() };
}

describe('standard output', () => {
  it('takes the next batch when the one before has left the process, as one text with the head in front', async () => {
    const { output, taken, take } = slowPipe();
    const format = lineFormat('csv', BOOK);
    const sink = openStdoutSink(output, format);
    let written = 0;
    const writing = sink.write([ROWS[0]!, ROWS[2]!]).then(() => {
      written += 1;
    });
    await new Promise(setImmediate);

    expect(written).toBe(0);
    expect(await sink.accepted()).toEqual({ writes: 0, state: null });
    take();
    await writing;
    expect(await sink.accepted()).toEqual({ writes: 1, state: null });
    expect(taken).toEqual([format.head + format.lines([ROWS[0]!, ROWS[2]!])]);
    expect(await sink.end()).toEqual({ writes: 1, state: null });
    await sink.close();
  });

  it('has the head of a CSV also where no row comes', async () => {
    const { output, taken, take } = slowPipe();
    const sink = openStdoutSink(output, lineFormat('csv', EVENTS));
    const ending = sink.end();
    take();

    expect(await ending).toEqual({ writes: 0, state: null });
    expect(taken).toEqual([lineFormat('csv', EVENTS).head]);
  });

  it('says when it cannot be written', async () => {
    const full = new Writable({ write: (_text, _encoding, done) => done(new Error('no space left on device')) });
    const sink = openStdoutSink(new Output(full, { env: {}, onClosed: () => {} }), lineFormat('jsonl', BOTH));

    await expect(sink.write(ROWS)).rejects.toMatchObject({ code: 'DL_OUTPUT_FAILED' });
    expect(await sink.accepted()).toEqual({ writes: 0, state: null });
  });
});

it('null takes every batch at once and keeps none', async () => {
  const sink = nullSink();
  await sink.write(ROWS);
  await sink.write(ROWS);

  expect(await sink.accepted()).toEqual({ writes: 2, state: null });
  expect(await sink.end()).toEqual({ writes: 2, state: null });
  await sink.close();
});
