/** The whole program against mocks, for any settings. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CustomResourceOptions, output, type Resource, runtime } from '@pulumi/pulumi';
import type { Bundles } from '../../infra/aws/bundles.ts';
import { deploy } from '../../infra/aws/program.ts';
import { type DEPLOYMENT_SETTINGS, readDeployment } from '../../infra/aws/settings.ts';
import { type Declared, declare, PROJECT, STACK } from './mocks.ts';

/** What a user sets; what is left out has its default. */
export type Config = Readonly<Partial<Record<keyof typeof DEPLOYMENT_SETTINGS, string>>>;

export interface Deployed extends Declared {
  /** By which Pulumi knows the resource from one update to the next: another one is another resource. */
  readonly urn: string;
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
}

export interface Deployment {
  readonly resources: readonly Deployed[];
  /** Of the stack. */
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** Declares everything; a component's `inputs` are empty. */
export async function deployed(config: Config): Promise<Deployment> {
  const settings = readDeployment((key) => config[key as keyof Config]);
  const seen = new Map<string, { readonly resource: Resource; readonly opts: CustomResourceOptions; urn: string }>();
  let outputs: Deployment['outputs'] = {};
  const declared = await withBundles((bundles) =>
    declare(() => {
      runtime.registerStackTransformation(({ resource, type, name, opts }) => {
        seen.set(`${type} ${name}`, { resource, opts, urn: '' });
        return undefined;
      });
      const made = deploy(settings, { project: PROJECT, stack: STACK, bundles });
      for (const one of seen.values()) one.resource.urn.apply((urn) => (one.urn = urn));
      output(made).apply((values) => (outputs = values as Deployment['outputs']));
    }),
  );
  // The stack itself is there before the program.
  const own = declared.filter(({ type }) => type !== 'pulumi:pulumi:Stack');
  const resources = own.map((resource) => {
    const { opts, urn } = seen.get(`${resource.type} ${resource.name}`)!;
    return { ...resource, urn, protect: opts.protect === true, retainOnDelete: opts.retainOnDelete === true };
  });
  return { resources, outputs };
}

async function withBundles<T>(run: (bundles: Bundles) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'depthlake-bundles-'));
  const bundle = (name: string) => {
    const path = join(folder, `${name}.mjs`);
    writeFileSync(path, `// ${name}\n`);
    return path;
  };
  try {
    return await run({ producer: bundle('producer'), transformer: bundle('transformer') });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Each setting with another value than its default, with what it needs to be right; a new setting has to join. */
export const OTHER_VALUES = {
  venue: { venue: 'binance.com' },
  symbols: { symbols: 'all' },
  book: { book: 'full' },
  every: { every: '1s' },
  rawLevels: { rawLevels: 'true' },
  shardsOfSymbols: { shardsOfSymbols: '2', symbols: 'all' },
  redundancy: { redundancy: '2' },
  streamMode: { streamMode: 'on-demand' },
  shards: { shards: '4' },
  retentionHours: { retentionHours: '168' },
  codec: { codec: 'null' },
  bufferSeconds: { bufferSeconds: '300' },
  archiveAfterDays: { archiveAfterDays: '0' },
  archiveClass: { archiveClass: 'INTELLIGENT_TIERING' },
  alarmEmail: { alarmEmail: 'ops@example.com' },
  vpcId: { vpcId: 'vpc-0a1b2c3d', subnetIds: 'subnet-00000001,subnet-00000002' },
  subnetIds: { vpcId: 'vpc-0a1b2c3d', subnetIds: 'subnet-00000003' },
  accessLogs: { accessLogs: 'true' },
  tracing: { tracing: 'true' },
} as const satisfies Record<keyof typeof DEPLOYMENT_SETTINGS, Config>;

/** Everything that can be had, at once. */
export const EVERYTHING: Config = {
  ...Object.assign({}, ...Object.values(OTHER_VALUES)),
  book: 'full',
  archiveAfterDays: '30',
  archiveClass: 'STANDARD_IA',
};
