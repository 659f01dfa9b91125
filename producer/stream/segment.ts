/** One segment file of the spill: what the session knows about it, and the list of its entries that Kinesis has accepted. */
import { appendFile, readFile, rm } from 'node:fs/promises';
import type { SegmentFile } from './spill-folder.ts';

/** Entries of 8 bytes: the offset of the entry that is done, and its complement, so that a flipped byte names no other. */
const DONE_BYTES = 8;

export class Segment {
  readonly session: string;
  readonly number: number;
  readonly file: string;
  bytes: number;
  /** Entries that Kinesis has not accepted, and their rows. */
  remaining = 0;
  remainingRows = 0;
  /** Of these, what nobody holds in memory. */
  unread = 0;
  unreadRows = 0;
  /** Times that it could not be read. */
  failures = 0;
  /** Offsets of entries that need not be read: done, or held in memory. */
  readonly skip = new Set<number>();
  #newlyDone: number[] = [];

  constructor({ session, number, file, bytes }: SegmentFile) {
    this.session = session;
    this.number = number;
    this.file = file;
    this.bytes = bytes;
  }

  add(rows: number): void {
    this.remaining += 1;
    this.remainingRows += rows;
    this.unread += 1;
    this.unreadRows += rows;
  }

  /** An entry is in memory from now on. */
  hold(offset: number, rows: number): void {
    this.skip.add(offset);
    this.unread -= 1;
    this.unreadRows -= rows;
  }

  /** Gives up what could not be read. */
  dropUnread(): void {
    this.remaining -= this.unread;
    this.remainingRows -= this.unreadRows;
    this.unread = 0;
    this.unreadRows = 0;
  }

  done(offset: number, rows: number): void {
    this.remaining -= 1;
    this.remainingRows -= rows;
    this.#newlyDone.push(offset);
  }

  get hasNews(): boolean {
    return this.#newlyDone.length > 0;
  }

  /** Writes down what is done, so that a later session does not send it again. */
  async noteDone(): Promise<void> {
    const offsets = this.#newlyDone;
    this.#newlyDone = [];
    const bytes = Buffer.alloc(offsets.length * DONE_BYTES);
    offsets.forEach((offset, i) => {
      bytes.writeUInt32LE(offset, i * DONE_BYTES);
      bytes.writeUInt32LE(~offset >>> 0, i * DONE_BYTES + 4);
    });
    await appendFile(this.#doneFile, bytes);
  }

  /** Learns what an earlier session has noted. */
  async readDone(): Promise<void> {
    const bytes = await readFile(this.#doneFile).catch(() => Buffer.alloc(0));
    for (let at = 0; at + DONE_BYTES <= bytes.length; at += DONE_BYTES) {
      const offset = bytes.readUInt32LE(at);
      if (bytes.readUInt32LE(at + 4) === ~offset >>> 0) this.skip.add(offset);
    }
  }

  async remove(): Promise<void> {
    // In this order: a segment without its list would be sent again.
    await rm(this.file, { force: true });
    await rm(this.#doneFile, { force: true });
  }

  get #doneFile(): string {
    return this.file.replace(/seg$/, 'done');
  }
}
