/** How large a producer's task has to be, from the settings alone. */
import type { Deployment } from './settings.ts';

export interface TaskSize {
  /** 1,024 are one vCPU. */
  readonly cpuUnits: number;
  readonly memoryMib: number;
  /** Bound of V8's old generation (`--max-old-space-size`). */
  readonly heapMib: number;
}

/**
 * What Fargate offers up to the one vCPU that a producer, a single thread, can use; each with its least memory. Beyond
 * it, `shardsOfSymbols` shares the work.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
 */
const SIZES = [
  { cpuUnits: 256, memoryMib: 512 },
  { cpuUnits: 512, memoryMib: 1024 },
  { cpuUnits: 1024, memoryMib: 2048 },
] as const;

/** Of test/bench/RESULTS.md, at about 10 snapshots a second and symbol, every one recorded. */
const MEASURED = {
  symbols: 256,
  /** Of one core. */
  cpu: 0.27,
  /** What of it does not grow with the symbols, as do MiB of a process with hardly any. */
  cpuAtRest: 0.04,
  mibAtRest: 150,
  /**
   * Peak at that many symbols. For books, 75 more than measured: 300 diffs are kept for each until its seed comes, which
   * takes 13 min at the venue's weight and seconds where it was measured.
   */
  mib: { depth20: 165, witness: 265, full: 265 },
} as const;

/** Fargate promises no particular processor, and a producer that catches up needs more than one that keeps pace. */
const CPU_HEADROOM = 1.5;
/** The process of the health check (Node, about 45 MiB), and packs that wait for Kinesis (`--queue`, 32 MiB). */
const MIB_BESIDE = 80;

/** The spot symbols that trade, about; what `all` and other patterns can come to. */
const LISTED = { 'binance.us': 256, 'binance.com': 1500 } as const;

/** The smallest task that holds the measured figures, each of its symbols as busy as measured. */
export function taskSize(settings: Pick<Deployment, 'venue' | 'symbols' | 'book' | 'shardsOfSymbols'>): TaskSize {
  const symbols = symbolsAtMost(settings) / settings.shardsOfSymbols;
  const { cpu, memory } = needsOf(symbols, settings.book);
  const size = SIZES.find(({ cpuUnits, memoryMib }) => cpuUnits >= cpu && memoryMib >= memory) ?? SIZES.at(-1)!;
  // The other half is for buffers, the young generation, code, and the health check's process.
  return { ...size, heapMib: size.memoryMib / 2 };
}

/** How many symbols the settings can come to: names count one, a pattern as many as the venue lists. */
export function symbolsAtMost({ venue, symbols }: Pick<Deployment, 'venue' | 'symbols'>): number {
  return symbols.some((symbol) => symbol.includes('*')) ? LISTED[venue] : symbols.length;
}

function needsOf(symbols: number, book: Deployment['book']): { readonly cpu: number; readonly memory: number } {
  const share = symbols / MEASURED.symbols;
  const cores = MEASURED.cpuAtRest + (MEASURED.cpu - MEASURED.cpuAtRest) * share;
  const mib = MEASURED.mibAtRest + (MEASURED.mib[book] - MEASURED.mibAtRest) * share;
  return { cpu: cores * CPU_HEADROOM * 1024, memory: mib + MIB_BESIDE };
}
