/**
 * Faults for tests, all off by default, switchable while the exchange runs.
 *
 * Probabilities are from 0 to 1 and are drawn from the exchange's seed; those of messages once for all subscribers of a
 * stream. Injected messages come in addition: the good one always follows.
 */
import { type BadFrame, crossedBook, emptySide, foreign, malformed } from './bad-frames.ts';
import type { Message } from './protocol.ts';
import { Random } from './random.ts';

export interface Faults {
  /** Every so many milliseconds all connections are cut without a closing handshake; 0: never. */
  cutEveryMs: number;
  /** HTTP status that answers every new connection and every REST request (403, 429, 451, 503, …); 0: none. */
  refuseWith: number;
  /** Connections stay open and pings are answered, but no message of any stream is sent; what is due is lost. */
  stall: boolean;
  /** Half-open: connections stay open, but nothing is sent and nothing is read, pings included. */
  mute: boolean;
  /** Probability that a diff is left out. */
  skipDiffs: number;
  /** Probability that a partial book is left out. */
  skipFrames: number;
  /** Probability that a message is sent twice. */
  repeatFrames: number;
  /** Probability that a message is sent late: after one to three later ones of its stream, out of order. */
  lateFrames: number;
  /** Probability of an extra message that is broken: cut off, no JSON, a number that is none, a missing side. */
  malformedFrames: number;
  /** Probability of an extra message of foreign shape under the same stream name: a futures book, a ticker. */
  foreignFrames: number;
  /** Probability of an extra partial book with an empty side, before the good one and with a lower id. */
  emptySide: number;
  /** Probability of an extra partial book whose best bid is above its best ask; as `emptySide`. */
  crossedBook: number;
  /** Probability that a new subscription, of one stream on one connection, is acknowledged and then silent for ever. */
  silentStreams: number;
  /** A new connection's messages are late by a time of its own, drawn from 0 to this, and in order; requests are not. */
  lagMs: number;
  /** Probability that a REST request fails: HTTP 500 or 502, a cut, or 20 s without an answer and then a cut. */
  restFailures: number;
  /** Probability that a REST request is answered with 429 and `Retry-After: 1`, whatever weight was used. */
  restThrottles: number;
  /**
   * Probability that `/api/v3/depth` answers with the book of 0.5 to 3 s ago, for a symbol whose streams somebody
   * followed at that time already: such a book may be older than the first diff of a new subscriber.
   */
  restStale: number;
}

export const NO_FAULTS: Readonly<Faults> = {
  cutEveryMs: 0,
  refuseWith: 0,
  stall: false,
  mute: false,
  skipDiffs: 0,
  skipFrames: 0,
  repeatFrames: 0,
  lateFrames: 0,
  malformedFrames: 0,
  foreignFrames: 0,
  emptySide: 0,
  crossedBook: 0,
  silentStreams: 0,
  lagMs: 0,
  restFailures: 0,
  restThrottles: 0,
  restStale: 0,
};

/** What becomes of a message, in the order of sending; what was skipped is only counted. */
export interface Outgoing {
  readonly message: Message;
  readonly as: 'good' | 'repeat' | 'late' | 'injected' | 'skipped';
  /** Sent as it stands, in no combined form. */
  readonly raw: boolean;
}

interface Held {
  readonly message: Message;
  /** Later messages of the stream that still go first. */
  wait: number;
}

/** Late messages that one stream may hold; beyond it they are sent in time. */
const MAX_HELD = 8;

/** Draws the faults of each message. */
export class Distortion {
  readonly #faults: Faults;
  readonly #random: Random;
  readonly #held = new Map<string, Held[]>();

  constructor(faults: Faults, seed: number) {
    this.#faults = faults;
    this.#random = new Random(`${seed}:faults`);
  }

  /** False while no fault touches messages and none is held, so that the usual path costs nothing. */
  get active(): boolean {
    const faults = this.#faults;
    const chances =
      faults.skipDiffs + faults.skipFrames + faults.repeatFrames + faults.lateFrames + faults.malformedFrames;
    return chances + faults.foreignFrames + faults.emptySide + faults.crossedBook > 0 || this.#held.size > 0;
  }

  apply(message: Message): Outgoing[] {
    const out = this.#injected(message);
    if (this.#random.chance(this.#skip(message))) return [...out, outgoing(message, 'skipped')];
    if (this.#hold(message)) return out;
    out.push(outgoing(message, 'good'));
    if (this.#random.chance(this.#faults.repeatFrames)) out.push(outgoing(message, 'repeat'));
    return [...out, ...this.#due(message.stream)];
  }

  /** Everything still held; asked for when nothing more comes. */
  release(): Outgoing[] {
    const out = [...this.#held.values()].flat().map(({ message }) => outgoing(message, 'late'));
    this.#held.clear();
    return out;
  }

  #skip({ kind }: Message): number {
    if (kind === 'other') return 0;
    return kind === 'diff' ? this.#faults.skipDiffs : this.#faults.skipFrames;
  }

  #injected(message: Message): Outgoing[] {
    const faults = this.#faults;
    const out: Outgoing[] = [];
    const inject = (probability: number, make: (message: Message, random: Random) => BadFrame) => {
      if (!this.#random.chance(probability)) return;
      const { body, raw } = make(message, this.#random);
      out.push({ message: { ...message, body }, as: 'injected', raw });
    };
    inject(faults.malformedFrames, malformed);
    inject(faults.foreignFrames, foreign);
    if (message.kind === 'partial') {
      inject(faults.emptySide, emptySide);
      inject(faults.crossedBook, crossedBook);
    }
    return out;
  }

  #hold(message: Message): boolean {
    if (!this.#random.chance(this.#faults.lateFrames)) return false;
    const held = this.#held.get(message.stream) ?? [];
    if (held.length >= MAX_HELD) return false;
    this.#held.set(message.stream, [...held, { message, wait: 1 + this.#random.below(3) }]);
    return true;
  }

  /** One more message of the stream goes out: what waited for it follows. */
  #due(stream: string): Outgoing[] {
    const held = this.#held.get(stream);
    if (held === undefined) return [];
    for (const entry of held) entry.wait -= 1;
    const rest = held.filter(({ wait }) => wait > 0);
    if (rest.length > 0) this.#held.set(stream, rest);
    else this.#held.delete(stream);
    return held.filter(({ wait }) => wait <= 0).map(({ message }) => outgoing(message, 'late'));
  }
}

function outgoing(message: Message, as: Outgoing['as']): Outgoing {
  return { message, as, raw: false };
}
