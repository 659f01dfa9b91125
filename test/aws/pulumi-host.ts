/**
 * Pulumi's Node.js host, started as its engine starts it for this repository's Pulumi.yaml, with this process in the
 * engine's place: it answers for every resource as if it had been created.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { answered, created } from './account.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(import.meta.url);
/** Those of Pulumi's own SDK. */
const own = createRequire(require.resolve('@pulumi/pulumi'));
const grpc = own('@grpc/grpc-js');
const messages = {
  ...own('./proto/resource_pb.js'),
  ...own('./proto/provider_pb.js'),
  engine: own('./proto/engine_pb.js'),
};
const { Empty } = own('google-protobuf/google/protobuf/empty_pb.js');
const { Struct } = own('google-protobuf/google/protobuf/struct_pb.js');
const { ResourceMonitorService } = own('./proto/resource_grpc_pb.js');
const { EngineService } = own('./proto/engine_grpc_pb.js');

/** Its status is null then. */
const HANGS_MS = 50_000;

/** A resource as the engine is asked for it. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
}

export interface HostRun {
  readonly status: number | null;
  /** The stack and components too. */
  readonly resources: readonly Registered[];
  readonly outputs: Readonly<Record<string, unknown>>;
  /** What Pulumi shows its user. */
  readonly log: string;
}

interface HostOptions {
  /** Without the project's name in front. */
  readonly config: Readonly<Record<string, string>>;
  /** Instead of those of Pulumi.yaml. */
  readonly nodeArgs?: readonly string[];
  /** Another Node than that of the tests. */
  readonly node?: string;
}

// biome-ignore lint/suspicious/noExplicitAny: the messages come from Pulumi's generated code, which has no types here
type Call = { readonly request: any };
type Done = (error: unknown, answer: unknown) => void;

/** Runs the program to its end. */
export async function runInHost(options: HostOptions): Promise<HostRun> {
  const resources: Registered[] = [];
  const log: string[] = [];
  let outputs: Record<string, unknown> = {};
  let root = '';
  const empty = (_call: Call, done: Done) => done(null, new Empty());
  const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
  server.addService(ResourceMonitorService, {
    ...Object.fromEntries(Object.keys(ResourceMonitorService).map((name) => [name, empty])),
    supportsFeature: ({ request }: Call, done: Done) => {
      const answer = new messages.SupportsFeatureResponse();
      answer.setHassupport(['secrets', 'outputValues', 'resourceReferences'].includes(request.getId()));
      done(null, answer);
    },
    registerResource: ({ request }: Call, done: Done) => {
      const type = request.getType();
      const name = request.getName();
      resources.push({ type, name, protect: request.getProtect(), retainOnDelete: request.getRetainondelete() });
      const properties = created(type, name, request.getObject()?.toJavaScript() ?? {});
      const answer = new messages.RegisterResourceResponse();
      answer.setUrn(`urn:pulumi:test::depthlake::${type}::${name}`);
      answer.setId(request.getCustom() ? properties['id'] : '');
      answer.setObject(Struct.fromJavaScript(properties));
      done(null, answer);
    },
    registerResourceOutputs: ({ request }: Call, done: Done) => {
      if (request.getUrn().includes('pulumi:pulumi:Stack')) outputs = request.getOutputs()?.toJavaScript() ?? {};
      done(null, new Empty());
    },
    invoke: ({ request }: Call, done: Done) => answerInvoke(request, done),
    resourceInvoke: ({ request }: Call, done: Done) => answerInvoke(request, done),
  });
  server.addService(EngineService, {
    ...Object.fromEntries(Object.keys(EngineService).map((name) => [name, empty])),
    log: ({ request }: Call, done: Done) => {
      if (request.getSeverity() > 0) log.push(request.getMessage());
      done(null, new Empty());
    },
    setRootResource: ({ request }: Call, done: Done) => {
      root = request.getUrn();
      done(null, new messages.engine.SetRootResourceResponse());
    },
    getRootResource: (_call: Call, done: Done) => {
      const answer = new messages.engine.GetRootResourceResponse();
      answer.setUrn(root);
      done(null, answer);
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error: Error | null, bound: number) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  try {
    const address = `127.0.0.1:${port}`;
    const status = await ended(address, options, log);
    return { status, resources, outputs, log: log.join('\n') };
  } finally {
    server.forceShutdown();
  }
}

function ended(
  address: string,
  { config, nodeArgs = nodeArgsOfProject(), node = process.execPath }: HostOptions,
  log: string[],
): Promise<number | null> {
  const values = Object.entries(config).map(([key, value]) => [`depthlake:${key}`, value]);
  const child = spawn(
    node,
    [
      ...nodeArgs,
      require.resolve('@pulumi/pulumi/cmd/run'),
      ...['--monitor', address, '--engine', address, '--project', 'depthlake', '--stack', 'test'],
      ...['--pwd', ROOT, '--dry-run', 'false', '--parallel', '1'],
      'infra/aws',
    ],
    {
      cwd: ROOT,
      env: {
        ...process.env,
        PULUMI_CONFIG: JSON.stringify(Object.fromEntries(values)),
        PULUMI_NODEJS_TYPESCRIPT: 'false',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => log.push(data.toString()));
  const killer = setTimeout(() => child.kill('SIGKILL'), HANGS_MS);
  return new Promise((resolve) => {
    child.once('close', (status) => {
      clearTimeout(killer);
      resolve(status);
    });
  });
}

function answerInvoke(request: Call['request'], done: Done): void {
  const answer = new messages.InvokeResponse();
  answer.setReturn(Struct.fromJavaScript(answered(request.getTok(), request.getArgs()?.toJavaScript() ?? {})));
  done(null, answer);
}

/** As Pulumi.yaml says it: the host splits them as a shell would. */
function nodeArgsOfProject(): string[] {
  const project = readFileSync(`${ROOT}/Pulumi.yaml`, 'utf8');
  const text = /^ {4}nodeargs: "(.+)"$/m.exec(project)?.[1];
  if (text === undefined) throw new Error('Pulumi.yaml sets no nodeargs');
  return text.split(' ');
}
