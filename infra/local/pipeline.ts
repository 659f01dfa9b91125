/**
 * The pipeline on one machine: the local services, the producer and the transformer, put together as in the cloud.
 *
 * What is delivered is read back from the files and audited, so `lost` and `duplicates` are measured, not inferred.
 */
import type { FeedConfig, MonitorConfig, StreamConfig } from '../../producer/config.ts';
import { DurationLimit } from '../../producer/duration-limit.ts';
import type { DepthlakeError } from '../../producer/errors.ts';
import type { Log } from '../../producer/log.ts';
import type { ProducerProgress, ProducerSummary } from '../../producer/summary.ts';
import type { Codec } from '../../transformer/codec.ts';
import type { AuditTotals, SessionAudit } from '../audit.ts';
import { type Endpoints, removeEndpoints, writeEndpoints } from './endpoints.ts';
import { claimFolder, type FolderClaim } from './folder-claim.ts';
import { LakeReader } from './lake-reader.ts';
import { type LocalProducer, startProducer } from './producer.ts';
import { producerEnvironment, producerFlags, type Services, startServices } from './services.ts';

export interface PipelineOptions
  extends Omit<FeedConfig, 'symbols'>,
    Pick<StreamConfig, 'lingerMs' | 'lanes' | 'queueMib' | 'spillMib'>,
    Omit<MonitorConfig, 'metrics'> {
  /** Names and patterns; undefined: all symbols of the recording, or BTCUSDT. */
  readonly symbols: readonly string[] | undefined;
  readonly data: string;
  readonly bufferSeconds: number;
  readonly codec: Codec;
  readonly play: string | undefined;
  readonly speed: number | 'max';
  readonly exchangePort: number;
  readonly kinesisPort: number;
  readonly transformerBundle: string;
  readonly producerBundle: string;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface PipelineStatus {
  readonly snapshots: number;
  readonly packs: number;
  readonly lagMs: number | null;
  readonly objects: number;
  readonly rows: number;
  readonly errorRecords: number;
}

/**
 * What a run did. `rows`, `duplicates` and `lost` are read from the files that the stream brought, feed events included;
 * `backfilled` counts the rows of those that direct puts brought, which prove nothing: they may be a part of any session.
 * `error_records` are of both.
 */
export interface PipelineSummary {
  readonly session_id: string | null;
  readonly venue: string;
  readonly seconds: number;
  readonly frames: number;
  readonly snapshots: number;
  readonly verified: number;
  readonly unverified: number;
  readonly book: string;
  readonly symbols: number;
  /** Sessions that wrote into this stream: this one, and those of `record --venue local`. */
  readonly sessions: number;
  readonly rows: number;
  readonly objects: number;
  readonly object_bytes: number;
  readonly packs: number;
  readonly bytes: number;
  readonly error_records: number;
  /** null: the producer did not finish, so nobody knows what it held. */
  readonly lost: number | null;
  /** Rows that wait on disk for the next start. */
  readonly spilled: number;
  readonly duplicates: number;
  readonly backfilled: number;
  readonly discarded: Readonly<Record<string, number>>;
  /** Feed events of the producer's session by kind, tallies among them. */
  readonly events: Readonly<Record<string, number>>;
}

export interface LocalPipeline {
  readonly endpoints: Endpoints;
  /** Where the producer shows itself; null: nowhere, or not yet. */
  readonly monitorUrl: string | null;
  /** Resolves when the producer first has a connection to the exchange. */
  readonly connected: Promise<void>;
  status(): PipelineStatus;
  /** Flushes everything in flight and ends; further calls change nothing. */
  stop(reason: string): void;
  /** Never rejects. */
  readonly ended: Promise<{ readonly summary: PipelineSummary; readonly failure: DepthlakeError | null }>;
}

/** How long the producer may flush once something else has failed. */
const FAILED_FLUSH_MS = 3_000;

/** How long a played recording must have brought nothing new before the run ends. */
const QUIET_REPORTS = 3;

/**
 * @returns null where `signal` was aborted before everything was up
 * @throws DL_DATA_FOLDER, DL_DISK_FULL, DL_ALREADY_RUNNING, DL_PORT_IN_USE, DL_RECORDING_INVALID, DL_SERVICE_DIED
 */
export async function startPipeline(options: PipelineOptions): Promise<LocalPipeline | null> {
  const claim = await claimFolder(options.data);
  try {
    const pipeline = await startClaimed(options, claim);
    if (pipeline === null) await claim.release();
    return pipeline;
  } catch (error) {
    await claim.release();
    throw error;
  }
}

async function startClaimed(options: PipelineOptions, claim: FolderClaim): Promise<LocalPipeline | null> {
  // Objects and failures come only once something is in the stream, and that is the pipeline's producer.
  let pipeline: Pipeline | null = null;
  const services = await startServices(options, {
    onDelivered: (key) => pipeline?.delivered(key),
    onBackfilled: (key) => pipeline?.backfilled(key),
    onFatal: (error) => pipeline?.fail(error),
  });
  if (options.signal.aborted) {
    await services.stop();
    return null;
  }
  const started = new Pipeline(options, services, claim);
  pipeline = started;
  await writeEndpoints(options.data, started.endpoints).catch((error: DepthlakeError) => started.fail(error));
  return started;
}

class Pipeline implements LocalPipeline {
  readonly ended: LocalPipeline['ended'];
  readonly connected: Promise<void>;
  monitorUrl: string | null = null;
  readonly #options: PipelineOptions;
  readonly #services: Services;
  readonly #claim: FolderClaim;
  readonly #producer: LocalProducer;
  readonly #reader: LakeReader;
  readonly #backfillReader: LakeReader;
  readonly #startedMs = Date.now();
  #resolveConnected: () => void = () => {};
  readonly #limit: DurationLimit;
  #progress: ProducerProgress | null = null;
  #stopping: string | null = null;
  #failure: DepthlakeError | null = null;
  #recordingEnded = false;
  #quietReports = 0;

  constructor(options: PipelineOptions, services: Services, claim: FolderClaim) {
    this.#options = options;
    this.#services = services;
    this.#claim = claim;
    this.#reader = new LakeReader(services.bucket, options.log);
    this.#backfillReader = new LakeReader(services.bucket, options.log);
    this.connected = new Promise((resolve) => {
      this.#resolveConnected = resolve;
    });
    this.#producer = startProducer({
      bundle: options.producerBundle,
      flags: producerFlags(options, services),
      env: producerEnvironment(services),
      log: (level, event, fields) => {
        if (event === 'connected') this.#resolveConnected();
        if (event === 'monitoring') this.monitorUrl = String(fields?.['url']);
        else options.log(level, event, fields);
      },
      progress: (progress) => this.#report(progress),
    });
    this.#limit = new DurationLimit(options.durationMs, (reason) => this.stop(reason));
    services.exchange?.recordingEnded.then(
      () => {
        this.#recordingEnded = true;
      },
      (error) => this.fail(error),
    );
    this.ended = this.#run();
  }

  get endpoints(): Endpoints {
    return { ...this.#services.endpoints, producer_pid: this.#producer.pid };
  }

  delivered(key: string): void {
    void this.#reader.read(key);
  }

  backfilled(key: string): void {
    void this.#backfillReader.read(key);
  }

  status(): PipelineStatus {
    const delivered = [this.#services.delivery(), this.#services.backfill()];
    const { snapshots = 0, packs = 0, lagMs = null } = this.#progress ?? {};
    return {
      snapshots,
      packs,
      lagMs,
      objects: sum(delivered.map(({ objects }) => objects)),
      errorRecords: sum(delivered.map(({ errorRecords }) => errorRecords)),
      rows: this.#reader.rows + this.#backfillReader.rows,
    };
  }

  stop(reason: string): void {
    if (this.#stopping !== null) return;
    this.#stopping = reason;
    this.#options.log('info', 'stopping', { reason });
    this.#limit.close();
    this.#producer.stop(reason);
  }

  fail(error: DepthlakeError): void {
    this.#failure ??= error;
    this.stop(error.code);
    // What it cannot flush in this time has nowhere to go.
    this.#producer.killAfter(FAILED_FLUSH_MS);
  }

  /** A played recording ends the run once nothing of it is under way any more. */
  #report(progress: ProducerProgress): void {
    this.#limit.report(progress.frames);
    const same = progress.frames === this.#progress?.frames && progress.queuedRows === 0;
    this.#quietReports = this.#recordingEnded && same ? this.#quietReports + 1 : 0;
    this.#progress = progress;
    if (this.#quietReports >= QUIET_REPORTS) this.stop('the recording has ended');
  }

  async #run(): Promise<{ summary: PipelineSummary; failure: DepthlakeError | null }> {
    const { summary, failure } = await this.#producer.ended;
    this.#failure ??= failure;
    if (this.#failure === null || failure !== null) {
      await this.#services.drain().catch((error: DepthlakeError) => {
        // That the producer could not flush has the same cause.
        if (this.#failure === null || this.#failure.code === 'DL_NOT_FLUSHED') this.#failure = error;
      });
    }
    await Promise.all([this.#reader.idle(), this.#backfillReader.idle()]);
    await this.#services.stop();
    await removeEndpoints(this.#options.data).catch(() => {});
    await this.#claim.release().catch(() => {});
    return { summary: this.#summary(summary), failure: this.#failure };
  }

  #summary(produced: ProducerSummary | null): PipelineSummary {
    const { sessions, totals } = this.#reader.audit.result(Number.POSITIVE_INFINITY);
    // Of an earlier session only what its spill still held comes into this stream.
    const missing = sum(sessions.filter(({ events }) => events.firstSeq === 1).map(lostOf));
    const spilled = produced?.spilled ?? 0;
    const lost = Math.max(0, missing - spilled) + undelivered(produced, totals, missing);
    const delivered = this.#services.delivery();
    return {
      session_id: produced?.session_id ?? null,
      venue: this.#options.venue,
      seconds: (Date.now() - this.#startedMs) / 1000,
      frames: produced?.frames ?? this.#progress?.frames ?? 0,
      snapshots: produced?.snapshots ?? this.#progress?.snapshots ?? 0,
      verified: produced?.verified ?? 0,
      unverified: produced?.unverified ?? 0,
      book: this.#options.book,
      symbols: produced?.symbols ?? 0,
      sessions: totals.sessions,
      rows: totals.rows,
      objects: delivered.objects,
      object_bytes: delivered.objectBytes,
      packs: produced?.packs ?? this.#progress?.packs ?? 0,
      bytes: produced?.bytes ?? 0,
      error_records: delivered.errorRecords + this.#services.backfill().errorRecords,
      lost: produced === null && this.#progress !== null ? null : lost,
      spilled,
      duplicates: totals.duplicates,
      backfilled: this.#backfillReader.rows,
      discarded: produced?.discarded ?? {},
      events: produced?.events ?? {},
    };
  }
}

/** Rows at the very end that no later row in the lake gives away, where `stopped` itself did not arrive. */
function undelivered(produced: ProducerSummary | null, { rows, duplicates }: AuditTotals, missing: number): number {
  return produced === null ? 0 : Math.max(0, produced.rows + produced.lost - (rows - duplicates) - missing);
}

function lostOf({ events, symbols }: SessionAudit): number {
  return sum([events, ...symbols].map(({ lost }) => lost));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
