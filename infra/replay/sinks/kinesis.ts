/**
 * Rows into a Kinesis stream, as a producer writes them: one pack a lane in flight, only refused packs again. At least
 * once: what a checkpoint does not know to be accepted is written again, and readers tell it by its identity.
 */
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { DepthlakeError } from '../../../producer/errors.ts';
import type { Sink } from '../../../producer/replay/sink.ts';
import { checkStream, putPacks } from '../../../producer/stream/kinesis.ts';
import { Lanes, type PutPacks } from '../../../producer/stream/lanes.ts';
import type { CollectedPack } from '../../../producer/stream/packs.ts';
import { type Carrier, type CarrierEvents, PackSink } from './pack-sink.ts';
import { Patience } from './patience.ts';

interface KinesisSinkOptions {
  /** As `createKinesisClient` makes it: it must not retry by itself. Whoever opened it closes it. */
  readonly client: KinesisClient;
  readonly stream: string;
  /** Number of partition keys. */
  readonly lanes: number;
  readonly log: (line: string) => void;
  /** Times back-offs; default the system's clock. */
  readonly scheduler?: SchedulerLike;
}

/** @throws DL_STREAM_MISSING, DL_REPLAY_DENIED, DL_REPLAY_UNREACHABLE, DL_SETTINGS; its calls: these, and DL_SINK_FAILED */
export async function openKinesisSink(options: KinesisSinkOptions): Promise<Sink> {
  await checkStream(options.client, options.stream).catch((error) => {
    throw inReplaysWords(error);
  });
  return new PackSink(options.lanes, (events) => openLanes(options, events));
}

function openLanes(options: KinesisSinkOptions, { onAccepted, onFailed }: CarrierEvents): Carrier {
  const { client, stream, log, scheduler = asyncScheduler } = options;
  const target = `the Kinesis stream "${stream}"`;
  const patience = new Patience({
    service: 'Kinesis',
    target,
    missing: 'DL_STREAM_MISSING',
    now: () => scheduler.now(),
    log,
  });
  const send = putPacks(client, stream);
  const put: PutPacks = async (packs) => {
    try {
      const outcomes = await send(packs);
      patience.answered(outcomes.find((outcome) => outcome !== null) ?? null);
      return outcomes;
    } catch (error) {
      const failure = patience.failed(error);
      if (failure !== null) onFailed(failure);
      throw error;
    }
  };
  const lanes = new Lanes<{ readonly pack: CollectedPack }>({ put, scheduler, random: Math.random }, (accepted) => {
    for (const { pack } of accepted) onAccepted(pack);
  });
  return { carry: (pack) => lanes.offer({ pack }), stop: () => lanes.stop() };
}

/** The check is the producer's, and so are its codes. */
function inReplaysWords(error: unknown): unknown {
  if (!(error instanceof DepthlakeError)) return error;
  const { message, cause } = error;
  if (error.code === 'DL_KINESIS_DENIED') return new DepthlakeError('DL_REPLAY_DENIED', message, { cause });
  if (error.code === 'DL_KINESIS_UNREACHABLE') return new DepthlakeError('DL_REPLAY_UNREACHABLE', message, { cause });
  return error;
}
