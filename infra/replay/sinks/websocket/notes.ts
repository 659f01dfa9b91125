/** What a user is told once. */

/** Of as many symbols and streams as there may be, these are named. */
const MOST_LINES = 20;

export class Notes {
  readonly #log: (line: string) => void;
  readonly #said = new Set<string>();

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  /** Says the line, unless one of this key was said; after `MOST_LINES` only that there is more. */
  once(key: string, line: string): void {
    if (this.#said.size > MOST_LINES || this.#said.has(key)) return;
    this.#said.add(key);
    this.#log(this.#said.size > MOST_LINES ? 'further notes of this kind are left out' : line);
  }
}
