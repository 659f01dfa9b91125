/** The merge of runs into one order. */
import type { TableRow } from '../record.ts';
import { compareKeys } from './key.ts';

/** Rows that wait, at most; a row with raw levels takes the memory of four without and counts as such. */
export const WINDOW_ROWS = 250_000;
const RAW_LEVELS_WEIGHT = 4;

/** A run on its way out. */
interface Cursor {
  readonly rows: readonly TableRow[];
  readonly taken: boolean;
  at: number;
  /** The row at `at`. */
  head: TableRow;
}

/**
 * Rows of many runs, the least key first. Of equal keys those of a run that was taken before come first, as they went
 * out first. The heap is over runs, not over rows: while the first run's next row comes before every other run's, a row
 * costs one comparison. A run's memory is given back when its last row has left.
 */
export class Order {
  readonly #heap: Cursor[] = [];
  readonly #bound: number;
  #weight = 0;
  #rows = 0;

  constructor(bound = WINDOW_ROWS) {
    this.#bound = bound;
  }

  /** Whether more waits than may. */
  get full(): boolean {
    return this.#weight > this.#bound;
  }

  get rows(): number {
    return this.#rows;
  }

  get head(): TableRow | null {
    const first = this.#heap[0];
    return first === undefined ? null : first.head;
  }

  /** Whether the run of `head` was taken before the replay resumed. */
  get headTaken(): boolean {
    return this.#heap[0]?.taken ?? false;
  }

  add(rows: readonly TableRow[], taken: boolean): void {
    if (rows.length === 0) return;
    for (const row of rows) this.#weight += weightOf(row);
    this.#rows += rows.length;
    const ordered = sorted(rows);
    this.#heap.push({ rows: ordered, taken, at: 0, head: ordered[0]! });
    this.#rise();
  }

  /** `head` leaves. */
  shift(): void {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined) return;
    this.#weight -= weightOf(first.head);
    this.#rows -= 1;
    first.at += 1;
    if (first.at === first.rows.length) {
      const last = heap.pop()!;
      if (heap.length === 0) return;
      heap[0] = last;
    } else {
      first.head = first.rows[first.at]!;
    }
    this.#sink();
  }

  /** Every row that waits, in no order. */
  *waiting(): Generator<TableRow> {
    for (const { rows, at } of this.#heap) {
      for (let index = at; index < rows.length; index++) yield rows[index]!;
    }
  }

  #rise(): void {
    const heap = this.#heap;
    let at = heap.length - 1;
    const cursor = heap[at]!;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(cursor, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = cursor;
  }

  #sink(): void {
    const heap = this.#heap;
    const { length } = heap;
    const cursor = heap[0]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (!before(heap[child]!, cursor)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = cursor;
  }
}

function before(a: Cursor, b: Cursor): boolean {
  const order = compareKeys(a.head, b.head);
  return order < 0 || (order === 0 && a.taken && !b.taken);
}

function weightOf({ table, row }: TableRow): number {
  return table === 'order_book' && row.top_bids !== null ? RAW_LEVELS_WEIGHT : 1;
}

/** Packs of one lane and container files are mostly in order already. */
function sorted(rows: readonly TableRow[]): readonly TableRow[] {
  for (let index = 1; index < rows.length; index++) {
    if (compareKeys(rows[index - 1]!, rows[index]!) > 0) return rows.toSorted(compareKeys);
  }
  return rows;
}
