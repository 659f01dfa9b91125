/**
 * The proof of promise 3: within a session, `seq` has no hole in the lake.
 *
 * Fed with the rows of one container file after another, in any order; memory grows with the holes, not with the rows.
 */
import type { FeedEventRow, OrderBookRow, RowTypes, TableName } from '../producer/record.ts';
import {
  announce,
  auditCounter,
  type Counter,
  type CounterAudit,
  count,
  IN_FLIGHT_MS,
  type Life,
  newCounter,
} from './counter-audit.ts';
import { namedSymbols, refusedRange } from './event-detail.ts';
import { OuterGaps } from './outer-gaps.ts';

export { type CounterAudit, IN_FLIGHT_MS } from './counter-audit.ts';

export interface SessionAudit {
  readonly sessionId: string;
  /** stopped: its `stopped` event is there, so its tail is audited too. */
  readonly stopped: boolean;
  /** Neither stopped nor killed, and its newest row is younger than IN_FLIGHT_MS. */
  readonly running: boolean;
  /** Not stopped, and gaps of later sessions name, for each symbol, what may have been caught in memory. */
  readonly killed: boolean;
  /** Of a session that is neither stopped nor running nor killed: symbols whose last rows nothing proves. */
  readonly unnamed: readonly string[];
  readonly events: CounterAudit;
  /** Those that `started` names, and those of which there is a row or an event. */
  readonly symbols: readonly CounterAudit[];
  /** Symbols of a stopped session without a row and without a tally: whether there were rows, nothing tells. */
  readonly unaccounted: readonly string[];
}

export interface AuditTotals {
  readonly sessions: number;
  /** Sessions that neither stopped nor run nor were killed and named: nothing proves their last rows. */
  readonly open: number;
  readonly killed: number;
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
  readonly caught: number;
  /** Rows whose seq is below 1, or that name no session: they cannot be audited. */
  readonly unnumbered: number;
}

export interface AuditResult {
  readonly sessions: readonly SessionAudit[];
  readonly totals: AuditTotals;
}

/** What counters are summed up by. */
type Count = 'rows' | 'duplicates' | 'lost' | 'excused' | 'inFlight' | 'unannounced' | 'unproved' | 'caught';

interface Session {
  readonly events: Counter;
  readonly symbols: Map<string, Counter>;
  stopped: boolean;
  /** The times of its oldest and its newest row, UTC epoch ms. */
  oldestMs: number;
  newestMs: number;
}

/** @example const audit = new Audit(); audit.add('order_book', rows); audit.result(Date.now()).totals.lost */
export class Audit {
  readonly #sessions = new Map<string, Session>();
  readonly #outerGaps = new OuterGaps();
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
      .map(([sessionId, session]) => auditSession(sessionId, session, this.#outerGaps, nowMs));
    const counters = sessions.flatMap(({ events, symbols }) => [events, ...symbols]);
    const sum = (field: Count): number => counters.reduce((total, counter) => total + counter[field], 0);
    return {
      sessions,
      totals: {
        sessions: sessions.length,
        open: sessions.filter(({ stopped, running, killed }) => !stopped && !running && !killed).length,
        killed: sessions.filter(({ killed }) => killed).length,
        running: sessions.filter(({ running }) => running).length,
        unaccounted: sessions.reduce((total, { unaccounted }) => total + unaccounted.length, 0),
        rows: sum('rows') + this.#unnumbered,
        duplicates: sum('duplicates'),
        lost: sum('lost'),
        excused: sum('excused'),
        inFlight: sum('inFlight'),
        unannounced: sum('unannounced'),
        unproved: sum('unproved'),
        caught: sum('caught'),
        unnumbered: this.#unnumbered,
      },
    };
  }

  #addSnapshot(row: OrderBookRow): void {
    const session = this.#session(row.session_id, row.venue, row.received_ms);
    count(counterOf(session, row.venue, row.symbol), row.seq, row.received_ms);
  }

  #addEvent(row: FeedEventRow): void {
    const session = this.#session(row.session_id, row.venue, row.timestamp_ms);
    count(session.events, row.seq, row.timestamp_ms);
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
    if (row.kind === 'gap') this.#outerGaps.add(row);
    if (row.kind === 'refused') {
      const range = refusedRange(row.detail);
      if (range !== null) counterOf(session, row.venue, row.symbol).refused.push(range);
    }
  }

  /** @param ms the time of a row of it, UTC epoch ms */
  #session(sessionId: string, venue: string, ms: number): Session {
    let session = this.#sessions.get(sessionId);
    if (session === undefined) {
      session = { events: newCounter(venue, null), symbols: new Map(), stopped: false, oldestMs: ms, newestMs: ms };
      this.#sessions.set(sessionId, session);
    }
    session.oldestMs = Math.min(session.oldestMs, ms);
    session.newestMs = Math.max(session.newestMs, ms);
    return session;
  }
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

function auditSession(sessionId: string, session: Session, outerGaps: OuterGaps, nowMs: number): SessionAudit {
  const { stopped, newestMs, oldestMs } = session;
  const mayRun = newestMs > nowMs - IN_FLIGHT_MS;
  const counters = [...session.symbols.values()].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const isNamed = ({ venue, symbol, lastMs }: Counter): boolean =>
    outerGaps.nameEndOf(venue, symbol!, { sessionId, lastMs: lastMs ?? oldestMs, newestMs, mayRun });
  const notNamed = counters.filter((counter) => !isNamed(counter));
  const isKilled = counters.length > 0 && notNamed.length === 0;
  const life: Life = stopped ? 'stopped' : isKilled ? 'killed' : mayRun ? 'running' : 'open';
  const unnamed = life === 'open' ? notNamed : [];
  const events = auditCounter(session.events, { life, allSaid: true, endNamed: false, nowMs });
  const allSaid = events.lost === 0;
  return {
    sessionId,
    stopped,
    running: life === 'running',
    killed: life === 'killed',
    unnamed: unnamed.map(({ symbol }) => symbol!),
    events,
    symbols: counters.map((counter) =>
      auditCounter(counter, { life, allSaid, endNamed: !notNamed.includes(counter), nowMs }),
    ),
    unaccounted: stopped ? counters.filter(isUnaccounted).map(({ symbol }) => symbol!) : [],
  };
}

function nameOf({ venue, symbol }: Counter): string {
  return `${venue} ${symbol}`;
}

function isUnaccounted({ ledger, announced }: Counter): boolean {
  return ledger.rows === 0 && announced === null;
}
