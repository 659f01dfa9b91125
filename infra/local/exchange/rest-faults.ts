/** What befalls a REST request: the faults `restThrottles`, `restFailures` and `restStale`. */
import type { Faults } from './faults.ts';
import { MEMORY_MS, MEMORY_STEP_MS } from './past-books.ts';
import { Random } from './random.ts';
import { failure, type RestAnswer } from './rest.ts';

/** A request whose connection is ended without an answer: at once, or after so long a wait. */
export interface Hangup {
  readonly afterMs: number;
}

const HANG_MS = 20_000;
const RETRY_AFTER_S = '1';

export class RestFaults {
  readonly #faults: Faults;
  readonly #random: Random;

  constructor(faults: Faults, seed: number) {
    this.#faults = faults;
    this.#random = new Random(`${seed}:rest`);
  }

  /** What comes in place of the answer, or null. */
  befall(): RestAnswer | Hangup | null {
    if (this.#random.chance(this.#faults.restThrottles)) {
      const headers = { 'retry-after': RETRY_AFTER_S };
      return { ...failure(429, -1003, 'Too many requests; current limit is exceeded.'), headers };
    }
    if (!this.#random.chance(this.#faults.restFailures)) return null;
    switch (this.#random.below(4)) {
      case 0:
        return { ...failure(500, -1000, 'An unknown error occurred while processing the request.'), headers: {} };
      case 1:
        return { status: 502, body: '<html><h1>502 Bad Gateway</h1></html>', headers: { 'content-type': 'text/html' } };
      case 2:
        return { afterMs: HANG_MS };
      default:
        return { afterMs: 0 };
    }
  }

  /** How old the book of a depth answer is. */
  staleMs(): number {
    if (!this.#random.chance(this.#faults.restStale)) return 0;
    return MEMORY_STEP_MS + this.#random.below(MEMORY_MS - MEMORY_STEP_MS);
  }
}
