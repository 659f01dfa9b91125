/** The raw levels that ride along with a snapshot when asked for. */
import { toDouble } from '../../book/decimal.ts';
import type { Level } from '../../book/levels.ts';

/** Raw levels of a side in a row. */
export const RAW_LEVELS = 20;

/** [price, quantity] as doubles, each rounded once. */
export function rawLevels(side: readonly Level[]): number[][] {
  return side.map(([price, quantity]) => [toDouble(price), toDouble(quantity)]);
}
