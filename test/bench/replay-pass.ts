/** One replay from beginning to end, as the command runs it without a checkpoint, measured. */
import { setTimeout as sleep } from 'node:timers/promises';
import { runReplay } from '../../producer/replay/replay.ts';
import type { Sink } from '../../producer/replay/sink.ts';
import type { Selection, Source } from '../../producer/replay/source.ts';
import type { Pass } from './pinned-process.ts';

const EVERYTHING: Selection = {
  fromMs: Number.NEGATIVE_INFINITY,
  toMs: Number.POSITIVE_INFINITY,
  tables: new Set(['order_book']),
  symbol: () => true,
};

const clock = {
  now: () => performance.now(),
  sleep: (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal }),
};

/** @param read gives how many rows it read */
export async function measuredPass(read: () => Promise<number>): Promise<Pass> {
  const cpu = process.cpuUsage();
  const begin = process.hrtime.bigint();
  const rows = await read();
  const wallUs = Number(process.hrtime.bigint() - begin) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { rows, cpuUs: user + system, wallUs };
}

/** @throws Error where the replay left anything out */
export function replayPass(source: Source, openSink: () => Sink | Promise<Sink>): Promise<Pass> {
  return measuredPass(async () => {
    const { rows, skipped } = await runReplay({
      source,
      sink: await openSink(),
      selection: EVERYTHING,
      keepDuplicates: false,
      oneRowPerBook: true,
      speed: 'max',
      strict: true,
      checkpoint: null,
      clock,
      signal: new AbortController().signal,
    });
    const reasons = Object.entries(skipped).filter(([, count]) => count > 0);
    if (reasons.length > 0) throw new Error(`the replay skipped rows: ${JSON.stringify(reasons)}`);
    return rows.order_book;
  });
}
