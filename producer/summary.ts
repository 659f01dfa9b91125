/** What a session did, in figures: its progress while it runs, and its summary. */
import type { Counters } from './counters.ts';
import type { KinesisWriter } from './stream/writer.ts';

export interface ProducerProgress {
  readonly frames: number;
  readonly snapshots: number;
  readonly packs: number;
  readonly rows: number;
  /** In memory, not accepted by Kinesis. */
  readonly queuedRows: number;
  /** On disk, not accepted by Kinesis. */
  readonly spilledRows: number;
  /** From a pack's first row to its acceptance by Kinesis, of the last pack accepted; includes the linger. */
  readonly lagMs: number | null;
}

/** `objects` and `duplicates` are null: a producer does not see the lake. */
export interface ProducerSummary {
  readonly session_id: string;
  readonly venue: string;
  readonly book: string;
  readonly symbols: number;
  readonly seconds: number;
  readonly frames: number;
  readonly diffs: number;
  readonly snapshots: number;
  /** Of the snapshots; in the book depth20 none is of either kind. */
  readonly verified: number;
  readonly unverified: number;
  readonly rows: number;
  readonly objects: null;
  readonly packs: number;
  readonly bytes: number;
  readonly line_bytes: number;
  readonly retries: number;
  /** Rows that are neither in the stream nor in the spill. */
  readonly lost: number;
  /** Rows left on disk, for the next session or for recovery. */
  readonly spilled: number;
  readonly duplicates: null;
  readonly discarded: Readonly<Record<string, number>>;
  /** Feed events of the session by kind, tallies among them. */
  readonly events: Readonly<Record<string, number>>;
}

export interface SummaryParts {
  readonly sessionId: string;
  readonly venue: string;
  readonly book: string;
  readonly symbols: number;
  readonly seconds: number;
  readonly counters: Counters;
  readonly writer: KinesisWriter;
  readonly events: Readonly<Record<string, number>>;
}

export function summaryOf(parts: SummaryParts): ProducerSummary {
  const { sessionId, venue, book, symbols, seconds, counters, writer, events } = parts;
  const { frames, diffs, snapshots, discarded } = counters.total();
  const { packs, rows, bytes, lineBytes, retries } = writer.counts;
  return {
    session_id: sessionId,
    venue,
    book,
    symbols,
    seconds,
    frames,
    diffs,
    snapshots,
    verified: counters.verified,
    unverified: counters.unverified,
    rows,
    objects: null,
    packs,
    bytes,
    line_bytes: lineBytes,
    retries,
    lost: writer.queuedRows,
    spilled: writer.spilledRows,
    duplicates: null,
    discarded,
    events,
  };
}

export function progressOf(counters: Counters, writer: KinesisWriter, lagMs: number | null): ProducerProgress {
  const { frames, snapshots } = counters.total();
  const { packs, rows } = writer.counts;
  const { queuedRows, spilledRows } = writer;
  return { frames, snapshots, packs, rows, queuedRows, spilledRows, lagMs };
}
