/**
 * The request weight that a venue grants an address, shared by every request of a session.
 *
 * The venue counts by its own minute, whose bounds nobody tells, so the share is kept in every rolling minute. Its count
 * covers everybody behind the same address: where it is higher than our requests explain, it stands for a minute.
 */
import type { SchedulerLike, Subscription } from 'rxjs';

/** Of the weight granted; the rest is for requests that the venue counts in another minute than we do. */
const SHARE = 0.8;
const MINUTE_MS = 60_000;
const REQUESTS_AT_ONCE = 4;
/** A pause that is longer fails the requests instead of holding them. */
export const PATIENCE_MS = 10 * MINUTE_MS;

export type Priority = 'urgent' | 'normal';

interface Waiting {
  readonly weight: number;
  /** Sends; settles when the request is over, and never rejects. */
  readonly begin: (mark: number) => Promise<void>;
  readonly reject: (error: Error) => void;
}

interface Pause {
  sinceMs: number;
  readonly ms: number;
  readonly error: Error;
}

/** Lets requests go when there is weight for them: urgent ones first, each kind in order, few at once. */
export class RateBudget {
  readonly #scheduler: SchedulerLike;
  readonly #window = new WeightWindow();
  /** Bounded by those who ask: one listing, a few seeds, one book id a symbol. */
  readonly #waiting: Readonly<Record<Priority, Waiting[]>> = { urgent: [], normal: [] };
  #limit: number;
  #atOnce = 0;
  #wakeUp: Subscription | null = null;
  #pause: Pause | null = null;
  #closed: Error | null = null;

  constructor(weightAMinute: number, scheduler: SchedulerLike) {
    this.#limit = shareOf(weightAMinute);
    this.#scheduler = scheduler;
  }

  grant(weightAMinute: number): void {
    this.#limit = shareOf(weightAMinute);
    this.#next();
  }

  /**
   * Calls `send` when it is the request's turn, with a mark of what was sent up to it. A request that weighs more than
   * the whole share goes alone.
   * @throws the pause's error where more than 10 min of it are left, the error of `close`, what `send` throws
   */
  turn<T>(weight: number, priority: Priority, send: (mark: number) => Promise<T>): Promise<T> {
    const refusal = this.#closed ?? this.#refusal();
    if (refusal !== null) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      const begin = (mark: number) => send(mark).then(resolve, reject);
      this.#waiting[priority].push({ weight, begin, reject });
      this.#next();
    });
  }

  /** @param used the venue's own count for the minute @param mark of the request that it answers with it */
  told(used: number, mark: number): void {
    this.#window.told(used, mark, this.#scheduler.now());
  }

  /** No request goes for `ms`. @returns whether a pause begins with it, false where one goes on */
  pause(ms: number, error: Error): boolean {
    const leftMs = this.#pauseMs();
    if (leftMs < ms) this.#pause = { sinceMs: this.#scheduler.now(), ms, error };
    if (ms > PATIENCE_MS) this.#rejectAll(error);
    this.#next();
    return leftMs <= 0;
  }

  /** Fails whatever waits, and every later request. */
  close(error: Error): void {
    this.#closed = error;
    this.#wakeUp?.unsubscribe();
    this.#rejectAll(error);
  }

  #next(): void {
    this.#wakeUp?.unsubscribe();
    const { urgent, normal } = this.#waiting;
    while (this.#atOnce < REQUESTS_AT_ONCE) {
      const queue = urgent.length > 0 ? urgent : normal;
      const first = queue[0];
      if (first === undefined) return;
      const weightMs = this.#window.waitMs(first.weight, this.#limit, this.#scheduler.now());
      const waitMs = Math.max(this.#pauseMs(), weightMs);
      if (waitMs > 0) {
        // Looked at again each minute: a timer cannot know of a clock that is set, or of a pause of months.
        this.#wakeUp = this.#scheduler.schedule(() => this.#next(), Math.min(Math.ceil(waitMs), MINUTE_MS));
        return;
      }
      queue.shift();
      this.#send(first);
    }
  }

  #send(request: Waiting): void {
    this.#atOnce += 1;
    const mark = this.#window.take(request.weight, this.#scheduler.now());
    void request.begin(mark).then(() => {
      this.#atOnce -= 1;
      if (this.#closed === null) this.#next();
    });
  }

  /** What is left of the pause; 0 or less: nothing. */
  #pauseMs(): number {
    if (this.#pause === null) return 0;
    const nowMs = this.#scheduler.now();
    // A clock that was set back does not make it longer.
    this.#pause.sinceMs = Math.min(this.#pause.sinceMs, nowMs);
    return this.#pause.sinceMs + this.#pause.ms - nowMs;
  }

  #refusal(): Error | null {
    return this.#pause !== null && this.#pauseMs() > PATIENCE_MS ? this.#pause.error : null;
  }

  #rejectAll(error: Error): void {
    for (const queue of Object.values(this.#waiting)) {
      for (const { reject } of queue.splice(0)) reject(error);
    }
  }
}

function shareOf(weightAMinute: number): number {
  return Math.max(1, Math.floor(weightAMinute * SHARE));
}

/** What was sent in the last minute, as we know it and as the venue tells. Pure: the time comes in. */
class WeightWindow {
  /** At most one entry a unit of weight. */
  readonly #sent: { atMs: number; readonly weight: number }[] = [];
  #inWindow = 0;
  #ever = 0;
  #told: { readonly used: number; readonly mark: number; untilMs: number } | null = null;
  #nowMs = Number.NEGATIVE_INFINITY;

  take(weight: number, nowMs: number): number {
    this.#moveTo(nowMs);
    this.#sent.push({ atMs: nowMs, weight });
    this.#inWindow += weight;
    this.#ever += weight;
    return this.#ever;
  }

  told(used: number, mark: number, nowMs: number): void {
    this.#moveTo(nowMs);
    this.#told = used > this.#inWindow ? { used, mark, untilMs: nowMs + MINUTE_MS } : null;
  }

  /** How long until `weight` fits below `limit`, ms; 0: now. What is heavier than the limit fits an empty window. */
  waitMs(weight: number, limit: number, nowMs: number): number {
    this.#moveTo(nowMs);
    const room = Math.max(0, limit - weight);
    const told = this.#told;
    const forOthers = told !== null && told.used + this.#ever - told.mark > room ? told.untilMs - nowMs : 0;
    let own = this.#inWindow;
    let forOwn = 0;
    for (const sent of this.#sent) {
      if (own <= room) break;
      own -= sent.weight;
      forOwn = sent.atMs + MINUTE_MS - nowMs;
    }
    return Math.max(forOthers, forOwn);
  }

  #moveTo(nowMs: number): void {
    if (nowMs < this.#nowMs) this.#turnBack(this.#nowMs - nowMs);
    this.#nowMs = nowMs;
    for (let oldest = this.#sent[0]; oldest !== undefined && oldest.atMs + MINUTE_MS <= nowMs; oldest = this.#sent[0]) {
      this.#sent.shift();
      this.#inWindow -= oldest.weight;
    }
    if (this.#told !== null && this.#told.untilMs <= nowMs) this.#told = null;
  }

  /** The clock was set back: what lies in its future would hold requests for as long. */
  #turnBack(byMs: number): void {
    for (const sent of this.#sent) sent.atMs -= byMs;
    if (this.#told !== null) this.#told.untilMs -= byMs;
  }
}
