/** Keeps the state of each symbol in the store, on the side: what fails is tried again, and the rows flow on. */
import { firstValueFrom, from, interval, race, type SchedulerLike, type Subscription, timer } from 'rxjs';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Mark } from '../stream/packs.ts';
import type { StateStore } from './store.ts';

const LOOK_EVERY_MS = 1_000;
/** A symbol is written at most once in so many looks: in 10 s. */
const LOOKS_A_WRITE = 10;
const FINISH_WITHIN_MS = 5_000;

export interface StateKeeperOptions {
  readonly store: StateStore;
  readonly venue: string;
  readonly sessionId: string;
  readonly scheduler: SchedulerLike;
  readonly log: Log;
  /** Whether it is still open what lies between a symbol's earlier state and this session: that state stays until then. */
  readonly undecided: (symbol: string) => boolean;
  /**
   * Whether feed events are still on their way. Snapshots beyond them are not yet saved: were the session killed, the
   * next one would measure its gap from there, and nobody would tell the gaps that these events tell.
   */
  readonly eventsPending: () => boolean;
}

/** Holds two marks a symbol. The first of a symbol is saved within a second: a session may be killed early. */
export class StateKeeper {
  /** Writes that failed. */
  failures = 0;
  readonly #options: StateKeeperOptions;
  /** Accepted, while events before them are not. */
  readonly #held = new Map<string, Mark>();
  /** What may be saved. */
  readonly #newest = new Map<string, Mark>();
  readonly #changed = new Set<string>();
  /** At which look each symbol was last written. */
  readonly #written = new Map<string, number>();
  #looks = 0;
  readonly #ticks: Subscription;
  #failing = false;
  #saving: Promise<void> | null = null;

  constructor(options: StateKeeperOptions) {
    this.#options = options;
    this.#ticks = interval(LOOK_EVERY_MS, options.scheduler).subscribe(() => this.#tick());
  }

  /** @param marks of a pack of this session; none where it carries feed events */
  accepted(marks: readonly Mark[]): void {
    for (const mark of marks) {
      const seq = (this.#held.get(mark.symbol) ?? this.#newest.get(mark.symbol))?.seq ?? 0;
      if (mark.seq > seq) this.#held.set(mark.symbol, mark);
    }
    if (!this.#options.eventsPending()) this.#release();
  }

  /**
   * The last write, of every symbol. Ends within 5 s and never rejects; nothing is written on the clock afterwards.
   * @param clean the session recorded nothing beyond what was accepted
   */
  async finish(clean = true): Promise<void> {
    this.close();
    if (clean) this.#release();
    const write = async () => {
      await this.#saving;
      await this.#save([...this.#newest.keys()], clean);
    };
    const tooLate = timer(FINISH_WITHIN_MS, this.#options.scheduler);
    await firstValueFrom(race(from(write()), tooLate));
  }

  close(): void {
    this.#ticks.unsubscribe();
  }

  #release(): void {
    for (const [symbol, mark] of this.#held) {
      this.#newest.set(symbol, mark);
      this.#changed.add(symbol);
    }
    this.#held.clear();
  }

  #tick(): void {
    this.#looks += 1;
    if (this.#saving !== null) return;
    const due = [...this.#changed].filter((symbol) => this.#isDue(symbol) && !this.#options.undecided(symbol));
    if (due.length === 0) return;
    for (const symbol of due) {
      this.#changed.delete(symbol);
      this.#written.set(symbol, this.#looks);
    }
    this.#saving = this.#save(due, false).finally(() => {
      this.#saving = null;
    });
  }

  #isDue(symbol: string): boolean {
    const written = this.#written.get(symbol);
    return written === undefined || this.#looks - written >= LOOKS_A_WRITE;
  }

  async #save(symbols: readonly string[], clean: boolean): Promise<void> {
    const { store, venue, sessionId, log } = this.#options;
    if (symbols.length === 0) return;
    const states = symbols.map((symbol) => {
      const { receivedMs, lastUpdateId } = this.#newest.get(symbol)!;
      return { symbol, receivedMs, lastUpdateId, sessionId, clean };
    });
    try {
      await store.save(venue, states);
      if (this.#failing) log('info', 'state_saved', { symbols: states.length });
      this.#failing = false;
    } catch (error) {
      this.failures += 1;
      for (const symbol of symbols) this.#changed.add(symbol);
      if (!this.#failing) log('warn', 'state_not_saved', { symbols: states.length, reason: reasonOf(error) });
      this.#failing = true;
    }
  }
}
