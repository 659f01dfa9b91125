/** Figures that the producer's parts keep themselves: read when somebody asks, so that keeping them costs nothing more. */
import type { Counters } from '../counters.ts';
import type { KinesisWriter } from '../stream/writer.ts';

export interface Readings {
  readonly frames: number;
  readonly diffs: number;
  readonly snapshots: number;
  readonly verified: number;
  readonly unverified: number;
  /** By reason. */
  readonly discarded: Readonly<Record<string, number>>;
  /** Feed events that found even their reserve of the queue full. */
  readonly eventsRefused: number;
  /** Symbols recorded now. */
  readonly symbols: number;
  /** Accepted by Kinesis, like the rows and bytes that follow. */
  readonly packs: number;
  readonly rows: number;
  /** Of the Kinesis records, compressed. */
  readonly bytes: number;
  /** Of the lines, before compression. */
  readonly lineBytes: number;
  readonly retries: number;
  /** Retries because the stream's throughput was exceeded. */
  readonly throttles: number;
  readonly queuedRows: number;
  readonly queuedBytes: number;
  /** On disk. */
  readonly spillRows: number;
  readonly spillBytes: number;
  /** Put on disk by this session. */
  readonly spilledPacks: number;
  /** Accepted by Kinesis after they were on disk. */
  readonly drainedPacks: number;
  readonly damagedEntries: number;
  /** Since when Kinesis refuses, UTC epoch ms; null while it accepts. */
  readonly refusingSinceMs: number | null;
  /** Log lines that nobody took. */
  readonly logLinesDropped: number;
}

/** The parts that keep figures. */
export interface ReadingSources {
  readonly counters: Counters;
  readonly writer: KinesisWriter;
  /** Symbols recorded now. */
  readonly symbols: () => number;
  /** Rows in packs that are still open, bytes. */
  readonly logLinesDropped: () => number;
}

export function readingsOf({ counters, writer, symbols, logLinesDropped }: ReadingSources): Readings {
  const { packs, rows, bytes, lineBytes, retries, throttles, spilledPacks, drainedPacks } = writer.counts;
  return {
    ...counters.total(),
    verified: counters.verified,
    unverified: counters.unverified,
    eventsRefused: counters.eventsRefused,
    symbols: symbols(),
    packs,
    rows,
    bytes,
    lineBytes,
    retries,
    throttles,
    queuedRows: writer.queuedRows,
    queuedBytes: writer.queuedBytes,
    spillRows: writer.spilledRows,
    spillBytes: writer.spillDepthBytes,
    spilledPacks,
    drainedPacks,
    damagedEntries: writer.damagedEntries,
    refusingSinceMs: writer.failingSinceMs,
    logLinesDropped: logLinesDropped(),
  };
}

export interface ReadFigure {
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly read: (readings: Readings) => number;
}

/** Metrics that are one reading, by name; units by Prometheus' conventions (https://prometheus.io/docs/practices/naming/). */
export const READ_FIGURES: Readonly<Record<string, ReadFigure>> = {
  depthlake_verified_snapshots_total: {
    type: 'counter',
    help: 'Snapshots proved equal to the exchange’s book.',
    read: ({ verified }) => verified,
  },
  depthlake_unverified_snapshots_total: {
    type: 'counter',
    help: 'Snapshots whose proof failed, or could not be given in a book mode that proves.',
    read: ({ unverified }) => unverified,
  },
  depthlake_frames_total: {
    type: 'counter',
    help: 'Messages received from the exchange in the stream that snapshots come from: depth20 frames or, in the book full, diffs.',
    read: ({ frames }) => frames,
  },
  depthlake_diffs_total: {
    type: 'counter',
    help: 'Messages received from the exchange in the diff stream.',
    read: ({ diffs }) => diffs,
  },
  depthlake_snapshots_total: {
    type: 'counter',
    help: 'Snapshots that became rows.',
    read: ({ snapshots }) => snapshots,
  },
  depthlake_refused_rows_total: {
    type: 'counter',
    help: 'Rows refused because memory and spill were full; `refused` feed events name their numbers.',
    read: ({ discarded, eventsRefused }) => (discarded['queue_full'] ?? 0) + eventsRefused,
  },
  depthlake_symbols: {
    type: 'gauge',
    help: 'Symbols recorded now.',
    read: ({ symbols }) => symbols,
  },
  depthlake_packs_total: {
    type: 'counter',
    help: 'Packs accepted by Kinesis.',
    read: ({ packs }) => packs,
  },
  depthlake_rows_total: {
    type: 'counter',
    help: 'Rows accepted by Kinesis.',
    read: ({ rows }) => rows,
  },
  depthlake_bytes_total: {
    type: 'counter',
    help: 'Bytes accepted by Kinesis, compressed.',
    read: ({ bytes }) => bytes,
  },
  depthlake_line_bytes_total: {
    type: 'counter',
    help: 'Bytes of the lines accepted by Kinesis, before compression.',
    read: ({ lineBytes }) => lineBytes,
  },
  depthlake_retries_total: {
    type: 'counter',
    help: 'Packs sent again after Kinesis refused them or the call failed.',
    read: ({ retries }) => retries,
  },
  depthlake_throttles_total: {
    type: 'counter',
    help: 'Packs sent again because the throughput of the stream was exceeded.',
    read: ({ throttles }) => throttles,
  },
  depthlake_queue_rows: {
    type: 'gauge',
    help: 'Rows in memory that Kinesis has not accepted.',
    read: ({ queuedRows }) => queuedRows,
  },
  depthlake_queue_bytes: {
    type: 'gauge',
    help: 'Memory of the rows that Kinesis has not accepted.',
    read: ({ queuedBytes }) => queuedBytes,
  },
  depthlake_spill_rows: {
    type: 'gauge',
    help: 'Rows on disk that Kinesis has not accepted.',
    read: ({ spillRows }) => spillRows,
  },
  depthlake_spill_bytes: {
    type: 'gauge',
    help: 'Disk of the rows that Kinesis has not accepted.',
    read: ({ spillBytes }) => spillBytes,
  },
  depthlake_spilled_packs_total: {
    type: 'counter',
    help: 'Packs put on disk because Kinesis did not accept them in time.',
    read: ({ spilledPacks }) => spilledPacks,
  },
  depthlake_drained_packs_total: {
    type: 'counter',
    help: 'Packs accepted by Kinesis after they were on disk.',
    read: ({ drainedPacks }) => drainedPacks,
  },
  depthlake_spill_damaged_total: {
    type: 'counter',
    help: 'Packs on disk that could not be read back.',
    read: ({ damagedEntries }) => damagedEntries,
  },
  depthlake_log_lines_dropped_total: {
    type: 'counter',
    help: 'Log lines that nobody took.',
    read: ({ logLinesDropped }) => logLinesDropped,
  },
};
