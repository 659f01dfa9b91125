/** The estimates that the README shows side by side. */
import { readSettings } from '../../producer/config.ts';
import { ROSTER } from '../local/exchange/roster.ts';
import { type Estimate, estimateOf } from './estimate.ts';
import { COST_SETTINGS } from './settings.ts';

const SYMBOL_COUNTS = [1, 20, 256];

/** So many symbols named one by one, all else by default. */
export function exampleEstimates(): Estimate[] {
  return SYMBOL_COUNTS.map((symbols) =>
    estimateOf(readSettings(COST_SETTINGS, { symbols: ROSTER.slice(0, symbols).join(',') }, {})),
  );
}
