/**
 * `--book witness`: a snapshot of each depth20 frame, proved by the diffs beside it. A frame is verified when its id is
 * some diff's last id and its levels equal those of the rebuilt book at that id; what the diffs changed and no frame
 * showed is a lost frame.
 */
import type { RebuiltBook } from '../../book/rebuilt-book.ts';
import type { Snapshot } from '../observation.ts';
import type { MissedFrames } from '../signal.ts';
import type { Depth20Frame, Diff, RestBook } from '../venue.ts';
import { FollowedBook } from './followed-book.ts';
import { type AcceptedFrame, Frames } from './frames.ts';
import { LostFrames } from './lost-frames.ts';
import { emitGap, type SeedRequests, type SymbolContext, type SymbolObserver } from './symbol.ts';
import { isCrossed, sameLevels, type Top, Tops, topOf } from './tops.ts';

/** How long a frame waits for the diff with its id. */
const WAIT_MS = 2_000;
/** Frames that wait; beyond it the first goes without proof. */
const MAX_WAITING = 32;
/** A book that differs from a frame is seeded anew, so often at the most. */
const DISTRUST_EVERY_MS = 60_000;

/** Why a frame is not verified. */
type Doubt = 'no_book' | 'book_lost' | 'beyond_window' | 'no_such_diff' | 'differs';

interface WaitingFrame extends AcceptedFrame {
  readonly snapshot: NonNullable<AcceptedFrame['snapshot']>;
}

export class WitnessObserver implements SymbolObserver {
  readonly #context: SymbolContext;
  readonly #frames: Frames;
  readonly #followed: FollowedBook;
  readonly #tops = new Tops();
  readonly #lostFrames = new LostFrames();
  #lastTop: Top | null = null;
  /** Frames that wait for their proof, in the order in which they came: snapshots keep it. */
  readonly #waiting: WaitingFrame[] = [];
  #doubt: Doubt | null = null;
  #distrustedMs = Number.NEGATIVE_INFINITY;

  constructor(context: SymbolContext, seeds: SeedRequests) {
    this.#context = context;
    this.#frames = new Frames(
      context,
      (accepted) => this.#accepted(accepted),
      () => this.#lostFrames.clear(),
    );
    this.#followed = new FollowedBook(context, seeds, {
      applied: (diff, receivedMs) => this.#applied(diff, receivedMs),
      discarded: () => {},
      gap: ({ missed, beforeId, afterId }) => {
        const ids = { last_update_id_before: beforeId, last_update_id_after: afterId };
        context.log('warn', 'diffs_missed', { symbol: context.symbol, missed, ...ids });
      },
      reseeded: (wasWrong) => this.#reseeded(wasWrong),
    });
  }

  get lastMs(): number | null {
    return this.#frames.lastMs;
  }

  take(message: Depth20Frame | Diff, atMs: number): void {
    if (message.kind === 'frame') this.#frames.take(message, atMs);
    else this.#followed.take(message, atMs);
    this.#release(atMs);
  }

  outage(): boolean {
    this.#tellLost(Number.POSITIVE_INFINITY);
    this.#lostFrames.clear();
    this.#followed.outage();
    return this.#frames.outage();
  }

  handedOver(): void {
    this.#followed.handedOver();
  }

  missed(frames: MissedFrames): void {
    this.#frames.missed(frames);
  }

  seed(book: RestBook, atMs: number): void {
    this.#followed.seed(book, atMs);
    this.#release(atMs);
  }

  tick(nowMs: number): void {
    this.#followed.tick(nowMs);
    this.#release(nowMs);
    this.#tellLost(nowMs);
  }

  end(atMs: number): void {
    this.#followed.end(atMs);
    this.#frames.end(atMs);
    this.#release(Number.POSITIVE_INFINITY);
    this.#tellLost(Number.POSITIVE_INFINITY);
  }

  #accepted({ frame, atMs, snapshot }: AcceptedFrame): void {
    this.#lostFrames.came(frame.lastUpdateId, atMs);
    if (snapshot !== null) this.#waiting.push({ frame, atMs, snapshot });
  }

  #applied(diff: Diff, receivedMs: number): void {
    const before = this.#lastTop;
    const top = this.#remember(diff.lastId);
    if (isCrossed(top)) this.#followed.lose('crossed', receivedMs);
    if (before?.vouched && top.vouched && !sameLevels(before, top)) this.#lostFrames.changed(diff.lastId);
  }

  #reseeded(wasWrong: boolean): void {
    if (wasWrong) this.#tops.clear();
    this.#lastTop = null;
    const { lastUpdateId } = this.#followed.book;
    if (lastUpdateId !== null) this.#remember(lastUpdateId);
  }

  #remember(id: number): Top {
    const top = topOf(this.#followed.book);
    // A crossed book vouches for nothing.
    const remembered = isCrossed(top) ? { ...top, vouched: false } : top;
    this.#tops.remember(id, remembered);
    this.#lastTop = remembered;
    return remembered;
  }

  /** Emits the snapshots whose proof is decided. */
  #release(nowMs: number): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const verdict = this.#verdict(next.frame);
      // A clock that was set back makes no frame wait until it is that late again.
      const patience = Math.abs(nowMs - next.atMs) < WAIT_MS && this.#waiting.length <= MAX_WAITING;
      if (verdict === 'not_yet' && patience) return;
      this.#waiting.shift();
      this.#emit(next, verdict === 'not_yet' ? 'no_such_diff' : verdict);
    }
  }

  #verdict(frame: Depth20Frame): 'proved' | 'not_yet' | Doubt {
    const { book } = this.#followed;
    const top = this.#tops.at(frame.lastUpdateId);
    if (top?.vouched) return sameLevels(top, frame) ? 'proved' : 'differs';
    if (book.state !== 'whole') return book.state === 'broken' ? 'book_lost' : 'no_book';
    if (top !== undefined) return 'beyond_window';
    return hasPassed(book, frame.lastUpdateId) ? 'no_such_diff' : 'not_yet';
  }

  #emit({ snapshot, atMs }: WaitingFrame, verdict: 'proved' | Doubt): void {
    const doubt = verdict === 'proved' ? null : verdict;
    this.#tellDoubt(doubt, snapshot);
    this.#context.emit(
      doubt === null
        ? { ...snapshot, verified: true }
        : { ...snapshot, verified: false, bid_levels_covered: 0, ask_levels_covered: 0 },
    );
    if (doubt === 'differs' && Math.abs(atMs - this.#distrustedMs) >= DISTRUST_EVERY_MS) {
      this.#distrustedMs = atMs;
      this.#followed.lose('disagrees', atMs);
    }
  }

  /** Logs when proof begins to lack, changes its reason, and is there again. */
  #tellDoubt(doubt: Doubt | null, { symbol, lastUpdateId }: Snapshot): void {
    if (doubt === this.#doubt) return;
    this.#doubt = doubt;
    const fields = { symbol, last_update_id: lastUpdateId };
    if (doubt === null) this.#context.log('info', 'verified', fields);
    // Before the first seed there is nothing to prove by, and nothing wrong.
    else this.#context.log(doubt === 'no_book' ? 'info' : 'warn', 'not_verified', { ...fields, reason: doubt });
  }

  #tellLost(nowMs: number): void {
    for (const gap of this.#lostFrames.lost(nowMs)) emitGap(this.#context, gap);
  }
}

function hasPassed(book: RebuiltBook, id: number): boolean {
  return book.lastUpdateId !== null && id <= book.lastUpdateId;
}
