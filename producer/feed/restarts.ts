/**
 * Holes across restarts of the producer: what lies between the last recorded state of a symbol and the first message of
 * this session.
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
  readonly toMs: number;
  /** The first id of this session; null: the symbol never came. */
  readonly afterId: number | null;
}

/** The first message of a symbol that is recorded; `firstId` is null where ids do not chain. */
export interface FirstMessage {
  readonly firstId: number | null;
  readonly lastId: number;
  readonly atMs: number;
}

interface Undecided {
  readonly decide: () => void;
  readonly timer: Subscription;
}

export class Restarts {
  readonly #options: RestartsOptions;
  readonly #heard = new Set<string>();
  readonly #undecided = new Map<string, Undecided>();

  constructor(options: RestartsOptions) {
    this.#options = options;
  }

  /** Whether a gap may yet be told: until then the store must keep the state before it. */
  undecided(symbol: string): boolean {
    return this.#undecided.has(symbol);
  }

  first(symbol: string, message: FirstMessage, report: (gap: RestartGap) => void): void {
    if (this.#heard.has(symbol)) return;
    this.#heard.add(symbol);
    const before = this.#options.previous.get(symbol);
    if (before === undefined || reaches(before, message)) return;

    const tell = (from: SymbolState) => report({ before: from, toMs: message.atMs, afterId: message.lastId });
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

  /** The session, or the symbol's part in it, ends: what is undecided is a gap, and so is what never came. */
  end(symbol: string, atMs: number, report: (gap: RestartGap) => void): void {
    this.#undecided.get(symbol)?.decide();
    if (this.#heard.has(symbol)) return;
    this.#heard.add(symbol);
    const before = this.#options.previous.get(symbol);
    if (before !== undefined && before.receivedMs < atMs) report({ before, toMs: atMs, afterId: null });
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
      return reaches(latest, message) ? null : latest;
    } catch (error) {
      log('warn', 'state_recheck_failed', { symbol: before.symbol, reason: reasonOf(error) });
      return before;
    }
  }
}

/** Whether nothing lies between a state and a message: the same frame comes to each producer in its own millisecond. */
function reaches({ receivedMs, lastUpdateId }: SymbolState, message: FirstMessage): boolean {
  return receivedMs >= message.atMs || continues(lastUpdateId, message);
}

function continues(before: number, { firstId, lastId }: FirstMessage): boolean {
  if (lastId === before) return true;
  return firstId !== null && firstId <= before + 1 && before < lastId;
}
