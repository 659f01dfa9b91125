/**
 * One pack on disk: what a segment of the spill is made of.
 *
 *   marker, 8 bytes │ CRC-32 │ length of meta │ length of data │ meta, JSON │ data, the bytes of the Kinesis record
 *
 * The numbers are 32 bits, little-endian; the CRC is of everything behind it. A reader that finds an entry damaged, its
 * lengths included, looks for the next marker: damage costs the entries that it touches and no other.
 */
import CRC32 from 'crc-32';
import type { Pack } from './packs.ts';

/** Its first byte is no text, its last is the version of the format. */
const MARKER = Buffer.from([0x89, 0x44, 0x4c, 0x53, 0x50, 0x0d, 0x0a, 0x01]);
const CRC_AT = MARKER.length;
const META_LENGTH_AT = CRC_AT + 4;
const DATA_LENGTH_AT = META_LENGTH_AT + 4;
const HEADER_BYTES = DATA_LENGTH_AT + 4;

type Meta = Omit<Pack, 'data' | 'receivedMs'>;

export interface ReadEntry {
  readonly kind: 'entry';
  /** Where in the segment it begins. */
  readonly offset: number;
  readonly bytes: number;
  readonly pack: Pack;
}

export interface Damage {
  readonly kind: 'damage';
  readonly offset: number;
  readonly bytes: number;
  /** How many entries began there, as far as their markers tell; at least 1. */
  readonly entries: number;
}

export function encodeEntry({ data, receivedMs: _, ...meta }: Pack): Buffer {
  const metaBytes = Buffer.from(JSON.stringify(meta satisfies Meta));
  const entry = Buffer.concat([MARKER, Buffer.alloc(HEADER_BYTES - MARKER.length), metaBytes, data]);
  entry.writeUInt32LE(metaBytes.length, META_LENGTH_AT);
  entry.writeUInt32LE(data.length, DATA_LENGTH_AT);
  entry.writeInt32LE(CRC32.buf(entry.subarray(META_LENGTH_AT)), CRC_AT);
  return entry;
}

/** The entries of a segment in the order of writing, and what between them is none. The packs own their bytes. */
export function* readSpill(segment: Buffer): Generator<ReadEntry | Damage, void> {
  let offset = 0;
  let damage: { offset: number; entries: number } | null = null;
  while (offset < segment.length) {
    const entry = entryAt(segment, offset);
    if (entry === null) {
      damage ??= { offset, entries: 0 };
      damage.entries += 1;
      const next = segment.indexOf(MARKER, offset + 1);
      offset = next === -1 ? segment.length : next;
      continue;
    }
    if (damage !== null) yield { kind: 'damage', ...damage, bytes: offset - damage.offset };
    damage = null;
    yield entry;
    offset += entry.bytes;
  }
  if (damage !== null) yield { kind: 'damage', ...damage, bytes: offset - damage.offset };
}

function entryAt(segment: Buffer, offset: number): ReadEntry | null {
  const header = segment.subarray(offset, offset + HEADER_BYTES);
  if (header.length < HEADER_BYTES || !header.subarray(0, MARKER.length).equals(MARKER)) return null;
  const dataAt = offset + HEADER_BYTES + header.readUInt32LE(META_LENGTH_AT);
  const endAt = dataAt + header.readUInt32LE(DATA_LENGTH_AT);
  if (endAt > segment.length) return null;
  if (CRC32.buf(segment.subarray(offset + META_LENGTH_AT, endAt)) !== header.readInt32LE(CRC_AT)) return null;
  const meta = JSON.parse(segment.toString('utf8', offset + HEADER_BYTES, dataAt)) as Meta;
  const data = Buffer.allocUnsafeSlow(endAt - dataAt);
  segment.copy(data, 0, dataAt, endAt);
  return { kind: 'entry', offset, bytes: endAt - offset, pack: { ...meta, data, receivedMs: [] } };
}
