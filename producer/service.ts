/** The producer with real parts: sockets, clock, disk, AWS. What `depthlake record` and the deployed task both run. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { asyncScheduler, firstValueFrom, from, map, type Observable, race, timer } from 'rxjs';
import type { FeedConfig, MonitorConfig, StreamConfig } from './config.ts';
import { DepthlakeError, reasonOf } from './errors.ts';
import { connection } from './feed/connection.ts';
import type { VenueHosts } from './feed/venue.ts';
import { venueOf } from './feed/venues.ts';
import { collectInTime } from './heap-growth.ts';
import type { Log } from './log.ts';
import { runProducer } from './main.ts';
import { EmfReport, reportEmf } from './monitor/emf.ts';
import type { Figures } from './monitor/figures.ts';
import { health, readiness } from './monitor/health.ts';
import { startMonitor } from './monitor/server.ts';
import { checkTable, createDynamoDbClient, dynamoDbStore } from './state/dynamodb-store.ts';
import { fileStore } from './state/file-store.ts';
import type { StateStore } from './state/store.ts';
import { checkStream, createKinesisClient, putPacks } from './stream/kinesis.ts';
import { openSpill } from './stream/open-spill.ts';
import { createS3Client, putObject } from './stream/s3.ts';
import type { Spill } from './stream/spill.ts';
import { type PutObject, uploadSpill } from './stream/upload.ts';
import type { ProducerProgress, ProducerSummary } from './summary.ts';

export interface ServiceOptions {
  readonly config: FeedConfig & StreamConfig & MonitorConfig;
  readonly log: Log;
  readonly stop: Observable<string>;
  readonly progress?: (progress: ProducerProgress) => void;
  /** Takes the lines of `--metrics emf`; absent: they are not written. */
  readonly writeLine?: (line: string) => void;
  /** Log lines that nobody took. */
  readonly linesDropped?: () => number;
}

/** Set by the build. */
const VERSION = process.env.npm_package_version ?? 'unknown';

/** Records until `stop`; AWS endpoints, region and credentials come from the standard variables and files. */
export async function runService(options: ServiceOptions): Promise<ProducerSummary> {
  collectInTime();
  const { config, log, stop } = options;
  const venue = venueOf(config.venue);
  const hosts = hostsOf(config, venue.hosts);
  const kinesis = createKinesisClient();
  const state = openState(config, log);
  const sessionId = randomUUID();
  try {
    return await runProducer(
      { ...config, ...hosts, info: { version: VERSION, stack: config.stack, producer: config.producer } },
      {
        venue,
        connect: (url) => connection(url, asyncScheduler),
        fetcher: fetch,
        checkStream: async () => {
          await checkStream(kinesis, config.stream);
          await state.check();
        },
        put: putPacks(kinesis, config.stream),
        store: state.store,
        openSpill: config.spillMib === 0 ? null : () => openSpill(spillOptions(config, sessionId, log)),
        leaveSpill: (spill) => leaveSpill(spill, config, log),
        scheduler: asyncScheduler,
        monotonicNow: () => performance.now(),
        random: Math.random,
        sessionId,
        log,
        stop,
        monitor: (figures) => monitor(figures, options),
        ...(options.linesDropped && { linesDropped: options.linesDropped }),
        ...(options.progress && { progress: options.progress }),
      },
    );
  } finally {
    kinesis.destroy();
    state.close();
  }
}

function hostsOf({ wsUrl, restUrl }: FeedConfig, own: VenueHosts | null): VenueHosts {
  const hosts = { wsUrl: wsUrl?.href ?? own?.wsUrl, restUrl: restUrl?.href ?? own?.restUrl };
  if (hosts.wsUrl === undefined || hosts.restUrl === undefined) {
    throw new DepthlakeError(
      'DL_SETTINGS',
      'venue local has no hosts of its own: give --ws-url and --rest-url of a local exchange, or run `depthlake start`',
    );
  }
  return { wsUrl: hosts.wsUrl, restUrl: hosts.restUrl };
}

interface State {
  readonly store: StateStore | null;
  readonly check: () => Promise<void>;
  readonly close: () => void;
}

function openState({ state, work }: StreamConfig, log: Log): State {
  const nothing = { check: async () => {}, close: () => {} };
  if (state.kind === 'none') return { ...nothing, store: null };
  if (state.kind === 'file') return { ...nothing, store: fileStore({ folder: join(work, 'state'), log }) };
  const client = createDynamoDbClient();
  return {
    store: dynamoDbStore(client, state.table),
    check: () => unlessAway(checkTable(client, state.table), log),
    close: () => client.destroy(),
  };
}

/** A table that is wrong is the operator's to see; one that is away for a while must not keep the producer from recording. */
async function unlessAway(check: Promise<void>, log: Log): Promise<void> {
  try {
    await check;
  } catch (error) {
    if (!(error instanceof DepthlakeError && error.code === 'DL_STATE_UNAVAILABLE')) throw error;
    log('error', 'state_not_checked', { reason: error.message });
  }
}

const MIB = 1024 * 1024;

/** What was meant for one stream never goes into another. */
function spillOptions({ work, spillMib, stream, venue }: ServiceOptions['config'], sessionId: string, log: Log) {
  const folder = join(work, 'spill', stream, venue);
  return { folder, sessionId, boundBytes: spillMib * MIB, scheduler: asyncScheduler, log };
}

/** A disk that hangs must not hold up the end for longer; supervisors kill after 30 s. */
const LEAVE_MS = 5_000;
/** ECS gives a task 120 s at the most (`stopTimeout`); 25 of them may have gone to Kinesis and the disk. */
const UPLOAD_MS = 60_000;

/** What is left stays for the next session, or goes where recovery takes it from. */
async function leaveSpill(spill: Spill, { spillTo }: StreamConfig, log: Log): Promise<void> {
  try {
    if (await within(spill.close(), LEAVE_MS)) {
      if (spillTo !== undefined && spill.remaining > 0) {
        const client = createS3Client();
        await uploadSpill(spill, spillTo.prefix, inTime(putObject(client, spillTo.bucket), UPLOAD_MS), log);
        client.destroy();
      }
      await within(spill.release(), LEAVE_MS);
    } else log('error', 'spill_not_closed', { reason: `the disk did not answer in ${LEAVE_MS / 1000} s` });
  } catch (error) {
    log('error', 'spill_not_closed', { reason: reasonOf(error) });
  }
}

/** Begins nothing once the time has passed. */
function inTime(put: PutObject, ms: number): PutObject {
  const endsMs = performance.now() + ms;
  return async (key, bytes) => {
    if (performance.now() > endsMs) throw new Error(`the ${ms / 1000} s for it have passed`);
    await put(key, bytes);
  };
}

/** Whether it came about in time. */
function within(done: Promise<void>, ms: number): Promise<boolean> {
  return firstValueFrom(race(from(done).pipe(map(() => true)), timer(ms).pipe(map(() => false))));
}

/** Shows the figures as the settings ask for. */
async function monitor(figures: Figures, { config, log, writeLine }: ServiceOptions): Promise<() => Promise<void>> {
  const ends: (() => Promise<void>)[] = [];
  if (config.monitor !== null) {
    const server = await startMonitor(config.monitor, {
      health: () => health(figures.vitals()),
      readiness: () => readiness(figures.vitals(), config.lingerMs, Date.now()),
      metrics: () => figures.text(),
    });
    log('info', 'monitoring', { url: server.url });
    ends.push(() => server.close());
  }
  if (config.metrics === 'emf' && writeLine !== undefined) {
    ends.push(reportEmf(new EmfReport(figures, config), { write: writeLine, scheduler: asyncScheduler, log }));
  }
  return async () => {
    for (const end of ends) await end();
  };
}
