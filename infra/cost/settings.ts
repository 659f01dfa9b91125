/** What the estimate has to know: the settings of a deployment, and what only money depends on. */
import { boolean, integer, oneOf, type Setting, type ValuesOf } from '../../producer/config.ts';
import { DepthlakeError } from '../../producer/errors.ts';
import { DEPLOYMENT_SETTINGS } from '../aws/settings.ts';
import { PRICES_REGION } from './prices.ts';

export const COST_SETTINGS = {
  ...DEPLOYMENT_SETTINGS,
  symbolCount: {
    flag: 'symbol-count',
    argument: '<n>',
    help: 'How many symbols `all` or a pattern stands for; names count themselves',
    parse: integer(1, 4096),
  },
  framesPerSecond: {
    flag: 'frames',
    argument: '<n>',
    help: 'Frames a second of each symbol that give a snapshot; a venue sends at most 10, and none where nothing changes',
    default: '10',
    parse: decimal(0.001, 10),
  },
  daysKept: {
    flag: 'days-kept',
    argument: '<n>',
    help: 'Days of rows that the lake holds in the month that is estimated',
    unit: 'days',
    default: '90',
    parse: integer(1, 36_500),
  },
  scanGb: {
    flag: 'scan',
    argument: '<n>',
    help: 'What queries read in the month, evenly over the days kept',
    unit: 'GB',
    default: '10',
    parse: decimal(0, 10_000_000),
  },
  sealed: {
    flag: 'sealed',
    help: 'Reckon with sealed hours: one file an hour and table, archived by its age. Off: files stay in S3 Standard as they were delivered',
    default: 'false',
    parse: boolean,
  },
  region: {
    flag: 'region',
    argument: '<name>',
    help: 'Region whose prices are used',
    default: PRICES_REGION,
    parse: oneOf([PRICES_REGION]),
  },
} as const satisfies Record<string, Setting<unknown>>;

export type CostSettings = ValuesOf<typeof COST_SETTINGS>;

/** @throws DL_SETTINGS where a pattern says nothing about the number of symbols */
export function symbolCountOf({ symbols, symbolCount }: Pick<CostSettings, 'symbols' | 'symbolCount'>): number {
  const isPattern = symbols.some((symbol) => symbol.includes('*'));
  if (!isPattern) return symbols.length;
  if (symbolCount !== undefined) return symbolCount;
  throw new DepthlakeError('DL_SETTINGS', `--symbols ${symbols}: say with --symbol-count how many symbols these are`);
}

function decimal(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+(\.\d+)?$/.test(text) || value < least || value > most) {
      throw new Error(`must be a number from ${least} to ${most}`);
    }
    return value;
  };
}
