/** `depthlake env`: the environment in which the other commands find a deployed stack. */
import { resolve } from 'node:path';
import { DepthlakeError } from '../../producer/errors.ts';
import { type Context, defineCommand, jsonSetting } from './command.ts';

// Not `--stack`: that is the dimension of the figures, in every command that has it.
const SETTINGS = {
  pulumiStack: {
    flag: 'pulumi-stack',
    argument: '<name>',
    help: 'Stack to ask Pulumi for, as `pulumi stack ls` lists it; without it, the selected one',
    env: null,
    parse: String,
  },
  program: {
    flag: 'program',
    argument: '<dir>',
    help: 'Folder of the Pulumi.yaml that was deployed',
    default: '.',
    env: null,
    parse: (text: string) => resolve(text),
  },
  outputs: {
    flag: 'outputs',
    argument: '<file>',
    help: 'Read what `pulumi stack output --json` printed instead of asking Pulumi; `-` reads standard input',
    env: null,
    parse: String,
  },
  json: jsonSetting('Print the variables as one JSON object'),
} as const;

export const command = defineCommand({
  name: 'env',
  summary: 'Print the environment of a deployed stack, so that the other commands find it',
  settings: SETTINGS,
  examples: ['env --pulumi-stack prod', 'env --json --program deployment', 'env --outputs - < outputs.json'],
  run: printEnvironment,
});

async function printEnvironment({ values, env, stdout }: Context<typeof SETTINGS>): Promise<number> {
  const { askPulumi, environmentOf, exportLine, readOutputs } = await import('./stack-outputs.ts');
  const { pulumiStack, program, outputs, json } = values;
  if (outputs !== undefined && pulumiStack !== undefined) {
    throw new DepthlakeError('DL_USAGE', '--outputs and --pulumi-stack exclude each other');
  }
  const text =
    outputs === undefined ? await askPulumi({ name: pulumiStack, folder: program, env }) : await readOutputs(outputs);
  const environment = environmentOf(text);
  if (json) await stdout.line(JSON.stringify(environment, null, 2));
  else for (const variable of Object.entries(environment)) await stdout.line(exportLine(variable));
  return 0;
}
