/** Pulumi's own mocks: a program runs against them as against an account in which everything succeeds. */
import * as pulumi from '@pulumi/pulumi';
import { answered, created, type Properties } from './account.ts';

export { ACCOUNT, REGION } from './account.ts';

export const PROJECT = 'depthlake';
export const STACK = 'test';

/** A resource as the program declared it, with the outputs that AWS would add. */
export interface Declared {
  /** `aws:s3/bucket:Bucket` */
  readonly type: string;
  /** The logical name. */
  readonly name: string;
  readonly inputs: Properties;
  readonly outputs: Properties;
}

/** Runs a program against mocks. @returns what it declared, components too, in the order of registration */
export async function declare(program: () => Promise<unknown> | unknown): Promise<readonly Declared[]> {
  const declared: Declared[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        const outputs = created(type, name, inputs);
        declared.push({ type, name, inputs, outputs });
        return { id: outputs['id'], state: outputs };
      },
      call: ({ token, inputs }) => answered(token, inputs),
    },
    PROJECT,
    STACK,
    false,
  );
  await withoutStackTraces(async () => {
    await pulumi.runtime.runInPulumiStack(async () => {
      await program();
      return {};
    });
    // Outputs settle in rounds: the program's own end is not yet theirs.
    await pulumi.runtime.disconnect();
  });
  return declared;
}

/** Pulumi takes a stack trace with every promise: nine tenths of the time of a run against mocks. */
async function withoutStackTraces<T>(run: () => Promise<T>): Promise<T> {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return await run();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Of one type, in their order. */
export function ofType(declared: readonly Declared[], type: string): readonly Declared[] {
  return declared.filter((resource) => resource.type === type);
}

/** The only one of its type, or of its type and logical name. */
export function only(declared: readonly Declared[], type: string, name?: string): Declared {
  const found = ofType(declared, type).filter((resource) => name === undefined || resource.name === name);
  if (found.length !== 1) throw new Error(`${found.length} resources of ${type} ${name ?? ''}`);
  return found[0]!;
}
