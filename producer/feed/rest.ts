/** The venue's REST side: one client a session, so that all its requests share one budget of weight. */
import type { SchedulerLike } from 'rxjs';
import { DepthlakeError, reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { PATIENCE_MS, type Priority, RateBudget } from './rate-budget.ts';
import type { Listing, RestBook, RestRequest, Venue } from './venue.ts';

const TIMEOUT_MS = 15_000;
const MINUTE_MS = 60_000;
/** Whoever waits behind the same address must not come back in the same moment. */
const SPREAD_MS = 1_000;
/** HTTP answers that mean "not to you" or "not now". */
const REFUSALS = new Set([401, 403, 418, 429, 451]);
/** Too many requests, and the ban of an address that did not heed it. */
const [TOO_MANY, BANNED] = [429, 418];

export type Fetch = typeof fetch;

interface RestClientOptions {
  readonly restUrl: string;
  readonly venue: Venue;
  readonly fetcher: Fetch;
  readonly scheduler: SchedulerLike;
  readonly random: () => number;
  readonly log: Log;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly retryAfter: string | null;
}

/**
 * Each method makes one request, which waits for weight. "Too many requests" is obeyed: every request waits, and the
 * refused one goes again, for 10 min at the most.
 * @throws DL_VENUE_UNREACHABLE, DL_VENUE_REFUSED, DL_VENUE_FOREIGN
 */
export class RestClient {
  readonly #options: RestClientOptions;
  readonly #base: string;
  readonly #host: string;
  readonly #budget: RateBudget;
  readonly #open = new Set<AbortController>();
  #banned = false;
  /** Pauses since the last request that was not refused. */
  #pausesInARow = 0;

  constructor(options: RestClientOptions) {
    this.#options = options;
    this.#base = options.restUrl.replace(/\/$/, '');
    this.#host = new URL(options.restUrl).host;
    this.#budget = new RateBudget(options.venue.weightAMinute, options.scheduler);
  }

  /** From then on the budget is what the listing grants, where it says so. */
  async listing(): Promise<Listing> {
    const listing = await this.#ask(this.#options.venue.listing(), 'urgent');
    if (listing.weightAMinute !== null) this.#budget.grant(listing.weightAMinute);
    return listing;
  }

  book(symbol: string): Promise<RestBook> {
    return this.#ask(this.#options.venue.book(symbol), 'normal');
  }

  bookId(symbol: string): Promise<number> {
    return this.#ask(this.#options.venue.bookId(symbol), 'urgent');
  }

  /** The venue's clock, UTC epoch ms. */
  timeMs(): Promise<number> {
    return this.#ask(this.#options.venue.time(), 'urgent');
  }

  /** Fails every request, those that wait and those under way. */
  close(): void {
    const words = 'the session ends';
    this.#budget.close(new DepthlakeError('DL_VENUE_UNREACHABLE', `${this.#host} is asked no more: ${words}`));
    for (const request of this.#open) request.abort(new Error(words));
  }

  async #ask<T>(request: RestRequest<T>, priority: Priority): Promise<T> {
    const { scheduler } = this.#options;
    let refusedMs: number | null = null;
    for (;;) {
      const answer = await this.#budget.turn(request.weight, priority, (mark) => this.#send(request.path, mark));
      if (!isLimit(answer)) return this.#read(request, answer);
      refusedMs ??= scheduler.now();
      if (scheduler.now() - refusedMs >= PATIENCE_MS) throw this.#httpError(answer);
    }
  }

  async #send(path: string, mark: number): Promise<Answer> {
    const { fetcher, scheduler } = this.#options;
    const request = new AbortController();
    const deadline = scheduler.schedule(
      () => request.abort(new DOMException(`no answer within ${TIMEOUT_MS / 1000} s`, 'TimeoutError')),
      TIMEOUT_MS,
    );
    this.#open.add(request);
    try {
      const response = await fetcher(this.#base + path, { signal: request.signal });
      const text = await response.text();
      const used = response.headers.get('x-mbx-used-weight-1m');
      if (used !== null && /^\d{1,9}$/.test(used)) this.#budget.told(Number(used), mark);
      const answer = { status: response.status, text, retryAfter: response.headers.get('retry-after') };
      // Before this request's place is free: no other must slip out.
      if (isLimit(answer)) this.#pause(answer);
      else this.#pausesInARow = 0;
      return answer;
    } catch (cause) {
      const detail = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
      const words = `${this.#host} cannot be reached: ${reasonOf(detail)}`;
      throw new DepthlakeError('DL_VENUE_UNREACHABLE', words, { cause });
    } finally {
      deadline.unsubscribe();
      this.#open.delete(request);
    }
  }

  #pause(answer: Answer): void {
    const { scheduler, random, log } = this.#options;
    const nowMs = scheduler.now();
    const askedMs = retryAfterMs(answer.retryAfter, nowMs) ?? MINUTE_MS - (nowMs % MINUTE_MS);
    // A venue that asks for no wait, and refuses again, would ban whoever comes back each second.
    const leastMs = Math.min(MINUTE_MS, 1_000 * 2 ** this.#pausesInARow);
    const waitMs = Math.max(leastMs, askedMs) + Math.floor(random() * SPREAD_MS);
    const begins = this.#budget.pause(waitMs, this.#httpError(answer));
    if (begins) {
      this.#banned = false;
      this.#pausesInARow += 1;
    }
    const fields = { host: this.#host, status: answer.status, wait_ms: waitMs };
    if (answer.status === BANNED && !this.#banned) {
      this.#banned = true;
      log('error', 'rest_banned', fields);
    } else if (begins) {
      log('warn', 'rest_limited', fields);
    }
  }

  #read<T>(request: RestRequest<T>, answer: Answer): T {
    if (answer.status < 200 || answer.status > 299) throw this.#httpError(answer);
    let body: unknown;
    try {
      body = JSON.parse(answer.text);
    } catch {
      throw new DepthlakeError('DL_VENUE_FOREIGN', `${this.#host} answers with something that is not JSON`);
    }
    const value = request.read(body);
    if (value !== null) return value;
    const { pathname } = new URL(this.#base + request.path);
    throw new DepthlakeError('DL_VENUE_FOREIGN', `${this.#host} answers ${pathname} in a foreign shape`);
  }

  #httpError({ status, retryAfter }: Answer): DepthlakeError {
    return httpError(this.#host, status, retryAfter);
  }
}

/** The error for an HTTP status other than success. */
export function httpError(host: string, status: number, retryAfter?: string | null): DepthlakeError {
  const unit = /^\d+$/.test(retryAfter ?? '') ? ' s' : '';
  const wait = retryAfter ? `; it says to retry after ${retryAfter}${unit}` : '';
  return new DepthlakeError(
    REFUSALS.has(status) ? 'DL_VENUE_REFUSED' : 'DL_VENUE_FOREIGN',
    `${host} answers HTTP ${status}${wait}`,
  );
}

function isLimit({ status }: Answer): boolean {
  return status === TOO_MANY || status === BANNED;
}

/** `Retry-After` is seconds or a date (RFC 9110, 10.2.3). */
function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const untilMs = Date.parse(header);
  return Number.isNaN(untilMs) ? null : untilMs - nowMs;
}
