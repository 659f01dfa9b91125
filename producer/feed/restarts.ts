/**
 * Holes that no connection shows: what lies between the last recorded state of a symbol, of an earlier session or from
 * before it was delisted in this one, and the first message from then on.
 *
 * A rolling start leaves no hole where another producer recorded meanwhile. Producers save their states a while after
 * the fact, so where that may be the case the store is asked again before a gap is claimed.
 */
import type { SchedulerLike, Subscription } from 'rxjs';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { SymbolState } from '../state/store.ts';

/** A state younger than this may be another producer's that still records. */
const FRESH_MS = 60_000;
/** States are saved every 10 s at the most. */
const RECHECK_AFTER_MS = 12_000;
/** The clocks of two producers differ by less; a state that lies further in the future was saved under a wrong clock. */
const CLOCKS_DIFFER_MS = 60_000;

export interface RestartsOptions {
  /** The states that the store held when the session began. */
  readonly previous: ReadonlyMap<string, SymbolState>;
  readonly sessionId: string;
  /** What the store holds of a symbol now; absent: gaps are told at once. */
  readonly recheck?: (symbol: string) => Promise<SymbolState | null>;
  readonly scheduler: SchedulerLike;
  readonly log: Log;
}

export interface RestartGap {
  readonly before: SymbolState;
  /** The earlier session that left `before`; null: this one, when the symbol was delisted. */
  readonly sessionBefore: string | null;
  /** null: nobody knows, the clock was set back since. */
  readonly fromMs: number | null;
  readonly toMs: number;
  /** The first id from then on; null: the symbol never came. */
  readonly afterId: number | null;
}

/** The first message of a symbol that is recorded; `firstId` is null where ids do not chain. */
export interface FirstMessage {
  readonly firstId: number | null;
  readonly lastId: number;
  readonly atMs: number;
}

/** Up to where a symbol is recorded, or told to be missing. */
export interface Known {
  readonly atMs: number;
  readonly id: number;
}

interface Undecided {
  readonly decide: () => void;
  readonly timer: Subscription;
}

export class Restarts {
  readonly #options: RestartsOptions;
  readonly #previous: Map<string, SymbolState>;
  readonly #heard = new Set<string>();
  readonly #undecided = new Map<string, Undecided>();

  constructor(options: RestartsOptions) {
    this.#options = options;
    this.#previous = new Map(options.previous);
  }

  /** The symbols that have an earlier state. */
  get symbols(): readonly string[] {
    return [...this.#previous.keys()];
  }

  /** @param states that the store holds of symbols that come to be followed, now that they trade */
  listed(states: ReadonlyMap<string, SymbolState>): void {
    for (const [symbol, state] of states) {
      const known = this.#previous.get(symbol);
      if (known === undefined || state.receivedMs > known.receivedMs) this.#previous.set(symbol, state);
    }
  }

  /** Whether a gap may yet be told: until then the store must keep the state before it. */
  undecided(symbol: string): boolean {
    return this.#undecided.has(symbol);
  }

  first(symbol: string, message: FirstMessage, report: (gap: RestartGap) => void): void {
    if (this.#heard.has(symbol)) return;
    this.#heard.add(symbol);
    const before = this.#previous.get(symbol);
    if (before === undefined || this.#reaches(before, message)) return;

    const tell = (from: SymbolState) => report(this.#gap(from, message.atMs, message.lastId));
    const { recheck, scheduler } = this.#options;
    const wait = !before.clean || message.atMs - before.receivedMs < FRESH_MS;
    if (recheck === undefined || !wait) {
      tell(before);
      return;
    }

    const decide = (from: SymbolState | null) => {
      const entry = this.#undecided.get(symbol);
      if (entry === undefined) return;
      entry.timer.unsubscribe();
      this.#undecided.delete(symbol);
      if (from !== null) tell(from);
    };
    const timer = scheduler.schedule(async () => {
      decide(await this.#gapFrom(before, message, recheck));
    }, RECHECK_AFTER_MS);
    this.#undecided.set(symbol, { decide: () => decide(before), timer });
  }

  /**
   * The session, or the symbol's listing, ends: what is undecided is a gap, and so is what never came. Where the symbol
   * is listed again, the next gap begins here.
   * @param last null: never heard
   */
  end(symbol: string, atMs: number, last: Known | null, report: (gap: RestartGap) => void): void {
    this.#undecided.get(symbol)?.decide();
    const before = this.#previous.get(symbol);
    if (!this.#heard.delete(symbol) && before !== undefined && !this.#reachesTime(before, atMs)) {
      report(this.#gap(before, atMs, null));
      this.#previous.set(symbol, { ...before, receivedMs: atMs, clean: true });
    }
    if (last === null) return;
    const { sessionId } = this.#options;
    const state = { symbol, receivedMs: last.atMs, lastUpdateId: last.id, sessionId, clean: true };
    this.#previous.set(symbol, state);
  }

  #gap(before: SymbolState, toMs: number, afterId: number | null): RestartGap {
    const isOwn = before.sessionId === this.#options.sessionId;
    const fromMs = before.receivedMs <= toMs ? before.receivedMs : null;
    return { before, sessionBefore: isOwn ? null : before.sessionId, fromMs, toMs, afterId };
  }

  /** Whether nothing lies between a state and a message: the same frame comes to each producer in its own millisecond. */
  #reaches(state: SymbolState, message: FirstMessage): boolean {
    return this.#reachesTime(state, message.atMs) || continues(state.lastUpdateId, message);
  }

  #reachesTime({ receivedMs }: SymbolState, atMs: number): boolean {
    return receivedMs >= atMs && receivedMs - this.#options.scheduler.now() < CLOCKS_DIFFER_MS;
  }

  /** The last state of other sessions, which may have recorded on since `before`; null: up to this one's first message. */
  async #gapFrom(
    before: SymbolState,
    message: FirstMessage,
    recheck: (symbol: string) => Promise<SymbolState | null>,
  ): Promise<SymbolState | null> {
    const { sessionId, log } = this.#options;
    try {
      const now = await recheck(before.symbol);
      const isOthers = now !== null && now.sessionId !== sessionId && now.receivedMs >= before.receivedMs;
      const latest = isOthers ? now : before;
      return this.#reaches(latest, message) ? null : latest;
    } catch (error) {
      log('warn', 'state_recheck_failed', { symbol: before.symbol, reason: reasonOf(error) });
      return before;
    }
  }
}

function continues(before: number, { firstId, lastId }: FirstMessage): boolean {
  if (lastId === before) return true;
  return firstId !== null && firstId <= before + 1 && before < lastId;
}
