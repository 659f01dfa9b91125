/** Replays in a program: an RxJS Observable that is an async iterable too. */
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import type { S3Client } from '@aws-sdk/client-s3';
import { Observable } from 'rxjs';
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';
import { TABLE_NAMES, type TableName, type TableRow } from '../../producer/record.ts';
import { ReplayBatches } from '../../producer/replay/batches.ts';
import type { ReplaySummary } from '../../producer/replay/counts.ts';
import type { Problem } from '../../producer/replay/source.ts';
import { sourceAddress } from './address.ts';
import { REPLAY_CLOCK } from './clock.ts';
import { openSource } from './open-source.ts';
import { type Asked, contradictionsOf, selectionOf } from './selection.ts';
import { standardServices } from './services.ts';
import { parseStart, parseTime } from './time.ts';

/** What to replay, with the meanings and defaults of `depthlake replay`'s options. */
export interface ReplayRequest<T extends TableName = TableName> {
  /** `kinesis:NAME`, `s3://BUCKET/PREFIX`, the folder of a lake, or container files. */
  readonly from: string | readonly string[];
  /** ISO 8601 (UTC where no zone is given), epoch ms, a Date, or relative like `-2h`; of a stream also `trim-horizon`, `latest` or `sequence:SHARD:NUMBER`. Default: the oldest there is. */
  readonly start?: string | number | Date;
  /** Exclusive. Default: the newest there is when the replay begins. */
  readonly end?: string | number | Date;
  /** Names, and patterns with `*`. Default: all. */
  readonly symbols?: readonly string[];
  /** Default: all. */
  readonly tables?: readonly T[];
  /** Times as fast as recorded, by event time. Default: `max`, as fast as the rows are taken. */
  readonly speed?: number | 'max';
  /** Milliseconds of the reorder window. Default: 30,000. */
  readonly windowMs?: number;
  /** Milliseconds after `end` during which arrivals in a stream are read. Default: 600,000. */
  readonly lateMs?: number;
  readonly follow?: boolean;
  readonly fanOut?: boolean;
  /** Off, by default: a row that was delivered twice comes once, and of the rows of a book the best of all producers. */
  readonly keepDuplicates?: boolean;
  /** On: the first thing that would be left out ends the replay with an error. */
  readonly strict?: boolean;
  /** Ends the replay, without an error. */
  readonly signal?: AbortSignal;
  /** Told of each thing that is left out. Without it, and not strict, the replay ends with DL_REPLAY_INCOMPLETE after its last row. */
  readonly onProblem?: (problem: Problem) => void;
  /** Told once, behind the last row. */
  readonly onSummary?: (summary: ReplaySummary) => void;
  /**
   * For subscribers: asked after each batch of at most 1,000 rows; nothing more is read until the promise settles. An
   * iterator needs none: what it has not asked for is not read.
   */
  readonly room?: () => Promise<void>;
  /** Default: clients from the standard AWS variables and files. They are not destroyed. */
  readonly clients?: { readonly kinesis?: KinesisClient; readonly s3?: S3Client };
}

/** Rows in their order. Cold: each subscription, each iteration is a replay of its own. */
export class Replay<Row extends TableRow> extends Observable<Row> implements AsyncIterable<Row> {
  readonly #batches: (signal: AbortSignal) => AsyncIterable<readonly Row[]>;

  /** @param room see `ReplayRequest` */
  constructor(batches: (signal: AbortSignal) => AsyncIterable<readonly Row[]>, room: () => Promise<void>) {
    super((subscriber) => {
      const unsubscribed = new AbortController();
      subscriber.add(() => unsubscribed.abort());
      const emit = async () => {
        for await (const batch of batches(unsubscribed.signal)) {
          for (const row of batch) {
            if (subscriber.closed) return;
            subscriber.next(row);
          }
          await room();
        }
        subscriber.complete();
      };
      emit().catch((error) => subscriber.error(error));
    });
    this.#batches = batches;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Row, void, undefined> {
    const left = new AbortController();
    try {
      for await (const batch of this.#batches(left.signal)) yield* batch;
    } finally {
      left.abort();
    }
  }
}

/**
 * Replays a stream, a lake or container files: rows in order of `timestamp_ms`, then session and `seq`.
 *
 * @example
 * for await (const { row } of replay({ from: 'data', start: '-2h', symbols: ['BTCUSDT'], tables: ['order_book'] })) {
 *   console.log(row.timestamp_ms, row.mid_price);
 * }
 * @example
 * replay({ from: 'kinesis:depthlake', follow: true }).pipe(filter(({ table }) => table === 'feed_event')).subscribe(console.log);
 *
 * @throws DL_USAGE at once for a request that cannot be; later errors reach the subscriber or the iteration
 */
export function replay<T extends TableName = TableName>(
  request: ReplayRequest<T>,
): Replay<Extract<TableRow, { table: T }>> {
  const asked = askedOf(request);
  const batches = (signal: AbortSignal) => read(request, asked, signal);
  // The selection lets rows of the tables asked for pass, and no others.
  return new Replay(batches as never, request.room ?? (async () => {}));
}

/** @throws DL_USAGE */
function askedOf(request: ReplayRequest): Asked {
  const { from, start, end, symbols = ['*'], tables = TABLE_NAMES, follow = false, fanOut = false } = request;
  const nowMs = Date.now();
  try {
    const paths = typeof from === 'string' ? [from] : from;
    const asked: Asked = {
      from: paths.length === 1 ? sourceAddress(paths[0]!) : { kind: 'paths', paths },
      start: start === undefined ? undefined : parseStart(textOf(start), nowMs),
      endMs: end === undefined ? undefined : parseTime(textOf(end), nowMs),
      symbols,
      tables: new Set(tables),
      follow,
      fanOut,
    };
    const unknown = tables.find((table) => !TABLE_NAMES.includes(table));
    const faults = unknown === undefined ? contradictionsOf(asked) : [`"${unknown}" is no table`];
    if (faults.length > 0) throw new Error(faults.join('\n'));
    return asked;
  } catch (cause) {
    throw new DepthlakeError('DL_USAGE', `replay: ${reasonOf(cause)}`, { cause });
  }
}

function textOf(time: string | number | Date): string {
  return time instanceof Date ? String(time.getTime()) : String(time);
}

async function* read(
  request: ReplayRequest,
  asked: Asked,
  left: AbortSignal,
): AsyncGenerator<readonly TableRow[], void, undefined> {
  const { clients = {}, lateMs = 600_000, strict = false, onProblem } = request;
  const { from, start, follow, fanOut } = asked;
  const standard = standardServices(process.env);
  const { kinesis, s3 } = clients;
  const services = {
    ...standard,
    ...(kinesis && { kinesis: () => kinesis, subscriber: () => null }),
    ...(s3 && { s3: () => s3 }),
  };
  const stream = { start: start ?? ({ kind: 'trim-horizon' } as const), lateMs, follow, fanOut };
  const { source, close } = await openSource(from, services, stream);
  const batches = new ReplayBatches(
    {
      ...{ source, strict },
      selection: selectionOf(asked),
      ...(request.windowMs === undefined ? {} : { windowMs: request.windowMs }),
      ...(onProblem === undefined ? {} : { onProblem }),
      keepDuplicates: request.keepDuplicates ?? false,
      oneRowPerBook: true,
      speed: request.speed ?? 'max',
      clock: REPLAY_CLOCK,
      signal: request.signal === undefined ? left : AbortSignal.any([left, request.signal]),
    },
    null,
  );
  try {
    yield* batches.read();
  } finally {
    if ((from.kind === 'kinesis' && kinesis === undefined) || (from.kind === 's3' && s3 === undefined)) close();
  }
  const { summary } = batches;
  request.onSummary?.(summary);
  if (summary.problems.count === 0 || onProblem !== undefined) return;
  const { list, count } = summary.problems;
  const words = list.map(({ code, where, message }) => `${code} ${where}: ${message}`).join('\n');
  throw new DepthlakeError('DL_REPLAY_INCOMPLETE', `left out (${count}):\n${words}`);
}
