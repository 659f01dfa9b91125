/**
 * The producer: from the exchange's socket into Kinesis.
 *
 *   connections ─▶ signals ─▶ observations ─▶ sampling ─▶ rows with identity ─▶ packs ─▶ memory, spill ─▶ Kinesis
 *
 * Everything with an effect (sockets, clocks, disks, clients, randomness) comes in through `ProducerEdge`.
 */
import {
  catchError,
  interval,
  lastValueFrom,
  merge,
  NEVER,
  type Observable,
  type SchedulerLike,
  Subject,
  takeUntil,
  tap,
} from 'rxjs';
import { boundedAdmission } from './admission.ts';
import type { FeedConfig, StreamConfig } from './config.ts';
import { Counters } from './counters.ts';
import { Ending, preparedBefore } from './ending.ts';
import type { ConnectionSignal } from './feed/connection.ts';
import { feed } from './feed/feed.ts';
import type { FeedEvent } from './feed/observation.ts';
import { observe } from './feed/observe.ts';
import { type Fetch, RestClient } from './feed/rest.ts';
import { Restarts } from './feed/restarts.ts';
import { sampleEvery } from './feed/sampling.ts';
import { Seeds } from './feed/seeds.ts';
import { symbolChanges } from './feed/symbols.ts';
import type { Venue } from './feed/venue.ts';
import { clockEvents, unknownGaps, withEvents } from './happenings.ts';
import { followListings } from './listings.ts';
import type { Log } from './log.ts';
import { Figures, type SessionInfo } from './monitor/figures.ts';
import { readingsOf } from './monitor/readings.ts';
import { type Preparation, prepare } from './preparation.ts';
import { Session } from './session.ts';
import { asRows } from './session-rows.ts';
import { StateKeeper } from './state/keeper.ts';
import { stateReader } from './state/reader.ts';
import type { StateStore } from './state/store.ts';
import type { PutPacks } from './stream/lanes.ts';
import type { OpenedSpill } from './stream/open-spill.ts';
import { PackBuilder, toPacks } from './stream/packs.ts';
import type { Spill } from './stream/spill.ts';
import { writeTo } from './stream/write-to.ts';
import { KinesisWriter } from './stream/writer.ts';
import { type ProducerProgress, type ProducerSummary, progressOf, summaryOf } from './summary.ts';

export type ProducerConfig = Pick<FeedConfig, 'symbols' | 'shard' | 'book' | 'handOverMs' | 'everyMs' | 'rawLevels'> &
  Pick<StreamConfig, 'lingerMs' | 'lanes' | 'queueMib'> & {
    readonly wsUrl: string;
    readonly restUrl: string;
    readonly info: Pick<SessionInfo, 'version' | 'stack' | 'producer'>;
  };

export interface ProducerEdge {
  readonly venue: Venue;
  readonly connect: (url: string) => Observable<ConnectionSignal>;
  readonly fetcher: Fetch;
  /** Checks that the stream is there, before the session begins. */
  readonly checkStream: () => Promise<void>;
  readonly put: PutPacks;
  /** null: gaps across restarts are not known. */
  readonly store: StateStore | null;
  /** null: what Kinesis does not take waits in memory. */
  readonly openSpill: (() => Promise<OpenedSpill>) | null;
  /** Given what is left in the spill, once the session has ended. */
  readonly leaveSpill?: (spill: Spill) => Promise<void>;
  readonly scheduler: SchedulerLike;
  /** Milliseconds of a clock that cannot be set. */
  readonly monotonicNow: () => number;
  readonly random: () => number;
  readonly sessionId: string;
  readonly log: Log;
  /** Log lines that nobody took. */
  readonly linesDropped?: () => number;
  /** Emits the reason when the session is to end, and again to whoever subscribes later. */
  readonly stop: Observable<string>;
  /** Told about once a second while the session runs. */
  readonly progress?: (progress: ProducerProgress) => void;
  /** Shows the figures; ends when the returned function is called. */
  readonly monitor?: (figures: Figures) => Promise<() => Promise<void>>;
}

const PROGRESS_EVERY_MS = 1_000;
/** How long the end of a session waits for Kinesis; supervisors kill after 30 s. */
const FLUSH_MS = 20_000;

/**
 * Runs one session until `edge.stop`, then flushes. `lost` counts the rows that neither Kinesis nor the spill took.
 * @throws the venue's errors until the first message; later ones are answered by reconnecting
 */
export async function runProducer(config: ProducerConfig, edge: ProducerEdge): Promise<ProducerSummary> {
  const { venue, scheduler, random, log, stop } = edge;
  const { symbols: patterns, shard, restUrl } = config;
  const rest = new RestClient({ restUrl, venue, fetcher: edge.fetcher, scheduler, random, log });
  try {
    const prepared = await preparedBefore(stop, prepare({ ...edge, patterns, shard, venue: venue.name, rest }));
    return await record(config, edge, rest, prepared ?? NOTHING);
  } finally {
    rest.close();
  }
}

/** Stopped before it began: a session of no symbols. */
const NOTHING: Preparation = { symbols: [], previous: new Map(), spill: null, previousOf: async () => new Map() };

async function record(
  config: ProducerConfig,
  edge: ProducerEdge,
  rest: RestClient,
  { symbols, previous, spill, previousOf }: Preparation,
): Promise<ProducerSummary> {
  const { venue, scheduler, random, sessionId, store, log } = edge;
  const { book, rawLevels, everyMs } = config;
  const now = () => scheduler.now();
  const startedMs = now();
  const counters = new Counters();
  const builder = new PackBuilder(config.lanes);
  /** Feed events that come from elsewhere than the feed. */
  const happenings = new Subject<FeedEvent>();
  const restarts: Restarts = new Restarts({
    previous: previous ?? new Map(),
    sessionId,
    ...(store && { recheck: stateReader(store, venue.name, () => restarts.symbols, now) }),
    scheduler,
    log,
  });
  const undecided = (symbol: string) => restarts.undecided(symbol);
  // What the disk has lost is not waited for.
  const eventsPending = () => session.events > eventsAccepted && writer.damagedEntries === damagedBefore;
  const keeper =
    store && new StateKeeper({ store, venue: venue.name, sessionId, scheduler, log, undecided, eventsPending });
  let eventsAccepted = 0;
  let lagMs: number | null = null;
  const writer = new KinesisWriter({
    ...edge,
    spill: spill?.spill ?? null,
    onEvent: (event) => happenings.next(event),
    onAccepted: (pack, source) => {
      figures.accepted(pack, now());
      // An earlier session's rows are behind this one's.
      if (source === 'earlier_session') return;
      lagMs = now() - pack.openedMs;
      if (pack.table === 'feed_event') eventsAccepted += pack.rows;
      keeper?.accepted(pack.marks);
    },
  });
  const damagedBefore = writer.damagedEntries;
  const admission = boundedAdmission(config.queueMib, () => builder.openBytes + writer.queuedBytes, log);
  const session = new Session(sessionId, venue.name, symbols, counters, admission);
  const sources = {
    counters,
    writer,
    symbols: () => session.symbols,
    logLinesDropped: edge.linesDropped ?? (() => 0),
  };
  const info = { ...config.info, session_id: sessionId, venue: venue.name, book };
  const figures = new Figures(() => readingsOf(sources), info);
  const summary = () =>
    summaryOf({
      sessionId,
      venue: venue.name,
      book,
      symbols: session.symbols,
      seconds: (now() - startedMs) / 1000,
      counters,
      writer,
      events: session.eventCounts,
    });
  if (symbols.length === 0) return summary();

  const ending = new Ending(edge.stop);
  const seeds = new Seeds({ rest, scheduler, random, log });
  const changes = symbolChanges({
    patterns: config.symbols,
    shard: config.shard,
    venueName: venue.name,
    symbols,
    listing: () => rest.listing(),
    scheduler,
    random,
    log,
  });
  const symbolsASlot = venue.symbolsAConnection(book);
  const listings = followListings({ symbols, previousOf, changes, restarts, symbolsASlot, scheduler, log });
  const detail = { venue: venue.name, book, every_ms: everyMs, shard: config.shard };

  const clockJumps = clockEvents(scheduler, edge.monotonicNow, log);
  const gapsBefore = previous === null ? unknownGaps(symbols, now) : NEVER;

  const pipeline = feed({
    plans: listings.plans,
    connect: (symbols) => edge.connect(venue.streamUrl(config.wsUrl, symbols, book)),
    reader: (symbols) => venue.reader(symbols, book),
    bookId: (symbol) => rest.bookId(symbol),
    handOverMs: config.handOverMs,
    scheduler,
    random,
    log,
  }).pipe(
    takeUntil(ending.begins),
    catchError((error) => ending.fail(error)),
    tap((signal) => figures.signal(signal)),
    observe({ book, rawLevels, seeds, restarts, delisted: listings.delisted, counters, log, scheduler }),
    withEvents(merge(happenings, listings.events, clockJumps, gapsBefore)),
    tap((observation) => figures.observation(observation)),
    sampleEvery(everyMs, counters, scheduler),
    asRows(session, () => ending.reason, detail, scheduler),
    toPacks(builder, config.lingerMs, scheduler),
    writeTo(writer, FLUSH_MS, scheduler),
  );

  const report = () => edge.progress?.(progressOf(counters, writer, lagMs));
  const endMonitor = await edge.monitor?.(figures);
  const reports = interval(PROGRESS_EVERY_MS, scheduler).subscribe(report);
  try {
    await lastValueFrom(pipeline, { defaultValue: null });
  } finally {
    reports.unsubscribe();
    seeds.close();
    report();
    // Together: supervisors kill after 30 s, and 20 of them may have gone to Kinesis.
    const clean = writer.queuedRows + writer.spilledRows === 0;
    await Promise.all([keeper?.finish(clean), spill && edge.leaveSpill?.(spill.spill)]);
    await endMonitor?.();
  }
  if (ending.failure !== null) throw ending.failure;
  return summary();
}
