/** Figures that the producer's parts keep themselves: read when somebody asks, so that keeping them costs nothing more. */

export interface Readings {
  readonly frames: number;
  readonly snapshots: number;
  /** By reason. */
  readonly discarded: Readonly<Record<string, number>>;
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
  readonly spillPacks: number;
  readonly spillBytes: number;
  /** Since when Kinesis refuses, UTC epoch ms; null while it accepts. */
  readonly refusingSinceMs: number | null;
  /** Log lines that nobody took. */
  readonly logLinesDropped: number;
}

export interface ReadFigure {
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly read: (readings: Readings) => number;
}

/** Metrics that are one reading, by name; units by Prometheus' conventions (https://prometheus.io/docs/practices/naming/). */
export const READ_FIGURES: Readonly<Record<string, ReadFigure>> = {
  depthlake_frames_total: {
    type: 'counter',
    help: 'Frames received from the exchange.',
    read: ({ frames }) => frames,
  },
  depthlake_snapshots_total: {
    type: 'counter',
    help: 'Snapshots that became rows.',
    read: ({ snapshots }) => snapshots,
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
  depthlake_spill_packs: {
    type: 'gauge',
    help: 'Packs on disk that Kinesis has not accepted.',
    read: ({ spillPacks }) => spillPacks,
  },
  depthlake_spill_bytes: {
    type: 'gauge',
    help: 'Disk of the packs that Kinesis has not accepted.',
    read: ({ spillBytes }) => spillBytes,
  },
  depthlake_log_lines_dropped_total: {
    type: 'counter',
    help: 'Log lines that nobody took.',
    read: ({ logLinesDropped }) => logLinesDropped,
  },
};
