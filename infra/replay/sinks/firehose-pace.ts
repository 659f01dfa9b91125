/**
 * How fast packs may go into a delivery stream without more active partitions than AWS grants; pure, its clock is the
 * `nowMs` it is given.
 *
 * A container file is an active partition of its own from when the transformer has made it until it is delivered, so
 * what counts is how many files are made in the time of a delivery. They are reckoned from what is sent: Firehose
 * collects packs for an invocation by size and time (`ProcessingConfiguration`), and of each table and hour in it an
 * invocation makes one file, more where that would be too large. Nothing else is known to write into the delivery stream
 * meanwhile: of two replays into it, each takes the quota for its own.
 *
 * Not documented, and so not reckoned with: that the service might collect in several places at once, which makes more
 * files of few packs. Against that stands what is kept free, and that a delivery seldom takes its longest time.
 */
import { PACK_MAX_LINE_BYTES } from '../../../producer/record.ts';
import type { CollectedPack } from '../../../producer/stream/packs.ts';
import { FILE_MAX_BYTES } from '../../../transformer/batch.ts';

export interface PaceOptions {
  /** `BufferSizeInMBs` of the Lambda processor, in bytes. */
  readonly lambdaBufferBytes: number;
  /** `BufferIntervalInSeconds` of the Lambda processor, in ms. */
  readonly lambdaBufferMs: number;
  /** `IntervalInSeconds` of the destination's `BufferingHints`, in ms. */
  readonly deliveryMs: number;
  /** Active partitions that AWS grants (https://docs.aws.amazon.com/firehose/latest/dev/limits.html): 500, on request to 5,000. */
  readonly partitionQuota: number;
}

export type Paced = Pick<CollectedPack, 'table' | 'hourMs'> & { readonly data: { readonly length: number } };

/** Of the quota; where the alarm of the delivery stream's partitions begins. */
const USED = 0.8;
/** A delivery takes up to so many times its interval (design facts: Firehose; not in the service's documentation). */
const SLOWEST_DELIVERY = 1.5;
/** So much longer one invocation of the transformer may take than another. */
const TRANSFORMING_MS = 5_000;
/** Bytes of container files for a byte of packs, at least (transformer/buffer-size.ts measures 0.96 and 1.12 for deflate). */
const LEAST_GROWTH = 1.12;
/** A file is closed when the next whole pack has no room in it. */
const FULL_FILE_BYTES = FILE_MAX_BYTES - PACK_MAX_LINE_BYTES;

/** What is collected for one invocation. */
interface Batch {
  readonly closesMs: number;
  readonly bytes: number;
  /** Bytes of packs, by table and hour. */
  readonly groups: ReadonlyMap<string, number>;
}

interface Made {
  readonly files: number;
  /** When the last of them is delivered. */
  readonly untilMs: number;
}

export class FirehosePace {
  readonly #options: PaceOptions;
  readonly #mostFiles: number;
  /** Of closed batches, in the order in which they closed. */
  #made: Made[] = [];
  #open: Batch | null = null;

  constructor(options: PaceOptions) {
    this.#options = options;
    this.#mostFiles = Math.floor(options.partitionQuota * USED);
  }

  /** From when a pack is taken until its rows are delivered, ms. */
  get longestMs(): number {
    return this.#untilMs(this.#options.lambdaBufferMs);
  }

  /** How many of these packs, from the first, may go now. Where nothing is under way, one may always. */
  fitting(packs: readonly Paced[], nowMs: number): number {
    this.#pass(nowMs);
    let closedFiles = this.#made.reduce((sum, { files }) => sum + files, 0);
    let open = this.#open;
    for (const [i, pack] of packs.entries()) {
      if (this.#closes(open, pack, nowMs)) {
        closedFiles += this.#filesOf(open);
        open = null;
      }
      open = this.#withPack(open, pack, nowMs);
      const files = closedFiles + this.#filesOf(open);
      if (files > this.#mostFiles && !(i === 0 && this.#made.length === 0 && this.#open === null)) return i;
    }
    return packs.length;
  }

  /** When files are delivered next that now keep packs from going. */
  nextMs(): number {
    return (
      this.#made[0]?.untilMs ?? (this.#open === null ? Number.NEGATIVE_INFINITY : this.#untilMs(this.#open.closesMs))
    );
  }

  /** The pack was taken. */
  sent(pack: Paced, nowMs: number): void {
    this.#pass(nowMs);
    if (this.#closes(this.#open, pack, nowMs)) this.#close(nowMs);
    this.#open = this.#withPack(this.#open, pack, nowMs);
  }

  /** Closes what has waited its time, and forgets what is delivered. */
  #pass(nowMs: number): void {
    if (this.#open !== null && this.#open.closesMs <= nowMs) this.#close(this.#open.closesMs);
    this.#made = this.#made.filter(({ untilMs }) => untilMs > nowMs);
  }

  #closes(batch: Batch | null, { data }: Paced, nowMs: number): boolean {
    if (batch === null) return false;
    return batch.closesMs <= nowMs || batch.bytes + data.length > this.#options.lambdaBufferBytes;
  }

  #close(atMs: number): void {
    this.#made.push({ files: this.#filesOf(this.#open), untilMs: this.#untilMs(atMs) });
    this.#open = null;
  }

  #withPack(batch: Batch | null, { table, hourMs, data }: Paced, nowMs: number): Batch {
    const { closesMs, bytes, groups } = batch ?? {
      closesMs: nowMs + this.#options.lambdaBufferMs,
      bytes: 0,
      groups: new Map<string, number>(),
    };
    const key = `${table} ${hourMs}`;
    const grown = new Map(groups).set(key, (groups.get(key) ?? 0) + data.length);
    return { closesMs, bytes: bytes + data.length, groups: grown };
  }

  #filesOf(batch: Batch | null): number {
    return batch === null ? 0 : [...batch.groups.values()].reduce((sum, bytes) => sum + this.#filesOfGroup(bytes), 0);
  }

  /**
   * The buffer's size is chosen so that all its packs make about one full file, in whatever codec
   * (transformer/buffer-size.ts): by how much packs grow in files follows from it.
   */
  #filesOfGroup(packBytes: number): number {
    const growth = Math.max(LEAST_GROWTH, FILE_MAX_BYTES / this.#options.lambdaBufferBytes);
    return 1 + Math.floor((packBytes * growth) / FULL_FILE_BYTES);
  }

  #untilMs(closedMs: number): number {
    return closedMs + TRANSFORMING_MS + SLOWEST_DELIVERY * this.#options.deliveryMs;
  }
}
