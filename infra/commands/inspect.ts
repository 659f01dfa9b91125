/** `depthlake inspect`: what one object of a lake holds. */
import { boolean } from '../../producer/config.ts';
import { DepthlakeError } from '../../producer/errors.ts';
import { type Context, defineCommand, jsonSetting } from './command.ts';

const SETTINGS = {
  json: jsonSetting('Print the rows, and nothing else, as JSON lines'),
  schema: {
    flag: 'schema',
    help: 'Print the schema, and nothing else, as JSON',
    default: 'false',
    env: null,
    parse: boolean,
  },
} as const;

export const command = defineCommand({
  name: 'inspect',
  summary: 'Show what container files and objects of the error prefix hold',
  argument: { name: '<file...>', help: 'container files, or objects of the error prefix' },
  settings: SETTINGS,
  examples: [
    'inspect data/orderbook/year=2026/month=09/day=01/hour=12/1788264000000-a1b2.avro',
    'inspect --json FILE | head -n 3',
    'inspect data/errors/processing-failed/*',
  ],
  run: inspect,
});

async function inspect({ values, arguments: files, stdout, stderr }: Context<typeof SETTINGS>): Promise<number> {
  if (values.json && values.schema) throw new DepthlakeError('DL_USAGE', '--json and --schema exclude each other');
  const { describeObject } = await import('./object-text.ts');
  const { readObject } = await import('./object-file.ts');
  const form = values.json ? 'rows' : values.schema ? 'schema' : 'summary';
  let status = 0;
  for (const file of files) {
    try {
      for (const text of describeObject(file, await readObject(file), form, stdout.paint)) await stdout.write(text);
    } catch (error) {
      if (!(error instanceof DepthlakeError) || error.code === 'DL_OUTPUT_FAILED') throw error;
      await stderr.line(`depthlake: ${error.code}: ${file}: ${error.message}\n  what to do: ${error.remedy}`);
      status = error.exit;
    }
  }
  return status;
}
