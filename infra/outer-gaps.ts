/**
 * The gaps whose bounds are outer: after a session that was killed, the next one names by them the time in which rows
 * may have been caught in its memory.
 */
import type { FeedEventRow } from '../producer/record.ts';
import { gapDetail } from './event-detail.ts';

interface OuterGap {
  readonly fromMs: number;
  readonly toMs: number;
  readonly sessionBefore: string | null;
}

/** When a session recorded; all UTC epoch ms. */
interface Life {
  readonly sessionId: string;
  /** The received time of the symbol's last row; of the session's first row of any kind where the symbol has none. */
  readonly lastMs: number;
  /** The time of its newest row of any kind. */
  readonly newestMs: number;
  /** That row is so young that the session may still run. */
  readonly mayRun: boolean;
}

export class OuterGaps {
  /** By venue and symbol, then by session and seq, so that an event delivered twice is kept once. */
  readonly #gaps = new Map<string, Map<string, OuterGap>>();

  add({ venue, symbol, session_id, seq, from_ms: fromMs, to_ms: toMs, detail }: FeedEventRow): void {
    const { bounds, sessionBefore } = gapDetail(detail);
    if (symbol === null || fromMs === null || toMs === null || bounds !== 'outer') return;
    const feed = `${venue} ${symbol}`;
    const gaps = this.#gaps.get(feed) ?? new Map<string, OuterGap>();
    this.#gaps.set(feed, gaps);
    gaps.set(`${session_id} ${seq}`, { fromMs, toMs, sessionBefore });
  }

  /**
   * Whether a gap names what a session may have lost at its end: it begins no later than the last row that is there,
   * and names that session, or (its state was never saved) ends after all that is there of it. A gap that begins later
   * names a row, accepted once, that is not there. Of a session that may still run both must hold: a gap of another
   * producer ends after all that has arrived of it so far, and it records on after a gap that names it by mistake.
   */
  nameEndOf(venue: string, symbol: string, { sessionId, lastMs, newestMs, mayRun }: Life): boolean {
    const gaps = this.#gaps.get(`${venue} ${symbol}`)?.values() ?? [];
    return [...gaps].some(({ fromMs, toMs, sessionBefore }) => {
      const isNamed = sessionBefore === sessionId;
      const isAfterAll = toMs >= newestMs;
      return fromMs <= lastMs && (mayRun ? isNamed && isAfterAll : isNamed || isAfterAll);
    });
  }
}
