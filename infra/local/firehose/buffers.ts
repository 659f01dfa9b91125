/**
 * The buffers in front of S3. A buffer becomes one object, its records concatenated with nothing between, when it is
 * large or old enough.
 */
import { DepthlakeError, reasonOf } from '../../../producer/errors.ts';
import type { ObjectStore } from '../../../transformer/lake.ts';
import type { Clock } from '../clock.ts';
import type { Backlog } from './backlog.ts';
import type { DeliveryStats } from './record.ts';

/** About 20 s of attempts; a folder that refuses for so long will not come back by itself. */
const PUT_ATTEMPTS = 10;
const PUT_BACKOFF_MS = 100;
const PUT_BACKOFF_MAX_MS = 5000;

export interface DeliveredObject {
  readonly key: string;
  readonly bytes: number;
  /** Records in it. */
  readonly records: number;
  /** The object lies under the error prefix. */
  readonly error: boolean;
}

export interface BuffersOptions {
  readonly bucket: ObjectStore;
  readonly maxBytes: number;
  /** Time since a buffer's first record. */
  readonly maxMs: number;
  /** The order in which a buffer's records are concatenated. */
  readonly arrange: (chunks: readonly Buffer[]) => readonly Buffer[];
  readonly clock: Clock;
  readonly backlog: Backlog;
  readonly stats: DeliveryStats;
  readonly log: (line: string) => void;
  readonly onDelivered: (object: DeliveredObject) => void;
  readonly onFatal: (error: DepthlakeError) => void;
}

/** Where a record goes. */
export interface Destination {
  /** Records with the same id share a buffer. */
  readonly id: string;
  readonly error: boolean;
  /** The object's key, given the arrival of its oldest record in UTC epoch ms. */
  readonly keyOf: (oldestMs: number) => string;
}

interface OpenBuffer {
  readonly destination: Destination;
  readonly chunks: Buffer[];
  bytes: number;
  oldestMs: number;
  readonly timer: unknown;
}

export class Buffers {
  readonly #options: BuffersOptions;
  readonly #open = new Map<string, OpenBuffer>();
  readonly #underWay = new Set<Promise<void>>();
  /** Buffers open or being delivered, by destination. */
  readonly #active = new Map<string, number>();
  #stopped = false;

  constructor(options: BuffersOptions) {
    this.#options = options;
  }

  /** Destinations with something buffered or being delivered. */
  get active(): number {
    return this.#active.size;
  }

  isActive(id: string): boolean {
    return this.#active.has(id);
  }

  add(destination: Destination, data: Buffer, arrivalMs: number): void {
    if (this.#stopped) return;
    const { maxBytes, backlog } = this.#options;
    const { id } = destination;
    const full = this.#open.get(id);
    if (full !== undefined && full.bytes + data.length > maxBytes) this.#deliver(full);
    const buffer = this.#open.get(id) ?? this.#create(destination, arrivalMs);
    buffer.chunks.push(data);
    buffer.bytes += data.length;
    buffer.oldestMs = Math.min(buffer.oldestMs, arrivalMs);
    backlog.take(data.length);
    if (buffer.bytes >= maxBytes) this.#deliver(buffer);
  }

  /** Delivers what is buffered; settles when that and everything before is in S3 or given up. */
  async flush(): Promise<void> {
    for (const buffer of [...this.#open.values()]) this.#deliver(buffer);
    await Promise.all(this.#underWay);
  }

  /** Forgets what is buffered, and makes no further attempt to deliver. */
  stop(): void {
    this.#stopped = true;
    for (const { timer } of this.#open.values()) this.#options.clock.clearTimeout(timer);
    this.#open.clear();
  }

  #create(destination: Destination, arrivalMs: number): OpenBuffer {
    const { clock, maxMs } = this.#options;
    const buffer: OpenBuffer = {
      destination,
      chunks: [],
      bytes: 0,
      oldestMs: arrivalMs,
      timer: clock.setTimeout(() => this.#deliver(buffer), maxMs),
    };
    this.#open.set(destination.id, buffer);
    this.#active.set(destination.id, (this.#active.get(destination.id) ?? 0) + 1);
    return buffer;
  }

  #deliver(buffer: OpenBuffer): void {
    const { id } = buffer.destination;
    this.#options.clock.clearTimeout(buffer.timer);
    this.#open.delete(id);
    const done = this.#put(buffer).finally(() => {
      this.#underWay.delete(done);
      const left = this.#active.get(id)! - 1;
      if (left === 0) this.#active.delete(id);
      else this.#active.set(id, left);
    });
    this.#underWay.add(done);
  }

  async #put({ destination, chunks, bytes, oldestMs }: OpenBuffer): Promise<void> {
    const { bucket, arrange, stats, backlog, onDelivered } = this.#options;
    const { error } = destination;
    const key = destination.keyOf(oldestMs);
    const body = Buffer.concat(arrange(chunks), bytes);
    if (!(await this.#tryPut(() => bucket.put(key, body), key))) return;
    backlog.release(bytes);
    if (error) stats.errorObjects += 1;
    else {
      stats.objects += 1;
      stats.objectBytes += bytes;
    }
    onDelivered({ key, bytes, records: chunks.length, error });
  }

  async #tryPut(put: () => Promise<void>, key: string): Promise<boolean> {
    const { stats, log, clock, onFatal } = this.#options;
    for (let attempt = 1; !this.#stopped; attempt += 1) {
      try {
        await put();
        return true;
      } catch (error) {
        if (error instanceof DepthlakeError || attempt === PUT_ATTEMPTS) {
          onFatal(fatalOf(error, key));
          return false;
        }
        stats.putRetries += 1;
        log(`S3 refused ${key}, attempt ${attempt} of ${PUT_ATTEMPTS}: ${reasonOf(error)}`);
        const ms = Math.min(PUT_BACKOFF_MAX_MS, PUT_BACKOFF_MS * 2 ** (attempt - 1));
        await new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
      }
    }
    return false;
  }
}

/** A full disk or an unusable folder has a code of its own; what is refused again and again is the folder's fault too. */
function fatalOf(error: unknown, key: string): DepthlakeError {
  if (error instanceof DepthlakeError) return error;
  return new DepthlakeError('DL_DATA_FOLDER', `${key} was refused ${PUT_ATTEMPTS} times: ${reasonOf(error)}`, {
    cause: error,
  });
}
