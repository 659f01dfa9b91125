/** Which hours of a selection a lake has no files for, told table by table as the hours are read. */
import type { TableName } from '../../producer/record.ts';
import { HOUR_MS, hourStart } from '../../transformer/partition.ts';

/** Firehose delivers within 1.5 times its buffer interval, which is 900 s at most: an hour is due so long after it ended. */
export const DELIVERY_MS = 1.5 * 900_000;

/** Hours in a row without a file of a table, UTC epoch ms, to exclusive; -Infinity: the lake has no hour of any. */
export interface MissingRange {
  readonly table: TableName;
  readonly fromMs: number;
  readonly toMs: number;
  /** Whether the selection has no file of the table at all. */
  readonly all: boolean;
}

/**
 * Where the selection is open it begins and ends with the first and last hour of any of the tables. Hours that are not
 * due yet are not missing, unless there is nothing at all.
 */
export class MissingHours {
  readonly #tables: readonly TableName[];
  readonly #toMs: number;
  readonly #dueMs: number;
  #startMs: number;
  /** By table: the first hour after the last one that has files. */
  readonly #seen = new Map<TableName, number>();

  /** @param fromMs where the selection begins, toMs where it ends; both may be infinite */
  constructor(tables: readonly TableName[], fromMs: number, toMs: number, nowMs: number) {
    this.#tables = tables;
    this.#startMs = hourStart(fromMs);
    this.#toMs = Math.ceil(toMs / HOUR_MS) * HOUR_MS;
    this.#dueMs = hourStart(nowMs - DELIVERY_MS);
  }

  /** What is missing in front of an hour in which some tables are present; hours ascend. */
  before(hourMs: number, present: ReadonlySet<TableName>): MissingRange[] {
    if (present.size === 0) return [];
    if (this.#startMs === Number.NEGATIVE_INFINITY) this.#startMs = hourMs;
    const ranges = [...present].flatMap((table) => this.#upTo(hourMs, table));
    for (const table of present) this.#seen.set(table, hourMs + HOUR_MS);
    return ranges;
  }

  atEnd(): MissingRange[] {
    const seenMs = Math.max(this.#startMs, ...this.#seen.values());
    const open = this.#toMs === Number.POSITIVE_INFINITY;
    const dueMs = open ? seenMs : Math.max(seenMs, Math.min(this.#toMs, this.#dueMs));
    return this.#tables.flatMap((table) => {
      if (this.#seen.has(table)) return this.#upTo(dueMs, table);
      return [{ table, fromMs: this.#startMs, toMs: open ? seenMs : this.#toMs, all: true }];
    });
  }

  #upTo(toMs: number, table: TableName): MissingRange[] {
    const fromMs = this.#seen.get(table) ?? this.#startMs;
    return fromMs < toMs ? [{ table, fromMs, toMs, all: false }] : [];
  }
}
