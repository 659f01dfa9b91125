/** What a session needs before it begins: its symbols, what earlier sessions left behind, a stream to write to. */
import type { Shard } from './config.ts';
import { reasonOf } from './errors.ts';
import type { RestClient } from './feed/rest.ts';
import { firstSymbols } from './feed/symbols.ts';
import type { Log } from './log.ts';
import type { StateStore, SymbolState } from './state/store.ts';
import type { OpenedSpill, RecoveredMark } from './stream/open-spill.ts';

export interface Preparation {
  readonly symbols: readonly string[];
  /** The last recorded state of each symbol; null: the store cannot be read, so gaps before this session are unknown. */
  readonly previous: ReadonlyMap<string, SymbolState> | null;
  readonly spill: OpenedSpill | null;
  /** As `previous`, of symbols that come to be followed later. */
  readonly previousOf: (symbols: readonly string[]) => Promise<ReadonlyMap<string, SymbolState> | null>;
}

export interface PreparationParts {
  readonly patterns: readonly string[];
  readonly shard: Shard;
  readonly venue: string;
  readonly rest: RestClient;
  readonly checkStream: () => Promise<void>;
  readonly store: StateStore | null;
  readonly openSpill: (() => Promise<OpenedSpill>) | null;
  readonly log: Log;
}

/** @throws what keeps the session from beginning: see `checkStream`, `firstSymbols`, `openSpill` */
export async function prepare(parts: PreparationParts): Promise<Preparation> {
  const { patterns, shard, venue, rest, checkStream, store, openSpill, log } = parts;
  await checkStream();
  const { symbols, notTrading } = firstSymbols(patterns, await rest.listing(), shard, venue);
  for (const { name, status } of notTrading) log('warn', 'symbol_not_trading', { symbol: name, status });
  const spill = (await openSpill?.()) ?? null;
  const previousOf = async (wanted: readonly string[]) => {
    const states = await loadStates(store, venue, wanted, log);
    return states && tightened(states, spill?.recovered.marks ?? []);
  };
  return { symbols, previous: await previousOf(symbols), spill, previousOf };
}

/** A store that cannot be read must not keep the producer from recording. */
async function loadStates(store: StateStore | null, venue: string, symbols: readonly string[], log: Log) {
  if (store === null) return new Map<string, SymbolState>();
  try {
    return await store.load(venue, symbols);
  } catch (error) {
    log('error', 'state_not_read', { reason: reasonOf(error) });
    return null;
  }
}

/**
 * What lies in the spill is recorded too: a gap begins behind it. Only behind what the session of the state itself left:
 * a later one may have been killed before it told the gap between the two.
 */
function tightened(
  states: Map<string, SymbolState>,
  marks: readonly RecoveredMark[],
): ReadonlyMap<string, SymbolState> {
  const previous = new Map(states);
  for (const { symbol, sessionId, receivedMs, lastUpdateId } of marks) {
    const state = states.get(symbol);
    if (state?.sessionId !== sessionId || state.receivedMs >= receivedMs) continue;
    previous.set(symbol, { ...state, receivedMs, lastUpdateId, clean: false });
  }
  return previous;
}
