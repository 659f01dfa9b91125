/** Whether anything is missing: the sequence numbers of each session, as they came by. */
import type { TableName, TableRow } from '../record.ts';
import { SeqRanges, type SeqRangesState } from './seq-ranges.ts';

/** The numbers that one count of a session misses within the selection. */
export interface Hole {
  readonly table: TableName;
  readonly venue: string;
  readonly session_id: string;
  /** null: the session's feed events, which count without regard to the symbol */
  readonly symbol: string | null;
  readonly first_seq: number;
  readonly last_seq: number;
  readonly missing: number;
}

export type CompletenessState = readonly (readonly [
  table: TableName,
  venue: string,
  session: string,
  symbol: string | null,
  seen: SeqRangesState,
])[];

/** The counts of one session at one venue. */
interface Counts {
  readonly books: Map<string, SeqRanges>;
  events: SeqRanges | null;
}

/**
 * Per session, venue and symbol (feed events: per session and venue) `seq` counts 1, 2, 3, …: what is missing between
 * the first and the last one seen is a hole. Memory: one small record a count.
 */
export class Completeness {
  readonly #sessions = new Map<string, Map<string, Counts>>();
  /** Of the row before: mostly the next one is of the same session and venue. */
  #session = '';
  #venue = '';
  #counts: Counts | null = null;

  constructor(state: CompletenessState = []) {
    for (const [table, venue, session, symbol, seen] of state) {
      const counts = this.#countsOf(session, venue);
      if (table === 'feed_event') counts.events = new SeqRanges(seen);
      else counts.books.set(symbol ?? '', new SeqRanges(seen));
    }
  }

  add({ table, row }: TableRow): void {
    const counts = this.#countsOf(row.session_id, row.venue);
    if (table === 'feed_event') {
      counts.events ??= new SeqRanges();
      counts.events.add(row.seq);
      return;
    }
    let seen = counts.books.get(row.symbol);
    if (seen === undefined) {
      seen = new SeqRanges();
      counts.books.set(row.symbol, seen);
    }
    seen.add(row.seq);
  }

  /** Whether a row of this number was seen before. */
  has({ table, row }: TableRow): boolean {
    const { books, events } = this.#countsOf(row.session_id, row.venue);
    const seen = table === 'feed_event' ? events : books.get(row.symbol);
    return seen?.has(row.seq) ?? false;
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  holes(): Hole[] {
    return [...this.#each()]
      .filter(([, , , , seen]) => seen.missing > 0)
      .map(([table, venue, session_id, symbol, seen]) => {
        const { first: first_seq, last: last_seq, missing } = seen;
        return { table, venue, session_id, symbol, first_seq, last_seq, missing };
      });
  }

  get state(): CompletenessState {
    return [...this.#each()].map(([table, venue, session, symbol, seen]) => [
      table,
      venue,
      session,
      symbol,
      seen.state,
    ]);
  }

  *#each(): Generator<[TableName, string, string, string | null, SeqRanges]> {
    for (const [session, venues] of this.#sessions) {
      for (const [venue, { books, events }] of venues) {
        for (const [symbol, seen] of books) yield ['order_book', venue, session, symbol, seen];
        if (events !== null) yield ['feed_event', venue, session, null, events];
      }
    }
  }

  #countsOf(session: string, venue: string): Counts {
    if (this.#counts !== null && session === this.#session && venue === this.#venue) return this.#counts;
    let venues = this.#sessions.get(session);
    if (venues === undefined) {
      venues = new Map();
      this.#sessions.set(session, venues);
    }
    let counts = venues.get(venue);
    if (counts === undefined) {
      counts = { books: new Map(), events: null };
      venues.set(venue, counts);
    }
    this.#session = session;
    this.#venue = venue;
    this.#counts = counts;
    return counts;
  }
}
