import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LambdaOptions, type LocalLambda, startLambda } from '../../infra/local/lambda.ts';

let folder: string;
let lambda: LocalLambda | null = null;
let lines: string[];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'depthlake-lambda-'));
  lines = [];
});

afterEach(async () => {
  await lambda?.stop();
  lambda = null;
  await rm(folder, { recursive: true });
});

async function start(source: string, options: Partial<LambdaOptions> = {}): Promise<LocalLambda> {
  const bundle = path.join(folder, 'index.mjs');
  await writeFile(bundle, source);
  const log = (line: string) => void lines.push(line);
  lambda = await startLambda({ bundle, environment: {}, timeoutMs: 20_000, log, ...options });
  return lambda;
}

describe('the local Lambda', () => {
  it('passes JSON in and JSON out, nothing else', async () => {
    const { invoke } = await start('export const handler = (event) => ({ event, lost: undefined, at: new Date(0) });');
    expect(await invoke({ a: [1, null], gone: undefined })).toEqual({
      payload: { event: { a: [1, null] }, at: '1970-01-01T00:00:00.000Z' },
      functionError: null,
      log: [],
    });
  });

  it('gives null for a handler that returns nothing', async () => {
    const { invoke } = await start('export const handler = async () => {};');
    expect((await invoke({})).payload).toBeNull();
  });

  it('has environment variables of its own', async () => {
    const { invoke } = await start('export const handler = () => process.env;', { environment: { CODEC: 'snappy' } });
    process.env.DEPTHLAKE_TEST_LEAK = 'leaked';
    const { payload } = await invoke({});
    delete process.env.DEPTHLAKE_TEST_LEAK;
    expect(payload).toMatchObject({ CODEC: 'snappy', AWS_REGION: 'us-east-1' });
    expect(payload).not.toHaveProperty('DEPTHLAKE_TEST_LEAK');
    expect(payload).not.toHaveProperty('PATH');
  });

  it('keeps an environment warm, and gives it one invocation at a time', async () => {
    const { invoke } = await start(
      `let calls = 0, running = 0;
       export const handler = async () => {
         running += 1;
         await new Promise((resolve) => setTimeout(resolve, 5));
         const together = running;
         running -= 1;
         return { calls: ++calls, together };
       };`,
      { concurrency: 2 },
    );
    const answers = await Promise.all(Array.from({ length: 10 }, () => invoke({})));
    const payloads = answers.map(({ payload }) => payload as { calls: number; together: number });
    expect(payloads.every(({ together }) => together === 1)).toBe(true);
    expect(payloads.filter(({ calls }) => calls === 1)).toHaveLength(2);
    expect(payloads.reduce((most, { calls }) => Math.max(most, calls), 0)).toBeGreaterThanOrEqual(5);
  });

  it('turns what a handler throws into a function error, and stays usable', async () => {
    const { invoke } = await start(
      "export const handler = (event) => { if (event.bad) throw new RangeError('out of range'); return 'fine'; };",
    );
    const error = { errorType: 'RangeError', errorMessage: 'out of range' };
    expect(await invoke({ bad: true })).toEqual({ payload: error, functionError: error, log: [] });
    expect((await invoke({})).payload).toBe('fine');
  });

  it('returns the lines of the invocation, and passes them on', async () => {
    const { invoke } = await start(
      "export const handler = (event) => { console.log('one', event.n); console.error('two'); process.stdout.write('three'); };",
    );
    expect((await invoke({ n: 1 })).log).toEqual(['one 1', 'two', 'three']);
    expect((await invoke({ n: 2 })).log).toEqual(['one 2', 'two', 'three']);
    expect(lines).toEqual(['one 1', 'two', 'three', 'one 2', 'two', 'three']);
  });

  it('ends an invocation at its time-out, even one that never yields, and starts afresh', async () => {
    const { invoke } = await start(
      "let calls = 0; export const handler = ({ spin }) => { console.log('in'); calls += 1; while (spin); return calls; };",
      { timeoutMs: 1500, concurrency: 1 },
    );
    expect((await invoke({})).payload).toBe(1);
    expect(await invoke({ spin: true })).toMatchObject({
      functionError: { errorType: 'Sandbox.Timedout', errorMessage: 'Task timed out after 1.50 seconds' },
      log: ['in'],
    });
    expect((await invoke({})).payload).toBe(1);
  });

  it('survives a handler that ends its process', async () => {
    const { invoke } = await start('export const handler = ({ exit }) => (exit ? process.exit(3) : "fine");');
    expect((await invoke({ exit: true })).functionError).toEqual({
      errorType: 'Runtime.ExitError',
      errorMessage: 'Runtime exited with status 3',
    });
    expect((await invoke({})).payload).toBe('fine');
  });

  it('survives an environment that dies between invocations', async () => {
    const { invoke } = await start(
      'export const handler = ({ later }) => { if (later) setTimeout(() => process.exit(1), 1); return "fine"; };',
    );
    await invoke({ later: true });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await invoke({})).payload).toBe('fine');
  });

  it('refuses a request above 6 MB', async () => {
    const { invoke } = await start('export const handler = (event) => event.length;');
    expect((await invoke('x'.repeat(6_291_454))).payload).toBe(6_291_454);
    await expect(invoke('x'.repeat(6_291_455))).rejects.toMatchObject({ name: 'RequestTooLargeException' });
  });

  it('refuses a response above 6 MB', async () => {
    const { invoke } = await start("export const handler = (length) => 'x'.repeat(length);");
    expect((await invoke(6_291_554)).functionError).toBeNull();
    expect((await invoke(6_291_555)).functionError).toEqual({
      errorType: 'Function.ResponseSizeTooLarge',
      errorMessage: 'Response payload size exceeded maximum allowed payload size (6291556 bytes).',
    });
  });

  it('says what is wrong with a bundle that does not load or has no handler', async () => {
    const broken = await start("throw new Error('broken bundle');");
    expect((await broken.invoke({})).functionError?.errorMessage).toBe('broken bundle');
    await broken.stop();
    const bundle = path.join(folder, 'other.mjs');
    await writeFile(bundle, 'export const nothing = 1;');
    lambda = await startLambda({ bundle, environment: {}, timeoutMs: 20_000, log: () => {} });
    const { functionError } = await lambda.invoke({});
    expect(functionError?.errorMessage).toBe('the bundle exports no function named handler');
  });

  it('is an error that says what to do where nothing is built', async () => {
    const bundle = path.join(folder, 'absent.mjs');
    const started = startLambda({ bundle, environment: {}, timeoutMs: 1000, log: () => {} });
    await expect(started).rejects.toMatchObject({ code: 'DL_NOT_BUILT', message: `${bundle} does not exist` });
  });

  it('ends what is running when it is stopped', async () => {
    const { invoke, stop } = await start(
      'export const handler = () => new Promise(() => setInterval(() => {}, 1000));',
    );
    const pending = invoke({});
    await new Promise((resolve) => setTimeout(resolve, 50));
    await stop();
    expect((await pending).functionError?.errorType).toBe('Sandbox.Stopped');
    await expect(invoke({})).rejects.toMatchObject({ code: 'DL_SERVICE_DIED' });
  });
});
