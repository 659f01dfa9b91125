import { beforeAll, describe, expect, it } from 'vitest';
import { startExchange } from '../../infra/local/exchange.ts';
import type { BookMode } from '../../producer/config.ts';
import type { FeedEventRow, OrderBookRow } from '../../producer/record.ts';
import { ManualClock } from '../local/exchange-client.ts';
import { referenceDepth } from '../producer/book/reference.ts';
import { auditFeed } from './feed-audit.ts';
import { Oracle } from './oracle.ts';

const SYMBOL = 'BTCUSDT';
const SESSION = 'first';
const oracle = new Oracle();
/** What a producer without fault records of 20 s, by mode. */
const recorded: Record<BookMode, OrderBookRow[]> = { depth20: [], witness: [], full: [] };
let endMs = 0;

beforeAll(async () => {
  const clock = new ManualClock();
  const exchange = await startExchange({ symbols: [SYMBOL], clock, onPublished: oracle.onPublished });
  oracle.begin(exchange);
  clock.advance(20_000);
  endMs = clock.now() + 1;
  await exchange.close();
  let seq = 0;
  for (const { id, bids, asks } of oracle.books(SYMBOL)) {
    seq += 1;
    const frame = referenceDepth(bids.slice(0, 20), asks.slice(0, 20));
    const whole = referenceDepth(bids, asks, { bids: true, asks: true });
    if (typeof frame === 'string' || typeof whole === 'string') throw new Error('an unusable book');
    const identity = { venue: 'local', symbol: SYMBOL, session_id: SESSION, seq, last_update_id: id };
    const times = { timestamp_ms: endMs, received_ms: endMs };
    const top = { top_bids: bids.slice(0, 20).map(numbers), top_asks: asks.slice(0, 20).map(numbers) };
    recorded.depth20.push({ ...identity, ...times, ...frame, ...top, verified: null });
    recorded.witness.push({ ...identity, ...times, ...frame, ...top, verified: true });
    recorded.full.push({ ...identity, ...times, ...whole, ...top, verified: true });
  }
});

const numbers = (level: readonly [string, string]) => level.map(Number);

function audit(mode: BookMode, rows: readonly OrderBookRow[], events: readonly FeedEventRow[] = []) {
  return auditFeed({ mode, oracle, lake: { rows, events }, symbols: [SYMBOL], untilMs: endMs });
}

let eventSeq = 0;
function event(kind: string, fields: Partial<FeedEventRow>, detail: object): FeedEventRow {
  eventSeq += 1;
  const identity = { venue: 'local', symbol: SYMBOL, session_id: SESSION, seq: eventSeq, kind };
  const nothing = { from_ms: null, to_ms: null, missed_updates: null, last_seq: null };
  return { timestamp_ms: endMs, ...identity, ...nothing, ...fields, detail: JSON.stringify(detail) };
}

/** The rows with the one at an index changed. */
function changed(rows: readonly OrderBookRow[], index: number, change: Partial<OrderBookRow>): OrderBookRow[] {
  return rows.map((row, i) => (i === index ? { ...row, ...change } : row));
}

const without = (rows: readonly OrderBookRow[], ...indices: number[]) => rows.filter((_, i) => !indices.includes(i));
const gap = (before: OrderBookRow, after: OrderBookRow | null) =>
  event(
    'gap',
    { from_ms: before.received_ms, to_ms: endMs },
    {
      last_update_id_before: before.last_update_id,
      ...(after === null ? { open: true } : { last_update_id_after: after.last_update_id }),
    },
  );

describe('a lake that holds everything', () => {
  it.each(['depth20', 'witness', 'full'] as const)(
    'is found faultless in mode %s, and all of it was compared',
    (mode) => {
      const rows = recorded[mode];
      const { problems, ...counts } = audit(mode, rows);
      expect(problems).toEqual([]);
      expect(rows.length).toBeGreaterThan(150);
      const verified = mode === 'depth20' ? 0 : rows.length;
      expect(counts).toMatchObject({ published: rows.length, recorded: rows.length, absent: {}, verified, copies: 0 });
      if (mode === 'full') expect(counts.coveredLevels).toBe(10 * rows.length);
    },
  );

  it('may hold copies of a row until it is sealed', () => {
    const rows = recorded.full;
    expect(audit('full', [...rows, rows[3]!, rows[3]!])).toMatchObject({ problems: [], copies: 2 });
  });

  it('begins with the first recorded id', () => {
    expect(audit('full', recorded.full.slice(30)).problems).toEqual([]);
  });
});

describe('a row that is missing', () => {
  it('is found in every mode that can know', () => {
    for (const mode of ['witness', 'full'] as const) {
      const { problems } = audit(mode, without(recorded[mode], 70));
      expect(problems).toEqual([`${SYMBOL} ${recorded[mode][70]!.last_update_id}: missing without an event`]);
    }
    const { problems, absent } = audit('depth20', without(recorded.depth20, 70));
    expect([problems, absent]).toEqual([[], { unsent: 1 }]);
  });

  it('is excused by a gap that begins behind it only where it was sent late', () => {
    const rows = recorded.depth20;
    const lake = without(rows, 70);
    const ids = oracle.ids(SYMBOL, 'frame');
    const missing = ids.find(({ id }) => id === rows[70]!.last_update_id)!;
    const behind = { ...gap(rows[71]!, rows[74]!), from_ms: missing.atMs + 100, to_ms: missing.atMs + 400 };
    const sentAs = (late: boolean) => ({
      books: (symbol: string) => oracle.books(symbol),
      ids: () => ids.map((each) => ({ ...each, sent: true, late: late && each.id === missing.id })),
    });
    const problems = (late: boolean) =>
      auditFeed({
        mode: 'depth20',
        oracle: sentAs(late) as unknown as Oracle,
        lake: { rows: lake, events: [behind] },
        symbols: [SYMBOL],
        untilMs: endMs,
      }).problems;
    expect(problems(true)).toEqual([]);
    expect(problems(false)).toEqual([`${SYMBOL} ${missing.id}: missing without an event, sent`]);
  });

  it('is excused by a gap that holds it, and by no other', () => {
    const rows = recorded.full;
    const lake = without(rows, 70, 71);
    expect(audit('full', lake, [gap(rows[69]!, rows[72]!)])).toMatchObject({ problems: [], absent: { gap: 2 } });
    expect(audit('full', lake, [gap(rows[69]!, rows[71]!)]).problems).toHaveLength(1);
    expect(audit('full', lake, [gap(rows[70]!, rows[72]!)]).problems).toHaveLength(1);
    const others = { ...gap(rows[69]!, rows[72]!), symbol: 'ETHUSDT' };
    expect(audit('full', lake, [others]).problems).toHaveLength(2);
  });

  it('at the end of the run is excused by a gap that is open, or because it was never sent', () => {
    const rows = recorded.full;
    expect(audit('full', rows.slice(0, -5)).absent).toEqual({ unsent: 5 });
    expect(audit('full', rows.slice(0, -5), [gap(rows.at(-6)!, null)]).absent).toEqual({ gap: 5 });
  });

  it('is excused before the first seed of a later session, and not after', () => {
    const rows = recorded.full;
    const seeded = (id: number) => event('book_seeded', {}, { last_update_id: id });
    const started = { ...event('started', { timestamp_ms: endMs - 15_000 }, {}), symbol: null };
    const lake = without(rows, 100, 101);
    const until = (row: OrderBookRow) => audit('full', lake, [started, seeded(row.last_update_id)]);
    expect(until(rows[101]!)).toMatchObject({ problems: [], absent: { unseeded: 2 } });
    expect(until(rows[100]!).problems).toHaveLength(1);
  });

  it('as a frame that was not sent is excused while there is no book to miss it by', () => {
    const rows = recorded.witness;
    const lake = without(rows, 60);
    const lostMs = endMs - 20_000 + 5_500;
    const lost = event('book_lost', { timestamp_ms: lostMs }, { reason: 'hole' });
    const seeded = event('book_seeded', { timestamp_ms: lostMs + 1_000 }, {});
    const started = { ...event('started', { timestamp_ms: endMs - 60_000 }, {}), symbol: null };
    const first = event('book_seeded', { timestamp_ms: endMs - 59_000 }, {});
    expect(audit('witness', lake, [started, first]).problems).toHaveLength(1);
    expect(audit('witness', lake, [started, first, lost, seeded]).absent).toEqual({ lost_book: 1 });
    expect(audit('full', without(recorded.full, 60), [started, first, lost, seeded]).problems).toHaveLength(1);
  });

  it('is excused by a gap of outer bounds only where no session recorded on both sides of it', () => {
    const rows = recorded.full.map((row, i) => ({ ...row, received_ms: endMs - 20_000 + 100 * i }));
    const outer = { ...gap(rows[20]!, rows[140]!), detail: '' };
    const bounds = { last_update_id_before: rows[20]!.last_update_id, last_update_id_after: rows[140]!.last_update_id };
    outer.detail = JSON.stringify({ ...bounds, bounds: 'outer' });
    const [killed, next] = [rows.slice(0, 100), rows.slice(140).map((row) => ({ ...row, session_id: 'second' }))];
    const inside = audit('full', [...without(killed, 30), ...next], [outer]);
    expect(inside).toMatchObject({ absent: { gap: 40 } });
    expect(inside.problems).toHaveLength(1);
    expect(audit('full', [...without(killed, 80), ...next], [outer])).toMatchObject({
      absent: { gap: 41 },
      problems: [],
    });
  });

  it('is found where the whole symbol is', () => {
    expect(audit('full', []).problems).toEqual([`${SYMBOL}: nothing is recorded`]);
  });
});

describe('a row that is doubled', () => {
  it('is found under another number', () => {
    const rows = recorded.full;
    const twice = { ...rows[50]!, seq: 10_000 };
    expect(audit('full', [...rows, twice]).problems).toEqual([
      `${SYMBOL}: two rows with session and id ${SESSION} ${twice.last_update_id}`,
    ]);
  });

  it('is found where two rows have one number', () => {
    const rows = changed(recorded.full, 50, { seq: recorded.full[49]!.seq });
    expect(audit('full', rows).problems).toContain(`${SYMBOL}: two rows with session and seq ${SESSION} 50`);
  });

  it('is none where two sessions recorded the same book', () => {
    const rows = recorded.full;
    expect(audit('full', [...rows, ...rows.map((row) => ({ ...row, session_id: 'second' }))]).problems).toEqual([]);
  });
});

describe('a row that is wrong', () => {
  const at = 90;
  const wrong = (mode: BookMode, change: (row: OrderBookRow) => Partial<OrderBookRow>) =>
    audit(mode, changed(recorded[mode], at, change(recorded[mode][at]!))).problems;
  const quantity = (level: number) => (row: OrderBookRow) => ({
    bids: row.bids.map(([price, q], i) => [price!, i === level ? q! + 1e-8 : q!]),
  });

  it('is found by one unit of one quantity in one covered level', () => {
    for (let level = 0; level < 5; level++) expect(wrong('full', quantity(level))).toHaveLength(1);
    for (const mode of ['witness', 'depth20'] as const) expect(wrong(mode, quantity(4))).toHaveLength(1);
  });

  it('is no fault of a rebuilt book where the level is not covered', () => {
    const uncovered = (row: OrderBookRow) => ({ ...quantity(4)(row), bid_levels_covered: 4 });
    expect(wrong('full', uncovered)).toEqual([]);
  });

  it('is found by its mid price, its spread, and its raw levels', () => {
    expect(wrong('full', (row) => ({ mid_price: row.mid_price + 0.01 }))).toHaveLength(1);
    expect(wrong('full', (row) => ({ spread: row.spread + 0.01 }))).toHaveLength(1);
    expect(wrong('full', (row) => ({ top_asks: [...row.top_asks!].reverse() }))).toHaveLength(1);
  });

  it('is found where it claims a proof that cannot be, or covers levels without one', () => {
    expect(wrong('depth20', () => ({ verified: true }))).toHaveLength(1);
    expect(wrong('full', () => ({ verified: null }))).toHaveLength(1);
    expect(wrong('full', () => ({ verified: false }))).toHaveLength(1);
    expect(wrong('witness', () => ({ verified: false }))).not.toEqual([]);
    const nothing = { verified: false, bid_levels_covered: 0, ask_levels_covered: 0 };
    expect(wrong('witness', () => nothing)).toEqual([]);
  });

  it('is found where its id was never published', () => {
    expect(wrong('full', (row) => ({ last_update_id: row.last_update_id - 1 }))).toContainEqual(
      expect.stringContaining('a row of what was never published'),
    );
  });
});
