/** What a row passes between its source and its sink: selection, order, identity, one row a book, what a checkpoint holds already. */
import type { TableRow } from '../record.ts';
import { Books } from './books.ts';
import type { Checkpoint } from './checkpoint.ts';
import { Completeness, type CompletenessState } from './completeness.ts';
import { type Counts, copyOf, countRow, noCounts, type SkipReason } from './counts.ts';
import { compareKeys, type Key, keyOf } from './key.ts';
import { type ReplayOptions, WINDOW_MS } from './options.ts';
import { Order } from './order.ts';
import type { Run, Selection } from './source.ts';

/** The part of a checkpoint that the rows decide which have left. */
export type FlowState = Pick<Checkpoint, 'frontier' | 'read_from_ms' | 'taken' | 'counts'>;

/** The sequence numbers seen when the next row left that came late; null: none has since, and those of now will do. */
export interface SeenThen {
  seen: CompletenessState | null;
}

/** No lake has an hour for a row from before 1970 or after 9999, whatever time is asked for. */
const FIRST_MS = 0;
const END_OF_TIME_MS = Date.UTC(10_000, 0, 1);

type FlowOptions = Pick<ReplayOptions, 'windowMs' | 'windowRows' | 'keepDuplicates' | 'oneRowPerBook'>;

export class Flow {
  readonly counts: Counts;
  readonly completeness: Completeness;
  readonly #selection: Selection;
  readonly #windowMs: number;
  readonly #keepDuplicates: boolean;
  readonly #order: Order;
  readonly #books: Books | null;
  readonly #taken: Record<string, string>;
  /** Rows up to here of runs taken before have left before this replay resumed. */
  readonly #resumed: Key | null;
  /** The greatest row that has left, in this run of the program. */
  #greatest: TableRow | null = null;
  /** The last row that left after a greater one. */
  #late: TableRow | null = null;
  /** The furthest that the source was certain of. */
  #frontierMs: number;
  /** Rows from before this time leave. */
  #limitMs = -Infinity;
  #settling = false;
  /** Asked for since the last row that came late; null: nobody asked. */
  #seenThen: SeenThen | null = null;
  /** How `head` compares with the greatest row that has left, as `peek` found. */
  #compared = 1;

  constructor(options: FlowOptions, selection: Selection, checkpoint: Checkpoint | null) {
    this.#selection = selection;
    this.#windowMs = options.windowMs ?? WINDOW_MS;
    this.#keepDuplicates = options.keepDuplicates;
    this.#order = new Order(options.windowRows);
    // The other half is for rows that come later than their time.
    this.#books = options.oneRowPerBook && !options.keepDuplicates ? new Books(this.#windowMs / 2) : null;
    this.#resumed = checkpoint?.frontier ?? null;
    this.#frontierMs = checkpoint?.read_from_ms ?? -Infinity;
    this.#taken = { ...checkpoint?.taken };
    this.counts = checkpoint === null ? noCounts() : copyOf(checkpoint.counts);
    this.completeness = new Completeness(checkpoint?.seen);
  }

  /** Rows that wait for their time. */
  get waiting(): number {
    return this.#order.rows;
  }

  take({ rows, part, position, taken }: Run): void {
    const wanted = this.#wanted(rows, taken);
    this.#books?.add(wanted, () => this.#order.waiting());
    this.#order.add(wanted, taken);
    if (!taken) this.#taken[part] = position;
  }

  /** @param frontierMs no run that is taken later holds a row from before, as far as the source can know */
  advance(frontierMs: number): void {
    this.#frontierMs = Math.max(this.#frontierMs, frontierMs);
    this.#limitMs = Math.max(this.#limitMs, frontierMs - this.#windowMs);
  }

  /** No run comes any more: all rows leave. */
  finish(): void {
    this.#limitMs = Infinity;
  }

  /** The replay is cut short: those rows leave, and no others, that come before one that has left. */
  settle(): void {
    this.#settling = true;
  }

  /** The next row that goes out; null where all that wait have to wait longer. What is left out before it has left. */
  peek(): TableRow | null {
    for (let row = this.#order.head; row !== null; row = this.#order.head) {
      this.#compared = this.#greatest === null ? 1 : compareKeys(row, this.#greatest);
      if (!this.#leaves(row)) return null;
      const reason = this.#skipReason(row);
      if (reason === null) return row;
      this.counts.skipped[reason] += 1;
      if (reason !== 'resumed') this.#keepSeen(row);
      this.#leave(row);
    }
    return null;
  }

  /** The row that `peek` gave goes out. */
  shift(row: TableRow): void {
    countRow(this.counts, row);
    if (this.#isBehind(row)) this.counts.late += 1;
    else if (row.row.timestamp_ms >= this.#limitMs) this.counts.early += 1;
    this.#keepSeen(row);
    this.#leave(row);
  }

  /** null: a row waits that comes before one that has left, so that no checkpoint can say which rows have left. */
  get state(): FlowState | null {
    const { head } = this.#order;
    const frontier = this.#frontier;
    if (head !== null && frontier !== null && compareKeys(head, frontier) <= 0) return null;
    return {
      frontier: frontier && keyOf(frontier),
      read_from_ms: this.#readFromMs(frontier),
      taken: { ...this.#taken },
      counts: copyOf(this.counts),
    };
  }

  /**
   * What a checkpoint of this moment says was seen, however much later it is written: numbers of rows that are behind it
   * do no harm, as they are seen again, but for those that come late.
   */
  get seenThen(): SeenThen {
    this.#seenThen ??= { seen: null };
    return this.#seenThen;
  }

  get #frontier(): Key | null {
    if (this.#greatest === null || this.#resumed === null) return this.#greatest ?? this.#resumed;
    return compareKeys(this.#greatest, this.#resumed) > 0 ? this.#greatest : this.#resumed;
  }

  /**
   * Rows that another one decides about are at most one window away, and what that one was decided by at most another.
   * Where rows left early, runs that are not taken yet may still be before that.
   */
  #readFromMs(frontier: Key | null): number | null {
    if (frontier === null) return null;
    const fromMs = Math.min(frontier.row.timestamp_ms - 2 * this.#windowMs, this.#frontierMs);
    return Number.isFinite(fromMs) ? fromMs : null;
  }

  #wanted(rows: readonly TableRow[], taken: boolean): readonly TableRow[] {
    let kept: TableRow[] | null = null;
    for (let at = 0; at < rows.length; at++) {
      const row = rows[at]!;
      const reason = this.#unwantedReason(row);
      if (reason === null) {
        kept?.push(row);
        continue;
      }
      kept ??= rows.slice(0, at);
      this.counts.skipped[taken ? 'resumed' : reason] += 1;
    }
    return kept ?? rows;
  }

  #unwantedReason({ table, row }: TableRow): SkipReason | null {
    const { tables, symbol, fromMs, toMs } = this.#selection;
    if (!tables.has(table)) return 'other_table';
    // Feed events count within the session, whatever their symbol: those of others are left out behind `completeness`.
    if (table === 'order_book' && !symbol(row.symbol)) return 'other_symbol';
    const { timestamp_ms: ms } = row;
    return ms < Math.max(fromMs, FIRST_MS) || ms >= Math.min(toMs, END_OF_TIME_MS) ? 'out_of_range' : null;
  }

  #leaves(row: TableRow): boolean {
    if (this.#settling) {
      const frontier = this.#frontier;
      return frontier !== null && compareKeys(row, frontier) <= 0;
    }
    return row.row.timestamp_ms < this.#limitMs || this.#order.full || this.#compared <= 0;
  }

  #skipReason(row: TableRow): SkipReason | null {
    const reason = this.#removalReason(row);
    return this.#hasLeftBefore(row) ? 'resumed' : reason;
  }

  #removalReason(row: TableRow): SkipReason | null {
    const again = this.#isAgain(row);
    if (again && !this.#keepDuplicates) {
      this.#books?.drop(row);
      return 'duplicate';
    }
    if (row.table === 'feed_event' && row.row.symbol !== null && !this.#selection.symbol(row.row.symbol)) {
      return 'other_symbol';
    }
    return this.#books?.removes(row) ? 'other_producer' : null;
  }

  /** Rows of one identity are neighbours in the order; late ones are compared with the greatest row and the last late one. */
  #isAgain(row: TableRow): boolean {
    if (this.#compared >= 0) return this.#compared === 0;
    return this.#late !== null && compareKeys(row, this.#late) === 0;
  }

  /**
   * A part that has grown among what was taken of it, as a lake does, holds rows that have not left: those whose numbers
   * were never seen.
   */
  #hasLeftBefore(row: TableRow): boolean {
    if (this.#resumed === null || !this.#order.headTaken || compareKeys(row, this.#resumed) > 0) return false;
    return this.completeness.has(row);
  }

  #keepSeen(row: TableRow): void {
    if (this.#seenThen === null || !this.#isBehind(row)) return;
    this.#seenThen.seen = this.completeness.state;
    this.#seenThen = null;
  }

  #isBehind(row: TableRow): boolean {
    return this.#compared < 0 || (this.#resumed !== null && compareKeys(row, this.#resumed) < 0);
  }

  #leave(row: TableRow): void {
    this.completeness.add(row);
    if (this.#compared >= 0) this.#greatest = row;
    else this.#late = row;
    this.#order.shift();
  }
}
