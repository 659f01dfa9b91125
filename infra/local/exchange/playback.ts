/**
 * Plays a recording to whoever follows its streams, beginning with the first subscriber.
 *
 * Back-pressure: before each line it waits until every subscriber has taken what it was sent, so at any speed the
 * sockets hold little and nothing is dropped.
 */
import { DepthlakeError } from '../../../producer/errors.ts';
import type { Clock } from '../clock.ts';
import type { Hub } from './hub.ts';
import { type Listing, listingOf } from './listing.ts';
import { RebuiltBook } from './rebuilt-book.ts';
import { type RecordedBook, type RecordedLine, readRecording } from './recording.ts';
import type { Source } from './source.ts';

const DERIVED_LEVELS = 20;

/** What a recording holds, found by reading it once. */
export interface Contents {
  readonly file: string;
  readonly symbols: readonly string[];
  /** Symbols with diffs but without depth20 frames, which are then derived. */
  readonly derived: ReadonlySet<string>;
}

/** @throws DL_FILE_UNREADABLE, DL_RECORDING_INVALID with the number of the line and the reason */
export async function scanRecording(file: string): Promise<Contents> {
  const symbols = new Set<string>();
  const diffs = new Set<string>();
  const partials = new Set<string>();
  let playable = false;
  let bareBookLine: number | null = null;
  for await (const { number, message, diff, book } of readRecording(file)) {
    if (book?.symbol === null) bareBookLine ??= number;
    const symbol = book?.symbol ?? (message === null ? null : symbolOf(message.stream));
    if (symbol !== null) symbols.add(symbol);
    if (message === null) continue;
    playable = true;
    if (diff !== null) diffs.add(symbolOf(message.stream)!);
    if (message.stream.endsWith(`@depth${DERIVED_LEVELS}@100ms`)) partials.add(symbolOf(message.stream)!);
  }
  if (!playable) {
    throw new DepthlakeError('DL_RECORDING_INVALID', `${file} holds no message of any stream: nothing can be played`);
  }
  if (bareBookLine !== null && symbols.size !== 1) {
    const reason = `a book without a symbol, in a recording of ${symbols.size} symbols`;
    throw new DepthlakeError('DL_RECORDING_INVALID', `${file}, line ${bareBookLine}: ${reason}`);
  }
  const derived = new Set([...diffs].filter((symbol) => !partials.has(symbol)));
  return { file, symbols: [...symbols], derived };
}

function symbolOf(stream: string): string | null {
  return /^([A-Za-z0-9_]+)@/.exec(stream)?.[1]?.toUpperCase() ?? null;
}

export interface PlaybackOptions {
  readonly contents: Contents;
  /** Listed with status BREAK. */
  readonly retired: readonly string[];
  /** 1: as it was recorded; 2: twice as fast; `max`: as fast as the subscribers take it. */
  readonly speed: number | 'max';
  readonly clock: Clock;
  readonly hub: Hub;
  /** Resolves when no subscriber is behind. */
  readonly drained: () => Promise<void>;
}

export class Playback implements Source {
  readonly listings: readonly Listing[];
  readonly retired: readonly Listing[];
  /** Resolves when the last message was handed to the sockets; never, when the exchange is closed before. */
  readonly ended: Promise<void>;
  readonly #options: PlaybackOptions;
  readonly #books = new Map<string, RecordedBook>();
  readonly #rebuilt: ReadonlyMap<string, RebuiltBook>;
  #end: { resolve: () => void; reject: (reason: unknown) => void } = { resolve() {}, reject() {} };
  #started = false;
  #closed = false;
  #wake: () => void = () => {};

  constructor(options: PlaybackOptions) {
    this.#options = options;
    this.listings = options.contents.symbols.map((symbol) => listingOf(symbol, DERIVED_LEVELS));
    this.retired = options.retired.map((symbol) => listingOf(symbol, DERIVED_LEVELS));
    this.#rebuilt = new Map([...options.contents.derived].map((symbol) => [symbol, new RebuiltBook()]));
    this.ended = new Promise((resolve, reject) => {
      this.#end = { resolve, reject };
    });
    // Whoever does not wait for the end need not handle its failure.
    this.ended.catch(() => {});
  }

  follow(streams: readonly string[]): void {
    if (this.#started || streams.length === 0) return;
    this.#started = true;
    this.#play().catch((error: unknown) => this.#end.reject(error));
  }

  beat(): void {}

  depth(symbol: string, limit: number): string | null {
    const book = this.#books.get(symbol);
    if (book === undefined) return null;
    const { lastUpdateId, bids, asks } = book;
    return JSON.stringify({ lastUpdateId, bids: bids.slice(0, limit), asks: asks.slice(0, limit) });
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  async #play(): Promise<void> {
    const { clock, contents, hub, drained } = this.#options;
    const startMs = clock.now();
    let firstNs: bigint | null = null;
    for await (const line of readRecording(contents.file)) {
      firstNs ??= line.receivedNs;
      await this.#until(startMs, line.receivedNs - firstNs);
      await drained();
      if (this.#closed) return;
      this.#send(line);
    }
    hub.release();
    this.#end.resolve();
  }

  /** Waits for the moment at which the line is due. */
  async #until(startMs: number, sinceFirstNs: bigint): Promise<void> {
    const { clock, speed } = this.#options;
    if (speed === 'max' || this.#closed) return;
    const waitMs = startMs + Number(sinceFirstNs) / 1e6 / speed - clock.now();
    if (waitMs <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = clock.setTimeout(resolve, waitMs);
      this.#wake = () => {
        clock.clearTimeout(timer);
        resolve();
      };
    });
  }

  #send({ message, diff, book }: RecordedLine): void {
    const { hub, contents } = this.#options;
    if (book !== null) {
      const symbol = book.symbol ?? contents.symbols[0]!;
      this.#books.set(symbol, book);
      this.#rebuilt.get(symbol)?.seed(book);
    }
    if (message === null) return;
    hub.publish(message);
    if (diff === null) return;
    const symbol = symbolOf(message.stream)!;
    const rebuilt = this.#rebuilt.get(symbol);
    if (!rebuilt?.apply(diff)) return;
    const stream = `${symbol.toLowerCase()}@depth${DERIVED_LEVELS}@100ms`;
    if (!hub.follows(stream)) return;
    hub.publish({ stream, kind: 'partial', id: diff.lastId, body: rebuilt.partial(DERIVED_LEVELS) });
  }
}
