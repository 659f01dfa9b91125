/** Measuring side by side: contenders take turns within each round, so that whatever else the machine does hits all. */

export interface Contender {
  readonly name: string;
  readonly run: () => unknown;
}

/** Microseconds of one run. */
export interface Cost {
  /** Of all threads of the process that ran. */
  readonly cpuUs: number;
  readonly wallUs: number;
}

/** Costs by contender, one a round. */
export type Rounds = Readonly<Record<string, readonly Cost[]>>;

/** @param warmUps rounds that are run and not counted, until the compiler has settled */
export function measureRounds(
  contenders: readonly Contender[],
  rounds: number,
  warmUps: number,
  progress: (done: string) => void,
): Promise<Rounds> {
  const measured = contenders.map(({ name, run }) => ({ name, measure: () => measure(run) }));
  return takeTurns(measured, rounds, warmUps, progress);
}

/** As `measureRounds`, of contenders that measure themselves, in processes of their own. */
export async function takeTurns(
  contenders: readonly { readonly name: string; readonly measure: () => Promise<Cost> }[],
  rounds: number,
  warmUps: number,
  progress: (done: string) => void,
): Promise<Rounds> {
  const costs: Record<string, Cost[]> = Object.fromEntries(contenders.map(({ name }) => [name, []]));
  for (let round = -warmUps; round < rounds; round += 1) {
    progress(round < 0 ? 'warming up' : `round ${round + 1} of ${rounds}`);
    // The order turns with each round: none is always the one behind the other's garbage.
    const order = round % 2 === 0 ? contenders : [...contenders].reverse();
    for (const { name, measure } of order) {
      const cost = await measure();
      if (round >= 0) costs[name]!.push(cost);
    }
  }
  return costs;
}

async function measure(run: () => unknown): Promise<Cost> {
  const cpu = process.cpuUsage();
  const begin = process.hrtime.bigint();
  await run();
  const wallUs = Number(process.hrtime.bigint() - begin) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { cpuUs: user + system, wallUs };
}

export interface Spread {
  readonly median: number;
  /** The quartiles: half of the values lie between them. */
  readonly low: number;
  readonly high: number;
}

/** @throws Error for no values, or one that is no positive number: then nothing was measured */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0 || !values.every((value) => value > 0 && Number.isFinite(value))) {
    throw new Error(`nothing was measured: ${values.join(', ')}`);
  }
  const sorted = [...values].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) };
}

function quantile(sorted: readonly number[], part: number): number {
  const place = (sorted.length - 1) * part;
  const below = sorted[Math.floor(place)]!;
  return below + (sorted[Math.ceil(place)]! - below) * (place % 1);
}

/** Round by round, what one costs in units of another. */
export function ratioOf(rounds: Rounds, name: string, unit: string, of: keyof Cost): Spread {
  return spreadOf(rounds[name]!.map((cost, round) => cost[of] / rounds[unit]![round]![of]));
}
