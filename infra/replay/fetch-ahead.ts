/** Small files are fetched while the one before them is decoded: a bucket answers late, and a disk reads meanwhile. */

interface Fetch {
  readonly small: boolean;
  readonly get: () => Promise<Buffer>;
}

/** Fetched and not yet taken, at most; large files are fetched when they are taken. */
const AHEAD = 2;

export class FetchAhead {
  readonly #files: readonly Fetch[];
  readonly #begun = new Map<number, Promise<Buffer>>();

  constructor(files: readonly Fetch[]) {
    this.#files = files;
  }

  /** @param index greater than that of the last call */
  take(index: number): Promise<Buffer> {
    for (let ahead = index; ahead <= index + AHEAD; ahead += 1) {
      if (ahead === index || this.#files[ahead]?.small) this.#begin(ahead);
    }
    const bytes = this.#begun.get(index)!;
    this.#begun.delete(index);
    return bytes;
  }

  #begin(index: number): void {
    if (this.#begun.has(index)) return;
    const bytes = this.#files[index]!.get();
    // Who takes it hears of the failure; until then, and where nobody does, it is no unhandled one.
    bytes.catch(() => {});
    this.#begun.set(index, bytes);
  }
}
