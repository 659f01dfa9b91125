/** One symbol's depth20 frames: each once, its depth levels measured, and the holes between them. */
import { measureDepth } from '../../book/levels.ts';
import { Continuity } from '../continuity.ts';
import { IdOrder, type IdsRestarted } from '../id-order.ts';
import type { Snapshot } from '../observation.ts';
import type { MissedFrames } from '../signal.ts';
import { DEPTH20_LEVELS, type Depth20Frame } from '../venue.ts';
import { rawLevels } from './raw-levels.ts';
import { emitGap, emitIdsRestarted, noteEnd, noteFirst, type SymbolContext } from './symbol.ts';
import { Usability } from './usability.ts';

/** A frame that counts. `snapshot` is null where its book has no mid price. */
export interface AcceptedFrame {
  readonly frame: Depth20Frame;
  readonly atMs: number;
  readonly snapshot: Snapshot | null;
}

export class Frames {
  readonly #context: SymbolContext;
  readonly #accepted: (accepted: AcceptedFrame) => void;
  readonly #restarted: () => void;
  readonly #ids: IdOrder<Depth20Frame>;
  readonly #continuity = new Continuity();
  readonly #usability: Usability;

  /**
   * @param accepted takes each frame that counts
   * @param restarted is told when the venue's ids begin anew, before the frames with new ids are accepted
   */
  constructor(context: SymbolContext, accepted: (accepted: AcceptedFrame) => void, restarted: () => void) {
    this.#context = context;
    this.#accepted = accepted;
    this.#restarted = restarted;
    this.#ids = new IdOrder((frames) => context.counters.discard(context.symbol, 'stale', frames));
    this.#usability = new Usability(context);
  }

  get lastMs(): number | null {
    return this.#continuity.lastMs;
  }

  take(frame: Depth20Frame, atMs: number): void {
    const { symbol, counters } = this.#context;
    counters.of(symbol).frames += 1;
    const place = this.#ids.place(frame.lastUpdateId, atMs, frame);
    if (place.kind === 'restarted') {
      this.#restart(place);
    } else if (place.kind === 'repeat') {
      counters.discard(symbol, 'repeat');
      this.#continuity.repeat(frame.lastUpdateId, atMs);
    } else if (place.kind !== 'held') {
      this.#accept(frame, atMs);
    }
  }

  outage(): boolean {
    return this.#continuity.outageBegins();
  }

  /** A hole that no outage showed: the frames on both of its sides came while a connection was open. */
  missed({ fromMs, toMs, beforeId, afterId }: MissedFrames): void {
    emitGap(this.#context, { fromMs: Math.min(fromMs, toMs), toMs, beforeId, afterId, missed: null, outage: false });
  }

  end(atMs: number): void {
    const restarted = this.#ids.end(atMs);
    if (restarted !== null) this.#restart(restarted);
    const gap = this.#continuity.end(atMs);
    if (gap !== null) emitGap(this.#context, gap);
    noteEnd(this.#context, atMs, this.#continuity.last);
  }

  #restart({ highestBefore, held }: IdsRestarted<Depth20Frame>): void {
    emitIdsRestarted(this.#context, highestBefore, held);
    this.#restarted();
    const first = held[0]!;
    const gap = this.#continuity.restart(first.id, first.atMs);
    if (gap !== null) emitGap(this.#context, gap);
    for (const { item, atMs } of held) this.#accept(item, atMs);
  }

  #accept(frame: Depth20Frame, atMs: number): void {
    const { lastUpdateId } = frame;
    if (this.#continuity.lastId === null) noteFirst(this.#context, { firstId: null, lastId: lastUpdateId, atMs });
    const gap = this.#continuity.frame(lastUpdateId, atMs);
    if (gap !== null) emitGap(this.#context, gap);
    this.#accepted({ frame, atMs, snapshot: this.#snapshot(frame, atMs) });
  }

  #snapshot(frame: Depth20Frame, atMs: number): Snapshot | null {
    const { symbol, counters } = this.#context;
    const depth = measureDepth({
      bids: frame.bids,
      asks: frame.asks,
      bidsWhole: frame.bids.length < DEPTH20_LEVELS,
      asksWhole: frame.asks.length < DEPTH20_LEVELS,
    });
    this.#usability.note(typeof depth === 'string' ? depth : null, atMs);
    if (typeof depth === 'string') {
      counters.discard(symbol, depth);
      return null;
    }
    return {
      kind: 'snapshot',
      symbol,
      timestampMs: atMs,
      receivedMs: atMs,
      lastUpdateId: frame.lastUpdateId,
      verified: null,
      topBids: this.#context.rawLevels ? rawLevels(frame.bids) : null,
      topAsks: this.#context.rawLevels ? rawLevels(frame.asks) : null,
      ...depth,
    };
  }
}
