/**
 * One symbol's messages by their ids: each counts once, however many connections bring it and in whatever order.
 *
 * Ids that a venue gives anew after its restart are lower than all remembered ones, and so are messages that come very
 * late. Which of the two they are shows in time, so they are held until it does.
 */

/** Ids remembered; at ten messages a second the last 12.8 s. */
const REMEMBERED = 128;
/** Messages held; beyond it the oldest is stale. */
const HELD = 128;
/** Ids that stay lower for so long are a restart of the venue's numbering. */
const RESTART_MS = 10_000;

export interface HeldItem<T> {
  readonly id: number;
  /** When it came, UTC epoch ms. */
  readonly atMs: number;
  readonly item: T;
}

/** The venue's numbering began anew: `held` are the messages under new ids, in the order in which they came. */
export interface IdsRestarted<T> {
  readonly kind: 'restarted';
  readonly highestBefore: number;
  readonly held: readonly HeldItem<T>[];
}

export type Place<T> =
  /** Higher than all before. */
  | { readonly kind: 'new' }
  /** Not seen before, among those remembered. */
  | { readonly kind: 'late' }
  | { readonly kind: 'repeat' }
  /** Lower than all remembered; given back by a restart, or counted as stale. */
  | { readonly kind: 'held' }
  | IdsRestarted<T>;

const NEW = { kind: 'new' } as const;
const LATE = { kind: 'late' } as const;
const REPEAT = { kind: 'repeat' } as const;
const IS_HELD = { kind: 'held' } as const;

export class IdOrder<T> {
  readonly #stale: (messages: number) => void;
  /** Ascending. */
  #ids: number[] = [];
  #held: HeldItem<T>[] = [];
  #lowerSinceMs = 0;

  /** @param stale is told how many held messages are given up */
  constructor(stale: (messages: number) => void) {
    this.#stale = stale;
  }

  place(id: number, atMs: number, item: T): Place<T> {
    const ids = this.#ids;
    if (ids.length > 0 && id < ids[0]!) return this.#lower(id, atMs, item);
    this.#giveUpHeld();
    const index = indexFrom(ids, id);
    if (ids[index] === id) return REPEAT;
    const place = index === ids.length ? NEW : LATE;
    ids.splice(index, 0, id);
    if (ids.length > REMEMBERED) ids.shift();
    return place;
  }

  /** The end of the session: null where what is held is stale, or nothing is held. */
  end(atMs: number): IdsRestarted<T> | null {
    if (this.#held.length > 0 && atMs - this.#lowerSinceMs >= RESTART_MS) return this.#restart();
    this.#giveUpHeld();
    return null;
  }

  #lower(id: number, atMs: number, item: T): Place<T> {
    if (this.#held.some((held) => held.id === id)) return REPEAT;
    // A clock that was set back must not put off the restart until it is that late again.
    this.#lowerSinceMs = this.#held.length === 0 ? atMs : Math.min(this.#lowerSinceMs, atMs);
    this.#held.push({ id, atMs, item });
    if (atMs - this.#lowerSinceMs >= RESTART_MS) return this.#restart();
    if (this.#held.length > HELD) {
      this.#held.shift();
      this.#stale(1);
    }
    return IS_HELD;
  }

  #restart(): IdsRestarted<T> {
    const held = this.#held;
    const highestBefore = this.#ids.at(-1)!;
    this.#held = [];
    this.#ids = held
      .map(({ id }) => id)
      .sort((a, b) => a - b)
      .slice(-REMEMBERED);
    return { kind: 'restarted', highestBefore, held };
  }

  #giveUpHeld(): void {
    if (this.#held.length === 0) return;
    this.#stale(this.#held.length);
    this.#held = [];
  }
}

/** Index of the first id that is not lower; searched from the end, where nearly all belong. */
function indexFrom(ids: readonly number[], id: number): number {
  let index = ids.length;
  while (index > 0 && ids[index - 1]! >= id) index -= 1;
  return index;
}
