/** What is known of one counter: the rows of one symbol, or the feed events of a session. */
import { type Hole, Ledger, type Range, sizeOf, subtract, toRanges } from './ledger.ts';

/** Rows this young may still be on their way, so a hole before them is not yet a loss. */
export const IN_FLIGHT_MS = 120_000;

export interface CounterAudit {
  readonly venue: string;
  /** null: the feed events of the session. */
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
  /** As unproved, and the next session's `gap` names the time in which they were caught. */
  readonly caught: number;
}

/** How a session stands: killed, where gaps of later sessions name its end; open, where nothing tells. */
export type Life = 'stopped' | 'running' | 'killed' | 'open';

export interface Counter {
  readonly venue: string;
  readonly symbol: string | null;
  readonly ledger: Ledger;
  readonly refused: Range[];
  /** The last seq that a `tally` (or, for events, `stopped`) announces. */
  announced: number | null;
  /** The newest received time of its rows, UTC epoch ms; null: there is none. */
  lastMs: number | null;
}

export function newCounter(venue: string, symbol: string | null): Counter {
  return { venue, symbol, ledger: new Ledger(), refused: [], announced: null, lastMs: null };
}

export function announce(counter: Counter, lastSeq: number): void {
  counter.announced = Math.max(counter.announced ?? 0, lastSeq);
}

/** @param ms the row's time, UTC epoch ms */
export function count(counter: Counter, seq: number, ms: number): void {
  counter.ledger.add(seq, ms);
  counter.lastMs = Math.max(counter.lastMs ?? ms, ms);
}

export interface Circumstances {
  /** stopped: what the session announced last is due, and nothing is in flight. */
  readonly life: Life;
  /** Every feed event is there, so the last announcement is known to be the last. */
  readonly allSaid: boolean;
  /** A gap of a later session names what may have been caught in memory. */
  readonly endNamed: boolean;
  readonly nowMs: number;
}

export function auditCounter(counter: Counter, { life, allSaid, endNamed, nowMs }: Circumstances): CounterAudit {
  const { venue, symbol, ledger, announced } = counter;
  const absent = ledger.holes(life === 'running' ? 0 : (announced ?? 0));
  const unexcused = subtract(absent, counter.refused);
  const isInFlight = ({ nextMs }: Hole): boolean => life !== 'stopped' && nextMs > nowMs - IN_FLIGHT_MS;
  const isTail = ({ nextMs }: Hole): boolean => life !== 'stopped' && nextMs === Number.NEGATIVE_INFINITY;
  const inFlight = unexcused.filter(isInFlight);
  const tail = sizeOf(unexcused.filter(isTail));
  const missing = unexcused.filter((hole) => !isInFlight(hole) && !isTail(hole));
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
    unproved: endNamed ? 0 : tail,
    caught: endNamed ? tail : 0,
  };
}
