/** Whether a book has a mid price: an event when it has none any longer, when the reason changes, when it has again. */
import type { UnusableBook } from '../../book/levels.ts';
import { emitEvent, type SymbolContext } from './symbol.ts';

export class Usability {
  readonly #context: SymbolContext;
  #unusable: { readonly reason: UnusableBook; readonly sinceMs: number } | null = null;

  constructor(context: SymbolContext) {
    this.#context = context;
  }

  /** @param reason null: the book is usable */
  note(reason: UnusableBook | null, atMs: number): void {
    const before = this.#unusable;
    if (reason === (before?.reason ?? null)) return;
    const sinceMs = before?.sinceMs ?? atMs;
    this.#unusable = reason === null ? null : { reason, sinceMs };
    const times = { timestamp_ms: atMs, from_ms: sinceMs };
    emitEvent(
      this.#context,
      reason === null
        ? { ...times, kind: 'book_usable', to_ms: atMs, detail: { was: before?.reason } }
        : { ...times, kind: 'book_unusable', detail: { reason } },
    );
  }
}
