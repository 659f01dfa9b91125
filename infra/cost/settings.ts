/** What the estimate has to know: the settings of a deployment, and what only money depends on. */
import { boolean, integer, oneOf, type Setting, type ValuesOf } from '../../producer/config.ts';
import { DepthlakeError } from '../../producer/errors.ts';
import { contradictions, DEPLOYMENT_SETTINGS } from '../aws/settings.ts';
import { PRICES_REGION } from './prices.ts';

export const COST_SETTINGS = {
  ...DEPLOYMENT_SETTINGS,
  symbolCount: {
    flag: 'symbol-count',
    env: null,
    argument: '<n>',
    help: 'How many symbols `all` or a pattern stands for; names count themselves',
    parse: integer(1, 4096),
  },
  framesPerSecond: {
    flag: 'frames',
    env: null,
    argument: '<n>',
    help: 'Frames a second of each symbol that give a snapshot; a venue sends at most 10, and none where nothing changes',
    default: '10',
    parse: decimal(0.001, 10),
  },
  daysKept: {
    flag: 'days-kept',
    env: null,
    argument: '<n>',
    help: 'Days of rows that the lake holds in the month that is estimated',
    unit: 'days',
    default: '90',
    parse: integer(1, 36_500),
  },
  scanGb: {
    flag: 'scan',
    env: null,
    argument: '<n>',
    help: 'What queries read in the month, evenly over the days kept',
    unit: 'GB',
    default: '10',
    parse: decimal(0, 10_000_000),
  },
  sealed: {
    flag: 'sealed',
    env: null,
    help: 'Reckon with sealed hours: one file an hour and table, archived by its age. Off: files stay in S3 Standard as they were delivered',
    default: 'false',
    parse: boolean,
  },
  region: {
    flag: 'region',
    env: null,
    argument: '<name>',
    help: 'Region whose prices are used',
    default: PRICES_REGION,
    parse: oneOf([PRICES_REGION]),
  },
} as const satisfies Record<string, Setting<unknown>>;

export type CostSettings = ValuesOf<typeof COST_SETTINGS>;

/** @throws DL_SETTINGS that names everything that does not go together, as a deployment would, and a count that is missing */
export function checkSettings(settings: CostSettings): void {
  const problems = contradictions(settings);
  if (isPattern(settings) && settings.symbolCount === undefined) {
    problems.push(`--symbols ${settings.symbols}: say with --symbol-count how many symbols these are`);
  }
  if (problems.length > 0) throw new DepthlakeError('DL_SETTINGS', problems.join('\n'));
}

export function symbolCountOf(settings: CostSettings): number {
  const { symbols, symbolCount } = settings;
  return isPattern(settings) ? (symbolCount ?? symbols.length) : symbols.length;
}

function isPattern({ symbols }: CostSettings): boolean {
  return symbols.some((symbol) => symbol.includes('*'));
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
