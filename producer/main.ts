/**
 * The producer: from the exchange's socket into Kinesis.
 *
 *   connections ─▶ frames ─▶ snapshots ─▶ sampling ─▶ rows with identity ─▶ packs ─▶ Kinesis
 *
 * Everything with an effect (sockets, clock, clients, randomness) comes in through `ProducerEdge`.
 */
import {
  catchError,
  concat,
  concatMap,
  connect,
  defer,
  EMPTY,
  firstValueFrom,
  from,
  interval,
  last,
  lastValueFrom,
  map,
  merge,
  type Observable,
  type OperatorFunction,
  of,
  race,
  type SchedulerLike,
  takeUntil,
  tap,
} from 'rxjs';
import { boundedAdmission } from './admission.ts';
import type { FeedConfig, StreamConfig } from './config.ts';
import { Counters } from './counters.ts';
import { reasonOf } from './errors.ts';
import { combinedStreamUrl, SYMBOLS_PER_CONNECTION } from './feed/binance.ts';
import type { ConnectionSignal } from './feed/connection.ts';
import { type Observation, observeDepth20 } from './feed/depth20.ts';
import { feed } from './feed/feed.ts';
import { sampleEvery } from './feed/sampling.ts';
import type { Log } from './log.ts';
import type { TableRow } from './record.ts';
import { Session } from './session.ts';
import { PackBuilder, toPacks } from './stream/packs.ts';
import { KinesisWriter, type PutPacks, writeTo } from './stream/writer.ts';

export type ProducerConfig = Pick<FeedConfig, 'venue' | 'symbols' | 'everyMs' | 'rawLevels'> &
  Omit<StreamConfig, 'stream'> & { readonly wsUrl: string };

export interface ProducerEdge {
  readonly connect: (url: string) => Observable<ConnectionSignal>;
  /** Checks that the venue lists the symbols and that the stream is there, before the session begins. */
  readonly prepare: () => Promise<void>;
  readonly put: PutPacks;
  readonly scheduler: SchedulerLike;
  readonly random: () => number;
  readonly sessionId: string;
  readonly log: Log;
  /** Emits the reason when the session is to end, and again to whoever subscribes later. */
  readonly stop: Observable<string>;
  /** Told about once a second while the session runs. */
  readonly progress?: (progress: ProducerProgress) => void;
}

export interface ProducerProgress {
  readonly frames: number;
  readonly snapshots: number;
  readonly packs: number;
  readonly rows: number;
  readonly queuedRows: number;
  /** From a pack's first row to its acceptance by Kinesis, of the last pack accepted; includes the linger. */
  readonly lagMs: number | null;
}

/** What a session did. `objects` and `duplicates` are null: a producer does not see the lake. */
export interface ProducerSummary {
  readonly session_id: string;
  readonly venue: string;
  readonly seconds: number;
  readonly frames: number;
  readonly snapshots: number;
  readonly rows: number;
  readonly objects: null;
  readonly packs: number;
  readonly bytes: number;
  readonly line_bytes: number;
  readonly retries: number;
  readonly lost: number;
  readonly duplicates: null;
  readonly discarded: Readonly<Record<string, number>>;
}

const TALLY_EVERY_MS = 60_000;
const PROGRESS_EVERY_MS = 1_000;
/** How long the end of a session waits for Kinesis; supervisors kill after 30 s. */
const FLUSH_MS = 20_000;

/**
 * Runs one session until `edge.stop`, then flushes. `lost` counts the rows that Kinesis did not accept in time.
 * @throws the venue's errors until the first message; later ones are answered by reconnecting
 */
export async function runProducer(config: ProducerConfig, edge: ProducerEdge): Promise<ProducerSummary> {
  const { scheduler } = edge;
  const { venue, symbols, wsUrl } = config;
  const startedMs = scheduler.now();
  const counters = new Counters(symbols);
  const builder = new PackBuilder(config.lanes);
  const connections = chunks(symbols, SYMBOLS_PER_CONNECTION);
  let lagMs: number | null = null;
  const writer = new KinesisWriter(edge, (pack) => {
    lagMs = scheduler.now() - pack.openedMs;
  });
  const admission = boundedAdmission(config.queueMib, () => builder.openBytes + writer.queuedBytes, edge.log);
  const session = new Session(edge.sessionId, venue, symbols, counters, admission);
  const ending = endingOf(edge.stop);
  const summary = () => summaryOf(edge.sessionId, venue, (scheduler.now() - startedMs) / 1000, counters, writer);
  if (await stoppedDuring(edge.prepare(), edge.stop)) return summary();

  const pipeline = feed(
    connections.map((part) => () => edge.connect(combinedStreamUrl(wsUrl, part))),
    scheduler,
    edge.random,
  ).pipe(
    takeUntil(ending.begins),
    catchError((error) => ending.fail(error)),
    observeDepth20({ connections, rawLevels: config.rawLevels, counters, log: edge.log, now: () => scheduler.now() }),
    sampleEvery(config.everyMs, counters, scheduler),
    asRows(session, () => ending.reason, { every_ms: config.everyMs, book: 'depth20' }, scheduler),
    toPacks(builder, config.lingerMs, scheduler),
    writeTo(writer, FLUSH_MS, scheduler),
  );

  const progress = (): ProducerProgress => {
    const { frames, snapshots } = counters.total();
    const { packs, rows } = writer.counts;
    return { frames, snapshots, packs, rows, queuedRows: writer.queuedRows, lagMs };
  };
  const reports = interval(PROGRESS_EVERY_MS, scheduler).subscribe(() => edge.progress?.(progress()));
  try {
    await lastValueFrom(pipeline, { defaultValue: null });
  } finally {
    reports.unsubscribe();
    edge.progress?.(progress());
  }
  if (ending.failure !== null) throw ending.failure;
  return summary();
}

/** Whether the session is to end before what it needs was found to be there. */
function stoppedDuring(prepared: Promise<void>, stop: Observable<string>): Promise<boolean> {
  return firstValueFrom(race(from(prepared).pipe(map(() => false)), stop.pipe(map(() => true))));
}

/** The session around its observations: `started`, a tally a minute, the last tallies, `stopped`. */
function asRows(
  session: Session,
  endReason: () => string,
  detail: object,
  scheduler: SchedulerLike,
): OperatorFunction<Observation, TableRow> {
  const now = () => scheduler.now();
  const rows = connect((observations: Observable<Observation>) =>
    merge(
      observations.pipe(concatMap((observation) => session.rows(observation))),
      interval(TALLY_EVERY_MS, scheduler).pipe(
        takeUntil(observations.pipe(last(null, null))),
        concatMap(() => session.tallies(now())),
      ),
    ),
  );
  return (observations) =>
    concat(
      defer(() => of(session.started(now(), detail))),
      observations.pipe(rows),
      defer(() => from(session.stopped(now(), endReason()))),
    );
}

/** How a session comes to its end: asked to stop, or failed before the feed was ever heard. */
function endingOf(stop: Observable<string>) {
  const ending = {
    reason: 'the feed ended',
    failure: null as unknown,
    begins: stop.pipe(
      tap((reason) => {
        ending.reason = reason;
      }),
    ),
    fail(error: unknown): Observable<never> {
      ending.failure = error;
      ending.reason = reasonOf(error);
      return EMPTY;
    },
  };
  return ending;
}

function summaryOf(
  sessionId: string,
  venue: string,
  seconds: number,
  counters: Counters,
  writer: KinesisWriter,
): ProducerSummary {
  const { frames, snapshots, discarded } = counters.total();
  const { packs, rows, bytes, lineBytes, retries } = writer.counts;
  return {
    session_id: sessionId,
    venue,
    seconds,
    frames,
    snapshots,
    rows,
    objects: null,
    packs,
    bytes,
    line_bytes: lineBytes,
    retries,
    lost: writer.queuedRows,
    duplicates: null,
    discarded,
  };
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
