/**
 * Collects the records of one shard into batches for the transformation, by the buffer hints, and keeps at most five
 * batches of a shard under way; so they overlap, and no order among them is promised. The hints count data alone: base64
 * and metadata of many small records can make a request of more than Lambda's 6 MB, which then fails.
 */
import type { Clock } from '../clock.ts';
import type { BatchRecord, SourceRecord } from './record.ts';

const IN_FLIGHT = 5;
export interface BatcherOptions {
  /** Bytes of data that close a batch. */
  readonly maxBytes: number;
  /** Time since the first record that closes a batch. */
  readonly maxMs: number;
  readonly clock: Clock;
  /** Must not reject. */
  readonly transform: (batch: readonly BatchRecord[]) => Promise<void>;
}

export class Batcher {
  readonly #options: BatcherOptions;
  readonly #limit = limit(IN_FLIGHT);
  readonly #underWay = new Set<Promise<void>>();
  #open: BatchRecord[] = [];
  #bytes = 0;
  #timer: unknown = null;

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  add(record: SourceRecord): void {
    const { maxBytes, maxMs, clock } = this.#options;
    if (this.#bytes + record.data.length > maxBytes) this.#close();
    if (this.#open.length === 0) this.#timer = clock.setTimeout(() => this.#close(), maxMs);
    this.#open.push({ ...record, recordId: recordIdOf(record, this.#open.length) });
    this.#bytes += record.data.length;
    if (this.#bytes >= maxBytes) this.#close();
  }

  /** Closes the open batch; settles when everything added before is transformed. */
  async flush(): Promise<void> {
    this.#close();
    await Promise.all(this.#underWay);
  }

  /** Forgets the open batch. */
  stop(): void {
    this.#options.clock.clearTimeout(this.#timer);
    this.#open = [];
  }

  #close(): void {
    this.#options.clock.clearTimeout(this.#timer);
    const batch = this.#open;
    if (batch.length === 0) return;
    this.#open = [];
    this.#bytes = 0;
    const done = this.#limit(() => this.#options.transform(batch)).finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  }
}

/** Like the service's: the sequence number, then a counter; unique within a batch even where a record is read twice. */
function recordIdOf({ metadata }: SourceRecord, index: number): string {
  return `${metadata?.sequenceNumber ?? '49'}${String(index).padStart(12, '0')}`;
}

/** Runs at most `most` tasks at once, in the order given. */
function limit(most: number): (task: () => Promise<void>) => Promise<void> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
