/**
 * The Kinesis writer: packs in, packs accepted out.
 *
 * One pack a lane is in flight, so each symbol stays in order on its shard. PutRecords accepts and refuses entry by
 * entry; only the refused ones are sent again, with exponential back-off and full jitter, for as long as the session
 * lasts: throttling drops nothing. The queue is bounded by whoever admits rows, who asks for `queuedBytes`.
 */
import { Observable, type OperatorFunction, type SchedulerLike } from 'rxjs';
import { fullJitter } from '../backoff.ts';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Pack } from './packs.ts';

/** The outcome of one entry: null accepted, else the service's error code. */
export type PutOutcome = string | null;

/** Sends packs in one PutRecords call and says the outcome of each, in order; rejects where the call as a whole failed. */
export type PutPacks = (packs: readonly Pack[]) => Promise<readonly PutOutcome[]>;

export interface WriterCounts {
  packs: number;
  rows: number;
  lineBytes: number;
  bytes: number;
  calls: number;
  /** Entries refused by the service, and entries of calls that failed as a whole. */
  retries: number;
}

/** PutRecords takes 500 records and 5 MiB a call (the older, smaller limit). */
const CALL_MAX_RECORDS = 500;
const CALL_MAX_BYTES = 5 * 1024 * 1024;
/** Calls in flight at once; more would only queue inside the HTTP client. */
const MAX_CALLS = 4;
const BACKOFF = { baseMs: 100, capMs: 5_000 };

/** What a queued pack costs beside its bytes: objects, and its place in the queue. */
const PACK_OVERHEAD_BYTES = 512;

interface Lane {
  readonly packs: Pack[];
  attempt: number;
  /** In flight, or waiting for its back-off to pass. */
  busy: boolean;
}

export interface WriterEdge {
  readonly put: PutPacks;
  readonly scheduler: SchedulerLike;
  readonly random: () => number;
  readonly log: Log;
}

export class KinesisWriter {
  readonly counts: WriterCounts = { packs: 0, rows: 0, lineBytes: 0, bytes: 0, calls: 0, retries: 0 };
  readonly #edge: WriterEdge;
  readonly #lanes = new Map<string, Lane>();
  readonly #onAccepted: (pack: Pack) => void;
  /** Set by whoever waits for the queue to run empty. */
  onIdle: () => void = () => {};
  #queuedBytes = 0;
  #queuedRows = 0;
  #calls = 0;
  #failing = false;
  #abandoned = false;

  constructor(edge: WriterEdge, onAccepted: (pack: Pack) => void = () => {}) {
    this.#edge = edge;
    this.#onAccepted = onAccepted;
  }

  /** Memory of packs that Kinesis has not accepted, bytes. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get queuedRows(): number {
    return this.#queuedRows;
  }

  write(pack: Pack): void {
    let lane = this.#lanes.get(pack.lane);
    if (lane === undefined) {
      lane = { packs: [], attempt: 0, busy: false };
      this.#lanes.set(pack.lane, lane);
    }
    lane.packs.push(pack);
    this.#queuedBytes += memoryOf(pack);
    this.#queuedRows += pack.rows;
    this.#pump();
  }

  /** Sends nothing more. What is queued stays counted in `queuedRows`. */
  abandon(): void {
    this.#abandoned = true;
  }

  #pump(): void {
    while (!this.#abandoned && this.#calls < MAX_CALLS) {
      const lanes = this.#readyLanes();
      if (lanes.length === 0) return;
      void this.#send(lanes);
    }
  }

  /** Lanes whose first pack can go now, as many as one call takes. */
  #readyLanes(): Lane[] {
    const ready: Lane[] = [];
    let bytes = 0;
    for (const [key, lane] of this.#lanes) {
      const pack = lane.packs[0];
      if (lane.busy || pack === undefined) continue;
      bytes += pack.data.length + Buffer.byteLength(key);
      if (ready.length === CALL_MAX_RECORDS || bytes > CALL_MAX_BYTES) break;
      ready.push(lane);
    }
    return ready;
  }

  async #send(lanes: readonly Lane[]): Promise<void> {
    this.#calls += 1;
    this.counts.calls += 1;
    for (const lane of lanes) {
      lane.busy = true;
      this.#moveToEnd(lane.packs[0]!.lane, lane);
    }
    const outcomes = await this.#outcomes(lanes.map((lane) => lane.packs[0]!));
    this.#calls -= 1;
    // Answers that come after the writer gave up still count: their packs are in the stream.
    lanes.forEach((lane, i) => {
      if (outcomes[i] === null) this.#accept(lane);
      else this.#retry(lane);
    });
    this.#tell(outcomes.find((outcome) => outcome !== null) ?? null);
    if (this.#queuedRows === 0) this.onIdle();
    this.#pump();
  }

  /** Who was served last is asked last, so that no lane waits while others go again and again. */
  #moveToEnd(key: string, lane: Lane): void {
    this.#lanes.delete(key);
    this.#lanes.set(key, lane);
  }

  async #outcomes(packs: readonly Pack[]): Promise<readonly PutOutcome[]> {
    try {
      return await this.#edge.put(packs);
    } catch (error) {
      return packs.map(() => reasonOf(error));
    }
  }

  #accept(lane: Lane): void {
    const pack = lane.packs.shift()!;
    lane.busy = false;
    lane.attempt = 0;
    this.#queuedBytes -= memoryOf(pack);
    this.#queuedRows -= pack.rows;
    this.counts.packs += 1;
    this.counts.rows += pack.rows;
    this.counts.lineBytes += pack.lineBytes;
    this.counts.bytes += pack.data.length;
    this.#onAccepted(pack);
  }

  #retry(lane: Lane): void {
    this.counts.retries += 1;
    const delayMs = fullJitter(lane.attempt++, BACKOFF, this.#edge.random);
    this.#edge.scheduler.schedule(() => {
      lane.busy = false;
      this.#pump();
    }, delayMs);
  }

  /** Tells when Kinesis begins to refuse and when it takes packs again, not each refusal. */
  #tell(refusal: PutOutcome): void {
    if (refusal !== null && !this.#failing) this.#edge.log('warn', 'kinesis_refuses', { reason: refusal });
    if (refusal === null && this.#failing)
      this.#edge.log('info', 'kinesis_accepts', { queued_bytes: this.#queuedBytes });
    this.#failing = refusal !== null;
  }
}

function memoryOf(pack: Pack): number {
  return pack.data.buffer.byteLength + PACK_OVERHEAD_BYTES;
}

/**
 * Writes packs and completes when Kinesis accepted them all, or `flushMs` after the last one with the rest unsent
 * (`writer.queuedRows` of them).
 */
export function writeTo(
  writer: KinesisWriter,
  flushMs: number,
  scheduler: SchedulerLike,
): OperatorFunction<Pack, never> {
  return (packs) =>
    new Observable((subscriber) => {
      subscriber.add(() => writer.abandon());
      subscriber.add(
        packs.subscribe({
          next: (pack) => writer.write(pack),
          error: (error) => subscriber.error(error),
          complete() {
            subscriber.add(scheduler.schedule(() => subscriber.complete(), flushMs));
            writer.onIdle = () => subscriber.complete();
            if (writer.queuedRows === 0) subscriber.complete();
          },
        }),
      );
    });
}
