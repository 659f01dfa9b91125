/**
 * One symbol's book, followed through its diffs: each diff once and in order, seeds asked for where they are wanted, and
 * an event whenever the book is lost or seeded.
 */
import { toDouble } from '../../book/decimal.ts';
import { MAX_KEPT_DIFFS } from '../../book/kept-diffs.ts';
import { RebuiltBook, type Seeded } from '../../book/rebuilt-book.ts';
import { Continuity, type Gap } from '../continuity.ts';
import { DiffOrder, type ReceivedDiff } from '../diff-order.ts';
import { IdOrder, type IdsRestarted } from '../id-order.ts';
import type { Known } from '../restarts.ts';
import type { Diff, RestBook } from '../venue.ts';
import { emitEvent, emitIdsRestarted, type SeedRequests, type SymbolContext } from './symbol.ts';

/** What whoever follows the book makes of it. */
export interface BookFollower {
  /** The book, whole or broken, is at the diff's last id now; diffs that waited for the seed come with their own times. */
  applied(diff: Diff, receivedMs: number): void;
  /** Diffs that no state of the book stands for. */
  discarded(reason: 'repeat' | 'stale' | 'unseeded', diffs: number): void;
  /** Diffs that the exchange did not deliver. */
  gap(gap: Gap): void;
  /** The book shows what no diff changed: it took a seed. `wasWrong`: what it showed before does not count. */
  reseeded(wasWrong: boolean): void;
}

/**
 * After a book contradicted itself again within so long, the next seed waits, twice as long each time: an exchange whose
 * own book is crossed must not use up the weight of all the others.
 */
const DISTRUST_S = 60;

/** So much later than the last diff an older id is no late message: the venue gives its ids anew. */
const ANEW_MS = 2_000;

type Urgency = 'lost' | 'drifted';

export class FollowedBook {
  readonly #context: SymbolContext;
  readonly #seeds: SeedRequests;
  readonly #follower: BookFollower;
  #book = new RebuiltBook();
  readonly #ids: IdOrder<Diff>;
  readonly #order = new DiffOrder();
  readonly #continuity = new Continuity();
  /** Of diffs that wait for the first seed, as many as the book keeps: receive time by last id. */
  readonly #pending = new Map<number, number>();
  /** The exchange's time of the last diff applied. */
  #eventMs = Number.POSITIVE_INFINITY;
  /** What the events have said: whether there is a book to rely on. */
  #reliable = false;
  #bridgeFailureTold = false;
  #asked: Urgency | null = null;
  /** The last seed was of no use: another is asked for at the next tick. */
  #askAgain = false;
  /** Seconds until a seed may be asked for, and since the book contradicted itself; how often in a row it did. */
  #restS = 0;
  #trustedS = DISTRUST_S;
  #distrusted = 0;

  constructor(context: SymbolContext, seeds: SeedRequests, follower: BookFollower) {
    this.#context = context;
    this.#seeds = seeds;
    this.#follower = follower;
    this.#ids = new IdOrder((diffs) => follower.discarded('stale', diffs));
  }

  get book(): RebuiltBook {
    return this.#book;
  }

  /** When the last diff came that counts; null before the first. */
  get lastMs(): number | null {
    return this.#continuity.lastMs;
  }

  /** Up to where the diffs are known, or told to be missing. */
  get last(): Known | null {
    return this.#continuity.last;
  }

  take(diff: Diff, atMs: number): void {
    this.#context.counters.of(diff.symbol).diffs += 1;
    const place = this.#ids.place(diff.lastId, atMs, diff);
    if (place.kind === 'restarted') this.#restart(place);
    else if (place.kind === 'repeat') this.#repeat(diff, atMs);
    else if (place.kind !== 'held') this.#arrange({ diff, atMs });
    this.#letThroughOverdue(atMs);
    this.#askForSeed();
  }

  outage(): boolean {
    this.#letThroughAll();
    return this.#continuity.outageBegins();
  }

  /** What the old connection had not brought does not come any more. */
  handedOver(): void {
    this.#letThroughAll();
    this.#askForSeed();
  }

  seed(rest: RestBook, atMs: number): void {
    this.#asked = null;
    const outcome = this.#book.seed(rest, (diff) => {
      const receivedMs = this.#pending.get(diff.lastId);
      if (receivedMs === undefined) return;
      this.#pending.delete(diff.lastId);
      this.#noteReliability(atMs);
      this.#follower.applied(diff, receivedMs);
    });
    if (outcome.kind === 'ahead') return;
    if (outcome.kind === 'too_old') {
      this.#bridgeFailed(rest, atMs);
      return;
    }
    this.#discardPending();
    this.#noteSeeded(outcome, atMs);
    this.#noteReliability(atMs);
    this.#askForSeed();
  }

  /** The book contradicts itself: it is not to be relied on. */
  lose(reason: string, atMs: number): void {
    if (this.#book.state === 'whole') this.#distrust();
    this.#book.lose(reason);
    this.#noteReliability(atMs);
    this.#askForSeed();
  }

  tick(nowMs: number): void {
    this.#letThroughOverdue(nowMs);
    this.#trustedS += 1;
    this.#restS = Math.max(0, this.#restS - 1);
    if (this.#askAgain) {
      this.#askAgain = false;
      this.#asked = null;
    }
    this.#askForSeed();
  }

  end(atMs: number): void {
    this.#letThroughAll();
    const restarted = this.#ids.end(atMs);
    if (restarted !== null) this.#restart(restarted);
    this.#discardPending();
    this.#seeds.cancel(this.#context.symbol);
    const gap = this.#continuity.end(atMs);
    if (gap !== null) this.#follower.gap(gap);
  }

  #repeat(diff: Diff, atMs: number): void {
    this.#follower.discarded('repeat', 1);
    this.#doubtIds(diff, atMs);
    // While diffs wait, a repeat of an older one does not prove that the book is known until now.
    if (this.#order.waiting === 0) this.#continuity.repeat(diff.lastId, atMs);
  }

  /** Ids given anew that are not lower than all remembered: nobody can tell which book the next diff continues. */
  #doubtIds({ eventMs }: Diff, atMs: number): void {
    if (eventMs - this.#eventMs > ANEW_MS) this.lose('ids_restarted', atMs);
  }

  #arrange(received: ReceivedDiff): void {
    const { lastId, outage } = this.#continuity;
    if (lastId !== null && !outage && received.diff.firstId > lastId + 1) this.#order.wait(received);
    else this.#deliver(received);
  }

  /** Takes a diff in its turn, and those that waited for it alone. */
  #deliver(received: ReceivedDiff): void {
    this.#apply(received);
    for (let next = this.#order.nextAfter(this.#continuity.lastId!); next !== null; ) {
      this.#apply(next);
      next = this.#order.nextAfter(this.#continuity.lastId!);
    }
  }

  #letThroughOverdue(nowMs: number): void {
    for (let next = this.#order.overdue(nowMs); next !== null; next = this.#order.overdue(nowMs)) this.#deliver(next);
  }

  #letThroughAll(): void {
    for (let next = this.#order.next(); next !== null; next = this.#order.next()) this.#deliver(next);
  }

  #apply({ diff, atMs }: ReceivedDiff): void {
    const { lastId } = this.#continuity;
    const isPast = lastId !== null && diff.lastId <= lastId;
    const gap = this.#continuity.diff(diff.firstId, diff.lastId, atMs);
    if (gap !== null) this.#follower.gap(gap);

    const outcome = this.#book.take(diff);
    if (outcome.kind === 'contained') {
      this.#follower.discarded(isPast ? 'stale' : 'unseeded', 1);
      if (isPast) this.#doubtIds(diff, atMs);
      return;
    }
    this.#eventMs = diff.eventMs;
    if (this.#book.lastUpdateId === null) {
      this.#wait(diff, atMs);
      return;
    }
    if (outcome.kind !== 'buffered' && outcome.seeded !== null) this.#noteSeeded(outcome.seeded, atMs);
    this.#noteReliability(atMs, gap);
    this.#follower.applied(diff, atMs);
  }

  #wait(diff: Diff, atMs: number): void {
    this.#pending.set(diff.lastId, atMs);
    if (this.#pending.size <= MAX_KEPT_DIFFS) return;
    this.#pending.delete(this.#pending.keys().next().value!);
    this.#follower.discarded('unseeded', 1);
  }

  #discardPending(): void {
    if (this.#pending.size > 0) this.#follower.discarded('unseeded', this.#pending.size);
    this.#pending.clear();
  }

  /** The venue counts anew: the book is another one. */
  #restart({ highestBefore, held }: IdsRestarted<Diff>): void {
    this.#letThroughAll();
    emitIdsRestarted(this.#context, highestBefore, held);
    if (this.#reliable) this.#told('ids_restarted', held.at(-1)!.atMs);
    this.#discardPending();
    this.#book = new RebuiltBook();
    this.#follower.reseeded(true);
    const inOrder = [...held].sort((a, b) => a.item.firstId - b.item.firstId);
    const gap = this.#continuity.restart(inOrder[0]!.id, inOrder[0]!.atMs);
    if (gap !== null) this.#follower.gap(gap);
    for (const { item, atMs } of inOrder) this.#arrange({ diff: item, atMs });
  }

  #askForSeed(): void {
    if (!this.#book.wantsSeed || this.#continuity.lastId === null) return;
    if (this.#askAgain || this.#restS > 0) return;
    const urgency = this.#book.state === 'whole' ? 'drifted' : 'lost';
    if (this.#asked === 'lost' || this.#asked === urgency) return;
    this.#asked = urgency;
    this.#seeds.request(this.#context.symbol, urgency);
  }

  #distrust(): void {
    this.#distrusted = this.#trustedS < DISTRUST_S ? this.#distrusted + 1 : 0;
    this.#restS = this.#distrusted === 0 ? 0 : Math.min(DISTRUST_S - 1, 2 ** this.#distrusted);
    this.#trustedS = 0;
  }

  #bridgeFailed(rest: RestBook, atMs: number): void {
    this.#askAgain = true;
    const { symbol, log } = this.#context;
    log('info', 'seed_too_old', { symbol, last_update_id: rest.lastUpdateId });
    if (this.#reliable || this.#bridgeFailureTold) return;
    this.#bridgeFailureTold = true;
    this.#told('bridge_failed', atMs, { seed_last_update_id: rest.lastUpdateId });
  }

  #noteSeeded(seeded: Seeded, atMs: number): void {
    this.#follower.reseeded(seeded.kind === 'disagrees');
    if (seeded.kind === 'whole') return;
    const { side, price, before, after } = seeded;
    const quantities = { price: toDouble(price), quantity: toDouble(before), quantity_of_seed: toDouble(after) };
    this.#told('disagrees', atMs, { side, ...quantities });
  }

  /** Tells when the book was lost, or is whole again. */
  #noteReliability(atMs: number, gap: Gap | null = null): void {
    const { state, lostBecause } = this.#book;
    if (state === 'broken' && this.#reliable) {
      const missed = gap === null ? {} : { missed_updates: gap.missed };
      this.#told(gap?.outage ? 'outage' : (lostBecause ?? 'lost'), atMs, missed);
    } else if (state === 'whole' && !this.#reliable) {
      this.#reliable = true;
      this.#bridgeFailureTold = false;
      const detail = { last_update_id: this.#book.lastUpdateId };
      this.#context.log('info', 'book_seeded', { symbol: this.#context.symbol, ...detail });
      emitEvent(this.#context, { timestamp_ms: atMs, kind: 'book_seeded', detail });
    }
  }

  #told(reason: string, atMs: number, more: object = {}): void {
    this.#reliable = false;
    const detail = { reason, last_update_id: this.#book.lastUpdateId, ...more };
    this.#context.log('warn', 'book_lost', { symbol: this.#context.symbol, ...detail });
    emitEvent(this.#context, { timestamp_ms: atMs, kind: 'book_lost', detail });
  }
}
