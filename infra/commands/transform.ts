/** `depthlake transform`: the built transformer on one Firehose event, as Lambda would run it. */
import { boolean } from '../../producer/config.ts';
import { DepthlakeError, reasonOf } from '../../producer/errors.ts';
import { codecSetting } from './codec-setting.ts';
import { type Context, defineCommand } from './command.ts';
import { readObject } from './object-file.ts';

const SETTINGS = {
  event: {
    flag: 'event',
    argument: '<file>',
    help: 'Firehose event to transform, as JSON; `-` reads standard input',
    env: null,
    parse: String,
  },
  example: {
    flag: 'example',
    help: 'Print an example event instead: a pack of each table and a record that does not decode',
    default: 'false',
    env: null,
    parse: boolean,
  },
  codec: codecSetting,
} as const;

/** Lambda's own limit is 5 minutes for a transformation; nothing here waits for another service. */
const TIMEOUT_MS = 300_000;

export const command = defineCommand({
  name: 'transform',
  summary: 'Run the built transformer on a Firehose event and print its response',
  settings: SETTINGS,
  examples: ['transform --event event.json', 'transform --example > event.json', 'transform --event - < event.json'],
  run: transform,
});

async function transform({ values, stdout, stderr }: Context<typeof SETTINGS>): Promise<number> {
  const { exampleEvent, parseEvent } = await import('./firehose-event.ts');
  if (values.example && values.event !== undefined) {
    throw new DepthlakeError('DL_USAGE', '--example and --event exclude each other');
  }
  if (values.example) {
    await stdout.line(JSON.stringify(exampleEvent(), null, 2));
    return 0;
  }
  if (values.event === undefined) throw new DepthlakeError('DL_USAGE', '--event FILE or --example is missing');
  const event = parseEvent(await readText(values.event));
  const [{ startLambda }, { builtFile }] = await Promise.all([import('../local/lambda.ts'), import('./package.ts')]);
  const lambda = await startLambda({
    bundle: builtFile('transformer'),
    environment: { DEPTHLAKE_CODEC: values.codec },
    timeoutMs: TIMEOUT_MS,
    log: (line) => void stderr.line(line),
  });
  try {
    const { payload, functionError } = await lambda.invoke(event);
    await stdout.line(JSON.stringify(payload, null, 2));
    return functionError === null ? 0 : 1;
  } finally {
    await lambda.stop();
  }
}

async function readText(file: string): Promise<string> {
  try {
    return (await readObject(file)).toString('utf8');
  } catch (cause) {
    throw new DepthlakeError('DL_FILE_UNREADABLE', `${file}: ${reasonOf(cause)}`, { cause });
  }
}
