/** What `pulumi up` runs: the settings of the stack, and everything that they ask for. */
import { Config, getProject, getStack, RunError } from '@pulumi/pulumi';
import { DepthlakeError } from '../../producer/errors.ts';
import { builtBundles } from './bundles.ts';
import { deploy } from './program.ts';
import { readDeployment } from './settings.ts';

/** @returns the stack's outputs */
export default async function main(): Promise<Record<string, unknown>> {
  try {
    const config = new Config();
    const settings = readDeployment((key) => config.get(key));
    return deploy(settings, { project: getProject(), stack: getStack(), bundles: await builtBundles() });
  } catch (error) {
    if (!(error instanceof DepthlakeError)) throw error;
    // Pulumi shows a RunError without its stack.
    throw new RunError(`${error.code}: ${error.message}\n  what to do: ${error.remedy}`);
  }
}
