/** What must hold of a lake after a session that stopped in order, whatever failed on the way. */
import { expect } from 'vitest';
import type { ProducerSummary } from '../../producer/summary.ts';
import type { FaultyPipeline } from '../end-to-end/harness.ts';
import { bySymbol, type CheckResult, checkFolder, type Lake, lastTallies, readLake, sum } from '../end-to-end/lake.ts';
import { until } from '../end-to-end/wait.ts';

export interface Assessed {
  readonly lake: Lake;
  readonly check: CheckResult;
  /** Snapshots in the lake, each counted once. */
  readonly snapshots: number;
}

/**
 * Nothing lost by `seq`; the last tally of each symbol equals its rows; each frame received is a row or counted as
 * discarded; the summary says the same.
 */
export async function expectComplete(folder: string, summary: ProducerSummary, symbols: readonly string[]) {
  const lake = await readLake(folder);
  const found = bySymbol(lake.rows, summary.session_id);
  const tallies = lastTallies(lake.events, summary.session_id);
  for (const symbol of symbols) {
    const rows = found.get(symbol) ?? [];
    const tally = tallies.get(symbol)!;
    expect(rows.length, symbol).toBeGreaterThan(0);
    expect(
      rows.findIndex((row, i) => row.seq !== i + 1),
      `${symbol}: a hole in seq`,
    ).toBe(-1);
    expect(tally, symbol).toMatchObject({ lastSeq: rows.length, snapshots: rows.length });
    expect(tally.frames, symbol).toBe(tally.snapshots + sum(Object.values(tally.discarded)));
  }
  const snapshots = sum([...found.values()].map(({ length }) => length));
  const of = (counts: readonly { readonly discarded: Readonly<Record<string, number>> }[]) =>
    sum(counts.flatMap(({ discarded }) => Object.values(discarded)));
  expect(summary).toMatchObject({ snapshots, lost: 0 });
  expect(summary.frames).toBe(snapshots + of([summary]));
  expect(of([summary])).toBe(of([...tallies.values()]));

  const check = await checkFolder(folder);
  expect(check).toMatchObject({ status: 0, ok: true, totals: { sessions: 1, lost: 0, unannounced: 0, excused: 0 } });
  expect(check.totals.rows).toBe(lake.rows.length + lake.events.length);
  return { lake, check, snapshots } satisfies Assessed;
}

/** Nothing more is sent, and what was sent has arrived: from here on both sides' counts stand still. */
export async function quiet({ exchange, progress }: FaultyPipeline): Promise<void> {
  exchange.faults.cutEveryMs = 0;
  exchange.faults.stall = true;
  let frames = -1;
  let same = 0;
  let seen: object | null = null;
  await until('no more frames arrive', () => {
    if (progress() === seen) return false;
    seen = progress();
    same = progress()?.frames === frames ? same + 1 : 0;
    frames = progress()?.frames ?? -1;
    return same >= 2;
  });
}

/** What the exchange handed to the producer's connection, good or not. */
export function framesSent({ exchange }: FaultyPipeline, symbols: readonly string[]): number {
  const tallies = symbols.map((symbol) => exchange.sent(symbol)[`${symbol.toLowerCase()}@depth20@100ms`]!);
  return sum(tallies.map(({ messages, repeated, injected }) => messages + repeated + injected));
}

export async function framesReceived(pipeline: FaultyPipeline, atLeast: number): Promise<void> {
  await until(`${atLeast} frames received`, () => (pipeline.progress()?.frames ?? 0) >= atLeast, 60_000);
}
