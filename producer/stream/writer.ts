/**
 * The Kinesis writer: packs in, packs accepted out.
 *
 *   packs ─▶ memory ─▶ lanes ─▶ Kinesis
 *              └▶ spill ─▶┘
 *
 * A pack that Kinesis has not accepted 2 s after it was written goes to the spill with all that wait in memory, and so
 * does every later one for as long as some of the spill is to be read: one order for all. What the disk does not take
 * stays in memory, whose bound is kept by whoever admits rows and asks for `queuedBytes`.
 */
import type { SchedulerLike, Subscription } from 'rxjs';
import { reasonOf } from '../errors.ts';
import type { FeedEvent } from '../feed/observation.ts';
import type { Log } from '../log.ts';
import { KinesisWatch } from './kinesis-watch.ts';
import { Lanes, type LanesEdge, type PutOutcome } from './lanes.ts';
import { Memory, memoryOf } from './memory.ts';
import type { Pack } from './packs.ts';
import type { Spill, SpillEntry } from './spill.ts';
import { SpillWatch } from './spill-watch.ts';

export interface WriterCounts {
  packs: number;
  rows: number;
  lineBytes: number;
  bytes: number;
  /** Put on disk by this session. */
  spilledPacks: number;
  spilledBytes: number;
  /** Accepted by Kinesis after they were on disk. */
  drainedPacks: number;
}

/** Where an accepted pack was last: an earlier session's carries rows of that session. */
export type PackSource = 'memory' | 'spill' | 'earlier_session';

export interface WriterEdge extends LanesEdge {
  readonly log: Log;
  /** Packs that wait longer than 2 s go there; without it they wait in memory. */
  readonly spill?: Spill | null;
  readonly onAccepted?: (pack: Pack, source: PackSource) => void;
  /** Told when spilling begins and ends, when the disk takes no more, and what of it is damaged. */
  readonly onEvent?: (event: FeedEvent) => void;
}

interface Item {
  readonly pack: Pack;
  readonly writtenMs: number;
  readonly source: PackSource;
  entry: SpillEntry | null;
}

/** Longest time that a pack waits in memory alone. */
const SPILL_AFTER_MS = 2_000;
/** After a failure the disk is left alone for so long. */
const DISK_REST_MS = 5_000;
/** Packs in the lanes that are on disk too; beyond it nothing is read back. */
const WINDOW_BYTES = 4 * 1024 * 1024;

export class KinesisWriter {
  readonly #counts = { packs: 0, rows: 0, lineBytes: 0, bytes: 0, spilledPacks: 0, spilledBytes: 0, drainedPacks: 0 };
  readonly #scheduler: SchedulerLike;
  readonly #edge: WriterEdge;
  readonly #spill: Spill | null;
  readonly #kinesis: KinesisWatch;
  readonly #watch: SpillWatch;
  readonly #lanes: Lanes<Item>;
  readonly #memory = new Memory<Item>();
  /** Of these, what no lane has; always the latest. */
  #waiting = new Set<Item>();
  /** Memory of packs in the lanes that are on disk too. */
  #windowBytes = 0;
  #appending: Promise<void> | null = null;
  #reading = false;
  /** After a failure of the disk. */
  readonly #resting = new Set<'append' | 'read'>();
  #wake: Subscription | null = null;
  #stopping: Promise<void> | null = null;
  /** Set by whoever waits for everything to be accepted. */
  onIdle: () => void = () => {};

  constructor(edge: WriterEdge) {
    this.#edge = edge;
    this.#scheduler = edge.scheduler;
    this.#spill = edge.spill ?? null;
    this.#kinesis = new KinesisWatch(edge.log);
    this.#watch = new SpillWatch(edge.log, () => edge.scheduler.now(), edge.onEvent);
    this.#lanes = new Lanes(edge, (accepted, refusal) => this.#answered(accepted, refusal));
  }

  get counts(): WriterCounts & Lanes<Item>['counts'] {
    return { ...this.#counts, ...this.#lanes.counts };
  }

  /** Memory of packs that neither Kinesis nor the spill has taken, bytes. */
  get queuedBytes(): number {
    return this.#memory.bytes;
  }

  /** Rows that neither Kinesis nor the spill has taken. */
  get queuedRows(): number {
    return this.#memory.rows;
  }

  /** Rows on disk that Kinesis has not accepted. */
  get spilledRows(): number {
    return this.#spill?.remainingRows ?? 0;
  }

  get spillDepthBytes(): number {
    return this.#spill?.bytes ?? 0;
  }

  get damagedEntries(): number {
    return this.#spill?.damagedEntries ?? 0;
  }

  get isIdle(): boolean {
    return this.#memory.size === 0 && (this.#spill?.remaining ?? 0) === 0;
  }

  /** When Kinesis last accepted a pack, UTC epoch ms. */
  get lastAcceptedMs(): number | null {
    return this.#kinesis.lastAcceptedMs;
  }

  /** Since when Kinesis refuses, UTC epoch ms; null: it accepts, as far as is known. */
  get failingSinceMs(): number | null {
    return this.#kinesis.failingSinceMs;
  }

  write(pack: Pack): void {
    const writtenMs = this.#scheduler.now();
    const item = { pack, writtenMs, source: 'memory' as const, entry: null };
    this.#memory.add(item);
    this.#waiting.add(item);
    this.#advance();
  }

  /** Sends nothing more, and appends what is in memory to the spill; what the disk does not take stays counted in `queuedRows`. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#wake?.unsubscribe();
    this.#lanes.stop();
    if (this.#spill === null) return;
    await this.#appending;
    this.#resting.clear();
    while (this.#memory.size > 0 && !this.#resting.has('append')) {
      await this.#append(this.#spill, 'session_ends');
    }
  }

  /** Moves everything on that can move now. */
  #advance(): void {
    if (this.#stopping !== null) return;
    const spill = this.#spill;
    if (spill !== null) {
      this.#watch.damaged(spill.takeDamage());
      if (this.#isDueForDisk(spill)) this.#startAppending(spill);
      if (this.#canReadBack(spill)) void this.#readBack(spill);
    }
    this.#offerMemory();
    if (spill !== null) {
      if (this.#appending === null && spill.remaining === 0 && !this.#isOverdue()) this.#watch.end();
      this.#wakeLater();
    }
    if (this.isIdle) this.onIdle();
  }

  #isDueForDisk(spill: Spill): boolean {
    const waits = this.#memory.size > 0 && this.#appending === null && !this.#resting.has('append');
    return waits && (spill.unread > 0 || this.#isOverdue());
  }

  #isOverdue(): boolean {
    return this.#memory.hasWaited(SPILL_AFTER_MS, this.#scheduler.now());
  }

  #canReadBack(spill: Spill): boolean {
    return !this.#reading && !this.#resting.has('read') && spill.unread > 0 && this.#windowBytes < WINDOW_BYTES;
  }

  #startAppending(spill: Spill): void {
    // Not at once: whoever is told that spilling begins may write.
    this.#appending = Promise.resolve()
      .then(() => this.#append(spill, this.#isOverdue() ? 'kinesis_is_slow' : 'spill_is_not_empty'))
      .finally(() => {
        this.#appending = null;
        this.#advance();
      });
  }

  async #append(spill: Spill, reason: string): Promise<void> {
    this.#watch.begin({ reason, packs: this.#memory.size, bytes: this.#memory.bytes, earlier_packs: spill.remaining });
    // What is in flight stays in its lane, and its copy on disk is for the case that this process dies.
    const withdrawn = this.#lanes.withdraw(({ entry }) => entry === null);
    this.#waiting = new Set([...this.#memory.items.filter((item) => withdrawn.has(item)), ...this.#waiting]);
    const { items } = this.#memory;
    try {
      const entries = await spill.append(
        items.map(({ pack }) => pack),
        (i) => !this.#waiting.has(items[i]!),
      );
      for (const [i, entry] of entries.entries()) this.#onDisk(spill, items[i]!, entry);
      this.#watch.hasRoom();
    } catch (error) {
      this.#watch.full(reasonOf(error), this.#memory.bytes);
      this.#rest('append');
    }
  }

  #onDisk(spill: Spill, item: Item, entry: SpillEntry): void {
    const { pack } = item;
    this.#counts.spilledPacks += 1;
    this.#counts.spilledBytes += pack.data.length;
    this.#watch.count(pack);
    if (this.#memory.has(item)) {
      item.entry = entry;
      if (!this.#waiting.delete(item)) this.#windowBytes += memoryOf(pack);
      this.#memory.remove(item);
    } else {
      // Kinesis accepted it meanwhile.
      spill.done(entry);
    }
  }

  /** Reads packs back into the lanes, as many as the window takes. */
  async #readBack(spill: Spill): Promise<void> {
    this.#reading = true;
    while (this.#stopping === null && spill.unread > 0 && this.#windowBytes < WINDOW_BYTES) {
      const next = await spill.next();
      if (next === null) {
        if (spill.unread > 0) this.#rest('read');
        break;
      }
      const { pack, entry, recovered } = next;
      this.#windowBytes += memoryOf(pack);
      const source = recovered ? 'earlier_session' : 'spill';
      this.#lanes.offer({ pack, entry, source, writtenMs: 0 });
    }
    this.#reading = false;
    this.#advance();
  }

  /** Packs in memory go when nothing older is on its way to the lanes. */
  #offerMemory(): void {
    if (this.#appending !== null || this.#reading || (this.#spill?.unread ?? 0) > 0) return;
    for (const item of this.#waiting) {
      this.#waiting.delete(item);
      this.#lanes.offer(item);
    }
  }

  #answered(accepted: readonly Item[], refusal: PutOutcome): void {
    for (const item of accepted) this.#accept(item);
    this.#kinesis.answered(accepted.length, refusal, this.#scheduler.now(), this.#memory.bytes);
    this.#advance();
  }

  #accept(item: Item): void {
    const { pack, entry } = item;
    this.#counts.packs += 1;
    this.#counts.rows += pack.rows;
    this.#counts.lineBytes += pack.lineBytes;
    this.#counts.bytes += pack.data.length;
    if (entry === null) {
      this.#memory.remove(item);
    } else {
      this.#windowBytes -= memoryOf(pack);
      this.#counts.drainedPacks += 1;
      this.#spill?.done(entry);
    }
    this.#edge.onAccepted?.(pack, entry === null || item.source !== 'memory' ? item.source : 'spill');
  }

  #rest(what: 'append' | 'read'): void {
    this.#resting.add(what);
    if (this.#stopping !== null) return;
    this.#scheduler.schedule(() => {
      this.#resting.delete(what);
      this.#advance();
    }, DISK_REST_MS);
  }

  /** Once the oldest pack in memory has waited its time. */
  #wakeLater(): void {
    const { oldest } = this.#memory;
    if (this.#wake !== null || oldest === undefined || this.#isOverdue()) return;
    this.#wake = this.#scheduler.schedule(
      () => {
        this.#wake = null;
        this.#advance();
      },
      oldest.writtenMs + SPILL_AFTER_MS - this.#scheduler.now(),
    );
  }
}
