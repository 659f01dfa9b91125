/** A short memory of one symbol's books, for REST answers that come from a replica which lags behind. */

/** Levels are JSON texts, best first. */
interface Book {
  readonly lastUpdateId: number;
  readonly bids: readonly string[];
  readonly asks: readonly string[];
}

/** How far back books are asked for. */
export const MEMORY_MS = 3_000;
/** Time between two books that are kept. */
export const MEMORY_STEP_MS = 500;

export class PastBooks {
  /** Oldest first, at most one a step. */
  #books: { readonly atMs: number; readonly book: Book }[] = [];

  /** Keeps the book, unless the last one kept is younger than a step. */
  add(nowMs: number, book: () => Book): void {
    const last = this.#books.at(-1);
    if (last !== undefined && nowMs - last.atMs < MEMORY_STEP_MS) return;
    this.#books = this.#books.filter(({ atMs }) => nowMs - atMs <= MEMORY_MS);
    this.#books.push({ atMs: nowMs, book: book() });
  }

  /** The newest book that is not younger than `ms`, as the body of a REST answer; null where none is remembered. */
  at(ms: number, levels: number): string | null {
    const found = this.#books.findLast(({ atMs }) => atMs <= ms && ms - atMs <= MEMORY_MS);
    if (found === undefined) return null;
    const { lastUpdateId, bids, asks } = found.book;
    const side = (texts: readonly string[]) => `[${texts.slice(0, levels).join(',')}]`;
    return `{"lastUpdateId":${lastUpdateId},"bids":${side(bids)},"asks":${side(asks)}}`;
  }

  forget(): void {
    this.#books = [];
  }
}
