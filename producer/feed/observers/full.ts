/**
 * `--book full`: a snapshot of the rebuilt book after each diff, at the exchange's event time. It is verified while the
 * book is whole: then all it says inside its window follows from the exchange's own book and every diff since.
 */
import type { Depth20Frame, Diff, RestBook } from '../venue.ts';
import { FollowedBook } from './followed-book.ts';
import { RAW_LEVELS, rawLevels } from './raw-levels.ts';
import { emitGap, noteEnd, noteFirst, type SeedRequests, type SymbolContext, type SymbolObserver } from './symbol.ts';
import { Usability } from './usability.ts';

export class FullObserver implements SymbolObserver {
  readonly #context: SymbolContext;
  readonly #followed: FollowedBook;
  readonly #usability: Usability;
  #recording = false;

  constructor(context: SymbolContext, seeds: SeedRequests) {
    this.#context = context;
    this.#usability = new Usability(context);
    this.#followed = new FollowedBook(context, seeds, {
      applied: (diff, receivedMs) => this.#applied(diff, receivedMs),
      discarded: (reason, diffs) => context.counters.discard(context.symbol, reason, diffs),
      gap: (gap) => emitGap(context, gap),
      reseeded: () => {},
    });
  }

  get lastMs(): number | null {
    return this.#followed.lastMs;
  }

  take(message: Depth20Frame | Diff, atMs: number): void {
    if (message.kind !== 'diff') return;
    this.#context.counters.of(message.symbol).frames += 1;
    this.#followed.take(message, atMs);
  }

  outage(): boolean {
    return this.#followed.outage();
  }

  handedOver(): void {
    this.#followed.handedOver();
  }

  missed(): void {}

  seed(book: RestBook, atMs: number): void {
    this.#followed.seed(book, atMs);
  }

  tick(nowMs: number): void {
    this.#followed.tick(nowMs);
  }

  end(atMs: number): void {
    this.#followed.end(atMs);
    noteEnd(this.#context, atMs, this.#recording ? this.#followed.last : null);
  }

  #applied(diff: Diff, receivedMs: number): void {
    const { symbol, counters, emit } = this.#context;
    const { book } = this.#followed;
    if (!this.#recording) {
      // What came before the first seed is not recorded: a gap since an earlier session ends here.
      this.#recording = true;
      noteFirst(this.#context, { firstId: diff.firstId, lastId: diff.lastId, atMs: receivedMs });
    }
    const depth = book.depth();
    this.#usability.note(typeof depth === 'string' ? depth : null, receivedMs);
    if (typeof depth === 'string') {
      counters.discard(symbol, depth);
      if (depth === 'crossed') this.#followed.lose('crossed', receivedMs);
      return;
    }
    const top = this.#context.rawLevels ? book.top(RAW_LEVELS) : null;
    emit({
      kind: 'snapshot',
      symbol,
      timestampMs: diff.eventMs,
      receivedMs,
      lastUpdateId: diff.lastId,
      verified: book.state === 'whole',
      topBids: top === null ? null : rawLevels(top.bids),
      topAsks: top === null ? null : rawLevels(top.asks),
      ...depth,
    });
  }
}
