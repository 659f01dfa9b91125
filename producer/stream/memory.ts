/** Packs in memory that neither Kinesis nor the spill has taken, the oldest first, and what they cost. */
import type { Pack } from './packs.ts';

/** What a pack costs beside its bytes: objects, and its place in the queue. */
const PACK_OVERHEAD_BYTES = 512;
const MARK_BYTES = 96;
const NUMBER_BYTES = 8;

export class Memory<Item extends { readonly pack: Pack; readonly writtenMs: number }> {
  readonly #items = new Set<Item>();
  #bytes = 0;
  #rows = 0;

  get size(): number {
    return this.#items.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get rows(): number {
    return this.#rows;
  }

  get items(): Item[] {
    return [...this.#items];
  }

  get oldest(): Item | undefined {
    return this.#items.values().next().value;
  }

  has(item: Item): boolean {
    return this.#items.has(item);
  }

  add(item: Item): void {
    this.#items.add(item);
    this.#bytes += memoryOf(item.pack);
    this.#rows += item.pack.rows;
  }

  remove(item: Item): void {
    if (!this.#items.delete(item)) return;
    this.#bytes -= memoryOf(item.pack);
    this.#rows -= item.pack.rows;
  }

  /** Whether the oldest has waited so long. A clock that was set back makes none wait until it is that late again. */
  hasWaited(ms: number, nowMs: number): boolean {
    const { oldest } = this;
    if (oldest === undefined) return false;
    const waitedMs = nowMs - oldest.writtenMs;
    return waitedMs >= ms || waitedMs < 0;
  }
}

/** Bytes of memory that a pack holds. */
export function memoryOf({ data, marks, receivedMs }: Pack): number {
  return data.buffer.byteLength + PACK_OVERHEAD_BYTES + MARK_BYTES * marks.length + NUMBER_BYTES * receivedMs.length;
}
