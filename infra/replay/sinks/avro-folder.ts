/**
 * Rows as container files in a folder that has the layout of a lake. Files appear whole, all open ones at once, at the
 * end of a batch; a checkpoint holds how many there are, and what goes on from there removes later ones first: so each
 * row is in one of them exactly once, whenever the process before was killed.
 *
 * The same batches give the same files, name for name and byte for byte.
 */
import { createHash } from 'node:crypto';
import type { TableRow } from '../../../producer/record.ts';
import type { Accepted, Json, Sink } from '../../../producer/replay/sink.ts';
import { FILE_MAX_BYTES } from '../../../transformer/batch.ts';
import type { Codec } from '../../../transformer/codec.ts';
import { fileOf, SYNC_BYTES } from '../../../transformer/container-draft.ts';
import type { ObjectStore } from '../../../transformer/lake.ts';
import { openBucket } from '../../local/s3.ts';
import { clearedFiles } from './avro-files.ts';
import { byHour, grownBy, type HourDraft } from './hour-drafts.ts';
import { writeFailure } from './write-failure.ts';

/**
 * All files are cut once one has so many bytes in closed blocks: below the 1,000 KiB that it may have by so much that the
 * next batch would often not fit.
 */
const CUT_BYTES = (FILE_MAX_BYTES * 3) / 4;

/**
 * Files that stay open when a batch has been written; one more, and all are cut. Rows come in the order of their time,
 * so it is two hours of two tables, and late rows. An open file holds less than CUT_BYTES and a block of 256 KiB, so all
 * of them stay below 9 MB, beside the batch at hand.
 */
const OPEN_MAX = 8;

interface AvroSinkOptions {
  readonly folder: string;
  readonly codec: Codec;
  /** Of this very replay, in the names of its files; hexadecimal digits. */
  readonly id: string;
  /** What the sink said last; null for a fresh replay, of which no file is there. */
  readonly state: Json;
  /** Whether a fresh replay may take the place of an equal one, whose files are removed at once. */
  readonly overwrite: boolean;
}

/**
 * Files of others stay as they are.
 * @throws DL_SINK_EXISTS, DL_CHECKPOINT_INVALID, DL_FILE_UNREADABLE; as `write` and `end`: DL_DISK_FULL, DL_OUTPUT_FAILED
 */
export async function openAvroSink({ folder, codec, id, state, overwrite }: AvroSinkOptions): Promise<Sink> {
  const files = await clearedFiles({ folder, id, state, overwrite });
  return new AvroFolder({ bucket: openBucket(folder), codec, id, files });
}

interface OpenFolder {
  readonly bucket: ObjectStore;
  readonly codec: Codec;
  readonly id: string;
  /** There already. */
  readonly files: number;
}

class AvroFolder implements Sink {
  readonly #open: OpenFolder;
  #drafts: readonly HourDraft[] = [];
  #files: number;
  #writes = 0;
  /** Of `#writes`, those whose rows lie in files. */
  #cutWrites = 0;

  constructor(folder: OpenFolder) {
    this.#open = folder;
    this.#files = folder.files;
  }

  async write(rows: readonly TableRow[]): Promise<void> {
    this.#drafts = grownBy(this.#drafts, byHour(rows), this.#open.codec);
    this.#writes += 1;
    const full = this.#drafts.some(({ draft }) => draft.blockBytes >= CUT_BYTES);
    if (full || this.#drafts.length > OPEN_MAX) await this.#cut();
  }

  /** Cuts nothing: where files end is decided by the rows alone, so that it is the same each time. */
  async accepted(): Promise<Accepted> {
    return { writes: this.#cutWrites, state: { files: this.#files } };
  }

  async end(): Promise<Accepted> {
    await this.#cut();
    return this.accepted();
  }

  async close(): Promise<void> {
    this.#drafts = [];
  }

  /** Writes all drafts; where one fails, none of them counts, and those that are there are removed by what goes on. */
  async #cut(): Promise<void> {
    const { bucket, id } = this.#open;
    for (const [index, { folder, leastMs, draft }] of this.#drafts.entries()) {
      const name = `${id}-${this.#files + index}`;
      const key = `${folder}${leastMs}-${name}.avro`;
      await bucket.put(key, fileOf(draft, syncMarker(name))).catch((error) => {
        throw writeFailure(key, error);
      });
    }
    this.#files += this.#drafts.length;
    this.#cutWrites = this.#writes;
    this.#drafts = [];
  }
}

/** Of no other file, and yet the same each time. */
function syncMarker(name: string): Buffer {
  return createHash('sha256').update(name).digest().subarray(0, SYNC_BYTES);
}
