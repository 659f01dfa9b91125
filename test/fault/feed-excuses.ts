/** What feed events say of ids that have no row. */
import type { BookMode } from '../../producer/config.ts';
import type { FeedEventRow } from '../../producer/record.ts';
import type { PublishedId } from './oracle.ts';

/** Why an id has no row, as the lake itself tells it. */
export type Excuse = 'gap' | 'refused' | 'unusable' | 'unseeded' | 'lost_book';

/** Between the exchange's time of a message and what the producer makes of it: late frames, waits for order. */
const SLACK_MS = 5_000;
/** The same where a producer tells the receive times of messages: lag, and late frames. */
const LATE_MS = 2_000;

/** Ids that one session recorded, from its first to one a while before its end: inside, its own events tell of each hole. */
export interface Span {
  readonly firstId: number;
  readonly lastId: number;
}

interface Detail {
  readonly last_update_id_before?: number;
  readonly last_update_id_after?: number;
  readonly last_update_id?: number;
  readonly first_seq?: number;
  /** outer: of a gap since an earlier session, whose last rows may be beyond its last saved state. */
  readonly bounds?: 'exact' | 'outer';
}

interface Stretch {
  readonly excuse: Excuse;
  readonly covers: (published: PublishedId) => boolean;
}

export class Excuses {
  readonly #stretches: readonly Stretch[];

  /**
   * @param events of the whole lake; those of the symbol and of whole sessions count
   * @param spans what sessions recorded of the symbol
   */
  constructor(events: readonly FeedEventRow[], spans: readonly Span[], symbol: string, mode: BookMode) {
    const ordered = [...events].sort((a, b) => a.timestamp_ms - b.timestamp_ms || a.seq - b.seq);
    const own = ordered.filter((event) => event.symbol === symbol);
    const sessions = ordered.filter(({ kind }) => kind === 'started');
    this.#stretches = [
      ...own.flatMap((event) => stretchOf(event, spans)),
      ...(mode === 'full' ? own.flatMap((event) => unusable(event, own, sessions)) : []),
      ...(mode === 'depth20' ? [] : sessions.flatMap((started) => bookless(started, own, sessions, mode))),
    ];
  }

  of(published: PublishedId): Excuse | null {
    return this.#stretches.find(({ covers }) => covers(published))?.excuse ?? null;
  }
}

/** What one event excuses by itself. */
function stretchOf(event: FeedEventRow, spans: readonly Span[]): Stretch[] {
  const { kind, from_ms: fromMs, to_ms: toMs } = event;
  const detail = detailOf(event);
  if (kind === 'gap') {
    const { last_update_id_before: before = Number.NaN, last_update_id_after: after, bounds } = detail;
    const ends = ({ id, atMs }: PublishedId) => (after === undefined ? isUntil(atMs, toMs) : id < after);
    const recorded = (id: number) =>
      bounds === 'outer' && spans.some(({ firstId, lastId }) => id > firstId && id < lastId);
    // On its way behind later ones when the gap began: it would have come within.
    const wasLate = ({ id, atMs, late }: PublishedId) =>
      late && id <= before && isFrom(atMs, fromMs, LATE_MS) && isUntil(atMs, toMs, 0);
    const isWithin = (published: PublishedId) => published.id > before && ends(published) && !recorded(published.id);
    const covers = (published: PublishedId) => isWithin(published) || wasLate(published);
    return [{ excuse: 'gap', covers }];
  }
  if (kind === 'refused' && detail.first_seq !== undefined) {
    return [{ excuse: 'refused', covers: ({ atMs }) => isFrom(atMs, fromMs) && isUntil(atMs, toMs) }];
  }
  return [];
}

/** The exchange's own books are never unusable, only those that are rebuilt with a hole: from that event until it is over. */
function unusable(event: FeedEventRow, own: readonly FeedEventRow[], sessions: readonly FeedEventRow[]): Stretch[] {
  if (event.kind !== 'book_unusable') return [];
  const { session_id: sessionId, seq, timestamp_ms: fromMs } = event;
  const over = own.find((each) => each.session_id === sessionId && each.seq > seq && each.kind === 'book_usable');
  const toMs = over?.timestamp_ms ?? endOf(fromMs, sessions);
  const covers = ({ atMs }: PublishedId) => isFrom(atMs, fromMs, LATE_MS) && isUntil(atMs, toMs, LATE_MS);
  return [{ excuse: 'unusable', covers }];
}

/** The end of the session of a moment: when the next one begins. */
function endOf(ms: number, sessions: readonly FeedEventRow[]): number {
  return sessions.find(({ timestamp_ms }) => timestamp_ms > ms)?.timestamp_ms ?? Number.POSITIVE_INFINITY;
}

/**
 * While a session has no book to rely on: in mode full there are no rows until its first seed; in mode witness frames
 * that the exchange did not send cannot be missed.
 */
function bookless(
  started: FeedEventRow,
  own: readonly FeedEventRow[],
  sessions: readonly FeedEventRow[],
  mode: BookMode,
): Stretch[] {
  const marks = own.filter(
    ({ session_id, kind }) => session_id === started.session_id && (kind === 'book_seeded' || kind === 'book_lost'),
  );
  const endMs = endOf(started.timestamp_ms, sessions);
  if (mode === 'full') {
    const seeded = marks.find(({ kind }) => kind === 'book_seeded');
    const seededId = seeded && detailOf(seeded).last_update_id;
    if (seededId === undefined) return [];
    const covers = ({ id, atMs }: PublishedId) => isFrom(atMs, started.timestamp_ms) && id <= seededId;
    return [{ excuse: 'unseeded', covers }];
  }
  const stretches: Stretch[] = [];
  let lostMs: number | null = started.timestamp_ms;
  for (const { kind, timestamp_ms: ms } of [...marks, { kind: 'book_seeded', timestamp_ms: endMs }]) {
    if (kind === 'book_lost') lostMs ??= ms;
    else if (lostMs !== null) {
      const sinceMs = lostMs;
      const covers = ({ atMs, sent }: PublishedId) => !sent && isFrom(atMs, sinceMs) && isUntil(atMs, ms);
      stretches.push({ excuse: 'lost_book', covers });
      lostMs = null;
    }
  }
  return stretches;
}

function isFrom(atMs: number, fromMs: number | null, slackMs = SLACK_MS): boolean {
  return fromMs !== null && atMs >= fromMs - slackMs;
}

function isUntil(atMs: number, toMs: number | null, slackMs = SLACK_MS): boolean {
  return toMs !== null && atMs <= toMs + slackMs;
}

function detailOf({ detail }: FeedEventRow): Detail {
  return JSON.parse(detail ?? '{}') as Detail;
}
