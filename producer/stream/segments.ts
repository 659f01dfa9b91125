/** The segments of a spill, oldest first, and what they hold together. */
import type { Segment } from './segment.ts';

export class Segments {
  #all: readonly Segment[];

  constructor(recovered: readonly Segment[]) {
    this.#all = recovered;
  }

  get all(): readonly Segment[] {
    return this.#all;
  }

  get bytes(): number {
    return this.#all.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  get unread(): number {
    return this.#all.reduce((sum, { unread }) => sum + unread, 0);
  }

  get remaining(): number {
    return this.#all.reduce((sum, { remaining }) => sum + remaining, 0);
  }

  get remainingRows(): number {
    return this.#all.reduce((sum, { remainingRows }) => sum + remainingRows, 0);
  }

  /** The next to be read. */
  get oldestUnread(): Segment | undefined {
    return this.#all.find(({ unread }) => unread > 0);
  }

  /** Those to be removed, and those with something to note. */
  get due(): Segment[] {
    return this.#all.filter(({ remaining, hasNews }) => remaining === 0 || hasNews);
  }

  add(segment: Segment): void {
    this.#all = [...this.#all, segment];
  }

  async remove(segment: Segment): Promise<void> {
    await segment.remove();
    this.#all = this.#all.filter((other) => other !== segment);
  }
}
