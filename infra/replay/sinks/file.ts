/**
 * Rows as lines in a file. It is written in place and only grows; a checkpoint holds its length, and what goes on from
 * there cuts off the rest first: so each row is in it exactly once, whenever the process before was killed.
 *
 * A path that ends in `.gz` is compressed as gzip members one behind the other, which readers take for one file
 * (RFC 1952, 2.2); a checkpoint lies between two of them.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { DepthlakeError } from '../../../producer/errors.ts';
import { makeFolder } from '../../../producer/make-folder.ts';
import type { TableRow } from '../../../producer/record.ts';
import type { Accepted, Json, Sink } from '../../../producer/replay/sink.ts';
import { countIn } from './checkpoint-state.ts';
import type { LineFormat } from './line-format.ts';
import { writeFailure } from './write-failure.ts';

/**
 * Text that makes a gzip member, in characters. So much and a batch wait in memory, until `accepted` at the latest; ten
 * times the 32 KiB that deflate looks back.
 */
const MEMBER_CHARACTERS = 320 * 1024;

export interface FileSinkOptions {
  readonly path: string;
  readonly format: LineFormat;
  /** What the sink said last; null for a fresh file, which is there empty at most. */
  readonly state: Json;
  /** Whether a fresh file may take the place of one that has something in it, which is gone at once. */
  readonly overwrite: boolean;
}

/** @throws DL_SINK_EXISTS, DL_CHECKPOINT_INVALID; as `write`, `accepted` and `end`: DL_DISK_FULL, DL_OUTPUT_FAILED */
export async function openFileSink({ path: file, format, state, overwrite }: FileSinkOptions): Promise<Sink> {
  const bytes = state === null ? 0 : countIn(state, 'bytes');
  const handle = await (state === null ? openFresh(file, overwrite) : openAgain(file, bytes));
  // A device or a pipe has nothing to make lasting, and refuses.
  const lasting = (await handle.stat()).isFile();
  return new LineFile({ file, handle, lasting, format, bytes });
}

const { O_WRONLY, O_APPEND, O_CREAT, O_TRUNC } = constants;

async function openFresh(file: string, overwrite: boolean): Promise<FileHandle> {
  const handle = await makeFolder(path.dirname(path.resolve(file)))
    .then(() => open(file, O_WRONLY | O_APPEND | O_CREAT | (overwrite ? O_TRUNC : 0)))
    .catch((error) => {
      throw writeFailure(file, error);
    });
  const { size } = await handle.stat();
  if (size === 0) return handle;
  await handle.close();
  throw new DepthlakeError('DL_SINK_EXISTS', `${file} is there already, with ${size} bytes`);
}

async function openAgain(file: string, bytes: number): Promise<FileHandle> {
  const handle = await open(file, O_WRONLY | O_APPEND).catch((error) => {
    if (error.code === 'ENOENT') throw shorter(file, bytes, 'is not there');
    throw writeFailure(file, error);
  });
  const { size } = await handle.stat();
  if (size < bytes) {
    await handle.close();
    throw shorter(file, bytes, `has ${size} bytes`);
  }
  await handle.truncate(bytes);
  return handle;
}

function shorter(file: string, bytes: number, found: string): DepthlakeError {
  return new DepthlakeError('DL_CHECKPOINT_INVALID', `${file} ${found}, and its checkpoint was written at ${bytes}`);
}

interface OpenFile {
  readonly file: string;
  /** Appends. */
  readonly handle: FileHandle;
  readonly lasting: boolean;
  readonly format: LineFormat;
  readonly bytes: number;
}

const compress = promisify(gzip) as (bytes: Buffer) => Promise<Buffer>;

class LineFile implements Sink {
  readonly #open: OpenFile;
  readonly #gzip: boolean;
  /** Lines that are not in the file yet. */
  #waiting: string;
  /** In the file, up to the end of a line or of a member. */
  #bytes: number;
  #lastingBytes: number;
  #writes = 0;
  #closed = false;

  constructor(file: OpenFile) {
    this.#open = file;
    this.#gzip = file.file.endsWith('.gz');
    this.#bytes = file.bytes;
    this.#lastingBytes = file.bytes;
    this.#waiting = file.bytes === 0 ? file.format.head : '';
  }

  async write(rows: readonly TableRow[]): Promise<void> {
    this.#waiting += this.#open.format.lines(rows);
    this.#writes += 1;
    if (!this.#gzip || this.#waiting.length >= MEMBER_CHARACTERS) await this.#append();
  }

  async accepted(): Promise<Accepted> {
    // The head comes with the first rows: a file that is killed before its first checkpoint is empty, and can be begun again.
    if (this.#waiting !== '' && this.#writes > 0) await this.#append();
    const { file, handle, lasting } = this.#open;
    if (lasting && this.#bytes > this.#lastingBytes) {
      await handle.datasync().catch((error) => {
        throw writeFailure(file, error);
      });
      this.#lastingBytes = this.#bytes;
    }
    return { writes: this.#writes, state: { bytes: this.#bytes } };
  }

  async end(): Promise<Accepted> {
    // An empty file is no gzip file, and one without rows has its head.
    if (this.#waiting !== '' || (this.#gzip && this.#bytes === 0)) await this.#append();
    const accepted = await this.accepted();
    await this.close();
    return accepted;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#open.handle.close();
  }

  /** Brings the waiting lines into the file. */
  async #append(): Promise<void> {
    const { file, handle } = this.#open;
    const text = Buffer.from(this.#waiting, 'utf8');
    const bytes = this.#gzip ? await compress(text) : text;
    try {
      await handle.writeFile(bytes);
    } catch (error) {
      // No line is left torn on a full disk.
      await handle.truncate(this.#bytes).catch(() => {});
      throw writeFailure(file, error);
    }
    this.#waiting = '';
    this.#bytes += bytes.length;
  }
}
