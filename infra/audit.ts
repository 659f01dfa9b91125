/**
 * The proof of promise 3: within a session, `seq` has no hole in the lake.
 *
 * Fed with the rows of one container file after another, in any order; memory grows with the holes, not with the rows.
 */
import type { FeedEventRow, OrderBookRow, RowTypes, TableName } from '../producer/record.ts';
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
}

export interface SessionAudit {
  readonly sessionId: string;
  /** Its `stopped` event is there, so its tail is audited too; else it runs, or was killed. */
  readonly stopped: boolean;
  readonly events: CounterAudit;
  readonly symbols: readonly CounterAudit[];
}

export interface AuditTotals {
  readonly sessions: number;
  readonly rows: number;
  readonly duplicates: number;
  readonly lost: number;
  readonly excused: number;
  readonly inFlight: number;
  readonly unannounced: number;
  /** Rows whose seq is below 1, or that name no session: they cannot be audited. */
  readonly unnumbered: number;
}

export interface AuditResult {
  readonly sessions: readonly SessionAudit[];
  readonly totals: AuditTotals;
}

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
    const sum = (field: 'rows' | 'duplicates' | 'lost' | 'excused' | 'inFlight' | 'unannounced'): number =>
      counters.reduce((total, counter) => total + counter[field], 0);
    return {
      sessions,
      totals: {
        sessions: sessions.length,
        rows: sum('rows') + this.#unnumbered,
        duplicates: sum('duplicates'),
        lost: sum('lost'),
        excused: sum('excused'),
        inFlight: sum('inFlight'),
        unannounced: sum('unannounced'),
        unnumbered: this.#unnumbered,
      },
    };
  }

  #addSnapshot(row: OrderBookRow): void {
    const session = this.#session(row.session_id, row.venue);
    counterOf(session, row.venue, row.symbol).ledger.add(row.seq, row.received_ms);
  }

  #addEvent(row: FeedEventRow): void {
    const session = this.#session(row.session_id, row.venue);
    session.events.ledger.add(row.seq, row.timestamp_ms);
    if (row.kind === 'stopped') {
      session.stopped = true;
      announce(session.events, row.seq);
    }
    if (row.symbol === null) return;
    if (row.kind === 'tally' && row.last_seq !== null) {
      announce(counterOf(session, row.venue, row.symbol), row.last_seq);
    }
    if (row.kind === 'refused') {
      const range = refusedRange(row.detail);
      if (range !== null) counterOf(session, row.venue, row.symbol).refused.push(range);
    }
  }

  #session(sessionId: string, venue: string): Session {
    let session = this.#sessions.get(sessionId);
    if (session === undefined) {
      session = { events: newCounter(venue, null), symbols: new Map(), stopped: false };
      this.#sessions.set(sessionId, session);
    }
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

/** The numbers that a `refused` event names: `{"first_seq":a,"last_seq":b}`; null where it names none. */
function refusedRange(detail: string | null): Range | null {
  try {
    const { first_seq: first, last_seq: last } = JSON.parse(detail ?? '{}') as Record<string, unknown>;
    if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last)) return null;
    return { first: first as number, last: last as number };
  } catch {
    return null;
  }
}

function auditSession(sessionId: string, session: Session, nowMs: number): SessionAudit {
  const { stopped } = session;
  const events = auditCounter(session.events, stopped, true, nowMs);
  const allSaid = events.lost === 0;
  const symbols = [...session.symbols.values()]
    .sort((a, b) => (`${a.venue} ${a.symbol}` < `${b.venue} ${b.symbol}` ? -1 : 1))
    .map((counter) => auditCounter(counter, stopped, allSaid, nowMs));
  return { sessionId, stopped, events, symbols };
}

/**
 * @param stopped the session ended: what it announced last is due, and nothing is in flight
 * @param allSaid every feed event is there, so the last announcement is known to be the last
 */
function auditCounter(counter: Counter, stopped: boolean, allSaid: boolean, nowMs: number): CounterAudit {
  const { venue, symbol, ledger, announced } = counter;
  const absent = ledger.holes(stopped ? (announced ?? 0) : 0);
  const unexcused = subtract(absent, counter.refused);
  const isInFlight = ({ nextMs }: Hole): boolean => !stopped && nextMs > nowMs - IN_FLIGHT_MS;
  const missing = unexcused.filter((hole) => !isInFlight(hole));
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
    inFlight: sizeOf(unexcused) - sizeOf(missing),
    unannounced: stopped && allSaid ? ledger.countBeyond(announced ?? 0) : 0,
  };
}
