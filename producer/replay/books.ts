/** One row a book: what redundant producers recorded of the same book, told by its venue, symbol and `last_update_id`. */
import type { OrderBookRow, TableRow } from '../record.ts';
import { compareKeys } from './key.ts';

interface SymbolBooks {
  /** The first session that was seen. */
  readonly session: string;
  /** The rows that wait, by `last_update_id`; null while one session alone is seen: then no book is there twice. */
  waiting: Map<number, TableRow[]> | null;
}

/**
 * Rows of different sessions, at most `spanMs` later than the first of them, are one book: the best stays. What is added
 * only after the first has left stays, too: nothing is lost. Holds no more than the order does.
 */
export class Books {
  readonly #spanMs: number;
  readonly #venues = new Map<string, Map<string, SymbolBooks>>();
  /** Rows that wait and are worse than another one of their book. */
  readonly #beaten = new Set<TableRow>();
  #redundant = false;

  constructor(spanMs: number) {
    this.#spanMs = spanMs;
  }

  /** @param waiting the rows that were added before and have not left */
  add(rows: readonly TableRow[], waiting: () => Iterable<TableRow>): void {
    const joined = this.#symbolsJoined(rows);
    if (joined.size > 0) {
      this.#redundant = true;
      for (const symbol of joined) symbol.waiting = new Map();
      for (const row of waiting()) if (joined.has(this.#symbolOf(row)!)) this.#wait(row);
    }
    if (this.#redundant) for (const row of rows) this.#wait(row);
  }

  /** Whether this row, about to leave as the first of those that wait, is worse than another one of its book. */
  removes(row: TableRow): boolean {
    if (!this.#redundant || row.table !== 'order_book') return false;
    if (this.#beaten.delete(row)) return true;
    const waiting = this.#symbolOf(row)?.waiting;
    const rows = waiting?.get(row.row.last_update_id);
    // Another row of its book was the first, and this one was found to be the best.
    if (!waiting || !rows?.includes(row)) return false;

    const book = bookOf(row, rows, row.row.timestamp_ms + this.#spanMs);
    const best = book.reduce((a, b) => (isBetter(b.row as OrderBookRow, a.row as OrderBookRow) ? b : a));
    for (const one of book) {
      // Of a row that was delivered twice any copy may be the first to leave.
      for (const copy of rows.filter((each) => compareKeys(each, one) === 0)) {
        without(waiting, copy);
        if (one !== best) this.#beaten.add(copy);
      }
    }
    return this.#beaten.delete(row);
  }

  /** This row leaves, whatever its book is. */
  drop(row: TableRow): void {
    if (!this.#redundant || row.table !== 'order_book') return;
    this.#beaten.delete(row);
    const waiting = this.#symbolOf(row)?.waiting;
    if (waiting) without(waiting, row);
  }

  /** The symbols that come to their second session with these rows. */
  #symbolsJoined(rows: readonly TableRow[]): Set<SymbolBooks> {
    const joined = new Set<SymbolBooks>();
    for (const row of rows) {
      if (row.table !== 'order_book') continue;
      const { venue, symbol, session_id: session } = row.row;
      const known = this.#symbolOf(row);
      if (known === undefined) this.#symbolsOf(venue).set(symbol, { session, waiting: null });
      else if (known.waiting === null && known.session !== session) joined.add(known);
    }
    return joined;
  }

  #wait(row: TableRow): void {
    if (row.table !== 'order_book') return;
    const waiting = this.#symbolOf(row)?.waiting;
    if (!waiting) return;
    const rows = waiting.get(row.row.last_update_id);
    if (rows === undefined) waiting.set(row.row.last_update_id, [row]);
    else rows.push(row);
  }

  #symbolOf({ table, row }: TableRow): SymbolBooks | undefined {
    return table === 'order_book' ? this.#venues.get(row.venue)?.get(row.symbol) : undefined;
  }

  #symbolsOf(venue: string): Map<string, SymbolBooks> {
    let symbols = this.#venues.get(venue);
    if (symbols === undefined) {
      symbols = new Map();
      this.#venues.set(venue, symbols);
    }
    return symbols;
  }
}

/**
 * Those of `rows` that show the same book as `first`, in order. A session tells of a book once: a second row with its id
 * is another book, after the venue's ids began anew, or the same row twice.
 */
function bookOf(first: TableRow, rows: readonly TableRow[], untilMs: number): TableRow[] {
  const book = [first];
  const sessions = new Set([first.row.session_id]);
  for (const one of rows.toSorted(compareKeys)) {
    if (one.row.timestamp_ms > untilMs || sessions.has(one.row.session_id)) continue;
    sessions.add(one.row.session_id);
    book.push(one);
  }
  return book;
}

/** As the view `order_book_best`: verified, then most covered; the earlier one where both are alike. */
function isBetter(a: OrderBookRow, b: OrderBookRow): boolean {
  const proofs = proof(a) - proof(b);
  return proofs === 0 ? covered(a) > covered(b) : proofs > 0;
}

function proof({ verified }: OrderBookRow): number {
  if (verified === null) return 1;
  return verified ? 2 : 0;
}

function covered(row: OrderBookRow): number {
  return row.bid_levels_covered + row.ask_levels_covered;
}

function without(waiting: Map<number, TableRow[]>, row: TableRow): void {
  const id = (row.row as OrderBookRow).last_update_id;
  const rows = waiting.get(id);
  const at = rows?.indexOf(row) ?? -1;
  if (rows === undefined || at < 0) return;
  if (rows.length === 1) waiting.delete(id);
  else rows.splice(at, 1);
}
