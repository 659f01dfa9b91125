/**
 * The proof of promise 3: within a session, `seq` has no hole in the lake.
 *
 * Fed with the rows of one container file after another, in any order; memory grows with the holes, not with the rows.
 */
import type { FeedEventRow, OrderBookRow, RowTypes, TableName } from '../producer/record.ts';
import { namedSymbols, refusedRange } from './event-detail.ts';
import { type Hole, Ledger, type Range, sizeOf, subtract, toRanges } from './ledger.ts';

/** Rows this young may still be on their way, so a hole before them is not yet a loss. */
export const IN_FLIGHT_MS = 120_000;

/** What is known of one counter: the rows of one symbol, or the feed events of a session (symbol null). */
export interface CounterAudit {
  readonly venue: string;
  readonly symbol: string | null;
  /** null: there is no row. */
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
  /** Rows read, duplicates among them. */
  readonly rows: number;
  readonly duplicates: number;
  /** Sequence numbers that should be there and are not. */
  readonly missing: readonly Range[];
  readonly lost: number;
  /** Absent, and a `refused` event names them. */
  readonly excused: number;
  /** Absent, and the row behind them is younger than IN_FLIGHT_MS. */
  readonly inFlight: number;
  /** Present, and beyond what the session's last word on this counter says there is. */
  readonly unannounced: number;
  /**
   * Absent at the end of a session that is open, and a `tally` announced them: SIGKILL may have caught them in memory,
   * or they are lost.
   */
  readonly unproved: number;
}

export interface SessionAudit {
  readonly sessionId: string;
  /** stopped: its `stopped` event is there, so its tail is audited too. */
  readonly stopped: boolean;
  /** Not stopped, and its newest row is younger than IN_FLIGHT_MS. Neither of both: open, nothing proves its last rows. */
  readonly running: boolean;
  readonly events: CounterAudit;
  /** Those that `started` names, and those of which there is a row or an event. */
  readonly symbols: readonly CounterAudit[];
  /** Symbols of a stopped session without a row and without a tally: whether there were rows, nothing tells. */
  readonly unaccounted: readonly string[];
}

export interface AuditTotals {
  readonly sessions: number;
  /** Sessions that neither stopped nor run: nothing proves their last rows. */
  readonly open: number;
  readonly running: number;
  /** Symbols of stopped sessions that nothing accounts for. */
  readonly unaccounted: number;
  readonly rows: number;
  readonly duplicates: number;
  readonly lost: number;
  readonly excused: number;
  readonly inFlight: number;
  readonly unannounced: number;
  readonly unproved: number;
  /** Rows whose seq is below 1, or that name no session: they cannot be audited. */
  readonly unnumbered: number;
}

export interface AuditResult {
  readonly sessions: readonly SessionAudit[];
  readonly totals: AuditTotals;
}

/** What counters are summed up by. */
type Count = 'rows' | 'duplicates' | 'lost' | 'excused' | 'inFlight' | 'unannounced' | 'unproved';

interface Counter {
  readonly venue: string;
  readonly symbol: string | null;
  readonly ledger: Ledger;
  readonly refused: Range[];
  /** The last seq that a `tally` (or, for events, `stopped`) announces. */
  announced: number | null;
}

interface Session {
  readonly events: Counter;
  readonly symbols: Map<string, Counter>;
  stopped: boolean;
  /** The time of its newest row, UTC epoch ms. */
  newestMs: number;
}

/** @example const audit = new Audit(); audit.add('order_book', rows); audit.result(Date.now()).totals.lost */
export class Audit {
  readonly #sessions = new Map<string, Session>();
  #unnumbered = 0;

  /** Takes the rows of one container file. */
  add<T extends TableName>(table: T, rows: Iterable<RowTypes[T]>): void {
    for (const row of rows) {
      if (row.session_id === '' || !(row.seq >= 1)) this.#unnumbered += 1;
      else if (table === 'order_book') this.#addSnapshot(row as OrderBookRow);
      else this.#addEvent(row as FeedEventRow);
    }
  }

  /** @param nowMs UTC epoch ms; Infinity where nothing can be in flight any more */
  result(nowMs: number): AuditResult {
    const sessions = [...this.#sessions]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([sessionId, session]) => auditSession(sessionId, session, nowMs));
    const counters = sessions.flatMap(({ events, symbols }) => [events, ...symbols]);
    const sum = (field: Count): number => counters.reduce((total, counter) => total + counter[field], 0);
    return {
      sessions,
      totals: {
        sessions: sessions.length,
        open: sessions.filter(({ stopped, running }) => !stopped && !running).length,
        running: sessions.filter(({ running }) => running).length,
        unaccounted: sessions.reduce((total, { unaccounted }) => total + unaccounted.length, 0),
        rows: sum('rows') + this.#unnumbered,
        duplicates: sum('duplicates'),
        lost: sum('lost'),
        excused: sum('excused'),
        inFlight: sum('inFlight'),
        unannounced: sum('unannounced'),
        unproved: sum('unproved'),
        unnumbered: this.#unnumbered,
      },
    };
  }

  #addSnapshot(row: OrderBookRow): void {
    const session = this.#session(row.session_id, row.venue, row.received_ms);
    counterOf(session, row.venue, row.symbol).ledger.add(row.seq, row.received_ms);
  }

  #addEvent(row: FeedEventRow): void {
    const session = this.#session(row.session_id, row.venue, row.timestamp_ms);
    session.events.ledger.add(row.seq, row.timestamp_ms);
    if (row.kind === 'stopped') {
      session.stopped = true;
      announce(session.events, row.seq);
    }
    if (row.kind === 'started') for (const symbol of namedSymbols(row.detail)) counterOf(session, row.venue, symbol);
    // A `refused` event without a symbol counts feed events, which had no numbers yet.
    if (row.symbol === null) return;
    if (row.kind === 'tally' && row.last_seq !== null) {
      announce(counterOf(session, row.venue, row.symbol), row.last_seq);
    }
    if (row.kind === 'refused') {
      const range = refusedRange(row.detail);
      if (range !== null) counterOf(session, row.venue, row.symbol).refused.push(range);
    }
  }

  /** @param ms the time of a row of it, UTC epoch ms */
  #session(sessionId: string, venue: string, ms: number): Session {
    let session = this.#sessions.get(sessionId);
    if (session === undefined) {
      session = { events: newCounter(venue, null), symbols: new Map(), stopped: false, newestMs: ms };
      this.#sessions.set(sessionId, session);
    }
    session.newestMs = Math.max(session.newestMs, ms);
    return session;
  }
}

function newCounter(venue: string, symbol: string | null): Counter {
  return { venue, symbol, ledger: new Ledger(), refused: [], announced: null };
}

function counterOf(session: Session, venue: string, symbol: string): Counter {
  const key = `${venue} ${symbol}`;
  let counter = session.symbols.get(key);
  if (counter === undefined) {
    counter = newCounter(venue, symbol);
    session.symbols.set(key, counter);
  }
  return counter;
}

function announce(counter: Counter, lastSeq: number): void {
  counter.announced = Math.max(counter.announced ?? 0, lastSeq);
}

/** What may still come: nothing once a session stopped; of an open one, nothing that would be told. */
type Life = 'stopped' | 'running' | 'open';

function auditSession(sessionId: string, session: Session, nowMs: number): SessionAudit {
  const { stopped, newestMs } = session;
  const life: Life = stopped ? 'stopped' : newestMs > nowMs - IN_FLIGHT_MS ? 'running' : 'open';
  const events = auditCounter(session.events, life, true, nowMs);
  const allSaid = events.lost === 0;
  const counters = [...session.symbols.values()].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  return {
    sessionId,
    stopped,
    running: life === 'running',
    events,
    symbols: counters.map((counter) => auditCounter(counter, life, allSaid, nowMs)),
    unaccounted: stopped ? counters.filter(isUnaccounted).map(({ symbol }) => symbol!) : [],
  };
}

function nameOf({ venue, symbol }: Counter): string {
  return `${venue} ${symbol}`;
}

function isUnaccounted({ ledger, announced }: Counter): boolean {
  return ledger.rows === 0 && announced === null;
}

/**
 * @param life stopped: what the session announced last is due, and nothing is in flight
 * @param allSaid every feed event is there, so the last announcement is known to be the last
 */
function auditCounter(counter: Counter, life: Life, allSaid: boolean, nowMs: number): CounterAudit {
  const { venue, symbol, ledger, announced } = counter;
  const absent = ledger.holes(life === 'running' ? 0 : (announced ?? 0));
  const unexcused = subtract(absent, counter.refused);
  const isInFlight = ({ nextMs }: Hole): boolean => life === 'running' && nextMs > nowMs - IN_FLIGHT_MS;
  const isUnproved = ({ nextMs }: Hole): boolean => life === 'open' && nextMs === Number.NEGATIVE_INFINITY;
  const inFlight = unexcused.filter(isInFlight);
  const unproved = unexcused.filter(isUnproved);
  const missing = unexcused.filter((hole) => !isInFlight(hole) && !isUnproved(hole));
  return {
    venue,
    symbol,
    firstSeq: ledger.first,
    lastSeq: ledger.last,
    rows: ledger.rows,
    duplicates: ledger.duplicates,
    missing: toRanges(missing),
    lost: sizeOf(missing),
    excused: sizeOf(absent) - sizeOf(unexcused),
    inFlight: sizeOf(inFlight),
    unannounced: life === 'stopped' && allSaid ? ledger.countBeyond(announced ?? 0) : 0,
    unproved: sizeOf(unproved),
  };
}
