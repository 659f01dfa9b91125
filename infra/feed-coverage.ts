/**
 * What of each gap another session recorded. A session records a symbol from its first row to its last (to its end,
 * where it stopped in order and still followed the symbol), but for its own gaps and for rows that it refused.
 *
 * Fed with the rows of one container file after another, in any order; memory grows with the gaps and the sessions, not
 * with the rows.
 */
import type { FeedEventRow, OrderBookRow, RowTypes, TableName } from '../producer/record.ts';
import { gapDetail } from './event-detail.ts';
import { merge, msOf, type Span, without } from './spans.ts';

/** One session's testimony of a hole in its feed of a symbol. */
export interface Gap extends Span {
  readonly sessionId: string;
  /** outer: the hole lies somewhere within. null: the event does not say. */
  readonly bounds: 'exact' | 'outer' | null;
  /** null: ids do not tell. */
  readonly missedUpdates: number | null;
  /** The parts of it that no session recorded. */
  readonly uncovered: readonly Span[];
}

/** The gaps of all sessions in one symbol. */
export interface SymbolCoverage extends CoverageTotals {
  readonly venue: string;
  readonly symbol: string;
  /** In the order of time. */
  readonly gaps: readonly Gap[];
}

export interface CoverageTotals {
  readonly count: number;
  /** The time in which a session had a gap; once, however many sessions had one. */
  readonly ms: number;
  /** The part of that time which a session recorded. */
  readonly coveredMs: number;
  /** The sum of what the gaps tell. */
  readonly missedUpdates: number;
  /** Gaps of which ids do not tell how many updates were missed. */
  readonly untold: number;
}

export interface CoverageResult {
  /** Symbols with gaps, by venue and name. */
  readonly symbols: readonly SymbolCoverage[];
  readonly totals: CoverageTotals;
}

/** What one session has of one symbol. */
interface Recording {
  readonly sessionId: string;
  /** Received times of its first and last row; Infinity and -Infinity where it has none. */
  fromMs: number;
  toMs: number;
  /** When it last let go of the symbol; -Infinity: never. */
  delistedMs: number;
  /** By the seq of their events, so that an event delivered twice counts once. */
  readonly gaps: Map<number, Omit<Gap, 'sessionId' | 'uncovered'>>;
  readonly refused: Map<number, Span>;
}

/** @example const coverage = new FeedCoverage(); coverage.add('feed_event', rows); coverage.result().totals.ms */
export class FeedCoverage {
  /** By venue and symbol, then by session. */
  readonly #feeds = new Map<string, Map<string, Recording>>();
  readonly #stoppedMs = new Map<string, number>();

  /** Takes the rows of one container file. */
  add<T extends TableName>(table: T, rows: Iterable<RowTypes[T]>): void {
    for (const row of rows) {
      if (table === 'order_book') this.#addSnapshot(row as OrderBookRow);
      else this.#addEvent(row as FeedEventRow);
    }
  }

  result(): CoverageResult {
    const symbols = [...this.#feeds]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([feed, recordings]) => this.#symbol(feed, [...recordings.values()]))
      .filter(({ gaps }) => gaps.length > 0);
    const sum = (of: keyof CoverageTotals): number => symbols.reduce((total, symbol) => total + symbol[of], 0);
    return {
      symbols,
      totals: {
        count: sum('count'),
        ms: sum('ms'),
        coveredMs: sum('coveredMs'),
        missedUpdates: sum('missedUpdates'),
        untold: sum('untold'),
      },
    };
  }

  #addSnapshot({ venue, symbol, session_id, received_ms }: OrderBookRow): void {
    const recording = this.#recording(venue, symbol, session_id);
    recording.fromMs = Math.min(recording.fromMs, received_ms);
    recording.toMs = Math.max(recording.toMs, received_ms);
  }

  #addEvent(row: FeedEventRow): void {
    const { kind, venue, symbol, session_id, seq, from_ms: fromMs, to_ms: toMs } = row;
    if (kind === 'stopped') this.#stoppedMs.set(session_id, row.timestamp_ms);
    if (kind === 'delisted' && symbol !== null) {
      const recording = this.#recording(venue, symbol, session_id);
      recording.delistedMs = Math.max(recording.delistedMs, row.timestamp_ms);
    }
    if (symbol === null || fromMs === null || toMs === null || toMs < fromMs) return;
    if (kind === 'refused') this.#recording(venue, symbol, session_id).refused.set(seq, { fromMs, toMs });
    if (kind === 'gap') {
      const { bounds } = gapDetail(row.detail);
      const gap = { fromMs, toMs, bounds, missedUpdates: row.missed_updates };
      this.#recording(venue, symbol, session_id).gaps.set(seq, gap);
    }
  }

  #recording(venue: string, symbol: string, sessionId: string): Recording {
    const feed = `${venue} ${symbol}`;
    let recordings = this.#feeds.get(feed);
    if (recordings === undefined) {
      recordings = new Map();
      this.#feeds.set(feed, recordings);
    }
    let recording = recordings.get(sessionId);
    if (recording === undefined) {
      const none = { fromMs: Number.POSITIVE_INFINITY, toMs: Number.NEGATIVE_INFINITY };
      recording = { sessionId, ...none, delistedMs: Number.NEGATIVE_INFINITY, gaps: new Map(), refused: new Map() };
      recordings.set(sessionId, recording);
    }
    return recording;
  }

  #symbol(feed: string, recordings: readonly Recording[]): SymbolCoverage {
    const [venue, symbol] = feed.split(' ') as [string, string];
    // Nothing that a session recorded lies in its own gap, so what covers a gap is another session's.
    const recorded = merge(recordings.flatMap((recording) => this.#recorded(recording)));
    const gaps = recordings
      .flatMap(({ sessionId, gaps: own }) =>
        [...own.values()].map((gap) => ({ sessionId, ...gap, uncovered: without(gap, recorded) })),
      )
      .sort((a, b) => a.fromMs - b.fromMs || a.toMs - b.toMs || (a.sessionId < b.sessionId ? -1 : 1));
    const ms = msOf(merge(gaps));
    return {
      venue,
      symbol,
      gaps,
      count: gaps.length,
      ms,
      coveredMs: ms - msOf(merge(gaps.flatMap(({ uncovered }) => uncovered))),
      missedUpdates: gaps.reduce((sum, { missedUpdates }) => sum + (missedUpdates ?? 0), 0),
      untold: gaps.filter(({ missedUpdates }) => missedUpdates === null).length,
    };
  }

  #recorded({ sessionId, fromMs, toMs, delistedMs, gaps, refused }: Recording): Span[] {
    if (toMs < fromMs) return [];
    const endMs = delistedMs < toMs ? this.#stoppedMs.get(sessionId) : undefined;
    const untilMs = Math.max(toMs, endMs ?? toMs);
    return without({ fromMs, toMs: untilMs }, merge([...gaps.values(), ...refused.values()]));
  }
}
