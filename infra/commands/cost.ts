/** `depthlake cost`: what a deployment would cost a month, before anything is deployed. */
import { boolean } from '../../producer/config.ts';
import { COST_SETTINGS } from '../cost/settings.ts';
import { type Context, defineCommand, jsonSetting } from './command.ts';

const SETTINGS = {
  ...COST_SETTINGS,
  explain: {
    flag: 'explain',
    env: null,
    help: 'Also print the rule behind each line, and the page that sets it',
    default: 'false',
    parse: boolean,
  },
  json: jsonSetting('Print one JSON object instead, with the rules'),
} as const;

export const command = defineCommand({
  name: 'cost',
  summary: 'Estimate what a deployment on AWS costs a month, line by line, before anything is deployed',
  settings: SETTINGS,
  examples: [
    'cost --symbols BTCUSDT,ETHUSDT',
    'cost --symbols all --symbol-count 256 --explain',
    'cost --stream-mode on-demand --sealed --days-kept 365 --json',
  ],
  run: cost,
});

async function cost({ values, stdout }: Context<typeof SETTINGS>): Promise<number> {
  const [{ estimateOf }, { estimateJson, estimateLines }] = await Promise.all([
    import('../cost/estimate.ts'),
    import('../cost/report.ts'),
  ]);
  const { explain, json, ...settings } = values;
  const estimate = estimateOf(settings);
  if (json) {
    await stdout.line(JSON.stringify(estimateJson(estimate), null, 2));
    return 0;
  }
  for (const line of estimateLines(estimate, explain, stdout.paint)) await stdout.line(line);
  return 0;
}
