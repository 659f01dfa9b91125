/**
 * Rows into a delivery stream that takes direct puts, and so into the lake through the same transformer as live ones. At
 * least once: what a checkpoint does not know to be accepted is put again, and sealing keeps one of each identity.
 * Firehose keeps no order; sealing sorts.
 */
import { type FirehoseClient, PutRecordBatchCommand, type PutRecordBatchResponseEntry } from '@aws-sdk/client-firehose';
import { type Backoff, fullJitter } from '../../../producer/backoff.ts';
import { reasonOf } from '../../../producer/errors.ts';
import type { ReplayClock } from '../../../producer/replay/options.ts';
import type { Sink } from '../../../producer/replay/sink.ts';
import type { CollectedPack } from '../../../producer/stream/packs.ts';
import { checkDeliveryStream } from './delivery-stream.ts';
import { FirehosePace } from './firehose-pace.ts';
import { type Carrier, type CarrierEvents, PackSink } from './pack-sink.ts';
import { Patience } from './patience.ts';

export interface FirehoseSinkOptions {
  /** It must not retry by itself (`maxAttempts` 1). Whoever opened it closes it. */
  readonly client: FirehoseClient;
  readonly deliveryStream: string;
  /** The stack's direct-put delivery stream, to be named to who asks for another; undefined: it is looked for. */
  readonly backfill: string | undefined;
  readonly clock: ReplayClock;
  readonly log: (line: string) => void;
  /** Active partitions that AWS grants the delivery stream: 500, on request to 5,000. */
  readonly partitionQuota: number;
}

/** PutRecordBatch takes 500 records and "4 MB for the entire request"; a quarter is left, should base64 be counted. */
const CALL_MAX_RECORDS = 500;
const CALL_MAX_BYTES = 3_000_000;
/**
 * What a delivery stream takes a second (5 MiB and 2,000 calls in us-east-1, us-west-2 and eu-west-1, 1 MiB and 1,000
 * elsewhere: https://docs.aws.amazon.com/firehose/latest/dev/limits.html) differs by region and account: it is found by
 * being throttled.
 */
const BACKOFF: Backoff = { baseMs: 100, capMs: 5_000 };
const CALL_TIMEOUT_MS = 30_000;
/** Waits shorter than that are nothing to tell of. */
const TOLD_WAIT_MS = 10_000;

/**
 * @throws DL_DELIVERY_STREAM_MISSING, DL_DELIVERY_STREAM_SOURCE, DL_REPLAY_DENIED, DL_REPLAY_UNREACHABLE, DL_SETTINGS,
 * DL_SINK_FAILED where it is not ACTIVE; its calls: DL_DELIVERY_STREAM_MISSING, DL_REPLAY_*, DL_SINK_FAILED
 */
export async function openFirehoseSink(options: FirehoseSinkOptions): Promise<Sink> {
  const { client, deliveryStream, backfill, clock, log } = options;
  const patience = new Patience({
    service: 'Firehose',
    target: `the delivery stream "${deliveryStream}"`,
    missing: 'DL_DELIVERY_STREAM_MISSING',
    now: () => clock.now(),
    log,
  });
  const hints = await checkDeliveryStream(client, deliveryStream, backfill, patience);
  const pace = new FirehosePace({ ...hints, partitionQuota: options.partitionQuota });
  // Order is not kept, so one lane will do: fuller packs, and Firehose bills each as 5 KB at least.
  const sink = new PackSink(1, (events) => new Posting(options, pace, patience, events));
  return {
    write: (rows) => sink.write(rows),
    accepted: () => sink.accepted(),
    end: async () => {
      const accepted = await sink.end();
      if (accepted.writes > 0)
        log(`what the delivery stream has taken is in the lake in ${pace.longestMs / 1000} s at most`);
      return accepted;
    },
    close: () => sink.close(),
  };
}

/** The outcome of one record: null accepted, else the service's error code. */
type Outcome = string | null;

/** Puts packs, one call at a time. */
class Posting implements Carrier {
  readonly #options: FirehoseSinkOptions;
  readonly #pace: FirehosePace;
  readonly #patience: Patience;
  readonly #events: CarrierEvents;
  readonly #stopped = new AbortController();
  /** Bounded by the sink, which lets only so many bytes wait for their answer. */
  #queue: CollectedPack[] = [];
  #running = false;
  #toldOfWaiting = false;

  constructor(options: FirehoseSinkOptions, pace: FirehosePace, patience: Patience, events: CarrierEvents) {
    this.#options = options;
    this.#pace = pace;
    this.#patience = patience;
    this.#events = events;
  }

  carry(pack: CollectedPack): void {
    this.#queue.push(pack);
    if (!this.#running) void this.#run();
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #run(): Promise<void> {
    this.#running = true;
    let refusals = 0;
    while (this.#queue.length > 0 && !this.#stopped.signal.aborted) {
      const packs = await this.#next();
      if (packs.length === 0) continue;
      const outcomes = await this.#put(packs);
      this.#settle(packs, outcomes);
      refusals = outcomes.includes(null) ? 0 : refusals + 1;
      if (outcomes.some((outcome) => outcome !== null)) await this.#sleep(fullJitter(refusals, BACKOFF, Math.random));
    }
    this.#running = false;
  }

  /** What goes now, as far as one call and the pace allow; waits where that is nothing. */
  async #next(): Promise<readonly CollectedPack[]> {
    const { clock } = this.#options;
    const fitting = this.#pace.fitting(callOf(this.#queue), clock.now());
    if (fitting === 0) await this.#waitForDelivery(this.#pace.nextMs() - clock.now());
    return this.#queue.slice(0, fitting);
  }

  async #waitForDelivery(ms: number): Promise<void> {
    const { log, partitionQuota } = this.#options;
    if (!this.#toldOfWaiting && ms > TOLD_WAIT_MS) {
      this.#toldOfWaiting = true;
      log(`going no faster than files are delivered: the delivery stream may have ${partitionQuota} at once`);
    }
    await this.#sleep(ms);
  }

  #settle(packs: readonly CollectedPack[], outcomes: readonly Outcome[]): void {
    const nowMs = this.#options.clock.now();
    const refused = packs.filter((_, i) => outcomes[i] !== null);
    this.#queue = [...refused, ...this.#queue.slice(packs.length)];
    for (const [i, pack] of packs.entries()) {
      if (outcomes[i] !== null) continue;
      this.#pace.sent(pack, nowMs);
      this.#events.onAccepted(pack);
    }
  }

  /** Never rejects. */
  async #put(packs: readonly CollectedPack[]): Promise<readonly Outcome[]> {
    const { client, deliveryStream: DeliveryStreamName } = this.#options;
    const command = new PutRecordBatchCommand({
      DeliveryStreamName,
      Records: packs.map(({ data: Data }) => ({ Data })),
    });
    try {
      const { RequestResponses } = await client.send(command, { abortSignal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
      const outcomes = packs.map((_, i) => outcomeOf(RequestResponses?.[i]));
      this.#patience.answered(outcomes.find((outcome) => outcome !== null) ?? null);
      return outcomes;
    } catch (error) {
      const failure = this.#patience.failed(error);
      if (failure !== null) this.#events.onFailed(failure);
      return packs.map(() => reasonOf(error));
    }
  }

  async #sleep(ms: number): Promise<void> {
    // A clock may reject once the signal is aborted, and then nothing is left to do.
    await this.#options.clock.sleep(Math.max(0, ms), this.#stopped.signal).catch(() => {});
  }
}

/** The packs at the front of the queue that one call takes; at least one, for the service to judge. */
function callOf(queue: readonly CollectedPack[]): readonly CollectedPack[] {
  let bytes = 0;
  const end = queue.findIndex(({ data }, i) => {
    bytes += data.length;
    return i > 0 && (i === CALL_MAX_RECORDS || bytes > CALL_MAX_BYTES);
  });
  return end === -1 ? queue : queue.slice(0, end);
}

function outcomeOf(answer: PutRecordBatchResponseEntry | undefined): Outcome {
  return answer?.RecordId === undefined ? (answer?.ErrorCode ?? 'no answer for this record') : null;
}
