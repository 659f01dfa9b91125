/**
 * What a lake must hold after a recording was played, straight from the recording's text and the design: the frames
 * (derived from the diffs where the recording has no depth20), the repeats, and each snapshot in rational arithmetic.
 */
import { type ReferenceDepth, referenceDepth, type TextLevel } from '../producer/book/reference.ts';

export interface ExpectedRow {
  readonly lastUpdateId: number;
  readonly depth: ReferenceDepth;
  readonly topBids: number[][];
  readonly topAsks: number[][];
}

export interface ExpectedRecording {
  readonly frames: number;
  /** By reason. */
  readonly discarded: Readonly<Record<string, number>>;
  /** In the order of `seq`. */
  readonly rows: ReadonlyMap<string, readonly ExpectedRow[]>;
}

interface Book {
  readonly lastUpdateId: number;
  readonly bids: TextLevel[];
  readonly asks: TextLevel[];
}

interface Diff {
  readonly s: string;
  readonly U: number;
  readonly u: number;
  readonly b: TextLevel[];
  readonly a: TextLevel[];
}

/** The depth20 frames that a recording holds or implies, in their order. */
export function framesOf(recording: string): { symbol: string; frame: Book }[] {
  const frames: { symbol: string; frame: Book }[] = [];
  const books = new Map<string, TextBook>();
  const bookOf = (symbol: string) => books.get(symbol) ?? books.set(symbol, new TextBook()).get(symbol)!;
  for (const line of recording.trim().split('\n')) {
    const [, restSymbol, text] = /^\d+ (?:(?:ws|rest) (\w+) )?(.*)$/.exec(line)!;
    const message = JSON.parse(text!);
    if (message.lastUpdateId !== undefined) bookOf(restSymbol!).seed(message);
    else if (message.stream.endsWith('@depth20@100ms')) {
      frames.push({ symbol: message.stream.split('@')[0].toUpperCase(), frame: message.data });
    } else if (message.data.e === 'depthUpdate') {
      const diff = message.data as Diff;
      const book = bookOf(diff.s);
      if (book.apply(diff)) frames.push({ symbol: diff.s, frame: book.top20() });
    }
  }
  return frames;
}

export function expectedOf(recording: string): ExpectedRecording {
  const frames = framesOf(recording);
  const rows = new Map<string, ExpectedRow[]>();
  const lastIds = new Map<string, number>();
  const discarded: Record<string, number> = {};
  const discard = (reason: string) => {
    discarded[reason] = (discarded[reason] ?? 0) + 1;
  };
  for (const { symbol, frame } of frames) {
    const isRepeat = lastIds.get(symbol) === frame.lastUpdateId;
    lastIds.set(symbol, frame.lastUpdateId);
    const depth = isRepeat ? 'repeat' : referenceDepth(frame.bids, frame.asks);
    if (typeof depth === 'string') {
      discard(depth);
      continue;
    }
    const expected = rows.get(symbol) ?? [];
    rows.set(symbol, expected);
    const { lastUpdateId, bids, asks } = frame;
    expected.push({ lastUpdateId, depth, topBids: bids.map(numbers), topAsks: asks.map(numbers) });
  }
  return { frames: frames.length, discarded, rows };
}

function numbers(level: TextLevel): number[] {
  return level.map(Number);
}

/** A book kept as texts; the order of prices is that of 1e-8 units. */
class TextBook {
  readonly #sides = { bids: new Map<bigint, TextLevel>(), asks: new Map<bigint, TextLevel>() };
  #lastId: number | null = null;
  /** Diffs that came before the REST book. */
  #early: Diff[] = [];

  seed({ lastUpdateId, bids, asks }: Book): void {
    this.#lastId = lastUpdateId;
    this.#change(bids, asks);
    for (const diff of this.#early.splice(0)) this.apply(diff);
  }

  /** Whether the diff changed the book. */
  apply(diff: Diff): boolean {
    if (this.#lastId === null) {
      this.#early.push(diff);
      return false;
    }
    if (diff.u <= this.#lastId) return false;
    if (diff.U > this.#lastId + 1) throw new Error(`${diff.s}: diffs are missing before ${diff.U}`);
    this.#lastId = diff.u;
    this.#change(diff.b, diff.a);
    return true;
  }

  top20(): Book {
    const best = (side: Map<bigint, TextLevel>, sign: 1 | -1) =>
      [...side]
        .sort(([a], [b]) => sign * Number(a - b))
        .slice(0, 20)
        .map(([, level]) => level);
    return { lastUpdateId: this.#lastId!, bids: best(this.#sides.bids, -1), asks: best(this.#sides.asks, 1) };
  }

  #change(bids: TextLevel[], asks: TextLevel[]): void {
    for (const [levels, side] of [
      [bids, this.#sides.bids],
      [asks, this.#sides.asks],
    ] as const) {
      for (const level of levels) {
        if (Number(level[1]) === 0) side.delete(units(level[0]));
        else side.set(units(level[0]), level);
      }
    }
  }
}

function units(text: string): bigint {
  const [whole = '', fraction = ''] = text.split('.');
  return BigInt(whole + fraction.padEnd(8, '0'));
}
