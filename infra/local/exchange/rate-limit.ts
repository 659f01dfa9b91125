/** The weight of REST requests in each minute: beyond the limit 429, and 418 for who does not stop. */

const MINUTE_MS = 60_000;
/** So many refused requests in one minute turn the refusal into a ban. */
const REFUSALS_BEFORE_BAN = 10;
const BAN_MS = 2 * MINUTE_MS;

export interface Verdict {
  /** 200: carry it out. */
  readonly status: 200 | 418 | 429;
  /** Seconds, at least 1; 0 where the request is carried out. */
  readonly retryAfterS: number;
  /** Used in this minute, this request included. */
  readonly usedWeight: number;
}

export class RateLimit {
  readonly weightAMinute: number;
  #minute = -1;
  #used = 0;
  #refused = 0;
  #bannedUntilMs = 0;

  constructor(weightAMinute: number) {
    this.weightAMinute = weightAMinute;
  }

  take(weight: number, nowMs: number): Verdict {
    const minute = Math.floor(nowMs / MINUTE_MS);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#used = 0;
      this.#refused = 0;
    }
    if (nowMs < this.#bannedUntilMs) return this.#refusal(418, this.#bannedUntilMs - nowMs);
    if (this.#used + weight <= this.weightAMinute) {
      this.#used += weight;
      return { status: 200, retryAfterS: 0, usedWeight: this.#used };
    }
    this.#refused += 1;
    if (this.#refused <= REFUSALS_BEFORE_BAN) return this.#refusal(429, (minute + 1) * MINUTE_MS - nowMs);
    this.#bannedUntilMs = nowMs + BAN_MS;
    return this.#refusal(418, BAN_MS);
  }

  #refusal(status: 418 | 429, waitMs: number): Verdict {
    return { status, retryAfterS: Math.max(1, Math.ceil(waitMs / 1000)), usedWeight: this.#used };
  }
}
