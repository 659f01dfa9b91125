/**
 * Subscriptions that are acknowledged and then silent.
 *
 * A quiet symbol is normal, so silence alone proves nothing. The venue's REST side is asked for the id of a book of which
 * nothing was heard for a minute: where it has moved, and still nothing comes, the symbol is silent. One such symbol on
 * a connection that brought nothing at all shows that the whole connection is stalled.
 *
 * Time is counted in ticks of one second, never read from the clock.
 */
import { type BookMessage, idOf } from './deliveries.ts';

/** Until a symbol is asked for; doubled after each verdict. */
const WAIT_S = { least: 60, most: 600 };
/** Ten questions a minute over all symbols. */
const ASK_EVERY_S = 6;
/** Between the two questions for a symbol that was never heard. */
const BETWEEN_S = 10;
/** How long a symbol that has moved may take to be heard. */
const DOUBT_S = 5;
/** How long a quiet connection is left for a proof, before it is handed over without one. */
const PROOF_S = 15;

export interface WatchedSlot {
  readonly symbols: readonly string[];
  /** Seconds since its connection brought a message; null without a connection. */
  readonly quietS: number | null;
  /** How long its connection may be quiet, in seconds. */
  readonly patienceS: number;
  /** These symbols moved, and the connection brought nothing of them. */
  silent(symbols: readonly string[]): void;
  /** The connection is quiet, for which there is no proof of a fault. */
  probe(): void;
}

interface SymbolWatch {
  /** The last id heard; null: never. */
  lastId: number | null;
  heardS: number;
  /** When to ask. */
  dueS: number;
  waitS: number;
  /** Waits in the queue, or its question is on its way. */
  state: 'idle' | 'queued' | 'asked';
  /** The answer to the first question for a symbol that was never heard. */
  firstAnswer: number | null;
  /** Since when it is known to have moved. */
  doubtS: number | null;
}

export class SilenceWatch {
  readonly #bookId: (symbol: string) => Promise<number>;
  readonly #watches = new Map<string, SymbolWatch>();
  /** In the order of turns; a symbol that was heard meanwhile is passed over. */
  #queue = new Set<string>();
  #nowS = 0;
  #askedS = -ASK_EVERY_S;

  constructor(bookId: (symbol: string) => Promise<number>) {
    this.#bookId = bookId;
  }

  /** Watches these symbols and no others. */
  watch(symbols: readonly string[]): void {
    const wanted = new Set(symbols);
    for (const symbol of this.#watches.keys()) {
      if (wanted.has(symbol)) continue;
      this.#watches.delete(symbol);
      this.#queue.delete(symbol);
    }
    for (const symbol of wanted) {
      if (this.#watches.has(symbol)) continue;
      const times = { heardS: this.#nowS, dueS: this.#nowS + WAIT_S.least, waitS: WAIT_S.least };
      this.#watches.set(symbol, { lastId: null, ...times, state: 'idle', firstAnswer: null, doubtS: null });
    }
  }

  heard(message: BookMessage): void {
    const watch = this.#watches.get(message.symbol);
    if (watch === undefined) return;
    watch.lastId = idOf(message);
    watch.heardS = this.#nowS;
    watch.waitS = WAIT_S.least;
    watch.firstAnswer = null;
    this.#rest(watch);
  }

  /** One second has passed. */
  tick(slots: Iterable<WatchedSlot>): void {
    this.#nowS += 1;
    for (const slot of slots) this.#look(slot);
    if (this.#nowS - this.#askedS >= ASK_EVERY_S) this.#askNext();
  }

  #look(slot: WatchedSlot): void {
    const { symbols, quietS, patienceS } = slot;
    if (quietS === null) {
      this.#forEach(symbols, (watch) => this.#rest(watch));
      return;
    }
    const proved = this.#proved(symbols);
    if (proved.length > 0) {
      const silent = quietS >= WAIT_S.least ? symbols : proved;
      this.#forEach(silent, (watch) => {
        watch.waitS = Math.min(WAIT_S.most, watch.waitS * 2);
        this.#rest(watch);
      });
      slot.silent(silent);
      return;
    }
    if (quietS === WAIT_S.least) this.#askFirst(symbols);
    if (quietS === patienceS + PROOF_S) slot.probe();
  }

  /** Queues the symbols that are due; returns those that moved and were not heard. */
  #proved(symbols: readonly string[]): string[] {
    const proved: string[] = [];
    this.#forEach(symbols, (watch, symbol) => {
      if (watch.doubtS !== null) {
        if (this.#nowS - watch.doubtS >= DOUBT_S) proved.push(symbol);
      } else if (watch.state === 'idle' && this.#nowS >= watch.dueS) {
        watch.state = 'queued';
        this.#queue.add(symbol);
      }
    });
    return proved;
  }

  /** Of a connection that is quiet as a whole, the symbol heard last is the likeliest to have moved. */
  #askFirst(symbols: readonly string[]): void {
    let latest: string | null = null;
    let latestS = -1;
    this.#forEach(symbols, (watch, symbol) => {
      if (watch.lastId === null || watch.state === 'asked' || watch.heardS <= latestS) return;
      latest = symbol;
      latestS = watch.heardS;
    });
    if (latest === null) return;
    this.#watches.get(latest)!.state = 'queued';
    this.#queue = new Set([latest, ...this.#queue]);
  }

  #askNext(): void {
    for (const symbol of this.#queue) {
      this.#queue.delete(symbol);
      const watch = this.#watches.get(symbol);
      if (watch?.state !== 'queued') continue;
      this.#askedS = this.#nowS;
      watch.state = 'asked';
      this.#bookId(symbol).then(
        (id) => this.#answer(watch, id),
        () => {
          // No answer is no evidence.
          if (watch.state === 'asked') this.#rest(watch);
        },
      );
      return;
    }
  }

  #answer(watch: SymbolWatch, id: number): void {
    // Heard, or without a connection, since the question.
    if (watch.state !== 'asked') return;
    const { lastId, firstAnswer } = watch;
    this.#rest(watch);
    if (lastId !== null ? id > lastId : firstAnswer !== null && id !== firstAnswer) {
      watch.doubtS = this.#nowS;
    } else if (lastId === null && firstAnswer === null) {
      watch.firstAnswer = id;
      watch.dueS = this.#nowS + BETWEEN_S;
    }
  }

  #rest(watch: SymbolWatch): void {
    watch.state = 'idle';
    watch.doubtS = null;
    watch.dueS = this.#nowS + watch.waitS;
  }

  #forEach(symbols: readonly string[], act: (watch: SymbolWatch, symbol: string) => void): void {
    for (const symbol of symbols) {
      const watch = this.#watches.get(symbol);
      if (watch !== undefined) act(watch, symbol);
    }
  }
}
