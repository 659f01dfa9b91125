/** Replays in a program: an RxJS Observable that is an async iterable too. */
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import type { S3Client } from '@aws-sdk/client-s3';
import { Observable } from 'rxjs';
import { FEED_SETTINGS } from '../../producer/config.ts';
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';
import { TABLE_NAMES, type TableName, type TableRow } from '../../producer/record.ts';
import { ReplayBatches } from '../../producer/replay/batches.ts';
import type { ReplaySummary } from '../../producer/replay/counts.ts';
import { WINDOW_MS } from '../../producer/replay/options.ts';
import type { Problem } from '../../producer/replay/source.ts';
import { type SourceAddress, sourceAddress } from './address.ts';
import { REPLAY_CLOCK } from './clock.ts';
import { openSource } from './open-source.ts';
import { type Asked, contradictionsOf, selectionOf } from './selection.ts';
import { standardServices } from './services.ts';
import { speed as parseSpeed } from './speed.ts';
import { LATE_MS, parseLateness, parseStart, parseTime, parseWindow } from './time.ts';

/** What to replay, with the meanings and defaults of `depthlake replay`'s options. */
export interface ReplayRequest<T extends TableName = TableName> {
  /** `kinesis:NAME`, `s3://BUCKET/PREFIX`, the folder of a lake, or container files. */
  readonly from: string | readonly string[];
  /** ISO 8601 (UTC where no zone is given), epoch ms, a Date, or relative like `-2h`; of a stream also `trim-horizon`, `latest` or `sequence:SHARD:NUMBER`. Default: the oldest there is. */
  readonly start?: string | number | Date;
  /** Exclusive. Default: the newest there is when the replay begins. */
  readonly end?: string | number | Date;
  /** Names in either case, and patterns with `*`. Default: all. */
  readonly symbols?: readonly string[];
  /** Default: all. */
  readonly tables?: readonly T[];
  /** Times as fast as recorded, by event time, at most 10,000. Default: `max`, as fast as the rows are taken. */
  readonly speed?: number | 'max';
  /** Milliseconds of the reorder window, at most an hour. Default: 30,000. */
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
  const asked = settledOf(request);
  const batches = (signal: AbortSignal) => read(request, asked, signal);
  // The selection lets rows of the tables asked for pass, and no others.
  return new Replay(batches as never, request.room ?? (async () => {}));
}

/** What a request says, with what it leaves to the defaults. */
interface Settled extends Asked {
  readonly speed: number | 'max';
  readonly windowMs: number;
  readonly lateMs: number;
}

/** @throws DL_USAGE */
function settledOf(request: ReplayRequest): Settled {
  const { from, start, end, symbols = ['*'], tables = TABLE_NAMES, follow = false, fanOut = false } = request;
  const { speed = 'max', windowMs = WINDOW_MS, lateMs = LATE_MS } = request;
  const nowMs = Date.now();
  try {
    const settled: Settled = {
      from: named('from', () => addressOf(typeof from === 'string' ? [from] : from)),
      start: start === undefined ? undefined : named('start', () => parseStart(textOf(start), nowMs)),
      endMs: end === undefined ? undefined : named('end', () => parseTime(textOf(end), nowMs)),
      symbols: named('symbols', () => FEED_SETTINGS.symbols.parse(symbols.join(','))),
      tables: new Set(tables),
      speed: named('speed', () => parseSpeed(String(speed))),
      windowMs: named('windowMs', () => parseWindow(`${windowMs}ms`)),
      lateMs: named('lateMs', () => parseLateness(`${lateMs}ms`)),
      follow,
      fanOut,
    };
    const unknown = tables.find((table) => !TABLE_NAMES.includes(table));
    if (unknown !== undefined) throw new Error(`tables: there is no "${unknown}"`);
    if (tables.length === 0) throw new Error('tables: none is named');
    const contradictions = contradictionsOf(settled);
    if (contradictions.length > 0) throw new Error(contradictions.join('\n'));
    return settled;
  } catch (cause) {
    throw new DepthlakeError('DL_USAGE', `replay: ${reasonOf(cause)}`, { cause });
  }
}

function named<V>(option: string, value: () => V): V {
  try {
    return value();
  } catch (cause) {
    throw new Error(`${option}: ${reasonOf(cause)}`, { cause });
  }
}

function addressOf(texts: readonly string[]): SourceAddress {
  if (texts.length === 0) throw new Error('no source is named');
  const addresses = texts.map(sourceAddress);
  if (addresses.length > 1 && addresses.some(({ kind }) => kind !== 'paths')) {
    throw new Error('only container files can be several');
  }
  return addresses.length === 1 ? addresses[0]! : { kind: 'paths', paths: texts };
}

function textOf(time: string | number | Date): string {
  return time instanceof Date ? String(time.getTime()) : String(time);
}

async function* read(
  request: ReplayRequest,
  asked: Settled,
  left: AbortSignal,
): AsyncGenerator<readonly TableRow[], void, undefined> {
  const { clients = {}, strict = false, onProblem } = request;
  const { from, start, follow, fanOut, speed, windowMs, lateMs } = asked;
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
      ...{ source, strict, speed, windowMs },
      selection: selectionOf(asked),
      ...(onProblem === undefined ? {} : { onProblem }),
      keepDuplicates: request.keepDuplicates ?? false,
      oneRowPerBook: true,
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
