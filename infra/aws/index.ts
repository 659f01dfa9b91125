/** What `pulumi up` runs: the settings of the stack, and everything that they ask for. */
import { Config, getProject, getStack, RunError, runtime } from '@pulumi/pulumi';
import { DepthlakeError } from '../../producer/errors.ts';
import { builtBundles } from './bundles.ts';
import { readDeployment } from './settings.ts';

/** @returns the stack's outputs */
export default async function main(): Promise<Record<string, unknown>> {
  try {
    const config = new Config();
    const settings = readDeployment((key) => config.get(key), keysOfProject());
    // Loading what AWS offers takes seconds; bad settings are told before.
    const { deploy } = await import('./program.ts');
    return deploy(settings, { project: getProject(), stack: getStack(), bundles: await builtBundles() });
  } catch (error) {
    throw shown(error);
  }
}

/** Those that are set, without the project's name; those of others, `aws:region`, are not ours to judge. */
function keysOfProject(): string[] {
  const prefix = `${getProject()}:`;
  return Object.keys(runtime.allConfig())
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length));
}

/** As Pulumi shows it: a RunError's message alone. */
function shown(error: unknown): RunError {
  const run = new RunError(textOf(error));
  // Pulumi gives every error to `util.inspect` in colours, which in Node 20.20 takes half a minute and gigabytes over
  // `node_modules/@pulumi/resource.ts` in the host's own stack: it looks for a second slash.
  run.stack = '';
  return run;
}

function textOf(error: unknown): string {
  if (error instanceof DepthlakeError) return `${error.code}: ${error.message}\n  what to do: ${error.remedy}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
