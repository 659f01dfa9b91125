/** The first frame and the first diff of each symbol, over the connections that a producer would open. */
import { type SchedulerLike, Subscription } from 'rxjs';
import type { BookMode } from '../../producer/config.ts';
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';
import { type ConnectionSignal, connection } from '../../producer/feed/connection.ts';
import { assignSlots, NO_SLOTS } from '../../producer/feed/slots.ts';
import type { Depth20Frame, RefusalReason, Venue, VenueMessage } from '../../producer/feed/venue.ts';

/** What came first of one symbol; times in ms since its connection opened. */
export interface FirstMessages {
  readonly frame: { readonly afterMs: number; readonly frame: Depth20Frame } | null;
  readonly diff: { readonly afterMs: number } | null;
  /** Why the first message that was refused was refused. */
  readonly refused: RefusalReason | null;
}

export interface Heard {
  /** Those whose connection did not fail. */
  readonly symbols: ReadonlyMap<string, FirstMessages>;
  /** How long each connection took to open, ms. */
  readonly openedMs: readonly number[];
  /** Why connections failed or ended, or what the venue complained of. */
  readonly failures: readonly DepthlakeError[];
}

interface HearingOptions {
  readonly venue: Venue;
  readonly wsUrl: URL;
  readonly symbols: readonly string[];
  readonly book: BookMode;
  /** The longest wait for first messages. */
  readonly waitMs: number;
  readonly scheduler: SchedulerLike;
  /** Told of how many symbols all has come that is expected. */
  readonly onHeard: (symbols: number) => void;
}

export const EXPECTS_FRAMES: Record<BookMode, boolean> = { depth20: true, witness: true, full: false };
export const EXPECTS_DIFFS: Record<BookMode, boolean> = { depth20: false, witness: true, full: true };

const NOTHING: FirstMessages = { frame: null, diff: null, refused: null };

/** Ends when everything expected has come of each symbol, when no connection is left, or when the wait is over. */
export function hearFirstMessages(options: HearingOptions): Promise<Heard> {
  const { venue, symbols, book, waitMs, scheduler } = options;
  return new Promise((resolve) => {
    const hearing = new Hearing(options);
    const running = new Subscription();
    const { plans } = assignSlots(NO_SLOTS, symbols, venue.symbolsAConnection(book));
    let left = plans.length;
    const end = () => {
      running.unsubscribe();
      resolve(hearing.result());
    };
    const endIf = (over: boolean) => over && end();
    running.add(scheduler.schedule(end, waitMs));
    for (const plan of plans) {
      const listener = hearing.listener(plan.symbols);
      const ended = () => {
        left -= 1;
        endIf(left === 0);
      };
      const url = venue.streamUrl(options.wsUrl.href, plan.symbols, book);
      running.add(
        connection(url, scheduler).subscribe({
          next: (signal) => endIf(listener.take(signal)),
          error: (error) => {
            listener.fail(error);
            ended();
          },
          complete: ended,
        }),
      );
    }
  });
}

class Hearing {
  readonly #options: HearingOptions;
  readonly #first = new Map<string, FirstMessages>();
  readonly #openedMs: number[] = [];
  readonly #failures: DepthlakeError[] = [];
  #complete = 0;

  constructor(options: HearingOptions) {
    this.#options = options;
    for (const symbol of options.symbols) this.#first.set(symbol, NOTHING);
  }

  result(): Heard {
    return { symbols: this.#first, openedMs: this.#openedMs, failures: this.#failures };
  }

  /** Takes what comes on the connection that follows `symbols`. */
  listener(symbols: readonly string[]) {
    const { venue, book, scheduler, wsUrl } = this.#options;
    const read = venue.reader(symbols, book);
    const begunMs = scheduler.now();
    let openedMs = begunMs;
    const fail = (error: unknown) => {
      this.#failures.push(asDepthlakeError(error, wsUrl.host));
      for (const symbol of symbols) if (!this.#isComplete(symbol)) this.#first.delete(symbol);
    };
    /** @returns whether all has come that is expected */
    const take = (signal: ConnectionSignal): boolean => {
      if (signal.kind === 'opened') {
        openedMs = signal.atMs;
        this.#openedMs.push(signal.atMs - begunMs);
      } else if (signal.kind === 'message') {
        this.#message(read(signal.text), signal.atMs - openedMs);
      } else {
        fail(new DepthlakeError('DL_VENUE_SILENT', `${wsUrl.host} closed the connection: ${signal.reason}`));
      }
      return this.#complete === this.#options.symbols.length;
    };
    return { take, fail };
  }

  #message(message: VenueMessage, afterMs: number): void {
    if (message.kind === 'venue_error') {
      const words = `${this.#options.wsUrl.host} complains: ${message.code} ${message.message}`;
      this.#failures.push(new DepthlakeError('DL_VENUE_FOREIGN', words));
    } else if (message.kind === 'frame') {
      this.#note(message.symbol, (first) => ({ ...first, frame: first.frame ?? { afterMs, frame: message } }));
    } else if (message.kind === 'diff') {
      this.#note(message.symbol, (first) => ({ ...first, diff: first.diff ?? { afterMs } }));
    } else if (message.kind === 'refused' && message.symbol !== null) {
      this.#note(message.symbol, (first) => ({ ...first, refused: first.refused ?? message.reason }));
    }
  }

  #note(symbol: string, change: (first: FirstMessages) => FirstMessages): void {
    if (this.#isComplete(symbol)) return;
    this.#first.set(symbol, change(this.#first.get(symbol) ?? NOTHING));
    if (!this.#isComplete(symbol)) return;
    this.#complete += 1;
    this.#options.onHeard(this.#complete);
  }

  #isComplete(symbol: string): boolean {
    const { book } = this.#options;
    const { frame, diff } = this.#first.get(symbol) ?? NOTHING;
    return (frame !== null || !EXPECTS_FRAMES[book]) && (diff !== null || !EXPECTS_DIFFS[book]);
  }
}

function asDepthlakeError(error: unknown, host: string): DepthlakeError {
  if (error instanceof DepthlakeError) return error;
  return new DepthlakeError('DL_VENUE_UNREACHABLE', `${host}: ${reasonOf(error)}`, { cause: error });
}
