/** One connection of a slot: its messages read, what it delivered, how long it has been quiet, how old it is. */
import { defer, type SchedulerLike, Subscription } from 'rxjs';
import type { ConnectionSignal } from './connection.ts';
import { Deliveries } from './deliveries.ts';
import type { FeedOptions } from './feed.ts';
import type { VenueMessage } from './venue.ts';

/** What a link tells its slot; nothing after `close()`. */
export interface LinkListener {
  opened(link: Link, atMs: number): void;
  message(link: Link, message: VenueMessage, text: string, atMs: number): void;
  /** The connection ended, or could not be opened (`error`). */
  ended(link: Link, reason: string, error: unknown): void;
}

export class Link {
  readonly symbols: readonly string[];
  readonly deliveries = new Deliveries();
  open = false;
  /** Whether the venue has announced its end. */
  noticed = false;
  /** Whether it has reached the age of a hand-over. */
  aged = false;
  /** Seconds without a message. */
  quietS = 0;
  readonly #life = new Subscription();
  readonly #scheduler: SchedulerLike;

  constructor(symbols: readonly string[], scheduler: SchedulerLike) {
    this.symbols = symbols;
    this.#scheduler = scheduler;
  }

  connect({ connect, reader }: Pick<FeedOptions, 'connect' | 'reader'>, listener: LinkListener): void {
    const read = reader(this.symbols);
    let ended = false;
    const end = (reason: string, error?: unknown) => {
      if (ended || this.#life.closed) return;
      ended = true;
      this.close();
      listener.ended(this, reason, error);
    };
    const connected = defer(() => connect(this.symbols)).subscribe({
      next: (signal: ConnectionSignal) => {
        if (ended || this.#life.closed) return;
        if (signal.kind === 'closed') return end(signal.reason);
        if (signal.kind === 'message') {
          this.quietS = 0;
          return listener.message(this, read(signal.text), signal.text, signal.atMs);
        }
        this.open = true;
        listener.opened(this, signal.atMs);
      },
      error: (error) => end('', error ?? new Error('no connection')),
      complete: () => end('the connection ended'),
    });
    this.#life.add(connected);
  }

  /** Acts once the link has lived so long from now; counted by the scheduler, so a clock that jumps changes nothing. */
  after(ms: number, act: () => void): void {
    this.#life.add(this.#scheduler.schedule(act, ms));
  }

  close(): void {
    this.#life.unsubscribe();
  }
}
