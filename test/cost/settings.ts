/** Settings as the command line would give them. */
import { COST_SETTINGS, type CostSettings } from '../../infra/cost/settings.ts';
import { ROSTER } from '../../infra/local/exchange/roster.ts';
import { readSettings } from '../../producer/config.ts';

export type Given = Partial<Record<keyof CostSettings, string>>;

/** All else by default. */
export function costSettings(given: Given = {}): CostSettings {
  return readSettings(COST_SETTINGS, given, {});
}

/** So many symbols, named one by one. */
export function named(count: number): string {
  return ROSTER.slice(0, count).join(',');
}
