/** `depthlake check`: reads every container file under a folder and verifies promises 1 to 3 of the design. */
import { DepthlakeError } from '../../producer/errors.ts';
import { type Context, defineCommand, jsonSetting } from './command.ts';

const SETTINGS = { json: jsonSetting('Print the result as one JSON object') } as const;

/** How often the live line changes. */
const PROGRESS_MS = 200;

export const command = defineCommand({
  name: 'check',
  summary: 'Verify that a lake holds what it promises: whole files, right partitions, no row lost',
  argument: { name: '<dir>', help: 'a lake, or a folder inside one' },
  settings: SETTINGS,
  examples: ['check data', 'check data/orderbook/year=2026/month=09/day=01', 'check data --json'],
  run: check,
});

async function check({ values, arguments: [dir], stdout, terminal }: Context<typeof SETTINGS>): Promise<number> {
  const [{ checkLake }, { reportJson, reportLines }, { plural }] = await Promise.all([
    import('./lake-check.ts'),
    import('./check-report.ts'),
    import('../terminal.ts'),
  ]);
  let shownAt = 0;
  const report = await checkLake(dir!, Date.now(), ({ objects, rows }) => {
    if (!terminal.interactive || Date.now() - shownAt < PROGRESS_MS) return;
    shownAt = Date.now();
    terminal.status(`checking: ${plural(objects, 'object')}, ${plural(rows, 'row')}`);
  });
  terminal.clear();
  if (values.json) await stdout.line(JSON.stringify(reportJson(report), null, 2));
  else for (const line of reportLines(report, stdout.paint)) await stdout.line(line);
  const broken = report.promises.filter(({ verdict }) => verdict === 'broken');
  if (broken.length === 0) return 0;
  const numbers = broken.map(({ promise }) => promise).join(', ');
  throw new DepthlakeError('DL_CHECK_FAILED', `${dir} breaks promise ${numbers}`);
}
