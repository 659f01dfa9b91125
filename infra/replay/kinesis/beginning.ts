/** Where the reading of a stream begins, and what is no longer there. */
import { type Shard, ShardIteratorType, type StreamDescriptionSummary } from '@aws-sdk/client-kinesis';
import { DepthlakeError } from '../../../producer/errors.ts';
import type { ResumePoint, Selection } from '../../../producer/replay/source.ts';
import type { KinesisCalls, Position } from '../../kinesis/calls.ts';
import { isClosed } from '../../kinesis/lineage.ts';
import { type Calling, persist } from './failures.ts';
import { arrivalOf } from './open-shard.ts';
import { atTime } from './reader.ts';

export type StreamStart =
  /** The beginning of the selection. */
  | { readonly kind: 'time' }
  | { readonly kind: 'trim-horizon' }
  /** What comes from now on; makes sense only where the replay follows. */
  | { readonly kind: 'latest' }
  /** That record of that shard, and what arrived in the others from then on. */
  | { readonly kind: 'sequence'; readonly shardId: string; readonly number: string };

/**
 * A row arrives after its event time, by the producer's linger, a spill or the way: only clocks that differ can make it
 * arrive before. So much earlier than the first event time wanted a reading begins.
 */
const MARGIN_MS = 60_000;

export interface Beginning {
  position(shardId: string): Position;
  /** Shards that nobody wants, with all before them. */
  readonly unwanted: readonly string[];
  /** No record wanted arrived before, UTC epoch ms; -Infinity where nobody knows. */
  readonly reachedMs: number;
  /** The event time from which rows are wanted and may be gone, UTC epoch ms; null where no time was named. */
  readonly wantedMs: number | null;
}

/** @throws DL_USAGE where there is no such record; what {@link persist} throws */
export async function beginningOf(
  start: StreamStart,
  selection: Selection,
  resume: ResumePoint | null,
  shards: readonly Shard[],
  calls: KinesisCalls,
  calling: Calling,
): Promise<Beginning> {
  const fromMs = Math.max(selection.fromMs, resume?.fromMs ?? Number.NEGATIVE_INFINITY);
  if (start.kind === 'sequence') {
    const startMs = await arrivalAt(start.shardId, start.number, shards, calls, calling);
    return fromRecord(
      start.shardId,
      start.number,
      Math.max(startMs, earliestArrival(resume?.fromMs, calling)),
      startMs,
    );
  }
  if (start.kind === 'latest' && resume === null) {
    const unwanted = shards.filter(isClosed).map((shard) => shard.ShardId!);
    return { ...from({ ShardIteratorType: ShardIteratorType.LATEST }), unwanted };
  }
  const isOpen = start.kind === 'trim-horizon' && resume === null;
  return fromTime(isOpen ? Number.NEGATIVE_INFINITY : fromMs, calling);
}

function fromTime(eventMs: number, calling: Calling): Beginning {
  if (eventMs === Number.NEGATIVE_INFINITY) return from({ ShardIteratorType: ShardIteratorType.TRIM_HORIZON });
  const reachedMs = earliestArrival(eventMs, calling);
  return { ...from(atTime(reachedMs)), reachedMs, wantedMs: eventMs };
}

/** @param startMs when that record arrived; of a replay that goes on, `reachedMs` is later */
function fromRecord(shardId: string, number: string, reachedMs: number, startMs: number): Beginning {
  const atRecord: Position = {
    ShardIteratorType: ShardIteratorType.AT_SEQUENCE_NUMBER,
    StartingSequenceNumber: number,
  };
  const position = (each: string) => (each === shardId && reachedMs === startMs ? atRecord : atTime(reachedMs));
  return { position, unwanted: [], reachedMs, wantedMs: null };
}

function from(position: Position): Beginning {
  return { position: () => position, unwanted: [], reachedMs: Number.NEGATIVE_INFINITY, wantedMs: null };
}

/** When a record with rows of that event time may have arrived; Kinesis refuses a time in the future. */
function earliestArrival(eventMs: number | undefined, { clock }: Calling): number {
  return eventMs === undefined ? Number.NEGATIVE_INFINITY : Math.min(eventMs, clock.now()) - MARGIN_MS;
}

/** When a record arrived, UTC epoch ms. */
async function arrivalAt(
  shardId: string,
  number: string,
  shards: readonly Shard[],
  calls: KinesisCalls,
  calling: Calling,
): Promise<number> {
  const absent = (cause?: unknown) =>
    new DepthlakeError('DL_USAGE', `${calling.stream} holds no record ${number} in ${shardId}`, { cause });
  if (!shards.some((shard) => shard.ShardId === shardId)) {
    const known = shards.map((shard) => shard.ShardId).join(', ');
    throw new DepthlakeError('DL_USAGE', `${calling.stream} has no shard ${shardId}; it has ${known}`);
  }
  const position: Position = {
    ShardIteratorType: ShardIteratorType.AT_SEQUENCE_NUMBER,
    StartingSequenceNumber: number,
  };
  const answer = await persist(`${shardId} of ${calling.stream}`, calling, async () => {
    const iterator = await calls.iterator(shardId, position).catch((error: Error) => {
      throw /ResourceNotFound|InvalidArgument|Validation/.test(error.name) ? absent(error) : error;
    });
    return calls.records(iterator, 1);
  });
  const [first] = answer.Records ?? [];
  // Kinesis answers with the record that follows where the one asked for is gone.
  if (first?.SequenceNumber !== number) throw absent();
  return arrivalOf(first);
}

/**
 * The time from which on the stream keeps rows, where one before it is wanted, else null; UTC epoch ms. What lies before
 * the stream was made, and within its retention, was never in it: nothing of it is gone.
 */
export function oldestHeld(
  wantedMs: number | null,
  { RetentionPeriodHours, StreamCreationTimestamp }: StreamDescriptionSummary,
  nowMs: number,
): number | null {
  if (wantedMs === null) return null;
  const retainedMs = nowMs - (RetentionPeriodHours ?? Number.POSITIVE_INFINITY) * 3_600_000;
  // `-24h` of a stream that keeps 24 hours is no mistake.
  if (wantedMs >= retainedMs - MARGIN_MS) return null;
  return Math.max(retainedMs, StreamCreationTimestamp?.getTime() ?? Number.NEGATIVE_INFINITY);
}
