/** A source whose symbols a WebSocket sink lists before the first client has to know them. */
import type { TableRow } from '../../producer/record.ts';
import type { Run, Selection, Source, SourceItem } from '../../producer/replay/source.ts';
import type { WebSocketSink } from './sinks/websocket.ts';

/**
 * Symbols that are recorded have a row within this event time, and mostly within these rows. What is read meanwhile waits
 * in memory, from the first row that is wanted on.
 */
const SAMPLE_MS = 2_000;
const SAMPLE_ROWS = 5_000;

type Announcements = Pick<WebSocketSink, 'list' | 'ready' | 'wsUrl'>;

/**
 * Reads the first two seconds of the selection (or 5,000 rows), lists the symbols found there, and goes on when the
 * sink is ready; symbols that come later are listed as soon as they are read.
 */
export function announcedSource(source: Source, sink: Announcements, log: (line: string) => void): Source {
  return {
    read: (selection, resume, signal) => announced(source.read(selection, resume, signal), selection, sink, log),
  };
}

async function* announced(
  items: AsyncIterable<SourceItem>,
  selection: Selection,
  sink: Announcements,
  log: (line: string) => void,
): AsyncGenerator<SourceItem> {
  let waiting: SourceItem[] | null = [];
  const sample = new Sample(selection);
  for await (const item of items) {
    if (item.run !== null) sink.list(sample.take(item.run));
    // What holds nothing for the sink needs no client: of a symbol that begins late, days may come before.
    if (waiting === null || (waiting.length === 0 && !sample.wantsAnyOf(item.run))) {
      yield item;
      continue;
    }
    waiting.push(item);
    if (!sample.isEnough(item.frontierMs)) continue;
    await start(sample, sink, log);
    yield* waiting;
    waiting = null;
  }
  if (waiting === null) return;
  if (sample.rows > 0) await start(sample, sink, log);
  yield* waiting;
}

async function start(sample: Sample, sink: Announcements, log: (line: string) => void): Promise<void> {
  const { size } = sample.symbols;
  if (!sample.hasRawLevels) {
    log(
      `none of the first ${sample.rows} rows has top_bids and top_asks: recorded without --raw-levels, they cannot be sent`,
    );
  }
  log(`${sink.wsUrl}: the replay begins when a client follows a stream; ${size} symbol${size === 1 ? '' : 's'} so far`);
  await sink.ready;
}

/** The rows read so far that the replay wants. */
class Sample {
  readonly symbols = new Set<string>();
  rows = 0;
  /** Whether any of the rows can be sent. */
  hasRawLevels = false;
  #firstMs = Number.POSITIVE_INFINITY;
  readonly #selection: Selection;

  constructor(selection: Selection) {
    this.#selection = selection;
  }

  /** @returns the symbols of the run's rows */
  take(run: Run): ReadonlySet<string> {
    const found = new Set<string>();
    for (const each of run.rows) {
      if (each.table !== 'order_book' || !this.#isWanted(each)) continue;
      const { row } = each;
      const { symbol, timestamp_ms: atMs } = row;
      found.add(symbol);
      this.symbols.add(symbol);
      this.rows += 1;
      this.hasRawLevels ||= row.top_bids !== null && row.top_asks !== null;
      if (atMs < this.#firstMs) this.#firstMs = atMs;
    }
    return found;
  }

  /** Whether the sink may be given any row of the run, feed events included. */
  wantsAnyOf(run: Run | null): boolean {
    return run?.rows.some((row) => this.#isWanted(row)) ?? false;
  }

  isEnough(frontierMs: number): boolean {
    return this.rows >= SAMPLE_ROWS || (this.rows > 0 && frontierMs >= this.#firstMs + SAMPLE_MS);
  }
  #isWanted({ table, row }: TableRow): boolean {
    const { fromMs, toMs, tables, symbol: wanted } = this.#selection;
    const { timestamp_ms: atMs, symbol } = row;
    return tables.has(table) && atMs >= fromMs && atMs < toMs && (symbol === null || wanted(symbol));
  }
}
