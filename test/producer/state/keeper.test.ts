import { describe, expect, it } from 'vitest';
import { StateKeeper } from '../../../producer/state/keeper.ts';
import type { StateStore, SymbolState } from '../../../producer/state/store.ts';
import { settle, VirtualClock } from '../virtual-clock.ts';

const mark = (symbol: string, seq: number) => ({ symbol, receivedMs: seq * 100, lastUpdateId: seq * 7, seq });

/** A store at the edge: remembers what it was given, fails or hangs when told to. */
class Store implements StateStore {
  readonly saves: { readonly atMs: number; readonly states: readonly SymbolState[] }[] = [];
  failing = false;
  hanging = false;
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  async load(): Promise<Map<string, SymbolState>> {
    return new Map();
  }

  async save(venue: string, states: readonly SymbolState[]): Promise<void> {
    expect(venue).toBe('binance.us');
    this.saves.push({ atMs: this.#clock.now(), states });
    if (this.hanging) await new Promise(() => {});
    if (this.failing) throw new Error('unreachable');
  }
}

function keeping(undecided = new Set<string>(), eventsPending = () => false) {
  const clock = new VirtualClock();
  const store = new Store(clock);
  const logged: string[] = [];
  const keeper = new StateKeeper({
    store,
    venue: 'binance.us',
    sessionId: 's1',
    scheduler: clock,
    log: (level, event) => logged.push(`${level} ${event}`),
    undecided: (symbol) => undecided.has(symbol),
    eventsPending,
  });
  const saved = () =>
    store.saves.map(({ atMs, states }) => [atMs, ...states.map((each) => `${each.symbol} ${each.receivedMs}`)]);
  return { clock, store, logged, keeper, saved, undecided };
}

describe('the state of each symbol', () => {
  it('is written within a second at first, then at most every 10 s: the newest that was accepted, with its session', async () => {
    const { clock, store, keeper } = keeping();
    keeper.accepted([mark('BTCUSDT', 1), mark('ETHUSDT', 1)]);
    keeper.accepted([mark('BTCUSDT', 3)]);
    keeper.accepted([mark('BTCUSDT', 2)]);
    await clock.advance(999);
    expect(store.saves).toEqual([]);
    await clock.advance(1);
    expect(store.saves).toEqual([
      {
        atMs: 1_000,
        states: [
          { symbol: 'BTCUSDT', receivedMs: 300, lastUpdateId: 21, sessionId: 's1', clean: false },
          { symbol: 'ETHUSDT', receivedMs: 100, lastUpdateId: 7, sessionId: 's1', clean: false },
        ],
      },
    ]);
    keeper.accepted([mark('BTCUSDT', 4)]);
    await clock.advance(9_999);
    expect(store.saves).toHaveLength(1);
    await clock.advance(1);
    expect(store.saves.at(-1)).toMatchObject({ atMs: 11_000, states: [{ symbol: 'BTCUSDT', receivedMs: 400 }] });
    keeper.close();
  });

  it('is not written again where nothing changed', async () => {
    const { clock, keeper, saved } = keeping();
    keeper.accepted([mark('BTCUSDT', 1), mark('ETHUSDT', 1)]);
    await clock.advance(10_000);
    keeper.accepted([mark('ETHUSDT', 2)]);
    await clock.advance(30_000);
    expect(saved()).toEqual([
      [1_000, 'BTCUSDT 100', 'ETHUSDT 100'],
      [11_000, 'ETHUSDT 200'],
    ]);
    keeper.close();
  });

  it('stays as it was while the earlier one is still needed', async () => {
    const { clock, keeper, saved, undecided } = keeping(new Set(['BTCUSDT']));
    keeper.accepted([mark('BTCUSDT', 1), mark('ETHUSDT', 1)]);
    await clock.advance(10_000);
    undecided.clear();
    await clock.advance(10_000);
    expect(saved()).toEqual([
      [1_000, 'ETHUSDT 100'],
      [11_000, 'BTCUSDT 100'],
    ]);
    keeper.close();
  });

  it('does not pass feed events that are on their way: who is killed now has not told them', async () => {
    let pending = false;
    const { clock, keeper, saved, store } = keeping(undefined, () => pending);
    keeper.accepted([mark('BTCUSDT', 1)]);
    pending = true;
    keeper.accepted([mark('BTCUSDT', 2), mark('ETHUSDT', 1)]);
    keeper.accepted([mark('BTCUSDT', 3)]);
    await clock.advance(10_000);
    expect(saved()).toEqual([[1_000, 'BTCUSDT 100']]);

    await keeper.finish(false);
    expect(saved().at(-1)).toEqual([10_000, 'BTCUSDT 100']);
    pending = false;
    keeper.accepted([]);
    await keeper.finish();
    expect(store.saves.at(-1)!.states.map(({ receivedMs }) => receivedMs)).toEqual([300, 100]);
  });

  it('is written the next time where the store failed, which is counted, and told when it begins and ends', async () => {
    const { clock, store, logged, keeper, saved } = keeping();
    store.failing = true;
    keeper.accepted([mark('BTCUSDT', 1), mark('ETHUSDT', 1)]);
    await clock.advance(10_000);
    keeper.accepted([mark('BTCUSDT', 2)]);
    await clock.advance(10_000);
    expect([keeper.failures, logged]).toEqual([2, ['warn state_not_saved']]);
    store.failing = false;
    await clock.advance(20_000);
    expect(saved().at(-1)).toEqual([21_000, 'BTCUSDT 200', 'ETHUSDT 100']);
    expect([store.saves.length, keeper.failures, logged]).toEqual([3, 2, ['warn state_not_saved', 'info state_saved']]);
    keeper.close();
  });

  it('waits for a write that hangs instead of beginning another', async () => {
    const { clock, store, keeper } = keeping();
    store.hanging = true;
    keeper.accepted([mark('BTCUSDT', 1)]);
    await clock.advance(10_000);
    keeper.accepted([mark('BTCUSDT', 2)]);
    await clock.advance(60_000);
    expect(store.saves).toHaveLength(1);
    keeper.close();
  });
});

describe('the end of a session', () => {
  it('writes every symbol as clean, written before or not, and nothing on the clock afterwards', async () => {
    const { clock, store, keeper } = keeping();
    keeper.accepted([mark('BTCUSDT', 1)]);
    await clock.advance(10_000);
    keeper.accepted([mark('ETHUSDT', 1)]);
    const finished = keeper.finish();
    await settle();
    await finished;
    expect(store.saves.at(-1)!.states.map(({ symbol, clean }) => [symbol, clean])).toEqual([
      ['BTCUSDT', true],
      ['ETHUSDT', true],
    ]);
    keeper.accepted([mark('BTCUSDT', 2)]);
    await clock.advance(60_000);
    expect(store.saves).toHaveLength(2);
  });

  it('does not say clean where rows of it were not accepted', async () => {
    const { store, keeper } = keeping();
    keeper.accepted([mark('BTCUSDT', 1)]);
    await keeper.finish(false);
    expect(store.saves.at(-1)!.states).toMatchObject([{ symbol: 'BTCUSDT', clean: false }]);
  });

  it('writes nothing where nothing was accepted', async () => {
    const { store, keeper } = keeping();
    await keeper.finish();
    expect(store.saves).toEqual([]);
  });

  it('ends within 5 s where the store hangs', async () => {
    const { clock, store, keeper } = keeping();
    store.hanging = true;
    keeper.accepted([mark('BTCUSDT', 1)]);
    let ended = false;
    const finished = keeper.finish().then(() => {
      ended = true;
    });
    await clock.advance(4_999);
    expect(ended).toBe(false);
    await clock.advance(1);
    await finished;
    expect(ended).toBe(true);
  });

  it('ends, and is counted as a failure, where the store fails', async () => {
    const { store, keeper } = keeping();
    store.failing = true;
    keeper.accepted([mark('BTCUSDT', 1)]);
    await keeper.finish();
    expect(keeper.failures).toBe(1);
  });
});
