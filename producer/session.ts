/**
 * A session gives rows their identity: `seq` counts 1, 2, 3, … within (session, venue, symbol), for feed events within
 * the session. It is given before the queue, so what the queue refuses leaves a hole whose numbers a `refused` event
 * names, and every other hole in the lake is a loss that can be seen.
 */
import type { Admission } from './admission.ts';
import type { Counters } from './counters.ts';
import type { FeedEvent, Observation, Snapshot } from './feed/observation.ts';
import type { FeedEventRow, OrderBookRow, TableRow } from './record.ts';

interface RefusedRange {
  firstSeq: number;
  lastSeq: number;
  fromMs: number;
  toMs: number;
}

/** Feed events that the queue did not take: they have no numbers, so their kinds and times are kept. */
interface RefusedEvents {
  readonly fromMs: number;
  toMs: number;
  readonly kinds: Record<string, number>;
}

export class Session {
  readonly id: string;
  readonly #venue: string;
  /** Every symbol recorded at some time; delisted ones keep their tally. */
  readonly #symbols: Set<string>;
  readonly #delisted = new Set<string>();
  readonly #eventCounts: Record<string, number> = {};
  readonly #counters: Counters;
  readonly #admission: Admission;
  readonly #seq = new Map<string, number>();
  readonly #refused = new Map<string, RefusedRange>();
  #refusedEvents: RefusedEvents | null = null;
  #eventSeq = 0;

  constructor(id: string, venue: string, symbols: readonly string[], counters: Counters, admission: Admission) {
    this.id = id;
    this.#venue = venue;
    this.#symbols = new Set(symbols);
    this.#counters = counters;
    this.#admission = admission;
  }

  /** Symbols recorded now. */
  get symbols(): number {
    return this.#symbols.size - this.#delisted.size;
  }

  /** Feed events so far, by kind. */
  get eventCounts(): Readonly<Record<string, number>> {
    return this.#eventCounts;
  }

  /** Feed events so far. */
  get events(): number {
    return this.#eventSeq;
  }

  started(atMs: number, detail: object): TableRow {
    return this.#event({ timestamp_ms: atMs, kind: 'started', detail: { ...detail, symbols: [...this.#symbols] } });
  }

  rows(observation: Observation): TableRow[] {
    if (observation.kind === 'snapshot') return this.#snapshot(observation);
    const { event } = observation;
    if (event.symbol && event.kind === 'listed') {
      this.#symbols.add(event.symbol);
      this.#delisted.delete(event.symbol);
    }
    if (event.symbol && event.kind === 'delisted') this.#delisted.add(event.symbol);
    return this.#admitted(event);
  }

  /** Each symbol's count so far, so that the tail of a session can be audited too. */
  tallies(atMs: number): TableRow[] {
    const refusals = this.#admission.snapshot() ? this.#refusals(atMs) : [];
    return [...refusals, ...this.#tallies(atMs).flatMap((event) => this.#admitted(event))];
  }

  /** The last rows: refusals not yet named, the last tallies, `stopped`. They are always admitted. */
  stopped(atMs: number, reason: string): TableRow[] {
    const refusals = [...this.#refusedEventsRow(atMs), ...this.#refusals(atMs)];
    const tallies = this.#tallies(atMs).map((event) => this.#event(event));
    return [...refusals, ...tallies, this.#event({ timestamp_ms: atMs, kind: 'stopped', detail: { reason } })];
  }

  #snapshot(snapshot: Snapshot): TableRow[] {
    const { symbol } = snapshot;
    const seq = (this.#seq.get(symbol) ?? 0) + 1;
    this.#seq.set(symbol, seq);
    if (!this.#admission.snapshot()) {
      this.#counters.discard(symbol, 'queue_full');
      this.#refuse(symbol, seq, snapshot.receivedMs);
      return [];
    }
    this.#counters.of(symbol).snapshots += 1;
    if (snapshot.verified !== null) this.#counters[snapshot.verified ? 'verified' : 'unverified'] += 1;
    const row: OrderBookRow = {
      timestamp_ms: snapshot.timestampMs,
      bids: snapshot.bids,
      asks: snapshot.asks,
      spread: snapshot.spread,
      mid_price: snapshot.mid_price,
      imbalance_ratio: snapshot.imbalance_ratio,
      venue: this.#venue,
      symbol,
      last_update_id: snapshot.lastUpdateId,
      received_ms: snapshot.receivedMs,
      session_id: this.id,
      seq,
      bid_levels_covered: snapshot.bid_levels_covered,
      ask_levels_covered: snapshot.ask_levels_covered,
      bid_reach: snapshot.bid_reach,
      ask_reach: snapshot.ask_reach,
      verified: snapshot.verified,
      top_bids: snapshot.topBids,
      top_asks: snapshot.topAsks,
    };
    const refusal = this.#refused.has(symbol) ? [this.#event(this.#refusal(symbol, snapshot.receivedMs))] : [];
    return [...refusal, { table: 'order_book', row }];
  }

  #refusals(atMs: number): TableRow[] {
    return [...this.#refused.keys()].map((symbol) => this.#event(this.#refusal(symbol, atMs)));
  }

  #refuse(symbol: string, seq: number, atMs: number): void {
    const range = this.#refused.get(symbol);
    if (range === undefined) this.#refused.set(symbol, { firstSeq: seq, lastSeq: seq, fromMs: atMs, toMs: atMs });
    else Object.assign(range, { lastSeq: seq, toMs: atMs });
  }

  /** The event that names a finished range of refused numbers. */
  #refusal(symbol: string, atMs: number): FeedEvent {
    const range = this.#refused.get(symbol)!;
    this.#refused.delete(symbol);
    return {
      timestamp_ms: atMs,
      kind: 'refused',
      symbol,
      from_ms: range.fromMs,
      to_ms: range.toMs,
      missed_updates: range.lastSeq - range.firstSeq + 1,
      last_seq: range.lastSeq,
      detail: { first_seq: range.firstSeq, last_seq: range.lastSeq },
    };
  }

  #tallies(atMs: number): FeedEvent[] {
    return [...this.#symbols, null].map((symbol) => ({
      timestamp_ms: atMs,
      kind: 'tally',
      symbol,
      detail: { ...this.#counters.of(symbol), ...(symbol === null && this.#sessionCounts()) },
    }));
  }

  #sessionCounts(): object {
    const { eventsRefused, venueErrors } = this.#counters;
    return { events_refused: eventsRefused, venue_errors: venueErrors };
  }

  #admitted(event: FeedEvent): TableRow[] {
    const atMs = event.timestamp_ms;
    if (this.#admission.event()) return [...this.#refusedEventsRow(atMs), this.#event(event)];
    this.#counters.eventsRefused += 1;
    this.#refusedEvents ??= { fromMs: atMs, toMs: atMs, kinds: {} };
    this.#refusedEvents.toMs = atMs;
    const { kinds } = this.#refusedEvents;
    kinds[event.kind] = (kinds[event.kind] ?? 0) + 1;
    return [];
  }

  /** The event that stands for feed events refused before it; none where none was. */
  #refusedEventsRow(atMs: number): TableRow[] {
    if (this.#refusedEvents === null) return [];
    const { fromMs, toMs, kinds } = this.#refusedEvents;
    this.#refusedEvents = null;
    const refused = Object.values(kinds).reduce((sum, n) => sum + n, 0);
    const times = { timestamp_ms: atMs, from_ms: fromMs, to_ms: toMs };
    return [this.#event({ ...times, kind: 'refused', missed_updates: refused, detail: { events: kinds } })];
  }

  #event(event: FeedEvent): TableRow {
    this.#eventSeq += 1;
    this.#eventCounts[event.kind] = (this.#eventCounts[event.kind] ?? 0) + 1;
    const symbol = event.symbol ?? null;
    const row: FeedEventRow = {
      timestamp_ms: event.timestamp_ms,
      venue: this.#venue,
      symbol,
      session_id: this.id,
      seq: this.#eventSeq,
      kind: event.kind,
      from_ms: event.from_ms ?? null,
      to_ms: event.to_ms ?? null,
      missed_updates: event.missed_updates ?? null,
      last_seq: event.last_seq ?? (symbol === null ? null : (this.#seq.get(symbol) ?? 0)),
      detail: event.detail ? JSON.stringify(event.detail) : null,
    };
    return { table: 'feed_event', row };
  }
}
