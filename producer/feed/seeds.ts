/**
 * The books that rebuilt books start from, fetched within the venue's budget of weight: a book that is lost before one
 * that only drifts, never two of one symbol at once, and again until it comes.
 */
import { type Observable, type SchedulerLike, Subject, type Subscription } from 'rxjs';
import { type Backoff, fullJitter } from '../backoff.ts';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { RestClient } from './rest.ts';
import type { RestBook } from './venue.ts';

/** One less than the REST client sends at once, so that an urgent request always finds a place. */
const AT_ONCE = 3;
const BACKOFF: Backoff = { baseMs: 2_000, capMs: 60_000 };
const LEAST_BACKOFF_MS = 1_000;

/** lost: snapshots of the symbol are not verified until the seed is there. drifted: they still are. */
type SeedUrgency = 'lost' | 'drifted';

interface Seed {
  readonly symbol: string;
  readonly book: RestBook;
}

interface SeedsOptions {
  readonly rest: Pick<RestClient, 'book'>;
  readonly scheduler: SchedulerLike;
  readonly random: () => number;
  readonly log: Log;
}

interface Wanted {
  urgency: SeedUrgency;
  state: 'waiting' | 'asked' | 'backing_off';
  failures: number;
  retry: Subscription | null;
}

export class Seeds {
  readonly results: Observable<Seed>;
  readonly #options: SeedsOptions;
  readonly #results = new Subject<Seed>();
  /** One entry a symbol, in the order of asking. */
  readonly #wanted = new Map<string, Wanted>();
  /** Symbols whose request is under way, cancelled ones too. */
  readonly #asked = new Set<string>();
  #closed = false;

  constructor(options: SeedsOptions) {
    this.#options = options;
    this.results = this.#results.asObservable();
  }

  /** Symbols whose seed is still to come. */
  get pending(): number {
    return this.#wanted.size;
  }

  /** A symbol that is asked for already keeps its place, and becomes `lost` where it was only `drifted`. */
  request(symbol: string, urgency: SeedUrgency): void {
    if (this.#closed) return;
    const wanted = this.#wanted.get(symbol);
    if (wanted === undefined) {
      this.#wanted.set(symbol, { urgency, state: 'waiting', failures: 0, retry: null });
    } else if (urgency === 'lost') {
      wanted.urgency = urgency;
    }
    this.#next();
  }

  /** Nothing comes of the symbol any more, unless it is asked for again. */
  cancel(symbol: string): void {
    this.#wanted.get(symbol)?.retry?.unsubscribe();
    this.#wanted.delete(symbol);
  }

  /** Ends `results`. */
  close(): void {
    for (const symbol of [...this.#wanted.keys()]) this.cancel(symbol);
    this.#closed = true;
    this.#results.complete();
  }

  #next(): void {
    while (this.#asked.size < AT_ONCE) {
      const symbol = this.#first('lost') ?? this.#first('drifted');
      if (symbol === null) return;
      void this.#ask(symbol, this.#wanted.get(symbol)!);
    }
  }

  #first(urgency: SeedUrgency): string | null {
    for (const [symbol, wanted] of this.#wanted) {
      const free = wanted.state === 'waiting' && !this.#asked.has(symbol);
      if (free && wanted.urgency === urgency) return symbol;
    }
    return null;
  }

  async #ask(symbol: string, wanted: Wanted): Promise<void> {
    wanted.state = 'asked';
    this.#asked.add(symbol);
    try {
      const book = await this.#options.rest.book(symbol);
      this.#asked.delete(symbol);
      this.#came({ symbol, book }, wanted);
    } catch (error) {
      this.#asked.delete(symbol);
      this.#failed(symbol, wanted, error);
    }
    this.#next();
  }

  #came(seed: Seed, wanted: Wanted): void {
    // A cancelled request brings a book from before; whoever asked since waits for a new one.
    if (this.#wanted.get(seed.symbol) !== wanted) return;
    this.#wanted.delete(seed.symbol);
    const { symbol } = seed;
    if (wanted.failures > 0) this.#options.log('info', 'seed_recovered', { symbol, failures: wanted.failures });
    this.#results.next(seed);
  }

  #failed(symbol: string, wanted: Wanted, error: unknown): void {
    if (this.#wanted.get(symbol) !== wanted) return;
    const { scheduler, random, log } = this.#options;
    if (wanted.failures === 0) log('warn', 'seed_failed', { symbol, reason: reasonOf(error) });
    const waitMs = Math.max(LEAST_BACKOFF_MS, fullJitter(wanted.failures, BACKOFF, random));
    wanted.failures += 1;
    wanted.state = 'backing_off';
    wanted.retry = scheduler.schedule(() => {
      wanted.state = 'waiting';
      this.#next();
    }, waitMs);
  }
}
