/**
 * The spill: packs on disk that Kinesis has not accepted, in the order of writing.
 *
 * Packs are appended to segments of at most 8 MiB and read back oldest first; a segment whose packs are all accepted is
 * removed. What is appended outlives the process at once, SIGKILL included; the machine's own end can cost the last
 * second (`fsync`). Memory: the segment that is being read, and a number for each entry in it.
 */
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import type { SchedulerLike } from 'rxjs';
import { reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Pack } from './packs.ts';
import { Segment } from './segment.ts';
import { SegmentWriter } from './segment-writer.ts';
import { Segments } from './segments.ts';
import { encodeEntry, readSpill } from './spill-entry.ts';
import { bytesOfOthers, releaseSessionFolder } from './spill-folder.ts';

const SEGMENT_MAX_BYTES = 8 * 1024 * 1024;
/** Once full, packs are taken again when an eighth is free, so that refusals come in few ranges. */
const ROOM_AGAIN = 0.875;
/** What is encoded and written at once. */
const WRITE_BYTES = 1024 * 1024;
/** A segment that cannot be read so often is given up, so that it does not hold back the others for ever. */
const READ_ATTEMPTS = 3;

/** An entry in the spill; its segment is the spill's own. */
export interface SpillEntry {
  readonly segment: Segment;
  readonly offset: number;
  readonly rows: number;
}

export interface SpilledPack {
  readonly pack: Pack;
  readonly entry: SpillEntry;
  /** Whether an earlier session wrote it. */
  readonly recovered: boolean;
}

export interface SpillDamage {
  readonly entries: number;
  readonly bytes: number;
}

export interface SpillOptions {
  /** Holds one folder a session; all of them write to the same stream of the same machine. */
  readonly folder: string;
  readonly sessionId: string;
  /** Bytes of all segments in `folder`. */
  readonly boundBytes: number;
  readonly scheduler: SchedulerLike;
  readonly log: Log;
}

export class Spill {
  readonly #options: SpillOptions;
  readonly #own: string;
  readonly #segmentBytes: number;
  readonly #segments: Segments;
  #writing: SegmentWriter | null = null;
  #reading: { readonly segment: Segment; readonly items: ReturnType<typeof readSpill> } | null = null;
  #lastNumber = 0;
  #othersBytes = 0;
  #full = false;
  #settling: Promise<void> | null = null;
  #closed = false;
  #damage: SpillDamage;
  #damagedEntries: number;
  /** Writing, closing and removing take turns. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: SpillOptions, own: string, recovered: readonly Segment[], damage: SpillDamage) {
    this.#options = options;
    this.#own = own;
    this.#segments = new Segments(recovered);
    this.#segmentBytes = Math.min(SEGMENT_MAX_BYTES, options.boundBytes / 8);
    this.#damage = damage;
    this.#damagedEntries = damage.entries;
  }

  /** Bytes on disk of this session and those that it took over. */
  get bytes(): number {
    return this.#segments.bytes;
  }

  /** Entries that wait on disk to be read. */
  get unread(): number {
    return this.#segments.unread;
  }

  /** Entries that Kinesis has not accepted, those in memory included. */
  get remaining(): number {
    return this.#segments.remaining;
  }

  get remainingRows(): number {
    return this.#segments.remainingRows;
  }

  get damagedEntries(): number {
    return this.#damagedEntries;
  }

  /** What turned out damaged since it was last asked; null: nothing. */
  takeDamage(): SpillDamage | null {
    const damage = this.#damage;
    this.#damage = { entries: 0, bytes: 0 };
    return damage.entries === 0 ? null : damage;
  }

  /**
   * Appends the first of the packs, as many as one write takes, or none.
   * @returns an entry for each that was appended
   * @param isHeld asked once they are on disk: whether the pack of this index stays in memory and is not to be read back
   * @throws Error with the reason where there is no room or the disk fails
   */
  append(packs: readonly Pack[], isHeld: (index: number) => boolean): Promise<SpillEntry[]> {
    return this.#inTurn(async () => {
      const encoded = encodeSome(packs, Math.min(WRITE_BYTES, this.#segmentBytes));
      const bytes = Buffer.concat(encoded);
      const writer = await this.#writerFor(bytes.length);
      const { segment } = writer;
      let offset = await writer.append(bytes).catch((error: unknown) => this.#giveUpWriting(error));
      return encoded.map(({ length }, i) => {
        const { rows } = packs[i]!;
        const entry = { segment, offset, rows };
        segment.add(rows);
        if (isHeld(i)) segment.hold(offset, rows);
        offset += length;
        return entry;
      });
    });
  }

  /** The oldest pack that is on disk only; null where there is none, or where the disk does not give it now. */
  async next(): Promise<SpilledPack | null> {
    for (;;) {
      const found = this.#nextOfSegment();
      if (found !== null) return found;
      const segment = this.#segments.oldestUnread;
      if (segment === undefined) return null;
      try {
        // What is read is complete: later packs go into another segment.
        if (segment === this.#writing?.segment) await this.#inTurn(() => this.#closeWriting());
        this.#reading = { segment, items: readSpill(await readFile(segment.file)) };
      } catch (error) {
        this.#options.log('error', 'spill_unreadable', { file: segment.file, reason: reasonOf(error) });
        segment.failures += 1;
        if (segment.failures === READ_ATTEMPTS) this.#countDamage(segment);
        return null;
      }
    }
  }

  /** Kinesis has accepted an entry. */
  done({ segment, offset, rows }: SpillEntry): void {
    // What Kinesis says after the end is not noted: the next session sends those again.
    if (this.#closed) return;
    segment.done(offset, rows);
    void this.#settle();
  }

  /** Closes the files; segments that remain are for an upload or the next session. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#settle();
    await this.#inTurn(() => this.#closeWriting());
  }

  /** Gives the session's folder up, and removes it where nothing is left in it. */
  async release(): Promise<void> {
    if (this.#segments.all.length === 0) await rm(this.#own, { recursive: true, force: true });
    else await releaseSessionFolder(this.#own);
  }

  /** What remains, once closed. */
  get segments(): readonly Segment[] {
    return this.#segments.all;
  }

  /** Removes a segment whose packs are safe elsewhere. */
  async remove(segment: Segment): Promise<void> {
    await this.#segments.remove(segment);
  }

  async #writerFor(bytes: number): Promise<SegmentWriter> {
    const { boundBytes } = this.#options;
    const total = this.bytes + this.#othersBytes + bytes;
    this.#full = total > (this.#full ? boundBytes * ROOM_AGAIN : boundBytes);
    if (this.#full) throw new Error(`the bound of ${boundBytes} bytes is reached`);
    const written = this.#writing?.segment.bytes ?? 0;
    if (written > 0 && written + bytes > this.#segmentBytes) await this.#closeWriting();
    this.#writing ??= await this.#newSegment();
    return this.#writing;
  }

  async #newSegment(): Promise<SegmentWriter> {
    const { folder, sessionId, scheduler, log } = this.#options;
    this.#othersBytes = await bytesOfOthers(folder, this.#own);
    this.#lastNumber += 1;
    const file = path.join(this.#own, `${this.#lastNumber}.seg`);
    const segment = new Segment({ session: sessionId, number: this.#lastNumber, file, bytes: 0 });
    const writer = await SegmentWriter.create(segment, scheduler, log);
    this.#segments.add(segment);
    return writer;
  }

  async #closeWriting(): Promise<void> {
    const writing = this.#writing;
    this.#writing = null;
    await writing?.close();
  }

  /** What follows a failed write goes into another segment. */
  async #giveUpWriting(error: unknown): Promise<never> {
    await this.#closeWriting().catch(() => {});
    void this.#settle();
    throw error;
  }

  #nextOfSegment(): SpilledPack | null {
    if (this.#reading === null) return null;
    const { segment, items } = this.#reading;
    for (let step = items.next(); !step.done; step = items.next()) {
      const item = step.value;
      if (item.kind === 'damage' || segment.skip.has(item.offset)) continue;
      const { rows } = item.pack;
      segment.hold(item.offset, rows);
      const recovered = segment.session !== this.#options.sessionId;
      return { pack: item.pack, entry: { segment, offset: item.offset, rows }, recovered };
    }
    this.#reading = null;
    if (segment.unread > 0) this.#countDamage(segment);
    return null;
  }

  /** What should be there to be read, and is not. */
  #countDamage(segment: Segment): void {
    const { entries, bytes } = this.#damage;
    this.#damage = { entries: entries + segment.unread, bytes: bytes + segment.bytes };
    this.#damagedEntries += segment.unread;
    segment.dropUnread();
    void this.#settle();
  }

  /** Notes what is done, and removes what is done with. One at a time: what comes meanwhile is noted together. */
  #settle(): Promise<void> {
    this.#settling ??= this.#settleAll()
      .catch((error: unknown) => {
        // The next session sends again what it does not know to be done; sealing takes it out.
        this.#options.log('warn', 'spill_not_noted', { reason: reasonOf(error) });
      })
      .finally(() => {
        this.#settling = null;
      });
    return this.#settling;
  }

  async #settleAll(): Promise<void> {
    while (this.#segments.due.length > 0) {
      await this.#inTurn(async () => {
        for (const segment of this.#segments.due) await this.#settleOne(segment);
      });
    }
  }

  async #settleOne(segment: Segment): Promise<void> {
    if (segment.remaining === 0) {
      if (segment === this.#writing?.segment) await this.#closeWriting();
      await this.remove(segment);
    } else {
      await segment.noteDone();
    }
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act);
    this.#turn = turn.catch(() => {});
    return turn;
  }
}

function encodeSome(packs: readonly Pack[], mostBytes: number): Buffer[] {
  const encoded: Buffer[] = [];
  let bytes = 0;
  for (const pack of packs) {
    const entry = encodeEntry(pack);
    bytes += entry.length;
    if (encoded.length > 0 && bytes > mostBytes) break;
    encoded.push(entry);
  }
  return encoded;
}
