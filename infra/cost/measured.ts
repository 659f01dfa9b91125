/** What `npm run bench -- sizes` measured: sizes of rows, packs and container files, and the time to transform a row. */
import type { Codec } from '../../transformer/codec.ts';
import measured from './measured.json' with { type: 'json' };

/** Symbols of one producer, and the bytes of each row. */
export type SizePoint = readonly [symbols: number, bytesPerRow: number];

/** Points rise by their number of symbols. */
export interface MixSizes {
  readonly packBytesPerRow: readonly SizePoint[];
  /** Without the file's header. */
  readonly fileBytesPerRow: Readonly<Record<Codec, readonly SizePoint[]>>;
}

export interface MeasuredRows {
  /** A row as a line of JSON with its line feed. */
  readonly lineBytes: number;
  readonly fileHeaderBytes: number;
  /** Ten rows a second of each symbol. */
  readonly frames: MixSizes;
  /** One row a second of each symbol. */
  readonly seconds: MixSizes;
}

export interface Measured {
  readonly date: string;
  readonly versions: string;
  /** Of `order_book`, without and with the raw levels. */
  readonly rows: { readonly plain: MeasuredRows; readonly raw: MeasuredRows };
  /** Of `feed_event`: the tallies of a minute. */
  readonly events: MeasuredRows;
  /** One core of the machine that measured. */
  readonly transformSecondsPerRow: number;
  /** Of the line in which the producer logs its figures once a minute. */
  readonly figuresLineBytes: number;
}

export const MEASURED = measured as unknown as Measured;

/** Between two points in proportion to the logarithm of x; beyond the ends the nearest point. */
export function interpolate(points: readonly (readonly [x: number, y: number])[], x: number): number {
  const above = points.findIndex(([each]) => each >= x);
  if (above === 0) return points[0]![1];
  if (above < 0) return points.at(-1)![1];
  const [[x0, y0], [x1, y1]] = [points[above - 1]!, points[above]!];
  return y0 + ((y1 - y0) * Math.log(x / x0)) / Math.log(x1 / x0);
}
