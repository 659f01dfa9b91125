/**
 * A slot: one place for a connection, kept filled.
 *
 *   outage ──opened──▶ steady ──begin──▶ hand-over ──handed_over──▶ steady
 *      ▲                  │                  │
 *      └────── closed ────┴──────────────────┘  (the connection ended before another was open)
 */
import { Subscription } from 'rxjs';
import { fullJitter } from '../backoff.ts';
import { DepthlakeError, reasonOf } from '../errors.ts';
import { type BookMessage, missedBetween, unfollowed } from './deliveries.ts';
import type { FeedOptions } from './feed.ts';
import { HandOver, OVERLAP_TICK_MS } from './hand-over.ts';
import { Link } from './link.ts';
import type { FeedSignal, HandOverReason } from './signal.ts';
import type { WatchedSlot } from './silence.ts';
import type { Pace, Turn } from './turns.ts';
import type { VenueMessage } from './venue.ts';

/** Hand-overs for age begin up to this part of the age sooner, so that slots take turns. */
const JITTER = 0.1;
/** How many connections may end before their first message until the feed gives up on a venue it never heard. */
const SILENT_CONNECTIONS = 3;
/** A connection without any message for so long is handed over as a probe; doubled for each probe in vain. */
const QUIET_S = { least: 60, most: 600 };

/** What the slots of a feed share. */
export interface SlotEdge extends Required<Omit<FeedOptions, 'plans' | 'bookId'>> {
  readonly openings: Pace;
  /** Held by the one hand-over for age that is under way. */
  readonly lifeTurn: Turn;
  readonly venue: { heard: boolean };
  readonly emit: (signal: FeedSignal) => void;
  readonly heard: (message: BookMessage) => void;
  readonly fail: (error: unknown) => void;
}

export class Slot implements WatchedSlot {
  readonly #number: number;
  readonly #edge: SlotEdge;
  #followed: ReadonlySet<string>;
  #current: Link | null = null;
  /** On its way to become the slot's connection. */
  #next: Link | null = null;
  #handOver: HandOver | null = null;
  /** What an attempt waits for (back-off, turn, pace); it holds the turn until the hand-over is done. */
  #wait = new Subscription();
  #attempt = 0;
  #notices = 0;
  #endedUnheard = 0;
  #closed = false;
  patienceS = QUIET_S.least;

  constructor(number: number, symbols: readonly string[], edge: SlotEdge) {
    this.#number = number;
    this.#followed = new Set(symbols);
    this.#edge = edge;
  }

  /** Followed, and delivered by the open connection. */
  get symbols(): readonly string[] {
    return this.#current?.symbols.filter((symbol) => this.#followed.has(symbol)) ?? [...this.#followed];
  }

  get quietS(): number | null {
    return this.#current?.quietS ?? null;
  }

  start(): void {
    this.#dial(0);
  }

  /** Takes other symbols; those dropped are not told of any more. */
  follow(symbols: readonly string[]): void {
    this.#followed = new Set(symbols);
    if (this.#next !== null && !this.#next.open && !this.#follows(this.#next)) {
      this.#next.close();
      this.#next = null;
      this.#dial(0);
    }
    this.#settle();
  }

  /** One second has passed. */
  tick(): void {
    for (const link of [this.#current, this.#next]) if (link?.open) link.quietS += 1;
  }

  silent(symbols: readonly string[]): void {
    this.#edge.emit({ kind: 'silent', slot: this.#number, atMs: this.#nowMs(), symbols });
    this.#begin('silence', symbols);
  }

  probe(): void {
    this.patienceS = Math.min(QUIET_S.most, this.patienceS * 2);
    this.#begin('silence', []);
  }

  close(): void {
    this.#closed = true;
    this.#wait.unsubscribe();
    this.#current?.close();
    this.#next?.close();
  }

  /** Begins a hand-over unless one is under way; one for age that still waits gives way. */
  #begin(reason: HandOverReason, silent: readonly string[] = [], delayMs = 0): void {
    if (this.#closed || this.#current === null) return;
    const waits = this.#handOver?.reason === 'life' && this.#next === null;
    if (this.#handOver !== null && (!waits || reason === 'life')) return;
    this.#handOver = new HandOver(reason, silent);
    this.#edge.log('info', 'hand_over_begins', { connection: this.#number, reason });
    this.#dial(delayMs);
  }

  #dial(delayMs: number): void {
    if (this.#closed) return;
    this.#wait.unsubscribe();
    const { scheduler, openings, lifeTurn } = this.#edge;
    const wait = new Subscription();
    this.#wait = wait;
    const enter = () => {
      wait.add(openings.enter(() => this.#open()));
    };
    const takeTurn = () => {
      if (this.#handOver?.reason === 'life') wait.add(lifeTurn.take(enter));
      else enter();
    };
    if (delayMs === 0) takeTurn();
    else wait.add(scheduler.schedule(takeTurn, delayMs));
  }

  #redial(): void {
    this.#dial(fullJitter(this.#attempt++, this.#edge.backoff, this.#edge.random));
  }

  #open(): void {
    const link = new Link([...this.#followed], this.#edge.scheduler);
    this.#next = link;
    link.connect(this.#edge, {
      opened: (_, atMs) => this.#opened(link, atMs),
      message: (_, message, text, atMs) => this.#message(link, message, text, atMs),
      ended: (_, reason, error) => this.#ended(link, reason, error),
    });
  }

  #opened(link: Link, atMs: number): void {
    const { backoff, handOverMs, random } = this.#edge;
    link.after(backoff.healthyMs, () => {
      this.#attempt = 0;
      this.#notices = 0;
    });
    link.after(handOverMs * (1 - JITTER * random()), () => {
      link.aged = true;
      if (link === this.#current) this.#begin('life');
    });
    if (this.#current !== null) {
      this.#handOver?.begin(this.#current);
      link.after(OVERLAP_TICK_MS, () => this.#overlap(link));
      return;
    }
    this.#become(link, atMs);
  }

  #become(link: Link, atMs: number): void {
    this.#current = link;
    this.#next = null;
    this.#edge.emit({ kind: 'opened', slot: this.#number, atMs, symbols: this.symbols });
    this.#settle();
  }

  #message(link: Link, message: VenueMessage, text: string, atMs: number): void {
    this.#edge.venue.heard = true;
    this.patienceS = QUIET_S.least;
    if ('symbol' in message && message.symbol !== null && !this.#followed.has(message.symbol)) return;
    if (message.kind === 'frame' || message.kind === 'diff') {
      link.deliveries.take(message, atMs);
      this.#edge.heard(message);
    }
    this.#edge.emit({ kind: 'message', slot: this.#number, atMs, message, text });
    if (message.kind !== 'shutdown_notice') return;
    link.noticed = true;
    if (link === this.#current) this.#leave();
  }

  /** At the first notice at once; at notices that follow each other, after a back-off. */
  #leave(): void {
    const delayMs = this.#notices === 0 ? 0 : fullJitter(this.#notices - 1, this.#edge.backoff, this.#edge.random);
    this.#notices += 1;
    this.#begin('shutdown_notice', [], delayMs);
  }

  #overlap(next: Link): void {
    const handOver = this.#handOver;
    if (handOver === null || this.#current === null || next !== this.#next) return;
    const verdict = handOver.tick(this.#current, next, this.#followed);
    if (verdict === null) {
      next.after(OVERLAP_TICK_MS, () => this.#overlap(next));
      return;
    }
    const { outstanding } = verdict;
    if (outstanding.length > 0) {
      this.#edge.log('warn', 'hand_over_incomplete', { connection: this.#number, symbols: outstanding });
      this.#missed(this.#current, next, handOver);
    }
    this.#promote(handOver);
  }

  #promote({ reason, overlapMs }: HandOver): void {
    this.#current?.close();
    this.#current = this.#next;
    this.#next = null;
    this.#handOver = null;
    this.#wait.unsubscribe();
    const { symbols } = this;
    this.#edge.emit({ kind: 'handed_over', slot: this.#number, atMs: this.#nowMs(), reason, overlapMs, symbols });
    this.#settle();
  }

  #ended(link: Link, reason: string, error: unknown): void {
    const why = error === undefined ? reason : reasonOf(error);
    if (link === this.#next) this.#attemptFailed(link, why, error);
    else if (this.#next?.open && this.#handOver !== null) this.#cutShort(link, this.#next, this.#handOver, why);
    else this.#lost(why);
  }

  /**
   * The old connection ended by itself during the hand-over. What lies between the two is missing where both delivered;
   * of what the new one has yet to follow it is an outage.
   */
  #cutShort(old: Link, next: Link, handOver: HandOver, reason: string): void {
    this.#missed(old, next, handOver);
    const symbols = unfollowed(old.deliveries, next.deliveries, this.symbols);
    if (symbols.length === 0) {
      this.#promote(handOver);
      return;
    }
    this.#lost(reason, symbols);
    this.#become(next, this.#nowMs());
  }

  /** Tells which frames neither connection brought; of symbols known to be silent the outage is told already. */
  #missed(old: Link, next: Link, handOver: HandOver): void {
    const frames = missedBetween(old.deliveries, next.deliveries, handOver.waited(old, next, this.#followed));
    if (frames.length > 0) this.#edge.emit({ kind: 'missed', slot: this.#number, atMs: this.#nowMs(), frames });
  }

  /** The only connection is gone: an outage. An attempt that was to replace it goes on, to end the outage. */
  #lost(reason: string, symbols = this.symbols): void {
    this.#current = null;
    this.#handOver = null;
    this.#wait.unsubscribe();
    this.#edge.emit({ kind: 'closed', slot: this.#number, atMs: this.#nowMs(), reason, symbols });
    if (!this.#edge.venue.heard && ++this.#endedUnheard >= SILENT_CONNECTIONS) {
      const words = `the venue closed ${this.#endedUnheard} connections before the first message`;
      this.#edge.fail(new DepthlakeError('DL_VENUE_SILENT', words));
    }
    if (this.#next === null) this.#redial();
  }

  #attemptFailed(link: Link, why: string, error: unknown): void {
    this.#next = null;
    if (!this.#edge.venue.heard && error !== undefined) {
      this.#edge.fail(error);
      return;
    }
    const reason = link.open ? `ended during the hand-over: ${why}` : why;
    this.#edge.emit({ kind: 'failed', slot: this.#number, atMs: this.#nowMs(), reason });
    this.#redial();
  }

  /** What a connection that just became the slot's may need at once. */
  #settle(): void {
    if (this.#current === null || this.#handOver !== null) return;
    if (this.#current.noticed) this.#leave();
    else if (!this.#follows(this.#current)) this.#begin('symbols');
    else if (this.#current.aged) this.#begin('life');
  }

  #follows({ symbols }: Link): boolean {
    return symbols.length === this.#followed.size && symbols.every((symbol) => this.#followed.has(symbol));
  }

  #nowMs(): number {
    return this.#edge.scheduler.now();
  }
}
