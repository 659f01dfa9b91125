/**
 * Packs: the rows that travel in one Kinesis record.
 *
 * A pack is of one lane, one table and one event-time hour, and holds at most 300 KiB of lines. Within a lane packs
 * close in the order in which their first rows came, so a symbol's rows leave in order.
 */
import { Observable, type OperatorFunction, type SchedulerLike, type Subscription } from 'rxjs';
import {
  encodeLine,
  encodePack,
  type OrderBookRow,
  PACK_MAX_LINE_BYTES,
  type TableName,
  type TableRow,
} from '../record.ts';
import { LineBytes } from './line-bytes.ts';

/** The newest `order_book` row of a symbol in a pack. */
export interface Mark {
  readonly symbol: string;
  readonly receivedMs: number;
  readonly lastUpdateId: number;
  readonly seq: number;
}

export interface Pack {
  /** The partition key. */
  readonly lane: string;
  readonly table: TableName;
  readonly rows: number;
  /** UTF-8 lines before compression. */
  readonly lineBytes: number;
  /** The bytes of the Kinesis record. */
  readonly data: Buffer;
  /** When its first row came, epoch ms. */
  readonly openedMs: number;
  /** One for each symbol with an `order_book` row in it. */
  readonly marks: readonly Mark[];
  /** Receive times of its `order_book` rows, for latency; empty in a pack that comes from the spill. */
  readonly receivedMs: readonly number[];
}

/** A pack of rows that were just collected. */
export interface CollectedPack extends Pack {
  /** The event-time hour of all its rows, UTC epoch ms of its beginning. */
  readonly hourMs: number;
}

interface OpenPack {
  readonly lane: string;
  readonly table: TableName;
  readonly hourMs: number;
  readonly openedMs: number;
  readonly lines: LineBytes;
  rows: number;
  readonly marks: Map<string, Mark>;
  readonly receivedMs: number[];
  lineBytes: number;
}

const HOUR_MS = 3_600_000;
/** Each as large as the largest pack that it held, 600 KiB at the most. */
const MAX_SPARE = 16;

/** Collects rows into packs; pure, its clock is the `nowMs` it is given. Holds at most one pack a lane, table and hour. */
export class PackBuilder {
  readonly #lanes: number;
  /** In the order of opening: the first is the oldest. */
  readonly #open = new Map<string, OpenPack>();
  /** Of packs that have left, for the next ones. */
  readonly #spare: LineBytes[] = [];
  #openBytes = 0;

  constructor(lanes: number) {
    this.#lanes = lanes;
  }

  /** Bytes of lines that no pack has left with yet. */
  get openBytes(): number {
    return this.#openBytes;
  }

  /** When the oldest open pack was opened, or null. */
  get oldestMs(): number | null {
    return this.#open.values().next().value?.openedMs ?? null;
  }

  /** Takes a row and returns the packs that it closes. */
  add(tableRow: TableRow, nowMs: number): CollectedPack[] {
    const { table, row } = tableRow;
    const line = encodeLine(tableRow);
    const textBytes = Buffer.byteLength(line);
    const bytes = textBytes + 1;
    // Feed events count within the session, so they keep to one lane: what a kill leaves has no hole, only a missing end.
    const lane = laneOf(row.venue, table === 'feed_event' ? row.session_id : row.symbol, this.#lanes);
    const place = `${lane} ${table}`;
    const hour = Math.floor(row.timestamp_ms / HOUR_MS);
    const key = `${place} ${hour}`;
    const closed: CollectedPack[] = [];

    // Another hour of the same lane and table: the earlier pack leaves first, so that each symbol stays in order.
    for (const other of this.#open.keys()) {
      if (other !== key && other.startsWith(`${place} `)) closed.push(this.#close(other));
    }
    const current = this.#open.get(key);
    if (current !== undefined && current.lineBytes + bytes > PACK_MAX_LINE_BYTES) closed.push(this.#close(key));

    let pack = this.#open.get(key);
    if (pack === undefined) {
      pack = {
        lane,
        table,
        hourMs: hour * HOUR_MS,
        openedMs: nowMs,
        lines: this.#spare.pop() ?? new LineBytes(),
        rows: 0,
        marks: new Map(),
        receivedMs: [],
        lineBytes: 0,
      };
      this.#open.set(key, pack);
    }
    pack.lines.add(line, textBytes);
    pack.rows += 1;
    pack.lineBytes += bytes;
    this.#openBytes += bytes;
    if (tableRow.table === 'order_book') mark(pack, tableRow.row);
    return closed;
  }

  /** Closes the packs opened at or before `openedMs`. */
  closeOpenedBy(openedMs: number): CollectedPack[] {
    return [...this.#open].filter(([, pack]) => pack.openedMs <= openedMs).map(([key]) => this.#close(key));
  }

  #close(key: string): CollectedPack {
    const { lane, table, hourMs, openedMs, lines, rows, marks, receivedMs, lineBytes } = this.#open.get(key)!;
    this.#open.delete(key);
    this.#openBytes -= lineBytes;
    const data = encodePack(lines.bytes);
    lines.clear();
    if (this.#spare.length < MAX_SPARE) this.#spare.push(lines);
    return { lane, table, hourMs, openedMs, rows, lineBytes, data, marks: [...marks.values()], receivedMs };
  }
}

function mark({ marks, receivedMs }: OpenPack, row: OrderBookRow): void {
  marks.set(row.symbol, {
    symbol: row.symbol,
    receivedMs: row.received_ms,
    lastUpdateId: row.last_update_id,
    seq: row.seq,
  });
  receivedMs.push(row.received_ms);
}

/** The partition key of a symbol: FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/) onto the lanes. */
export function laneOf(venue: string, symbol: string, lanes: number): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(`${venue}/${symbol}`)) hash = Math.imul(hash ^ byte, 0x01000193);
  return `lane-${(hash >>> 0) % lanes}`;
}

/** Rows to packs: a pack leaves when it is full, when its lane turns to another hour, or `lingerMs` after its first row. */
export function toPacks(
  builder: PackBuilder,
  lingerMs: number,
  scheduler: SchedulerLike,
): OperatorFunction<TableRow, Pack> {
  return (rows) =>
    new Observable((subscriber) => {
      let timer: Subscription | null = null;
      const emit = (packs: readonly Pack[]) => {
        for (const pack of packs) subscriber.next(pack);
      };
      const arm = () => {
        const oldestMs = builder.oldestMs;
        if (timer !== null || oldestMs === null) return;
        timer = scheduler.schedule(
          () => {
            timer = null;
            // A clock that was set back must not hold rows until it is that late again.
            const nowMs = scheduler.now();
            emit(builder.closeOpenedBy(nowMs < oldestMs ? Number.POSITIVE_INFINITY : nowMs - lingerMs));
            arm();
          },
          Math.min(lingerMs, Math.max(0, oldestMs + lingerMs - scheduler.now())),
        );
      };
      subscriber.add(() => timer?.unsubscribe());
      subscriber.add(
        rows.subscribe({
          next(row) {
            emit(builder.add(row, scheduler.now()));
            arm();
          },
          error: (error) => subscriber.error(error),
          complete() {
            emit(builder.closeOpenedBy(Number.POSITIVE_INFINITY));
            subscriber.complete();
          },
        }),
      );
    });
}
