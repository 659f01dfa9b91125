/** Reads the store for many symbols that are asked about one by one. */
import type { StateStore, SymbolState } from './store.ts';

/** What was read is good for so long. */
const SHARED_MS = 1_000;

/** What the store holds of a symbol now, read for all of them in one call. */
export function stateReader(store: StateStore, venue: string, symbols: () => readonly string[], now: () => number) {
  let read: { readonly atMs: number; readonly states: Promise<Map<string, SymbolState>> } | null = null;
  return async (symbol: string): Promise<SymbolState | null> => {
    if (read === null || Math.abs(now() - read.atMs) >= SHARED_MS) {
      read = { atMs: now(), states: store.load(venue, symbols()) };
    }
    return (await read.states).get(symbol) ?? null;
  };
}
