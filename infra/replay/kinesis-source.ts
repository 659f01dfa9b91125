/**
 * A Kinesis stream as the source of a replay: the packs of all shards in the order in which they arrived, across splits
 * and merges.
 *
 * Reads ahead at most 20 MB a shard (see `OpenShard`). The frontier is an arrival time: how far every shard is read; at
 * its tip, when it was found to hold nothing more.
 */
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';
import { decodePack } from '../../producer/record.ts';
import type { Problem, ResumePoint, Run, Selection, Source, SourceItem } from '../../producer/replay/source.ts';
import { requireTime } from '../../transformer/partition.ts';
import { KinesisCalls } from '../kinesis/calls.ts';
import { type Clock, SYSTEM_CLOCK } from '../local/clock.ts';
import { formatTime } from '../terminal.ts';
import { type Arrival, Arrivals } from './kinesis/arrivals.ts';
import { beginningOf, oldestHeld, type StreamStart } from './kinesis/beginning.ts';
import { Consumer } from './kinesis/consumer.ts';
import { type Calling, persist } from './kinesis/failures.ts';
import { arrivalOf } from './kinesis/open-shard.ts';
import { PollingReader } from './kinesis/polling.ts';
import type { Progress, ShardReader } from './kinesis/reader.ts';
import { SubscriptionReader } from './kinesis/subscription.ts';

export type { StreamStart } from './kinesis/beginning.ts';

export interface KinesisSourceOptions {
  readonly client: KinesisClient;
  readonly stream: string;
  readonly start: StreamStart;
  /** Packs that arrived so long after the end of the selection are still read. */
  readonly lateMs: number;
  /** Without it a shard ends for the replay where it has nothing more, once the replay has begun. */
  readonly follow: boolean;
  /** Reads as a registered consumer of its own, with 2 MB/s a shard that nobody else shares. */
  readonly fanOut: boolean;
  /** Subscribes, with `fanOut`; on AWS over HTTP/2, the SDK's default for Kinesis. Default: `client`. */
  readonly subscriber?: KinesisClient;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly log?: (line: string) => void;
}

/** An answer of 10 MB may take a while. */
const CALL_TIMEOUT_MS = 30_000;
/**
 * Without `follow`, records that arrive so long after the beginning are not read any more: a shard that is never at its
 * tip would not end. The service's clock may be behind ours by as much.
 */
const TIP_SLACK_MS = 5000;

/**
 * Its `read` throws DL_STREAM_MISSING, DL_REPLAY_DENIED, DL_REPLAY_UNREACHABLE (after a minute of nothing but failures),
 * DL_USAGE for a shard or a sequence number that is not there. It ends without an error where the signal is aborted.
 */
export function kinesisSource(options: KinesisSourceOptions): Source {
  return { read: (selection, resume, signal) => read(options, selection, resume, signal) };
}

async function* read(
  options: KinesisSourceOptions,
  selection: Selection,
  resume: ResumePoint | null,
  signal: AbortSignal,
): AsyncGenerator<SourceItem, void, undefined> {
  const { client, stream, clock = SYSTEM_CLOCK, random = Math.random, log = () => {} } = options;
  const end = new AbortController();
  const calling: Calling = { client, stream, clock, random, log, signal: AbortSignal.any([signal, end.signal]) };
  const calls = new KinesisCalls(client, stream, clock, CALL_TIMEOUT_MS);
  calling.signal.addEventListener('abort', () => calls.stop());
  try {
    yield* items(options, selection, resume, calls, calling);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    end.abort();
  }
}

async function* items(
  { start, follow, lateMs, fanOut, subscriber, stream }: KinesisSourceOptions,
  selection: Selection,
  resume: ResumePoint | null,
  calls: KinesisCalls,
  calling: Calling,
): AsyncGenerator<SourceItem, void, undefined> {
  const beganMs = calling.clock.now();
  const summary = await persist(stream, calling, () => calls.summary());
  const shards = await persist(stream, calling, () => calls.shards());
  const beginning = await beginningOf(start, selection, resume, shards, calls, calling);
  const limitMs = Math.min(selection.toMs + lateMs, follow ? Number.POSITIVE_INFINITY : beganMs + TIP_SLACK_MS);
  const consumer = fanOut ? new Consumer(summary.StreamARN!, calling) : null;
  try {
    const consumerArn = await consumer?.register();
    const readerOf = readersOf(consumerArn, subscriber ?? calling.client, calls, calling);
    const arrivals = new Arrivals({ beginning, shards, limitMs, follow, readerOf, calls, calling });
    const goneMs = oldestHeld(beginning.wantedMs, summary, beganMs);
    let isToldOf = goneMs === null;
    for await (const arrival of arrivals.read()) {
      if (!isToldOf && arrival.record !== null) {
        isToldOf = true;
        const oldest = `the oldest that ${stream} holds arrived at ${formatTime(arrivalOf(arrival.record))}`;
        yield expired(stream, beginning.wantedMs!, oldest, arrival.frontierMs);
      }
      yield itemOf(arrival, resume);
    }
    const nothing = () => `${stream} keeps what arrived since ${formatTime(goneMs!)}, and holds nothing`;
    if (!isToldOf) yield expired(stream, beginning.wantedMs!, nothing(), limitMs);
  } finally {
    await consumer?.deregister();
  }
}

function readersOf(
  consumerArn: string | undefined,
  client: KinesisClient,
  calls: KinesisCalls,
  calling: Calling,
): (shardId: string, progress: Progress) => ShardReader {
  if (consumerArn === undefined) return (shardId, progress) => new PollingReader(shardId, progress, calls, calling);
  return (shardId, progress) => new SubscriptionReader(shardId, progress, { client, consumerArn }, calls, calling);
}

function itemOf({ shardId, record, frontierMs }: Arrival, resume: ResumePoint | null): SourceItem {
  if (record === null) return { run: null, problem: null, frontierMs };
  const position = record.SequenceNumber!;
  const last = resume?.taken[shardId];
  const taken = last !== undefined && BigInt(position) <= BigInt(last);
  try {
    const rows = decodePack(record.Data ?? new Uint8Array());
    // What the transformer refuses of live packs is left out here, and does not end a sink that makes a lake.
    for (const { row } of rows) requireTime(row.timestamp_ms);
    const run: Run = { rows, part: shardId, position, taken };
    return { run, problem: null, frontierMs };
  } catch (error) {
    if (!(error instanceof DepthlakeError)) throw error;
    const problem: Problem = { code: error.code, where: `${shardId} ${position}`, message: reasonOf(error) };
    // It is taken too, so that it is not counted again when the replay goes on.
    return { run: { rows: [], part: shardId, position, taken }, problem: taken ? null : problem, frontierMs };
  }
}

/** @param oldest what the stream has instead */
function expired(stream: string, wantedMs: number, oldest: string, frontierMs: number): SourceItem {
  const message = `rows from ${formatTime(wantedMs)} on are asked for; ${oldest}`;
  return { run: null, problem: { code: 'DL_RANGE_EXPIRED', where: stream, message }, frontierMs };
}
