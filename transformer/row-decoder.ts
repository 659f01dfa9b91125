/**
 * Rows of our own schemas from Avro's binary form, in one pass that checks as it reads: bounds, counts, UTF-8, branches
 * of unions, integers that a double holds. Files under any other schema are read by avsc, which takes several times
 * as long. That both give the same rows is shown by a property test; the types hold the fields' names to the contract.
 */
import { isUtf8 } from 'node:buffer';
import type { FeedEventRow, OrderBookRow, RowTypes, TableName } from '../producer/record.ts';

const CUT_OFF = 'it is cut off';

/** Fields are read in the order in which they stand: the schema's. */
export const ROW_READERS: { readonly [T in TableName]: (bytes: RowBytes) => RowTypes[T] } = {
  order_book: (bytes): OrderBookRow => ({
    timestamp_ms: bytes.long(),
    bids: bytes.pairs(),
    asks: bytes.pairs(),
    spread: bytes.double(),
    mid_price: bytes.double(),
    imbalance_ratio: bytes.double(),
    venue: bytes.string(),
    symbol: bytes.string(),
    last_update_id: bytes.long(),
    received_ms: bytes.long(),
    session_id: bytes.string(),
    seq: bytes.long(),
    bid_levels_covered: bytes.int(),
    ask_levels_covered: bytes.int(),
    bid_reach: bytes.double(),
    ask_reach: bytes.double(),
    verified: bytes.isNull() ? null : bytes.boolean(),
    top_bids: bytes.isNull() ? null : bytes.pairs(),
    top_asks: bytes.isNull() ? null : bytes.pairs(),
  }),
  feed_event: (bytes): FeedEventRow => ({
    timestamp_ms: bytes.long(),
    venue: bytes.string(),
    symbol: bytes.isNull() ? null : bytes.string(),
    session_id: bytes.string(),
    seq: bytes.long(),
    kind: bytes.string(),
    from_ms: bytes.isNull() ? null : bytes.long(),
    to_ms: bytes.isNull() ? null : bytes.long(),
    missed_updates: bytes.isNull() ? null : bytes.long(),
    last_seq: bytes.isNull() ? null : bytes.long(),
    detail: bytes.isNull() ? null : bytes.string(),
  }),
};

/** Short strings come again and again (venue, symbol, session): each is made once a block, while it keeps its slot. */
const SLOTS = 64;
const SHORT_BYTES = 40;

/** Raw levels have 20 a side. */
const EXACT_ITEMS = 32;

/** A string that was read: where its bytes begin. */
interface Known {
  readonly at: number;
  readonly length: number;
  readonly text: string;
}

/** A place in the rows of a block. Every step throws an Error with the reason where it would leave them. */
export class RowBytes {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #end: number;
  readonly #known: (Known | undefined)[] = new Array(SLOTS).fill(undefined);
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#end = bytes.length;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  double(): number {
    const at = this.#at;
    if (at + 8 > this.#end) throw new Error(CUT_OFF);
    this.#at = at + 8;
    return this.#view.getFloat64(at, true);
  }

  /** Zigzag, 7 bits a byte, the lowest first: 28 bits in integers, the rest in doubles, which are exact up to 2^53. */
  long(): number {
    let at = this.#at;
    let byte = this.#byteAt(at);
    let low = byte & 0x7f;
    for (let shift = 7; byte > 0x7f && shift < 28; shift += 7) {
      at += 1;
      byte = this.#byteAt(at);
      low |= (byte & 0x7f) << shift;
    }
    if (byte <= 0x7f) {
      this.#at = at + 1;
      return (low >>> 1) ^ -(low & 1);
    }
    let high = 0;
    for (let scale = 1; byte > 0x7f; scale *= 128) {
      if (scale === 2 ** 42) throw new Error('a number in it has more than 10 bytes');
      at += 1;
      byte = this.#byteAt(at);
      high += (byte & 0x7f) * scale;
    }
    this.#at = at + 1;
    const magnitude = (low >>> 1) + high * 2 ** 27;
    const value = low & 1 ? -magnitude - 1 : magnitude;
    if (!Number.isSafeInteger(value)) throw new Error('a long is 2^53 or more, which a double does not hold exactly');
    return value;
  }

  int(): number {
    const value = this.long();
    if (value !== (value | 0)) throw new Error('an int in it has more than 32 bits');
    return value;
  }

  boolean(): boolean {
    const byte = this.#byteAt(this.#at);
    if (byte > 1) throw new Error('a boolean in it is neither true nor false');
    this.#at += 1;
    return byte === 1;
  }

  /** Which branch of `null` and something follows. */
  isNull(): boolean {
    const branch = this.long();
    if (branch !== 0 && branch !== 1) throw new Error(`a union in it has no branch ${branch}`);
    return branch === 0;
  }

  string(): string {
    const length = this.#length();
    const at = this.#at;
    this.#at = at + length;
    if (length === 0 || length > SHORT_BYTES) return this.#text(at, length);
    const bytes = this.#bytes;
    const slot = (length + bytes[at]! * 31 + bytes[at + (length >> 1)]! * 7 + bytes[at + length - 1]!) % SLOTS;
    const known = this.#known[slot];
    if (known !== undefined && known.length === length && this.#isEqual(known.at, at, length)) return known.text;
    const text = this.#text(at, length);
    this.#known[slot] = { at, length, text };
    return text;
  }

  /** An array of arrays of doubles, in blocks as Avro writes them. */
  pairs(): number[][] {
    let count = this.#count();
    // An array that is pushed to takes three times the memory of five items; a count from damaged bytes may be any.
    const pairs: number[][] = new Array(Math.min(count, EXACT_ITEMS));
    for (let at = 0; count > 0; count = this.#count()) {
      for (; count > 0; count -= 1, at += 1) pairs[at] = this.#isPair() ? this.#pair() : this.#doubles();
    }
    return pairs;
  }

  /** Whether a block of two doubles follows, and no other: all that our writers write. */
  #isPair(): boolean {
    const at = this.#at;
    return at + 18 <= this.#end && this.#bytes[at] === 4 && this.#bytes[at + 17] === 0;
  }

  #pair(): number[] {
    const at = this.#at + 1;
    this.#at = at + 17;
    return [this.#view.getFloat64(at, true), this.#view.getFloat64(at + 8, true)];
  }

  #doubles(): number[] {
    const values: number[] = [];
    for (let count = this.#count(); count > 0; count = this.#count()) {
      for (; count > 0; count -= 1) values.push(this.double());
    }
    return values;
  }

  /** Of the items of a block; a negative count stands before a length in bytes. */
  #count(): number {
    const count = this.long();
    if (count < 0) this.#length();
    const items = Math.abs(count);
    // An item has one byte at least; a count of more would fill the memory with what is not there.
    if (items > this.left) throw new Error(`it is cut off: ${this.left} bytes cannot hold ${count} items`);
    return items;
  }

  #length(): number {
    const length = this.long();
    if (length < 0) throw new Error(`a length in it is ${length}`);
    if (length > this.left) throw new Error(`it is cut off: ${this.left} bytes of ${length} are left`);
    return length;
  }

  #byteAt(at: number): number {
    if (at >= this.#end) throw new Error(CUT_OFF);
    return this.#bytes[at]!;
  }

  #isEqual(a: number, b: number, length: number): boolean {
    for (let i = 0; i < length; i += 1) if (this.#bytes[a + i] !== this.#bytes[b + i]) return false;
    return true;
  }

  #text(at: number, length: number): string {
    const bytes = this.#bytes.subarray(at, at + length);
    if (!isUtf8(bytes)) throw new Error('a string in it is not UTF-8');
    return bytes.toString('utf8');
  }
}
