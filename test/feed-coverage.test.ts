import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CoverageResult, FeedCoverage } from '../infra/feed-coverage.ts';
import { merge, msOf, without } from '../infra/spans.ts';
import type { FeedEventRow } from '../producer/record.ts';
import { feedEvent, snapshot } from './cli/rows.ts';

const T0 = Date.UTC(2026, 8, 1, 12);

interface Testimony {
  /** Seconds after T0 of its rows. */
  readonly rows?: readonly number[];
  /** Gaps of [from, to] in seconds, with the updates missed. */
  readonly gaps?: readonly (readonly [from: number, to: number, missed?: number])[];
  readonly refused?: readonly (readonly [from: number, to: number])[];
  readonly stopped?: number;
  readonly delisted?: number;
}

const at = (seconds: number) => T0 + seconds * 1000;

function rowsOf(session_id: string, { rows = [] }: Testimony, symbol = 'BTCUSDT') {
  return rows.map((second, index) =>
    snapshot({ session_id, symbol, seq: index + 1, timestamp_ms: at(second), received_ms: at(second) }),
  );
}

function eventsOf(session_id: string, { gaps = [], refused = [], stopped, delisted }: Testimony, symbol = 'BTCUSDT') {
  const spans = (kind: string, of: Required<Testimony>['gaps']): Partial<FeedEventRow>[] =>
    of.map(([from, to, missed = null]) => ({ kind, symbol, from_ms: at(from), to_ms: at(to), missed_updates: missed }));
  const end = stopped === undefined ? [] : [{ kind: 'stopped', timestamp_ms: at(stopped) }];
  const letGo = delisted === undefined ? [] : [{ kind: 'delisted', symbol, timestamp_ms: at(delisted) }];
  const events = [...spans('gap', gaps), ...spans('refused', refused), ...letGo, ...end];
  return events.map((event, index) => feedEvent({ session_id, seq: index + 1, ...event }));
}

function coverageOf(sessions: Record<string, Testimony>): CoverageResult {
  const coverage = new FeedCoverage();
  for (const [session, testimony] of Object.entries(sessions)) {
    coverage.add('feed_event', eventsOf(session, testimony));
    coverage.add('order_book', rowsOf(session, testimony));
  }
  return coverage.result();
}

/** The uncovered parts of each gap, in seconds after T0. */
function uncovered({ symbols }: CoverageResult): number[][][] {
  const seconds = (ms: number) => (ms - T0) / 1000;
  return symbols.flatMap(({ gaps }) =>
    gaps.map((gap) => gap.uncovered.map(({ fromMs, toMs }) => [seconds(fromMs), seconds(toMs)])),
  );
}

describe('the coverage of a gap', () => {
  it('is nothing where one session alone recorded', () => {
    const result = coverageOf({ a: { rows: [0, 10, 40], gaps: [[10, 40, 7]] } });
    expect(uncovered(result)).toEqual([[[10, 40]]]);
    expect(result.totals).toEqual({ count: 1, ms: 30_000, coveredMs: 0, missedUpdates: 7, untold: 0 });
  });

  it('is all of it where another session recorded before and after, however quiet the symbol', () => {
    const result = coverageOf({ a: { rows: [0, 10, 40], gaps: [[10, 40]] }, b: { rows: [5, 60] } });
    expect(uncovered(result)).toEqual([[]]);
    expect(result.totals).toMatchObject({ ms: 30_000, coveredMs: 30_000, untold: 1 });
  });

  it.each([
    ['its end where it followed the symbol again', 15, []],
    ['its last row where the symbol was delisted after it', 25, [[20, 40]]],
  ])('by another session that was quiet goes to %s', (_, delisted, left) => {
    const result = coverageOf({
      a: { rows: [0, 10, 40], gaps: [[10, 40]] },
      b: { rows: [5, 20], delisted, stopped: 60 },
    });
    expect(uncovered(result)).toEqual([left]);
  });

  it('leaves what lies before the other session’s first row, behind its last and in its own gaps', () => {
    const result = coverageOf({
      a: { rows: [0, 100], gaps: [[0, 100]] },
      b: { rows: [10, 30, 40, 60], gaps: [[30, 40]] },
    });
    expect(uncovered(result)).toEqual([
      [
        [0, 10],
        [30, 40],
        [60, 100],
      ],
      [[30, 40]],
    ]);
    expect(result.totals).toMatchObject({ count: 2, ms: 100_000, coveredMs: 40_000 });
  });

  it('is not given by rows that the other session refused', () => {
    const result = coverageOf({ a: { rows: [0, 50], gaps: [[10, 40]] }, b: { rows: [0, 50], refused: [[20, 25]] } });
    expect(uncovered(result)).toEqual([[[20, 25]]]);
  });

  it('reaches to the end of a session that stopped, and only to the last row of one that did not', () => {
    const a = { rows: [0, 50], gaps: [[10, 40]] } as const;
    expect(uncovered(coverageOf({ a, b: { rows: [0, 15], stopped: 30 } }))).toEqual([[[30, 40]]]);
    expect(uncovered(coverageOf({ a, b: { rows: [0, 15] } }))).toEqual([[[15, 40]]]);
  });

  it('of a restart begins at the last row of the session before, which may be newer than its saved state', () => {
    const result = coverageOf({ before: { rows: [0, 18] }, after: { rows: [30, 40], gaps: [[10, 30]] } });
    expect(uncovered(result)).toEqual([[[18, 30]]]);
  });

  it('of a rolling start is whole: the next session recorded before the first one stopped', () => {
    const result = coverageOf({ a: { rows: [0, 20], stopped: 20 }, b: { rows: [15, 40], gaps: [[10, 15]] } });
    expect(result.totals).toMatchObject({ ms: 5000, coveredMs: 5000 });
  });

  it('counts time once that two sessions missed together', () => {
    const both = { rows: [0, 50], gaps: [[10, 40, 3]] } as const;
    expect(coverageOf({ a: both, b: both }).totals).toMatchObject({
      count: 2,
      ms: 30_000,
      coveredMs: 0,
      missedUpdates: 6,
    });
  });

  it('counts an event that was delivered twice once', () => {
    const coverage = new FeedCoverage();
    const testimony = { rows: [0, 50], gaps: [[10, 40, 3]] } as const;
    for (let times = 0; times < 2; times += 1) {
      coverage.add('feed_event', eventsOf('a', testimony));
      coverage.add('order_book', rowsOf('a', testimony));
    }
    expect(coverage.result().totals).toMatchObject({ count: 1, missedUpdates: 3 });
  });

  it('keeps symbols apart, names those with gaps in order, and sums them up', () => {
    const coverage = new FeedCoverage();
    coverage.add('feed_event', eventsOf('a', { gaps: [[10, 20, 2]] }, 'ETHUSDT'));
    coverage.add('feed_event', eventsOf('b', { gaps: [[10, 30]] }, 'BTCUSDT'));
    coverage.add('order_book', rowsOf('c', { rows: [0, 50] }, 'SOLUSDT'));
    coverage.add('order_book', rowsOf('c', { rows: [0, 15] }, 'ETHUSDT'));
    const { symbols, totals } = coverage.result();
    expect(symbols.map(({ symbol, ms, coveredMs }) => [symbol, ms, coveredMs])).toEqual([
      ['BTCUSDT', 20_000, 0],
      ['ETHUSDT', 10_000, 5000],
    ]);
    expect(totals).toEqual({ count: 2, ms: 30_000, coveredMs: 5000, missedUpdates: 2, untold: 1 });
  });

  it('says what the event says of its bounds', () => {
    const coverage = new FeedCoverage();
    const details = ['{"bounds":"exact"}', '{"bounds":"outer"}', '{"bounds":"wide"}', null, '{'];
    const events = details.map((detail, index) =>
      feedEvent({ seq: index + 1, kind: 'gap', symbol: 'BTCUSDT', from_ms: at(index), to_ms: at(index + 1), detail }),
    );
    coverage.add('feed_event', events);
    const [symbol] = coverage.result().symbols;
    expect(symbol!.gaps.map(({ bounds }) => bounds)).toEqual(['exact', 'outer', null, null, null]);
  });

  it.each([
    ['of the whole session', { symbol: null }],
    ['without bounds', { from_ms: null }],
    ['that ends before it begins', { to_ms: at(-1) }],
  ])('ignores a gap %s', (_what, given) => {
    const coverage = new FeedCoverage();
    const event = { kind: 'gap', symbol: 'BTCUSDT', from_ms: at(0), to_ms: at(1), ...given };
    coverage.add('feed_event', [feedEvent(event)]);
    expect(coverage.result().symbols).toEqual([]);
  });

  it('agrees with a count of milliseconds, in whatever order rows and events come', () => {
    const second = fc.integer({ min: 0, max: 30 });
    const span = fc.tuple(second, second).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
    const testimony = fc.record({ rows: fc.array(second, { maxLength: 4 }), gaps: fc.array(span, { maxLength: 3 }) });
    fc.assert(
      fc.property(fc.array(testimony, { maxLength: 3 }), (sessions) => {
        const isIn = (s: number, [from, to]: readonly [number, number]) => from <= s && s < to;
        const records = (s: number) =>
          sessions.some(
            ({ rows, gaps }) => isIn(s, [Math.min(...rows), Math.max(...rows)]) && !gaps.some((gap) => isIn(s, gap)),
          );
        const inGap = Array.from({ length: 31 }, (_, s) => s).filter((s) =>
          sessions.some(({ gaps }) => gaps.some((gap) => isIn(s, gap))),
        );
        const { totals } = coverageOf(Object.fromEntries(sessions.map((each, index) => [`s${index}`, each])));
        expect(totals.ms).toBe(inGap.length * 1000);
        expect(totals.coveredMs).toBe(inGap.filter(records).length * 1000);
      }),
    );
  });
});

describe('spans', () => {
  it('merge into ascending ones that do not touch', () => {
    const spans = [
      { fromMs: 5, toMs: 7 },
      { fromMs: 1, toMs: 3 },
      { fromMs: 3, toMs: 4 },
      { fromMs: 6, toMs: 9 },
      { fromMs: 12, toMs: 12 },
    ];
    expect(merge(spans)).toEqual([
      { fromMs: 1, toMs: 4 },
      { fromMs: 5, toMs: 9 },
    ]);
    expect(msOf(merge(spans))).toBe(7);
  });

  it('keep the ends that nothing removes', () => {
    const removed = [
      { fromMs: 0, toMs: 2 },
      { fromMs: 4, toMs: 5 },
      { fromMs: 9, toMs: 20 },
    ];
    expect(without({ fromMs: 1, toMs: 10 }, removed)).toEqual([
      { fromMs: 2, toMs: 4 },
      { fromMs: 5, toMs: 9 },
    ]);
    expect(without({ fromMs: 10, toMs: 12 }, removed)).toEqual([]);
    expect(without({ fromMs: 30, toMs: 31 }, removed)).toEqual([{ fromMs: 30, toMs: 31 }]);
  });
});
