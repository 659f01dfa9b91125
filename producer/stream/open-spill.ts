/** The spill at the start of a session: its folder, and what sessions that ended before left behind. */
import { readFile } from 'node:fs/promises';
import { DepthlakeError, reasonOf } from '../errors.ts';
import type { Mark } from './packs.ts';
import { Segment } from './segment.ts';
import { Spill, type SpillDamage, type SpillOptions } from './spill.ts';
import { readSpill } from './spill-entry.ts';
import { adoptSegments, makeSessionFolder, type SegmentFile } from './spill-folder.ts';

/** What earlier sessions left, which Kinesis has not accepted. */
export interface Recovered {
  readonly packs: number;
  readonly rows: number;
  /** The newest of each session and symbol. */
  readonly marks: readonly RecoveredMark[];
}

export interface RecoveredMark extends Mark {
  readonly sessionId: string;
}

export interface OpenedSpill {
  readonly spill: Spill;
  readonly recovered: Recovered;
}

/**
 * Opens the spill of a session and takes over what earlier ones left in the same folder: it is offered first.
 * @throws DL_SPILL_FOLDER
 */
export async function openSpill(options: SpillOptions): Promise<OpenedSpill> {
  const { folder, sessionId, log } = options;
  try {
    const own = await makeSessionFolder(folder, sessionId);
    const files = await adoptSegments(folder, own);
    const scan = new Scan();
    for (const file of files) await scan.take(file);
    const { packs, rows, damage } = scan;
    if (packs + damage.entries > 0) {
      log('warn', 'spill_recovered', { packs, rows, damaged_entries: damage.entries, damaged_bytes: damage.bytes });
    }
    return {
      spill: new Spill(options, own, scan.segments, damage),
      recovered: { packs, rows, marks: [...scan.marks.values()] },
    };
  } catch (cause) {
    throw new DepthlakeError('DL_SPILL_FOLDER', `the spill cannot be opened in ${folder}: ${reasonOf(cause)}`, {
      cause,
    });
  }
}

class Scan {
  readonly segments: Segment[] = [];
  readonly marks = new Map<string, RecoveredMark>();
  packs = 0;
  rows = 0;
  damage: SpillDamage = { entries: 0, bytes: 0 };

  async take(file: SegmentFile): Promise<void> {
    const segment = new Segment(file);
    await segment.readDone();
    for (const item of readSpill(await readFile(file.file))) {
      if (item.kind === 'entry') {
        if (!segment.skip.has(item.offset)) this.#add(segment, item.pack);
        continue;
      }
      const endAt = item.offset + item.bytes;
      const accepted = [...segment.skip].filter((offset) => offset >= item.offset && offset < endAt).length;
      const lost = Math.max(0, item.entries - accepted);
      if (lost > 0) this.damage = { entries: this.damage.entries + lost, bytes: this.damage.bytes + item.bytes };
    }
    if (segment.remaining === 0) await segment.remove();
    else this.segments.push(segment);
  }

  #add(segment: Segment, { rows, marks }: { rows: number; marks: readonly Mark[] }): void {
    segment.add(rows);
    this.packs += 1;
    this.rows += rows;
    const sessionId = segment.session;
    for (const mark of marks) {
      const key = `${sessionId} ${mark.symbol}`;
      const known = this.marks.get(key);
      if (known === undefined || known.receivedMs <= mark.receivedMs) this.marks.set(key, { ...mark, sessionId });
    }
  }
}
