/**
 * Reading Avro's binary form within bounds. avsc reads on past the end of a buffer and believes every array length, so
 * damaged bytes could ask it for terabytes; a `Skip` walks each row first and allocates next to nothing.
 */
import { isUtf8 } from 'node:buffer';
import type { Type, types } from 'avsc';

const CUT_OFF = 'it is cut off';

/** A place in bytes. Every step throws an Error with the reason where it would leave them. */
export class Cursor {
  readonly bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  /** A zigzag variable-length integer: a length, a count, an index. */
  long(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      if (this.left === 0) throw new Error(CUT_OFF);
      const byte = this.bytes[this.at]!;
      this.at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
    throw new Error('a length or a count in it is absurd');
  }

  /** A length that must fit what is left. */
  length(): number {
    const length = this.long();
    if (length < 0) throw new Error(`a length in it is ${length}`);
    if (length > this.left) throw new Error(`it is cut off: ${this.left} bytes of ${length} are left`);
    return length;
  }

  take(length: number): Buffer {
    const start = this.at;
    this.skip(length);
    return this.bytes.subarray(start, this.at);
  }

  skip(length: number): void {
    if (length > this.left) throw new Error(CUT_OFF);
    this.at += length;
  }

  skipLong(): void {
    for (let i = 0; i < 10; i += 1) {
      if (this.left === 0) throw new Error(CUT_OFF);
      const byte = this.bytes[this.at]!;
      this.at += 1;
      if (byte < 0x80) return;
    }
    throw new Error('a number in it has more than 10 bytes');
  }

  /** Items of an array or a map, block by block as Avro writes them. */
  items(item: () => void): void {
    for (let count = this.long(); count !== 0; count = this.long()) {
      if (count < 0) this.length();
      // An item has one byte at least; items of none could be counted without end.
      if (Math.abs(count) > this.left) throw new Error(`it is cut off: ${this.left} bytes cannot hold ${count} items`);
      for (let i = Math.abs(count); i > 0; i -= 1) item();
    }
  }
}

/**
 * Moves the cursor past one value of a type.
 * @throws Error where the bytes hold no such value
 */
export type Skip = (cursor: Cursor) => void;

export function skipOf(type: Type, known: Map<Type, Skip> = new Map()): Skip {
  const found = known.get(type);
  if (found !== undefined) return found;
  // A record may hold itself: it is known by name before its fields are.
  let skip: Skip = () => {};
  known.set(type, (cursor) => skip(cursor));
  skip = makeSkip(type, known);
  known.set(type, skip);
  return skip;
}

function makeSkip(type: Type, known: Map<Type, Skip>): Skip {
  switch (type.typeName as string) {
    case 'null':
      return () => {};
    case 'boolean':
      return (cursor) => {
        if (cursor.take(1)[0]! > 1) throw new Error('a boolean in it is neither true nor false');
      };
    case 'int':
    case 'long':
    case 'abstract:long':
    case 'enum':
      return (cursor) => cursor.skipLong();
    case 'float':
      return (cursor) => cursor.skip(4);
    case 'double':
      return (cursor) => cursor.skip(8);
    case 'bytes':
      return (cursor) => cursor.skip(cursor.length());
    case 'string':
      return (cursor) => {
        if (!isUtf8(cursor.take(cursor.length()))) throw new Error('a string in it is not UTF-8');
      };
    case 'fixed':
      return (cursor) => cursor.skip((type as types.FixedType).size);
    case 'array': {
      const item = skipOf((type as types.ArrayType).itemsType, known);
      return (cursor) => cursor.items(() => item(cursor));
    }
    case 'map': {
      const value = skipOf((type as types.MapType).valuesType, known);
      return (cursor) =>
        cursor.items(() => {
          cursor.skip(cursor.length());
          value(cursor);
        });
    }
    case 'union:wrapped':
    case 'union:unwrapped':
      return unionSkip((type as types.UnwrappedUnionType).types.map((branch) => skipOf(branch, known)));
    case 'record':
    case 'error': {
      const fields = (type as types.RecordType).fields.map((field) => skipOf(field.type, known));
      return (cursor) => {
        for (const field of fields) field(cursor);
      };
    }
    default:
      // A logical type lies on another one.
      return skipOf((type as types.LogicalType).underlyingType, known);
  }
}

function unionSkip(branches: readonly Skip[]): Skip {
  return (cursor) => {
    const index = cursor.long();
    const branch = branches[index];
    if (branch === undefined) throw new Error(`a union in it has no branch ${index}`);
    branch(cursor);
  };
}
