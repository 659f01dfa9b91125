import { describe, expect, test } from 'vitest';
import { following } from './fake-venue.ts';

type Followed = ReturnType<typeof following>;

/** Advances while a symbol is heard once a second, its id rising. */
async function advanceWith(followed: Followed, seconds: number, symbol: string): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    followed.last().frame(1_000 + second, symbol);
    await followed.clock.advance(1_000);
  }
}

describe('a symbol of which nothing is heard', () => {
  test('is asked for at the REST side after a minute, and is left alone where its book has not moved', async () => {
    const followed = following([['BTCUSDT', 'ETHUSDT']]);
    followed.ids.set('ETHUSDT', 7);
    followed.last().open().frame(7, 'ETHUSDT');

    await advanceWith(followed, 59, 'BTCUSDT');
    expect(followed.asked).toEqual([]);
    await advanceWith(followed, 120, 'BTCUSDT');

    expect(followed.asked.map(({ symbol }) => symbol)).toEqual(['ETHUSDT', 'ETHUSDT']);
    expect(followed.kinds()).toEqual(['opened']);
    expect(followed.connections).toHaveLength(1);
  });

  test('is silent where its book moved and nothing comes for 5 s more: the slot is handed over', async () => {
    const followed = following([['BTCUSDT', 'ETHUSDT']]);
    followed.ids.set('ETHUSDT', 8);
    followed.last().open().frame(7, 'ETHUSDT');

    await advanceWith(followed, 64, 'BTCUSDT');
    expect(followed.ofKind('silent')).toEqual([]);
    await advanceWith(followed, 2, 'BTCUSDT');
    followed.last().open();
    await advanceWith(followed, 2, 'BTCUSDT');

    expect(followed.ofKind('silent')).toMatchObject([{ slot: 0, symbols: ['ETHUSDT'], atMs: 65_000 }]);
    expect(followed.ofKind('handed_over')).toMatchObject([{ reason: 'silence' }]);
  });

  test('is not silent where it is heard within those 5 s: REST was ahead', async () => {
    const followed = following([['BTCUSDT', 'ETHUSDT']]);
    followed.ids.set('ETHUSDT', 8);
    followed.last().open().frame(7, 'ETHUSDT');

    await advanceWith(followed, 63, 'BTCUSDT');
    expect(followed.asked).toHaveLength(1);
    followed.last().frame(8, 'ETHUSDT');
    await advanceWith(followed, 60, 'BTCUSDT');

    expect(followed.kinds()).toEqual(['opened']);
  });

  test('and never was, is silent only where two answers at least 10 s apart differ', async () => {
    const followed = following([['BTCUSDT', 'NOSUCH']]);
    followed.ids.set('NOSUCH', 100);
    followed.last().open();

    await advanceWith(followed, 85, 'BTCUSDT');
    const [first, second] = followed.asked;
    expect(second!.atMs - first!.atMs).toBeGreaterThanOrEqual(10_000);
    expect(followed.ofKind('silent')).toEqual([]);
    followed.ids.set('NOSUCH', 101);
    await advanceWith(followed, 80, 'BTCUSDT');

    expect(followed.ofKind('silent')).toMatchObject([{ symbols: ['NOSUCH'] }]);
  });

  test('is not called silent because the REST side fails', async () => {
    const followed = following([['BTCUSDT', 'ETHUSDT']]);
    followed.last().open().frame(7, 'ETHUSDT');

    await advanceWith(followed, 600, 'BTCUSDT');

    expect(followed.asked.length).toBeGreaterThan(5);
    expect(followed.kinds()).toEqual(['opened']);
  });

  test('that stays silent is handed over ever more seldom, at last each 10 minutes', async () => {
    const followed = following([['BTCUSDT', 'ETHUSDT']]);
    followed.ids.set('ETHUSDT', 8);
    followed.last().open().frame(7, 'ETHUSDT');

    for (let minute = 0; minute < 120; minute++) {
      await advanceWith(followed, 30, 'BTCUSDT');
      const next = followed.last();
      if (followed.ofKind('opened').length + followed.ofKind('handed_over').length < followed.connections.length) {
        next.open();
      }
      await advanceWith(followed, 30, 'BTCUSDT');
    }

    const times = followed.ofKind('silent').map(({ atMs }) => atMs);
    const waits = times.slice(1).map((atMs, i) => atMs - times[i]!);
    expect(waits[0]).toBeGreaterThanOrEqual(120_000);
    expect(waits.at(-1)).toBeGreaterThanOrEqual(600_000);
    expect(waits.at(-1)).toBeLessThan(620_000);
  });

  test('is not asked for while its slot is without a connection', async () => {
    const followed = following([['BTCUSDT']], { random: () => 1 });
    followed.last().open().frame(7).end();
    for (let minute = 0; minute < 10; minute++) await followed.clock.advance(60_000);

    expect(followed.asked).toEqual([]);
  });

  test('waits its turn: ten questions a minute over all, each symbol once before any comes again', async () => {
    const symbols = Array.from({ length: 40 }, (_, i) => `S${i}USDT`);
    const followed = following([['BTCUSDT', ...symbols]]);
    followed.last().open();
    for (const symbol of symbols) {
      followed.ids.set(symbol, 1);
      followed.last().frame(1, symbol);
    }

    await advanceWith(followed, 60 + 8 * 60, 'BTCUSDT');

    const { asked } = followed;
    for (const { atMs } of asked) {
      expect(asked.filter((other) => other.atMs >= atMs && other.atMs < atMs + 60_000).length).toBeLessThanOrEqual(10);
    }
    expect(new Set(asked.slice(0, 40).map(({ symbol }) => symbol)).size).toBe(40);
    expect(asked.length).toBeGreaterThanOrEqual(78);
  });
});

describe('a connection that brings nothing at all', () => {
  test('is stalled where one of its symbols moved: all of them are silent', async () => {
    const followed = following([['ADAUSDT', 'BTCUSDT', 'ETHUSDT']]);
    followed.last().open().frame(1, 'ADAUSDT').frame(1, 'ETHUSDT');
    await followed.clock.advance(2_000);
    followed.last().frame(5, 'BTCUSDT');
    followed.ids.set('BTCUSDT', 6);

    await followed.clock.advance(60_000);
    await followed.clock.advance(14_000);

    expect(followed.asked.map(({ symbol }) => symbol).slice(0, 2)).toEqual(['ADAUSDT', 'BTCUSDT']);
    expect(followed.ofKind('silent')).toMatchObject([{ symbols: ['ADAUSDT', 'BTCUSDT', 'ETHUSDT'] }]);
    expect(followed.connections).toHaveLength(2);
  });

  test('is handed over without a proof after 75 s, then each time after twice as long, up to 10 minutes', async () => {
    const followed = following([['BTCUSDT']]);
    followed.last().open().frame(1);

    for (let second = 0; second < 3_600; second++) {
      const before = followed.connections.length;
      await followed.clock.advance(1_000);
      if (followed.connections.length > before) followed.last().open();
    }

    const waits = followed.connections
      .slice(1)
      .map(({ dialledMs }, i) => dialledMs - followed.connections[i]!.dialledMs);
    expect(waits.slice(0, 5)).toEqual([75_000, 135_000, 255_000, 495_000, 615_000]);
    expect(followed.ofKind('silent')).toEqual([]);
    expect(followed.ofKind('handed_over').every(({ reason }) => reason === 'silence')).toBe(true);
  });

  test('is looked at by the tick of the scheduler, so that a clock that jumps changes nothing', async () => {
    const followed = following([['BTCUSDT']]);
    followed.last().open().frame(1);
    const { clock } = followed;
    const now = clock.now.bind(clock);
    clock.now = () => now() + 86_400_000;

    await clock.advance(50_000);

    expect(followed.connections).toHaveLength(1);
    expect(followed.asked).toEqual([]);
  });
});
