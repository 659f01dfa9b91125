/**
 * The end-of-run audit: compares what the exchange published with what the lake holds. Nothing is missing that is not an
 * event, nothing is doubled, and every row that says so equals the exchange's own book at its id.
 */
import type { BookMode } from '../../producer/config.ts';
import type { OrderBookRow } from '../../producer/record.ts';
import type { Lake } from '../end-to-end/lake.ts';
import { differences, type ReferenceDepth, referenceDepth, type TextLevel } from '../producer/book/reference.ts';
import { type Excuse, Excuses, type Span } from './feed-excuses.ts';
import type { Oracle, OracleBook, PublishedId } from './oracle.ts';

export interface FeedAuditOptions {
  readonly mode: BookMode;
  readonly oracle: Oracle;
  readonly lake: Lake;
  readonly symbols: readonly string[];
  /** What was published after this is not asked for; UTC epoch ms. */
  readonly untilMs: number;
}

/** Why a published id has no row; `unsent` and `unchanged` are known to the exchange alone. */
type Absence = Excuse | 'unsent' | 'unchanged';

export interface FeedAudit {
  readonly problems: readonly string[];
  /** Published ids from the first recorded one on. */
  readonly published: number;
  readonly recorded: number;
  readonly absent: Readonly<Partial<Record<Absence, number>>>;
  /** Rows that say `verified: true`, and their covered levels: all were compared. */
  readonly verified: number;
  readonly coveredLevels: number;
  /** Rows that came more than once into the lake, before sealing. */
  readonly copies: number;
}

interface Findings {
  readonly problems: string[];
  published: number;
  recorded: number;
  readonly absent: Partial<Record<Absence, number>>;
  verified: number;
  coveredLevels: number;
  copies: number;
}

const FRAME_LEVELS = 20;
/** Beyond it no depth level counts. */
const OUTERMOST = 0.0101;

export function auditFeed(options: FeedAuditOptions): FeedAudit {
  const findings: Findings = {
    problems: [],
    published: 0,
    recorded: 0,
    absent: {},
    verified: 0,
    coveredLevels: 0,
    copies: 0,
  };
  for (const symbol of options.symbols) auditSymbol(symbol, options, findings);
  return findings;
}

function auditSymbol(symbol: string, { mode, oracle, lake, untilMs }: FeedAuditOptions, findings: Findings): void {
  const { problems } = findings;
  const rows = singleRows(symbol, lake.rows, findings);
  const published = oracle.ids(symbol, mode === 'full' ? 'diff' : 'frame');
  const known = new Set(published.map(({ id }) => id));
  for (const id of rows.keys()) if (!known.has(id)) problems.push(`${symbol} ${id}: a row of what was never published`);
  const unchanged = compareBooks(symbol, mode, oracle, rows, findings);

  const firstId = published.find(({ id }) => rows.has(id))?.id;
  const lastId = published.findLast(({ id }) => rows.has(id))?.id;
  if (firstId === undefined || lastId === undefined) {
    problems.push(`${symbol}: nothing is recorded`);
    return;
  }
  const excuses = new Excuses(lake.events, spansOf(rows), symbol, mode);
  for (const each of published) {
    if (each.id < firstId || each.atMs >= untilMs) continue;
    findings.published += 1;
    if (rows.has(each.id)) {
      findings.recorded += 1;
      continue;
    }
    const absence = excuses.of(each) ?? exchangesOwn(each, mode, each.id > lastId, unchanged);
    if (absence === null) problems.push(`${symbol} ${each.id}: missing without an event${each.sent ? ', sent' : ''}`);
    else findings.absent[absence] = (findings.absent[absence] ?? 0) + 1;
  }
}

/** What no producer can know: in mode depth20 what was not sent; in witness a frame that would have shown nothing new; the tail. */
function exchangesOwn(
  { id, sent }: PublishedId,
  mode: BookMode,
  isTail: boolean,
  unchanged: ReadonlySet<number>,
): Absence | null {
  if (sent) return null;
  if (mode === 'depth20' || isTail) return 'unsent';
  return mode === 'witness' && unchanged.has(id) ? 'unchanged' : null;
}

/** The rows by id: copies of a row are one row, two rows with one identity or one id in a session are a problem. */
function singleRows(symbol: string, all: readonly OrderBookRow[], findings: Findings): Map<number, OrderBookRow[]> {
  const bySeq = new Map<string, string>();
  const bySessionAndId = new Set<string>();
  const rows = new Map<number, OrderBookRow[]>();
  for (const row of all) {
    if (row.symbol !== symbol) continue;
    const identity = `${row.session_id} ${row.seq}`;
    const text = JSON.stringify(row);
    const before = bySeq.get(identity);
    if (before !== undefined) {
      findings.copies += 1;
      if (before !== text) findings.problems.push(`${symbol}: two rows with session and seq ${identity}`);
      continue;
    }
    bySeq.set(identity, text);
    const place = `${row.session_id} ${row.last_update_id}`;
    if (bySessionAndId.has(place)) findings.problems.push(`${symbol}: two rows with session and id ${place}`);
    bySessionAndId.add(place);
    rows.set(row.last_update_id, [...(rows.get(row.last_update_id) ?? []), row]);
  }
  return rows;
}

/** What SIGKILL caught in memory: the linger, 2 s until the spill, and some. */
const TAIL_MS = 5_000;

function spansOf(rows: ReadonlyMap<number, readonly OrderBookRow[]>): Span[] {
  const sessions = new Map<string, OrderBookRow[]>();
  for (const row of [...rows.values()].flat()) {
    const own = sessions.get(row.session_id);
    if (own === undefined) sessions.set(row.session_id, [row]);
    else own.push(row);
  }
  return [...sessions.values()].map((own) => {
    const endMs = Math.max(...own.map(({ received_ms }) => received_ms)) - TAIL_MS;
    const ids = own.filter(({ received_ms }) => received_ms <= endMs).map(({ last_update_id }) => last_update_id);
    return { firstId: Math.min(...ids), lastId: Math.max(...ids) };
  });
}

/** Compares each row with the exchange's book at its id. @returns the ids at which the best 20 levels were as before */
function compareBooks(
  symbol: string,
  mode: BookMode,
  oracle: Oracle,
  rows: ReadonlyMap<number, readonly OrderBookRow[]>,
  findings: Findings,
): Set<number> {
  const unchanged = new Set<number>();
  let before = '';
  for (const book of oracle.books(symbol)) {
    const top = JSON.stringify([book.bids.slice(0, FRAME_LEVELS), book.asks.slice(0, FRAME_LEVELS)]);
    if (top === before) unchanged.add(book.id);
    before = top;
    for (const row of rows.get(book.id) ?? []) {
      const found = mode === 'full' ? fullRowDifferences(row, book) : frameRowDifferences(row, book, mode);
      for (const each of found) findings.problems.push(`${symbol} ${row.session_id} ${book.id}: ${each}`);
      if (row.verified !== true) continue;
      findings.verified += 1;
      findings.coveredLevels += row.bid_levels_covered + row.ask_levels_covered;
    }
  }
  return unchanged;
}

/** A row of a frame says what the frame said, proved or not. */
function frameRowDifferences(row: OrderBookRow, book: OracleBook, mode: BookMode): string[] {
  if ((mode === 'depth20') !== (row.verified === null)) return [`verified is ${row.verified} in mode ${mode}`];
  const expected = referenceDepth(book.bids.slice(0, FRAME_LEVELS), book.asks.slice(0, FRAME_LEVELS));
  if (typeof expected === 'string') return [`the exchange's book is ${expected}`];
  const covered = row.verified === false ? { bid_levels_covered: 0, ask_levels_covered: 0 } : {};
  return [...differences(depthOf(row), { ...expected, ...covered }), ...topDifferences(row, book)];
}

/** A verified row of a rebuilt book equals the exchange's in all that it covers; an unverified one covers nothing. */
function fullRowDifferences(row: OrderBookRow, book: OracleBook): string[] {
  if (row.verified === null) return ['verified is null in mode full'];
  if (!row.verified) {
    return row.bid_levels_covered + row.ask_levels_covered === 0 ? [] : ['unverified, and yet levels are covered'];
  }
  const mid = (Number(book.bids[0]?.[0]) + Number(book.asks[0]?.[0])) / 2;
  const near = (side: readonly TextLevel[]) => {
    const end = side.findIndex(([price]) => Math.abs(Number(price) - mid) > mid * OUTERMOST);
    return end === -1 ? side : side.slice(0, end);
  };
  const expected = referenceDepth(near(book.bids), near(book.asks), { bids: true, asks: true });
  if (typeof expected === 'string') return [`the exchange's book is ${expected}`];
  const found = topDifferences(row, book);
  for (const field of ['spread', 'mid_price'] as const) {
    if (row[field] !== expected[field]) found.push(`${field}: ${row[field]}, expected ${expected[field]}`);
  }
  for (const side of ['bids', 'asks'] as const) {
    const covered = side === 'bids' ? row.bid_levels_covered : row.ask_levels_covered;
    for (let i = 0; i < covered; i++) {
      const [actual, wanted] = [String(row[side][i]), String(expected[side][i])];
      if (actual !== wanted) found.push(`${side}[${i}]: ${actual}, expected ${wanted}`);
    }
  }
  return found;
}

/** The raw levels, where the row has them, are the exchange's best. */
function topDifferences(row: OrderBookRow, book: OracleBook): string[] {
  return (['bids', 'asks'] as const).flatMap((side) => {
    const raw = row[`top_${side}`] ?? [];
    const differs = raw.findIndex((level, i) => String(level) !== String(book[side][i]?.map(Number)));
    return differs === -1 ? [] : [`top_${side}[${differs}]: ${raw[differs]}, expected ${book[side][differs]}`];
  });
}

function depthOf(row: OrderBookRow): ReferenceDepth {
  return { ...row, bids: row.bids as [number, number][], asks: row.asks as [number, number][] };
}
