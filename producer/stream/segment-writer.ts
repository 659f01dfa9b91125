/** The segment that is being written: what is appended is safe from the machine's end a second later. */
import { type FileHandle, open } from 'node:fs/promises';
import type { SchedulerLike, Subscription } from 'rxjs';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Segment } from './segment.ts';

const SYNC_EVERY_MS = 1_000;

export class SegmentWriter {
  readonly segment: Segment;
  readonly #handle: FileHandle;
  readonly #scheduler: SchedulerLike;
  readonly #log: Log;
  #syncTimer: Subscription | null = null;
  #syncing: Promise<void> = Promise.resolve();

  private constructor(segment: Segment, handle: FileHandle, scheduler: SchedulerLike, log: Log) {
    this.segment = segment;
    this.#handle = handle;
    this.#scheduler = scheduler;
    this.#log = log;
  }

  /** Creates the segment's file. */
  static async create(segment: Segment, scheduler: SchedulerLike, log: Log): Promise<SegmentWriter> {
    return new SegmentWriter(segment, await open(segment.file, 'ax'), scheduler, log);
  }

  /**
   * Appends bytes.
   * @returns where they begin
   * @throws the disk's error; the segment may end with half an entry then, and must be closed
   */
  async append(bytes: Buffer): Promise<number> {
    const start = this.segment.bytes;
    try {
      await this.#handle.appendFile(bytes);
    } catch (error) {
      // Half an entry takes room, and would be counted as damage.
      await this.#handle.truncate(start).catch(() => {});
      throw error;
    }
    this.segment.bytes += bytes.length;
    this.#syncTimer ??= this.#scheduler.schedule(() => this.#sync(), SYNC_EVERY_MS);
    return start;
  }

  async close(): Promise<void> {
    this.#syncTimer?.unsubscribe();
    await this.#syncing;
    try {
      await this.#handle.datasync();
    } finally {
      await this.#handle.close();
    }
  }

  #sync(): void {
    this.#syncTimer = null;
    this.#syncing = this.#handle.datasync().catch((error: unknown) => {
      this.#log('warn', 'spill_not_synced', { reason: reasonOf(error) });
    });
  }
}
