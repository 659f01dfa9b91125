/**
 * The lanes: packs on their way into Kinesis, each lane in its own order.
 *
 * One pack a lane is in flight, so each symbol stays in order on its shard. PutRecords accepts and refuses entry by
 * entry; only the refused ones are sent again, with exponential back-off and full jitter, for as long as the session
 * lasts: throttling drops nothing.
 */
import type { SchedulerLike } from 'rxjs';
import { fullJitter } from '../backoff.ts';
import { reasonOf } from '../errors.ts';
import type { Pack } from './packs.ts';

/** The outcome of one entry: null accepted, else the service's error code. */
export type PutOutcome = string | null;

/** Sends packs in one PutRecords call and says the outcome of each, in order; rejects where the call as a whole failed. */
export type PutPacks = (packs: readonly Pack[]) => Promise<readonly PutOutcome[]>;

export interface LanesEdge {
  readonly put: PutPacks;
  readonly scheduler: SchedulerLike;
  readonly random: () => number;
}

interface LaneCounts {
  calls: number;
  /** Entries refused by the service, and entries of calls that failed as a whole. */
  retries: number;
  /** Of these, entries refused because a shard takes no more this second. */
  throttles: number;
}

/** PutRecords takes 500 records and 5 MiB a call (the older, smaller limit). */
const CALL_MAX_RECORDS = 500;
const CALL_MAX_BYTES = 5 * 1024 * 1024;
/** Calls in flight at once; more would only queue inside the HTTP client. */
const MAX_CALLS = 4;
const BACKOFF = { baseMs: 100, capMs: 5_000 };
const THROTTLED = 'ProvisionedThroughputExceededException';

interface Lane<Item> {
  items: Item[];
  attempt: number;
  /** In flight, or waiting for its back-off to pass. */
  busy: boolean;
}

export class Lanes<Item extends { readonly pack: Pack }> {
  readonly counts: LaneCounts = { calls: 0, retries: 0, throttles: 0 };
  readonly #edge: LanesEdge;
  readonly #onAnswer: (accepted: readonly Item[], refusal: PutOutcome) => void;
  readonly #lanes = new Map<string, Lane<Item>>();
  #calls = 0;
  #stopped = false;

  /** @param onAnswer told of each call which items it brought into the stream, and of a refusal among the others */
  constructor(edge: LanesEdge, onAnswer: (accepted: readonly Item[], refusal: PutOutcome) => void) {
    this.#edge = edge;
    this.#onAnswer = onAnswer;
  }

  offer(item: Item): void {
    const key = item.pack.lane;
    const lane = this.#lanes.get(key) ?? { items: [], attempt: 0, busy: false };
    this.#lanes.set(key, lane);
    lane.items.push(item);
    this.#pump();
  }

  /** Takes items back, except those that are in flight or wait to be sent again. */
  withdraw(isWanted: (item: Item) => boolean): ReadonlySet<Item> {
    const withdrawn = new Set<Item>();
    for (const lane of this.#lanes.values()) {
      const idle = lane.items.slice(lane.busy ? 1 : 0);
      for (const item of idle.filter(isWanted)) withdrawn.add(item);
      lane.items = lane.items.filter((item) => !withdrawn.has(item));
    }
    return withdrawn;
  }

  /** Sends nothing more; answers that come later still count. */
  stop(): void {
    this.#stopped = true;
  }

  #pump(): void {
    while (!this.#stopped && this.#calls < MAX_CALLS) {
      const lanes = this.#readyLanes();
      if (lanes.length === 0) return;
      void this.#send(lanes);
    }
  }

  /** Lanes whose first pack can go now, as many as one call takes. */
  #readyLanes(): Lane<Item>[] {
    const ready: Lane<Item>[] = [];
    let bytes = 0;
    for (const [key, lane] of this.#lanes) {
      const pack = lane.items[0]?.pack;
      if (lane.busy || pack === undefined) continue;
      bytes += pack.data.length + Buffer.byteLength(key);
      if (ready.length === CALL_MAX_RECORDS || bytes > CALL_MAX_BYTES) break;
      ready.push(lane);
    }
    return ready;
  }

  async #send(lanes: readonly Lane<Item>[]): Promise<void> {
    this.#calls += 1;
    this.counts.calls += 1;
    for (const lane of lanes) {
      lane.busy = true;
      this.#moveToEnd(lane.items[0]!.pack.lane, lane);
    }
    const outcomes = await this.#outcomes(lanes.map((lane) => lane.items[0]!.pack));
    this.#calls -= 1;
    const accepted = lanes.filter((_, i) => outcomes[i] === null).map((lane) => this.#accept(lane));
    lanes.forEach((lane, i) => {
      if (outcomes[i] !== null) this.#retry(lane, outcomes[i] ?? null);
    });
    this.#onAnswer(accepted, outcomes.find((outcome) => outcome !== null) ?? null);
    this.#pump();
  }

  /** Who was served last is asked last, so that no lane waits while others go again and again. */
  #moveToEnd(key: string, lane: Lane<Item>): void {
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

  #accept(lane: Lane<Item>): Item {
    lane.busy = false;
    lane.attempt = 0;
    return lane.items.shift()!;
  }

  #retry(lane: Lane<Item>, refusal: PutOutcome): void {
    this.counts.retries += 1;
    if (refusal === THROTTLED) this.counts.throttles += 1;
    const delayMs = fullJitter(lane.attempt++, BACKOFF, this.#edge.random);
    this.#edge.scheduler.schedule(() => {
      lane.busy = false;
      this.#pump();
    }, delayMs);
  }
}
